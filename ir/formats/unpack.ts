/**
 * The pack kernel of a format: its fields computed from the stored bytes, derived from the format's records alone.
 *
 * One perfect nest per field. Its loops are n, the block along K, and the digits of the block in which every bit position is linear: no
 * division, and shifts that are constant once the digit loops are unrolled.
 */
import { floordiv, kernel, loop, mod, store, toExpr, variable } from "../build.ts";
import { check } from "../errors.ts";
import type { Buffer, Expr, Kernel, Stmt } from "../nodes.ts";
import { bufferName, containerBuffers, rowEntries } from "./containers.ts";
import { packedFields } from "./decode.ts";
import { cutAtBytes, fieldValue, linear, type Place, withUnits } from "./extract.ts";
import { containerOf, type Field, type FieldName, type Format, fieldOf, spanOf } from "./format.ts";

/** Entries of a field in a block of its sources; undefined when none is a bit field. */
function blockEntries(format: Format, field: Field, k: number): number | undefined {
  const source = field.product.find((candidate) => candidate.kind === "bits");
  if (source === undefined) return undefined;
  return spanOf(containerOf(format, source.container).per, k) / spanOf(field.span, k);
}

/** `value // unit % size`, leaving out what is trivial. */
const digitOf = (value: Expr, unit: number, size: number): Expr =>
  size === 1 ? toExpr(0) : mod(unit === 1 ? value : floordiv(value, unit), size);

/** The place of an entry given as any expression of its number. */
function placeAt(n: Expr, entry: Expr, entries: number | undefined): Place {
  return {
    n,
    entry,
    block: entries === undefined || entries === 1 ? entry : floordiv(entry, entries),
    digit: (unit, size) => digitOf(entry, unit, size),
  };
}

/**
 * The value of a field at row `n` and entry `index` (k for v and q; k // group otherwise), any i32 expressions, from the container buffers
 * of an N x k tensor: an expression of the field's scalar type.
 */
export function fieldAt(format: Format, name: FieldName, k: number, n: Expr | number, index: Expr | number): Expr {
  const field = fieldOf(format, name);
  check(field !== undefined, () => `${format.name} has no field ${name}`);
  const place = placeAt(toExpr(n), toExpr(index), blockEntries(format, field, k));
  return fieldValue(format, field, containerBuffers(format, 1, k), place);
}

/** Where the digits of a block that its planes use begin, as numbers of entries, most significant first: 32, 16, 8, 1. */
function boundaries(field: Field, entries: number): readonly number[] {
  const units = new Set([entries, 1]);
  for (const source of field.product)
    for (const p of source.kind === "bits" ? source.planes : [])
      for (const { unit } of withUnits(cutAtBytes(p.digits))) units.add(unit);
  return [...units].sort((a, b) => b - a);
}

// ------------------------------------------------------------------------------------------------------------- nests

/**
 * The nest that computes a field. Loops: `w.q/n`, then `w.q/k` where one loop runs over K, else `w.q/kb` (blocks) and `w.q/k0`, `w.q/k1`, ..
 * (digits of the block); g instead of k for fields per group.
 */
function fieldNest(format: Format, field: Field, buffers: readonly Buffer[], n: number, k: number): Stmt {
  const name = bufferName(field.name);
  const letter = field.span === 1 ? "k" : "g";
  const at = (suffix: string): Expr => variable(`${name}/${suffix}`);
  const row = at("n");
  const total = rowEntries(field.span, k);
  const entries = blockEntries(format, field, k);

  let loops: readonly { readonly name: string; readonly extent: number }[];
  let place: Place;
  if (entries === undefined || entries === 1 || total % entries !== 0) {
    loops = [{ name: letter, extent: total }];
    place = placeAt(row, at(letter), entries);
  } else {
    const units = boundaries(field, entries);
    const digits = units.slice(1).map((unit, i) => {
      const size = (units[i] as number) / unit;
      check(Number.isInteger(size), () => `${format.name}: digits ${units} of ${field.name} do not nest`);
      return { name: `${letter}${i}`, extent: size, unit, value: at(`${letter}${i}`) };
    });
    const block = at(`${letter}b`);
    const inside = (from: number, to: number): readonly (readonly [number, Expr])[] =>
      digits.filter((d) => d.unit >= from && d.unit < to).map((d) => [d.unit / from, d.value]);
    loops = [{ name: `${letter}b`, extent: total / entries }, ...digits];
    place = {
      n: row,
      entry: linear([[entries, block], ...inside(1, entries)]),
      block,
      digit: (unit, size) => linear(inside(unit, unit * size)),
    };
  }
  const value = fieldValue(format, field, buffers, place);
  const innermost: Stmt = store(name, [row, place.entry], value);
  return [{ name: "n", extent: n }, ...loops].reduceRight<Stmt>(
    (body, { name: suffix, extent }) => loop(`${name}/${suffix}`, extent, [body]),
    innermost,
  );
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
