/**
 * The order of a head's values by which keys are best cached in blocks that share an exponent (`bfp12_g32`, ..): large ones beside large ones, so that small ones keep their bits
 * (K-sort of "Accurate Block Quantization in LLMs with Outliers", arXiv:2403.20137). The same order of queries and keys changes no product q.k, so it is given to the rows of
 * both matrices once, before anything is packed, and costs nothing at run time.
 *
 * Rotary embedding turns values in pairs: pairs move as they are, and their frequencies with them. As heads share one table of frequencies they share one order.
 */
import { WorkloadError } from "../../ir/index.ts";

/** What an order is made for. */
export interface KeyShape {
  readonly kvHeads: number;
  readonly headSize: number;
  /** The first values of a head, which are rotated in pairs; 0 without rotary embedding. */
  readonly rotary: number;
  /** As the operator rope has it: value i with i + rotary / 2, or 2i with 2i + 1. */
  readonly pairing: "neox" | "interleaved";
}

/** A permutation: what stands at i is what stood at `values[i]` of a head, and `pairs[i]` of the frequencies. */
export interface KeyOrder {
  readonly values: Int32Array;
  readonly pairs: Int32Array;
}

type Numbers = Float32Array | Float64Array | Uint8Array | Uint16Array | Int8Array;

/**
 * The order by falling norm of the rows of W_k, all heads together: of pairs among the rotated values, then of the others.
 *
 * @param wk kvHeads * headSize rows of any length, decoded, row-major
 * @throws WorkloadError where the rows are not as many as the shape says, or pairs don't fit
 */
export function keyOrder(wk: ArrayLike<number>, { kvHeads, headSize, rotary, pairing }: KeyShape): KeyOrder {
  const rows = kvHeads * headSize;
  const k = wk.length / rows;
  if (!Number.isInteger(k) || k < 1) throw new WorkloadError(`wk: ${wk.length} values are no ${rows} rows`);
  if (!Number.isInteger(rotary / 2) || rotary < 0 || rotary > headSize)
    throw new WorkloadError(`rotary: ${rotary} is not an even number from 0 to ${headSize}`);
  const powers = new Float64Array(headSize);
  for (let i = 0; i < wk.length; i++) {
    const d = Math.floor(i / k) % headSize;
    powers[d] = (powers[d] as number) + (wk[i] as number) ** 2;
  }
  const power = (d: number): number => powers[d] as number;
  const falling = (count: number, of: (i: number) => number): readonly number[] =>
    Array.from({ length: count }, (_, i) => i).sort((a, b) => of(b) - of(a));
  const half = rotary / 2;
  const partners = (pair: number): readonly [number, number] =>
    pairing === "neox" ? [pair, pair + half] : [2 * pair, 2 * pair + 1];
  const values = new Int32Array(headSize);
  const pairs = falling(half, (pair) => partners(pair).reduce((sum, d) => sum + power(d), 0));
  pairs.forEach((from, to) => {
    partners(to).forEach((d, i) => {
      values[d] = partners(from)[i] as number;
    });
  });
  falling(headSize - rotary, (i) => power(rotary + i)).forEach((from, to) => {
    values[rotary + to] = rotary + from;
  });
  return { values, pairs: Int32Array.from(pairs) };
}

/**
 * The rows of all heads of a matrix in another order, be they numbers or stored bytes: `rowSize` elements each (of a bias 1). Throws a `WorkloadError` where they are no whole heads.
 */
export function reorderHeads<T extends Numbers>(rows: T, { values }: KeyOrder, rowSize: number): T {
  const head = values.length * rowSize;
  if (rows.length % head !== 0) throw new WorkloadError(`rows: ${rows.length} elements are no heads of ${head}`);
  const moved = rows.slice() as T;
  for (let at = 0; at < rows.length; at += head)
    values.forEach((from, to) => {
      moved.set(rows.subarray(at + from * rowSize, at + (from + 1) * rowSize) as never, at + to * rowSize);
    });
  return moved;
}

/** The frequencies of a rope table as the order has their pairs. */
export const reorderFrequencies = (frequencies: Float32Array, { pairs }: KeyOrder): Float32Array =>
  Float32Array.from(pairs, (from) => frequencies[from] as number);
