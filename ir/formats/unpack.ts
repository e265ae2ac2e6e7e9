/**
 * The pack kernel of a format: its fields computed from the stored bytes, derived from the format's records alone.
 *
 *     for w.q/n < N: for w.q/k < K:     w.q[w.q/n, w.q/k] = ..           (q4_0: u4((w.raw[n, k//32*18 + k%16 + 2] >> k//16%2*4) & 15))
 *     for w.s/n < N: for w.s/g < K/32:  w.s[w.s/n, w.s/g] = ..
 *
 * One perfect nest per field and one loop per axis (two where a span has several entries), so that the value of an entry is an expression of its index and a layout can put any other
 * loops in their place. Quotients and remainders are by powers of two; the multiples of block sizes are products. In loops split at `fieldDigits`
 * they vanish, and unrolled digits make every shift a constant.
 */
import { add, kernel, loop, mul, store, toExpr, variable } from "../build.ts";
import { check } from "../errors.ts";
import type { Buffer, Expr, Kernel, Stmt } from "../nodes.ts";
import { bufferName, containerBuffers, rowSpans } from "./containers.ts";
import { packedFields } from "./decode.ts";
import { blockEntries, cutAtBytes, fieldValue, withUnits } from "./extract.ts";
import { type Field, type FieldName, type Format, fieldOf } from "./format.ts";

function fieldNamed(format: Format, name: FieldName): Field {
  const field = fieldOf(format, name);
  check(field !== undefined, () => `${format.name} has no field ${name}`);
  return field;
}

/**
 * The value of a field at row `n` and entry `index` (k for v and q, the group for others, times the terms), any i32 expressions, as an expression of the
 * field's scalar type over the container buffers.
 */
export function fieldAt(format: Format, name: FieldName, n: Expr | number, index: Expr | number): Expr {
  const stored = containerBuffers(format, 1, format.block);
  return fieldValue(format, fieldNamed(format, name), stored, toExpr(n), toExpr(index));
}

/**
 * Sizes of the digits, slowest first, of a field's index inside a block of the stored bytes: with loops split so, every bit position is
 * linear in them. q4_0's codes have [2, 16]: nibble, byte. Empty where a block holds one entry.
 */
export function fieldDigits(format: Format, name: FieldName): readonly number[] {
  const field = fieldNamed(format, name);
  const units = new Set([blockEntries(format, field), 1]);
  for (const source of field.product) {
    for (const p of source.kind === "bits" ? source.planes : [])
      for (const { unit } of withUnits(cutAtBytes(p.digits))) units.add(unit);
    for (const { bytes } of source.kind === "trits" ? source.runs : []) units.add(bytes);
  }
  const descending = [...units].sort((a, b) => b - a);
  return descending.slice(1).map((unit, i) => (descending[i] as number) / unit);
}

function fieldNest(format: Format, field: Field, stored: readonly Buffer[], n: number, k: number): Stmt {
  const name = bufferName(field.name);
  const [row, column] = [`${name}/n`, `${name}/${field.span === 1 ? "k" : "g"}`];
  const term = `${name}/t`;
  const entry = field.terms === 1 ? variable(column) : add(mul(variable(column), field.terms), variable(term));
  const at = [variable(row), entry] as const;
  const fill = store(name, at, fieldValue(format, field, stored, ...at));
  const entries = field.terms === 1 ? fill : loop(term, field.terms, [fill]);
  return loop(row, n, [loop(column, rowSpans(field.span, k), [entries])]);
}

/** The kernel `pack` (stage pack) that computes every field of an n x k tensor from its stored bytes. */
export function unpackKernel(format: Format, size: { readonly n: number; readonly k: number }): Kernel {
  const { n, k } = size;
  const stored = containerBuffers(format, n, k);
  return kernel("pack", "pack", {
    buffers: [...stored, ...packedFields(format, n, k)],
    body: format.fields.map((field) => fieldNest(format, field, stored, n, k)),
  });
}
