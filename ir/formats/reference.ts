/**
 * The oracle: fields and values of a stored tensor in plain TypeScript, written apart from the IR (`unpack.ts`), with which it must agree to the
 * last bit.
 */
import { accessor } from "./bits.ts";
import { checkLengths, rowSpans } from "./containers.ts";
import { type Containers, type Field, type Format, fieldOf, spanOf, termsOf } from "./format.ts";
import { smallFloatValue } from "./small-float.ts";

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
  /** What a value sums: codes, their zero point already subtracted, or the plain values (K of them); f32 scales, one per group, where there are. */
  readonly terms: readonly { readonly codes: Float64Array; readonly scales: Float64Array | undefined }[];
  /** One per group; undefined where every one is 0. */
  readonly offsets: Float64Array | undefined;
  readonly group: number;
}

/** Value i of a row: the sum of codes times scales, and the offset, each operation rounded by `round`, or not at all. */
export function valueAt(
  { terms, offsets, group }: ReferenceRow,
  i: number,
  round: (value: number) => number = (value) => value,
): number {
  const g = Math.floor(i / group);
  let sum = 0;
  terms.forEach(({ codes, scales }, t) => {
    const scaled = scales === undefined ? (codes[i] as number) : round((codes[i] as number) * (scales[g] as number));
    sum = t === 0 ? scaled : round(sum + scaled);
  });
  return offsets === undefined ? sum : round(sum + (offsets[g] as number));
}

/** Reads rows of a stored tensor one at a time. The result is reused by the next call. */
export function rowReader(format: Format, containers: Containers, n: number, k: number): (row: number) => ReferenceRow {
  checkLengths(format, containers, n, k);
  const reader = (name: Field["name"]): FieldReader | undefined => {
    const field = fieldOf(format, name);
    return field && fieldReader(format, field, containers, k);
  };
  const [values, codes, scales, zeros, offsets] = [reader("v"), reader("q"), reader("s"), reader("z"), reader("o")];
  const stored = values ?? codes;
  if (stored === undefined) throw new Error(`${format.name} has no codes and no values`);
  const kind = fieldOf(format, "v")?.float;
  const numbers: FieldReader =
    kind === undefined ? stored : (r, i) => smallFloatValue(kind, stored(r, i), scales !== undefined);
  const group = format.group === undefined ? k : spanOf(format.group, k);
  const groups = rowSpans(format.group, k);
  const { zero = 0, table } = format.codes ?? {};
  const terms = termsOf(format);
  const row: ReferenceRow = {
    terms: Array.from({ length: terms }, () => ({
      codes: new Float64Array(k),
      scales: scales && new Float64Array(groups),
    })),
    offsets: offsets && new Float64Array(groups),
    group,
  };
  return (r) => {
    for (let g = 0; g < groups; g++) if (offsets && row.offsets) row.offsets[g] = offsets(r, g);
    row.terms.forEach((term, t) => {
      for (let g = 0; g < groups; g++) if (scales && term.scales) term.scales[g] = scales(r, g * terms + t);
      for (let i = 0; i < k; i++) {
        const code = numbers(r, i * terms + t);
        const integer = table === undefined ? code : (table[code] as number);
        term.codes[i] = integer - (zeros === undefined ? zero : zeros(r, Math.floor(i / group)));
      }
    });
    return row;
  };
}

/** The tensor's values, n x k row-major, in f32 with the reference's order of operations: `fround(fround(code * scale) + offset)`. */
export function decodeReference(format: Format, containers: Containers, n: number, k: number): Float32Array {
  const read = rowReader(format, containers, n, k);
  const values = new Float32Array(n * k);
  for (let r = 0; r < n; r++) {
    const row = read(r);
    for (let i = 0; i < k; i++) values[r * k + i] = valueAt(row, i, Math.fround);
  }
  return values;
}
