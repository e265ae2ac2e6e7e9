/**
 * The oracle: fields and values of a stored tensor in plain TypeScript, written apart from the IR (`unpack.ts`), with which it must agree to the
 * last bit.
 */
import { accessor } from "./bits.ts";
import { checkLengths, rowEntries } from "./containers.ts";
import { type Containers, type Field, type Format, fieldOf, spanOf } from "./format.ts";

/** A field's entry at (row, index of the span along K), exactly. */
export type FieldReader = (row: number, entry: number) => number;

/** Reads a field from the stored bytes (their lengths are not checked here). */
export function fieldReader(format: Format, field: Field, containers: Containers, k: number): FieldReader {
  const [first, ...rest] = field.product.map((source) => accessor(format, field, source, containers, k));
  if (first === undefined) throw new Error(`field ${field.name} of ${format.name} has no source`);
  if (rest.length === 0 && !field.negate) return first.get;
  return (row, entry) => {
    let value = first.get(row, entry);
    for (const factor of rest) value = Math.fround(value * factor.get(row, entry));
    return field.negate ? -value : value;
  };
}

/** The numbers that make a row's values. */
export interface ReferenceRow {
  /** Codes, their zero point already subtracted; or the plain values. K of them. */
  readonly codes: Float64Array;
  /** f32 scales and offsets, one per group; undefined where every one is 1 or 0. */
  readonly scales: Float64Array | undefined;
  readonly offsets: Float64Array | undefined;
  readonly group: number;
}

/** Reads rows of a stored tensor one at a time: the value is codes * scales + offsets. The result is reused by the next call. */
export function rowReader(format: Format, containers: Containers, n: number, k: number): (row: number) => ReferenceRow {
  checkLengths(format, containers, n, k);
  const reader = (name: Field["name"]): FieldReader | undefined => {
    const field = fieldOf(format, name);
    return field && fieldReader(format, field, containers, k);
  };
  const [values, codes, scales, zeros, offsets] = [reader("v"), reader("q"), reader("s"), reader("z"), reader("o")];
  const numbers = values ?? codes;
  if (numbers === undefined) throw new Error(`${format.name} has no codes and no values`);
  const group = format.group === undefined ? k : spanOf(format.group, k);
  const groups = rowEntries(format.group, k);
  const { zero = 0, table } = format.codes ?? {};
  const row: ReferenceRow = {
    codes: new Float64Array(k),
    scales: scales && new Float64Array(groups),
    offsets: offsets && new Float64Array(groups),
    group,
  };
  return (r) => {
    for (let g = 0; g < groups; g++) {
      if (scales && row.scales) row.scales[g] = scales(r, g);
      if (offsets && row.offsets) row.offsets[g] = offsets(r, g);
    }
    for (let i = 0; i < k; i++) {
      const code = numbers(r, i);
      const integer = table === undefined ? code : (table[code] as number);
      row.codes[i] = integer - (zeros === undefined ? zero : zeros(r, Math.floor(i / group)));
    }
    return row;
  };
}

/** The tensor's values, n x k row-major, in f32 with the reference's order of operations: `fround(fround(code * scale) + offset)`. */
export function decodeReference(format: Format, containers: Containers, n: number, k: number): Float32Array {
  const read = rowReader(format, containers, n, k);
  const values = new Float32Array(n * k);
  for (let r = 0; r < n; r++) {
    const { codes, scales, offsets, group } = read(r);
    for (let i = 0; i < k; i++) {
      const g = Math.floor(i / group);
      const scaled = scales ? Math.fround((codes[i] ?? 0) * (scales[g] ?? 0)) : (codes[i] ?? 0);
      values[r * k + i] = offsets ? scaled + (offsets[g] ?? 0) : scaled;
    }
  }
  return values;
}
