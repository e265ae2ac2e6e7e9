// What a matmul's result should be, in float64 on the same codes, and how far a result is off. For big shapes some
// columns of y stand for all, every row of x with each.

import { splitmix32, uniform } from "../timing/index.ts";
import type { MatmulCase } from "./case.ts";
import { BenchError } from "./errors.ts";

/** The reference of some columns n of y, all m of each. */
export interface Reference {
  readonly columns: readonly number[];
  /** f64 [m, columns.length]. */
  readonly values: Float64Array;
  /** max |values|. */
  readonly largest: number;
  /** The size that a result of these x and w has by chance: max over the results of |x row| · |w row| / √k. */
  readonly expected: number;
}

/** Multiply-adds that fit well inside a second. */
const budget = 2 ** 28;
const fewestColumns = 8;

/**
 * Computes the reference: all of y where that takes under a second, else the first and last column and others drawn
 * at random, at least 8 in all.
 */
export function referenceOf({ m, n, k, x, weights }: MatmulCase, multiplyAdds: number = budget): Reference {
  const columns = sampleColumns(n, Math.max(fewestColumns, Math.floor(multiplyAdds / (m * k))));
  const values = new Float64Array(m * columns.length);
  const row = new Float64Array(k);
  let largest = 0;
  let longestW = 0;
  for (const [c, column] of columns.entries()) {
    weights.decodeRow(column, row);
    longestW = Math.max(longestW, norms(row, k)[0]!);
    for (let i = 0; i < m; i++) {
      let sum = 0;
      for (let j = 0, at = i * k; j < k; j++, at++) sum += x[at]! * row[j]!;
      values[i * columns.length + c] = sum;
      largest = Math.max(largest, Math.abs(sum));
    }
  }
  const expected = (Math.max(...norms(x, k)) * longestW) / Math.sqrt(k);
  return { columns, values, largest, expected };
}

/** How far a result is off: max |y - ref| / max |ref|, and the mean of squared errors over the mean of squares. */
export interface ResultError {
  readonly maxError: number;
  readonly nmse: number;
}

/**
 * The errors of a result y [m, n].
 *
 * @throws BenchError naming `who`, the place and the remedy when y has another size, a value that isn't finite, or an error
 * above the case's bound.
 */
export function checkResult(who: string, y: Float32Array, { m, n, accuracy }: MatmulCase, ref: Reference): ResultError {
  if (y.length !== m * n) throw new BenchError(`bench: ${who} gave ${y.length} values instead of ${m} x ${n}`);
  const wild = y.findIndex((value) => !Number.isFinite(value));
  if (wild >= 0) throw new BenchError(`bench: ${who} gave ${y[wild]} at ${place(wild, n)}; no time is reported for it`);
  let error = 0;
  let worst = 0;
  let squares = 0;
  for (let i = 0; i < m; i++) {
    for (const [c, column] of ref.columns.entries()) {
      const off = Math.abs(y[i * n + column]! - ref.values[i * ref.columns.length + c]!);
      squares += off ** 2;
      if (off > error) {
        error = off;
        worst = i * n + column;
      }
    }
  }
  // One or two results may all be small by chance; against them no rounding would pass, so the expected size counts too.
  if (error > accuracy.bound * Math.max(ref.largest, ref.expected)) {
    throw new BenchError(
      `bench: ${who} disagrees with the float64 reference: y is ${y[worst]} at ${place(worst, n)}, off by ` +
        `${relative(error, ref).toPrecision(3)} of the largest value (${accuracy.bound} is allowed); no time is reported for it`,
    );
  }
  const whole = ref.values.reduce((sum, value) => sum + value ** 2, 0);
  return { maxError: relative(error, ref), nmse: squares === 0 ? 0 : squares / whole };
}

function relative(error: number, { largest }: Reference): number {
  return error === 0 ? 0 : error / largest;
}

function place(index: number, n: number): string {
  return `m = ${Math.floor(index / n)}, n = ${index % n}`;
}

/** All columns, or the first, the last and random ones between, in order. */
function sampleColumns(n: number, count: number): number[] {
  if (count >= n) return Array.from({ length: n }, (_, column) => column);
  const random = splitmix32(n);
  const chosen = new Set([0, n - 1]);
  while (chosen.size < count) chosen.add(Math.floor(uniform(random) * n));
  return [...chosen].sort((a, b) => a - b);
}

/** The Euclidean length of each row of k values. */
function norms(values: Float32Array | Float64Array, k: number): number[] {
  const lengths: number[] = [];
  for (let start = 0; start < values.length; start += k) {
    let squares = 0;
    for (let at = start; at < start + k; at++) squares += values[at]! ** 2;
    lengths.push(Math.sqrt(squares));
  }
  return lengths;
}
