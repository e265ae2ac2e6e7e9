/** What a matmul's result has to be, compared with float64 sums over the same codes. */
import { expect } from "vitest";
import {
  boundOf,
  type Containers,
  decodeActivations,
  formatOf,
  type MatmulWorkload,
  referenceMatmul,
  rowReader,
} from "../../../ir/index.ts";
import { nmse } from "../../ir/samples.ts";

/** Below this, multiples of 1/2 are exact in f32. */
const exactly = 2 ** 22;

/** Values of K that share an activation scale; undefined where x is f32. */
export const groupOfX = ({ numerics, k }: MatmulWorkload): number | undefined =>
  numerics.compute !== "i8" ? undefined : numerics.xGroup === "row" ? k : numerics.xGroup;

/** The greatest code of x. */
export const reachOfX = ({ numerics }: MatmulWorkload): number =>
  2 ** (((numerics.compute === "i8" && numerics.xBits) || 8) - 1) - 1;

/**
 * Expects y = x w (+ bias): within the stated bound as a whole, each value within what any order of summation in f32 can be off, and exact where the data is and
 * the sums fit. Gives how many values were compared exactly.
 */
export function expectProduct(
  y: Float32Array,
  workload: MatmulWorkload,
  x: Float32Array,
  weights: Containers,
  bias: Float32Array | undefined,
  exact: boolean,
): number {
  const { n, k } = workload;
  const reference = referenceMatmul({ ...workload, m: "any" }, x, weights, bias && { bias }).y;
  expect(y.length).toBe(reference.length);
  if (reference.some((value) => value !== 0)) expect(nmse(y, reference)).toBeLessThan(boundOf(workload.numerics));
  const sizes = magnitudes(workload, x, weights);
  let compared = 0;
  y.forEach((value, i) => {
    const size = (sizes[i] as number) + Math.abs(bias?.[i % n] ?? 0);
    const off = Math.abs(value - (reference[i] as number));
    // One rounding per product and per sum, relative to what was summed; products of tiny scales may underflow.
    const allowed = exact && size < exactly ? 0 : (k + 8) * 2 ** -24 * size + 2 ** -120;
    if (allowed === 0) compared++;
    if (!(off <= allowed))
      expect.fail(`y[${Math.floor(i / n)}, ${i % n}] = ${value}, expected ${reference[i]} within ${allowed}`);
  });
  return compared;
}

/** sum_k |x| * (|code * scale| + |offset|) for every (m, n): what the rounding errors of any order of summation are in proportion to. */
function magnitudes(workload: MatmulWorkload, x: Float32Array, weights: Containers): Float64Array {
  const { n, k, w } = workload;
  const { numerics } = workload;
  const rows = x.length / k;
  const decoded = numerics.compute !== "i8" ? x : decodeActivations(numerics, x, k);
  const read = rowReader(formatOf(w), weights, n, k);
  const result = new Float64Array(rows * n);
  for (let column = 0; column < n; column++) {
    const { terms, offsets, group: span } = read(column);
    const sizes = Float64Array.from({ length: k }, (_, i) => {
      const g = Math.floor(i / span);
      const scaled = terms.map(({ codes, scales }) => Math.abs((codes[i] as number) * (scales?.[g] ?? 1)));
      return scaled.reduce((sum, size) => sum + size, Math.abs(offsets?.[g] ?? 0));
    });
    for (let row = 0; row < rows; row++) {
      let sum = 0;
      for (let i = 0; i < k; i++) sum += Math.abs(decoded[row * k + i] as number) * (sizes[i] as number);
      result[row * n + column] = sum;
    }
  }
  return result;
}
