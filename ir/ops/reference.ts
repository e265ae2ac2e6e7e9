/** The oracle of the operators: results in float64 from the same codes, in plain TypeScript, apart from the IR. */
import { WorkloadError } from "../errors.ts";
import { type Containers, formatOf, rowReader, smallestScale, valueAt } from "../formats/index.ts";
import type { IntegerNumerics, MatmulWorkload, Numerics } from "../workload.ts";
import { exactResult, type Operands, operandsOf } from "./epilogue.ts";
import { codeReach, reachOf } from "./quantize.ts";

const { fround, abs, floor, sign } = Math;

/** Activations as codes of at most 8 bits (m x k) with an f32 scale per group (m x k/group), row-major. */
export interface Quantized {
  readonly q: Int8Array<ArrayBuffer>;
  readonly s: Float32Array<ArrayBuffer>;
}

/** What the kernel `quantize` computes, to the last bit, for groups that divide k (a row is a whole number of them), with codes up to `reach`. */
export function quantizeReference(x: Float32Array, group: number, reach: number = codeReach): Quantized {
  const q = new Int8Array(x.length);
  const s = new Float32Array(x.length / group);
  for (let g = 0; g < s.length; g++) {
    let amax = 0;
    for (let i = g * group; i < (g + 1) * group; i++) amax = Math.max(amax, abs(x[i] as number));
    const scale = fround(amax / reach);
    s[g] = scale;
    const inverse = scale < smallestScale ? 0 : fround(1 / scale);
    for (let i = g * group; i < (g + 1) * group; i++) {
      const steps = fround((x[i] as number) * inverse);
      q[i] = sign(steps) * floor(abs(steps) + 0.5);
    }
  }
  return { q, s };
}

/**
 * y of a matmul in float64: activations as the numerics have them (f32, or quantized and decoded), weights decoded from the stored bytes, neither
 * rounded. `x` is m x k row-major (m follows from its length), as f32 or, in i8 numerics, quantized already; `operands` are the inputs of the epilogue. With `columns`
 * only these n are computed: y is m x columns.length.
 */
export function referenceMatmul(
  workload: MatmulWorkload,
  x: Float32Array | Quantized,
  containers: Containers,
  operands: Operands = {},
  columns?: readonly number[],
): { readonly y: Float64Array<ArrayBuffer> } {
  const { n, k, numerics } = workload;
  const { length } = "q" in x ? x.q : x;
  const m = length / k;
  if (!Number.isInteger(m) || (workload.m !== "any" && workload.m !== m))
    throw new WorkloadError(`x has ${length} values, which are not ${workload.m} rows of ${k}`);
  for (const { name, per } of operandsOf(workload)) {
    const [expected, given] = [per === "column" ? n : m * n, operands[name]?.length];
    if (given !== expected) throw new WorkloadError(`${name}: expected ${expected} values, got ${given ?? "none"}`);
  }
  const activations = activationsIn(numerics, x, k);
  const readRow = rowReader(formatOf(workload.w), containers, n, k);
  const wanted = columns ?? Array.from({ length: n }, (_, i) => i);
  const y = new Float64Array(m * wanted.length);
  wanted.forEach((column, at) => {
    const decoded = readRow(column);
    const weights = Float64Array.from({ length: k }, (_, i) => valueAt(decoded, i));
    for (let row = 0; row < m; row++) {
      let sum = 0;
      for (let i = 0; i < k; i++) sum += (activations[row * k + i] as number) * (weights[i] as number);
      y[row * wanted.length + at] = exactResult(workload, operands, sum, row, column);
    }
  });
  return { y };
}

/** Activations as numerics have them. */
function activationsIn(numerics: Numerics, x: Float32Array | Quantized, k: number): ArrayLike<number> {
  if (numerics.compute === "i8") return decodeActivations(numerics, x, k);
  if ("q" in x) throw new WorkloadError(`x is quantized and numerics.compute is ${numerics.compute}; give it in f32`);
  return x;
}

/** x as kernels of these numerics are given it: as it is, or quantized. */
export function givenActivations(numerics: Numerics, x: Float32Array, k: number): Float32Array | Quantized {
  if (numerics.compute !== "i8" || numerics.x === undefined) return x;
  return quantizeReference(x, numerics.xGroup === "row" ? k : numerics.xGroup, reachOf(numerics.xBits));
}

/** Activations quantized as the numerics say, where they are not yet, and decoded: rows of k. */
export function decodeActivations(numerics: IntegerNumerics, x: Float32Array | Quantized, k: number): Float64Array {
  const group = numerics.xGroup === "row" ? k : numerics.xGroup;
  const { q, s } = "q" in x ? x : quantizeReference(x, group, reachOf(numerics.xBits));
  return Float64Array.from(q, (code, i) => code * (s[floor(i / group)] as number));
}
