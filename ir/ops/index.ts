/** Operators: from a workload to the naive program that defines it. Adding one is a file and a line in `operators`. */
import { type Containers, decodeReference, formatOf } from "../formats/index.ts";
import type { Buffer, BufferRole, Program } from "../nodes.ts";
import { boundOf, type EpilogueName, type MatmulWorkload, type QuantizedResult, type Workload } from "../workload.ts";
import { append } from "./append.ts";
import { attention } from "./attention.ts";
import { dequantizeProgram } from "./dequantize.ts";
import { embed } from "./embed.ts";
import type { Operands } from "./epilogue.ts";
import { matmulProgram } from "./matmul.ts";
import { merge } from "./merge.ts";
import type { Operator, Tensors } from "./operator.ts";
import { quantizeProgram, reachOf, withQuantizedResult } from "./quantize.ts";
import { quantizeReference, referenceMatmul } from "./reference.ts";
import { rmsnorm } from "./rmsnorm.ts";
import { rope } from "./rope.ts";
import { rotate } from "./rotate.ts";
import { swiglu } from "./swiglu.ts";

export { type AttentionInputs, referenceAttention, referencePaged } from "./attention-reference.ts";
export {
  type Cached,
  type CachedName,
  type CacheShape,
  cacheBytes,
  cachedTensor,
  cacheIndex,
  rowWidth,
  tokensSymbol,
} from "./cache.ts";
export { epilogueOf, exactResult, type Operands, operandsOf } from "./epilogue.ts";
export { iterationsOf } from "./iterations.ts";
export type { Operator, Tensors } from "./operator.ts";
export { reachOf } from "./quantize.ts";
export {
  decodeActivations,
  givenActivations,
  type Quantized,
  quantizeReference,
  referenceMatmul,
} from "./reference.ts";
export { type StoredRows, storedRows } from "./stored-rows.ts";

const operators: { readonly [Op in Workload["op"]]: Operator<Extract<Workload, { op: Op }>> } = {
  matmul: {
    program: matmulProgram,
    reference: (workload, { x, "x.q": q, "x.s": s, ...operands }, weights) => {
      const isGiven = q !== undefined && s !== undefined;
      const given = isGiven ? { q: Int8Array.from(q), s: Float32Array.from(s) } : Float32Array.from(x ?? []);
      return referenceMatmul(workload, given, weights, operands as Operands);
    },
    meaning: matmulMeaning,
    bound: ({ numerics }) => boundOf(numerics),
  },
  quantize: {
    program: quantizeProgram,
    reference: ({ k, group, bits }, { x }) => {
      const { q, s } = quantizeReference(Float32Array.from(x ?? []), group === "row" ? k : group, reachOf(bits));
      return { "x.q": q, "x.s": s };
    },
    meaning: ({ bits }) => `q[m,k] = round(x[m,k] / s[m,g]), s[m,g] = max |x| / ${reachOf(bits)} of its group`,
    bound: () => 0,
  },
  dequantize: {
    program: dequantizeProgram,
    reference: ({ w, n, k }, _, weights) => ({ y: decodeReference(formatOf(w), weights, n, k) }),
    meaning: () => "y[n,k] = w[n,k]",
    bound: () => 0,
  },
  rmsnorm,
  embed,
  rope,
  swiglu,
  attention,
  append,
  rotate,
  merge,
};

function matmulMeaning({ bias, epilogue = [] }: MatmulWorkload): string {
  const sum = `y[m,n] = sum_k x[m,k] * w[n,k]${bias ? " + bias[n]" : ""}`;
  return [sum, ...epilogue.map((step) => `, then ${epilogueTexts[step]}`)].join("");
}

const epilogueTexts: Readonly<Record<EpilogueName, string>> = {
  silu: "silu",
  gate: "times gate[m,n]",
  residual: "plus residual[m,n]",
};

const operatorOf = (workload: Workload): Operator<Workload> => operators[workload.op] as Operator<Workload>;

/** How a workload's result `y` is quantized, if it is. */
export const quantizedResultOf = (workload: Workload): QuantizedResult | undefined =>
  "quantize" in workload ? workload.quantize : undefined;

/** The naive program of a workload. Throws a `WorkloadError` that names the field, the reason and the remedy. */
export const programOf = (workload: Workload): Program =>
  withQuantizedResult(operatorOf(workload).program(workload), quantizedResultOf(workload));

/** The outputs of a workload in float64, by name, from its inputs and its weights as they are stored. Of a result that is quantized `y`, what it was before. */
export const referenceOf = (workload: Workload, inputs: Tensors, weights: Containers): Tensors =>
  operatorOf(workload).reference(workload, inputs, weights);

/** What a workload computes, as an equation. */
export const meaningOf = (workload: Workload): string =>
  `${operatorOf(workload).meaning(workload)}${quantizedResultOf(workload) === undefined ? "" : ", then y.q, y.s = quantize(y)"}`;

/** Mean of squared errors over mean of squares that a row of a workload's results, before they are quantized, may have; 0 where they are exact. */
export const errorBoundOf = (workload: Workload): number => operatorOf(workload).bound(workload);

/** The buffers of a role, each once, in the order in which the program's kernels name them. */
export const buffersWithRole = (program: Program, role: BufferRole): readonly Buffer[] => [
  ...new Map(program.kernels.flatMap((k) => k.buffers.filter((x) => x.role === role)).map((x) => [x.name, x])).values(),
];
