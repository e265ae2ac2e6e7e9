// ONNX Runtime's operators of attention as peers, over a cache of f32. A run is a step of a model: it is given the cache of the tokens before, and
// leaves that of all where the next step finds it.

import type { AttentionCase } from "../attention-case.ts";
import { type AttentionOperator, attentionModel, attentionTensors, unsupportedBy } from "../onnx/attention.ts";
import type { OrtBuild } from "./ort.ts";
import type { Peer } from "./peer.ts";

/** An operator on a build. */
export const attentionOn = (build: OrtBuild, operator: AttentionOperator): Peer<AttentionCase> => ({
  name: `${build.name} ${operator}`,
  unsupported: ({ workload }) => unsupportedBy(operator, workload),
  prepare: ({ workload, inputs, threads }) =>
    build.session(attentionModel(operator, workload), attentionTensors(operator, workload, inputs), threads),
});
