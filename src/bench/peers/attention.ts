// ONNX Runtime's operators of attention as peers, over a cache of f32. A run is a step of a model: it is given the cache of the tokens before, and
// makes that of all.

import type { AttentionCase } from "../attention-case.ts";
import { type AttentionOperator, attentionFeeds, attentionModel, unsupportedBy } from "../onnx/attention.ts";
import { type OrtBuild, ortSession } from "./ort.ts";
import type { Peer } from "./peer.ts";

/** An operator on a build. */
export const attentionOn = (build: OrtBuild, operator: AttentionOperator): Peer<AttentionCase> => ({
  name: `${build.name} ${operator}`,
  unsupported: ({ workload }) => unsupportedBy(operator, workload),
  prepare: ({ workload, inputs, threads }) =>
    ortSession(build, threads, attentionModel(operator, workload), attentionFeeds(operator, workload, inputs)),
});
