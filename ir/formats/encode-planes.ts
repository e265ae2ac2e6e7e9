/**
 * The encoder of planes with scales of their own (BCQ): least squares for the scales and nearest values for the codes in turns (the alternating method of Xu et
 * al. 2018, which LUT-GEMM and ShiftAddLLM start from). Neither half of a turn can make the error greater. It begins with greedy residuals, and with an
 * integer format's even steps, so that it ends no worse than these; the better end is taken.
 */
import type { Accessor } from "./bits.ts";
import { type Field, type Format, fieldOf, spanOf, termsOf } from "./format.ts";
import { setFinite, type Writer } from "./writer.ts";

/** More turns bring less than a hundredth of the error. */
const turns = 8;

/** Scales of a group, then its offset; and for each value which signs it has: bit b is set where plane b is +1. */
interface Fit {
  readonly weights: readonly number[];
  readonly codes: Uint8Array;
}

/** Writes one row of a format whose codes are signs. Throws a `WorkloadError` where a scale can't be held. */
export function encodePlanes(format: Format, tensor: Writer, x: Float32Array, row: number): void {
  const planes = termsOf(format);
  const group = spanOf(format.group ?? "row", x.length);
  const offset = fieldOf(format, "o");
  const [codes, scales] = ["q" as const, "s" as const].map((name) => fieldOf(format, name) as Field) as [Field, Field];
  const out = (field: Field): Accessor => tensor.of(field.product[0] as Field["product"][number]);
  for (let g = 0; g < x.length / group; g++) {
    const values = x.subarray(g * group, (g + 1) * group);
    const places = Array.from({ length: planes }, (_, b) => [scales, g * planes + b] as const);
    if (offset) places.push([offset, g]);
    const { weights } = fitted(values, planes, offset !== undefined);
    places.forEach(([field, entry], i) => {
      setFinite(format, field, out(field), row, entry, weights[i] as number);
    });
    // Codes of the scales as they are stored.
    const stored = places.map(([field, entry]) => out(field).get(row, entry));
    nearest(values, stored, planes).forEach((code, i) => {
      for (let b = 0; b < planes; b++) out(codes).set(row, (g * group + i) * planes + b, (code >> b) & 1);
    });
  }
}

function fitted(x: Float32Array, planes: number, hasOffset: boolean): Fit {
  const ends = [greedy(x, planes, hasOffset), even(x, planes, hasOffset)].map((begin) =>
    refined(x, begin, planes, hasOffset),
  );
  return ends.reduce((best, end) => (errorOf(x, end, planes) < errorOf(x, best, planes) ? end : best));
}

function refined(x: Float32Array, begin: Fit, planes: number, hasOffset: boolean): Fit {
  let best = begin;
  for (let turn = 0; turn < turns; turn++) {
    const weights = leastSquares(x, best.codes, planes, hasOffset);
    if (weights === undefined) break;
    const codes = nearest(x, weights, planes);
    const isSame = codes.every((code, i) => code === best.codes[i]);
    best = { weights, codes };
    if (isSame) break;
  }
  return best;
}

/** Sum of squared errors. */
function errorOf(x: Float32Array, { weights, codes }: Fit, planes: number): number {
  const levels = levelsOf(weights, planes);
  return x.reduce((sum, value, i) => sum + (value - (levels[codes[i] as number] as number)) ** 2, 0);
}

/** The steps of an integer format: from least to greatest value, or as far on both sides of 0. */
function even(x: Float32Array, planes: number, hasOffset: boolean): Fit {
  const [low, high] = [x.reduce((a, c) => Math.min(a, c)), x.reduce((a, c) => Math.max(a, c))];
  const reach = hasOffset ? (high - low) / 2 : Math.max(high, -low);
  const scales = Array.from({ length: planes }, (_, b) => (reach * 2 ** b) / (2 ** planes - 1));
  const weights = hasOffset ? [...scales, (high + low) / 2] : scales;
  return { weights, codes: nearest(x, weights, planes) };
}

/** Each plane takes the signs of what the ones before it leave, and their mean magnitude. */
function greedy(x: Float32Array, planes: number, hasOffset: boolean): Fit {
  const offset = hasOffset ? x.reduce((sum, value) => sum + value, 0) / x.length : 0;
  const left = Float64Array.from(x, (value) => value - offset);
  const codes = new Uint8Array(x.length);
  const scales = Array.from({ length: planes }, (_, b) => {
    const scale = left.reduce((sum, value) => sum + Math.abs(value), 0) / x.length;
    left.forEach((value, i) => {
      if (value >= 0) codes[i] = (codes[i] as number) | (1 << b);
      left[i] = value + (value >= 0 ? -scale : scale);
    });
    return scale;
  });
  return { weights: hasOffset ? [...scales, offset] : scales, codes };
}

/** +1 or -1: what weight i of a value with these signs is multiplied with; the offset, which follows the scales, with 1. */
const signOf = (code: number, i: number, planes: number): number => (i === planes || (code >> i) & 1 ? 1 : -1);

/** The values of all codes. */
const levelsOf = (weights: readonly number[], planes: number): readonly number[] =>
  Array.from({ length: 2 ** planes }, (_, code) =>
    weights.reduce((sum, weight, i) => sum + signOf(code, i, planes) * weight, 0),
  );

/** Of each value the signs that come nearest to it: found by halving, among the levels in their order. */
function nearest(x: Float32Array, weights: readonly number[], planes: number): Uint8Array {
  const levels = levelsOf(weights, planes);
  const order = Uint8Array.from(levels.keys()).sort((a, c) => levels[a]! - levels[c]!);
  const between = Float64Array.from(
    { length: order.length - 1 },
    (_, i) => (levels[order[i]!]! + levels[order[i + 1]!]!) / 2,
  );
  const codes = new Uint8Array(x.length);
  for (let i = 0; i < x.length; i++) {
    let at = 0;
    for (let half = order.length / 2; half >= 1; half /= 2) if (x[i]! > between[at + half - 1]!) at += half;
    codes[i] = order[at]!;
  }
  return codes;
}

/** The weights with the least sum of squared errors for these codes; undefined where they are not unique. */
function leastSquares(
  x: Float32Array,
  codes: Uint8Array,
  planes: number,
  hasOffset: boolean,
): readonly number[] | undefined {
  // All that counts of the values is how many have a code, and their sum.
  const [counts, sums] = [new Float64Array(2 ** planes), new Float64Array(2 ** planes)];
  for (let i = 0; i < x.length; i++) {
    counts[codes[i]!]!++;
    sums[codes[i]!]! += x[i]!;
  }
  const size = planes + (hasOffset ? 1 : 0);
  const rows = Array.from({ length: size }, (_, i) => {
    const row = new Float64Array(size + 1);
    for (const [code, count] of counts.entries()) {
      const sign = signOf(code, i, planes);
      for (let j = 0; j < size; j++) row[j]! += sign * signOf(code, j, planes) * count;
      row[size]! += sign * sums[code]!;
    }
    return row;
  });
  return solve(rows);
}

/** Solves `rows`, equations with their right side last, by elimination; undefined where they don't determine the unknowns. */
function solve(rows: Float64Array[]): readonly number[] | undefined {
  const size = rows.length;
  for (let i = 0; i < size; i++) {
    const pivot = rows.slice(i).reduce((most, row) => (Math.abs(row[i]!) > Math.abs(most[i]!) ? row : most));
    // Counts, and fractions of them.
    if (Math.abs(pivot[i]!) < 1e-9) return undefined;
    const at = rows.indexOf(pivot);
    [rows[i], rows[at]] = [pivot, rows[i]!];
    for (const row of rows) {
      if (row === pivot) continue;
      const factor = row[i]! / pivot[i]!;
      for (let j = i; j <= size; j++) row[j] = row[j]! - factor * pivot[j]!;
    }
  }
  return rows.map((row, i) => row[size]! / row[i]!);
}
