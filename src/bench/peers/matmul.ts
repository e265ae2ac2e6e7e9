// ONNX Runtime's MatMulNBits as a peer of matmuls.

import type { MatmulCase } from "../case.ts";
import { BenchError } from "../errors.ts";
import { matMulNBitsModel } from "../onnx/matmul.ts";
import type { OrtBuild } from "./ort.ts";
import type { Peer } from "./peer.ts";

/** MatMulNBits on a build. */
export const matMulNBits = (build: OrtBuild): Peer<MatmulCase> => ({
  name: build.name,
  unsupported: ({ weights }) => unsupportedByMatMulNBits(weights),
  prepare: async ({ m, n, k, x, weights, accuracy, threads }) => {
    const model = matMulNBitsModel({ n, k, ...integers(build.name, weights) }, accuracy.accuracyLevel);
    const feeds = new Map([["x", { type: "float32", data: x, dims: [m, k] } as const]]);
    return build.session(model, { feeds, results: new Map() }, threads);
  },
});

/** The weights as MatMulNBits takes them. Throws a `BenchError` that names the peer where it can't. */
function integers(peer: string, weights: MatmulCase["weights"]): Extract<MatmulCase["weights"], { kind: "int" }> {
  const reason = unsupportedByMatMulNBits(weights);
  if (weights.kind !== "int" || reason) throw new BenchError(`peer ${peer}: ${reason}`);
  return weights;
}

/** Why MatMulNBits can't take these weights. */
function unsupportedByMatMulNBits(weights: MatmulCase["weights"]): string | undefined {
  if (weights.kind !== "int") return `MatMulNBits takes integer codes with a scale per group, not ${weights.format}`;
  const { bits, group } = weights;
  if (![2, 4, 8].includes(bits)) return `MatMulNBits takes 2, 4 or 8 bits, not ${bits}`;
  if (![16, 32, 64, 128, 256].includes(group))
    return `MatMulNBits takes groups of 16, 32, 64, 128 or 256, not ${group}`;
  return undefined;
}
