/**
 * lookups: vectors of bytes gathered from 16 or 8 neighbours become lookups in a table.
 *
 *     t[&t + 16*k + i32(ix & 15)]        ->   lookup16_i8_u8(t[&t + 16*k + <16:1>], ix & 15)            (t: i8, ix: u8<8,2>)
 *     t[&t + 16*k + 8 + i32(ix & 7)]     ->   lookup16_i8_u8(t[&t + 16*k + <16:1>], ix & 7 | 8)
 *
 * The numbers are proven to be 0..15 or 0..7 and no fewer, so that the 16 bytes are known to be the buffer's: of 8 those are read with them that fill 16 from the
 * buffer's beginning, which is a whole number of times 16 bytes long. Other gathers stay, lane by lane.
 */
import { type Affine, addAffine, affineOf, exprOf } from "../affine.ts";
import { call, constant, or, reload } from "../build.ts";
import { type Facts, factsOf, rangeOf } from "../interval.ts";
import { intrinsics } from "../intrinsics.ts";
import type { Expr, Kernel } from "../nodes.ts";
import { mapExprs, rewriter, withBody } from "../visit.ts";
import { addressAt } from "./linear.ts";

const row = intrinsics.lookup16_i8_u8;
const entries = 16;

export function lookups(kernel: Kernel): Kernel {
  const facts = factsOf(kernel);
  const sizes = new Map(kernel.buffers.filter((b) => b.unit === "byte").map((b) => [b.name, b.shape[0] as Expr]));
  const rewrite = rewriter((e) => {
    const size = e.kind === "load" ? sizes.get(e.buffer) : undefined;
    if (e.kind !== "load" || size === undefined || e.type.scalar !== row.result || e.mask !== undefined) return e;
    const gather = gatherOf(e.index[0] as Expr, facts);
    const place = gather?.length === entries ? gather : gather && placeOfHalf(gather, e.buffer, size);
    if (place === undefined) return e;
    const table = reload(e, [exprOf({ ...place.base, lanes: { sizes: [entries], strides: [1] }, shape: [entries] })]);
    return call("lookup16_i8_u8", table, place.number);
  });
  return withBody(
    kernel,
    kernel.body.map((s) => mapExprs(s, rewrite)),
  );
}

/** A table's address, and the numbers of its entries. */
interface Place {
  readonly base: Affine;
  readonly number: Expr;
}

/** An address as that of a table, which has a number of entries, and their numbers. */
function gatherOf(address: Expr, facts: Facts): (Place & { readonly length: number }) | undefined {
  if (address.type.count % row.lanes !== 0) return undefined;
  const form = affineOf(address);
  const vectors = [...form.terms].filter(([atom]) => atom.type.lanes.length > 0);
  const [[atom, factor] = []] = vectors;
  if (vectors.length !== 1 || factor !== 1 || form.lanes !== undefined) return undefined;
  if (atom?.kind !== "cast" || atom.mode !== "value" || atom.arg.type.scalar !== "u8") return undefined;
  const [low, high] = rangeOf(atom.arg, facts);
  const terms = new Map([...form.terms].filter(([other]) => other !== atom));
  return low === 0 ? { base: { ...form, terms }, number: atom.arg, length: high + 1 } : undefined;
}

/** A table of 8 in that of 16 which it fills with a neighbour, in a buffer of so many bytes. */
function placeOfHalf(
  { base, number, length }: Place & { length: number },
  buffer: string,
  size: Expr,
): Place | undefined {
  const shift = base.constant % entries;
  const whole = { ...base, constant: base.constant - shift };
  const offset = addAffine(whole, addressAt(buffer, affineOf(constant(0))), -1);
  const isAligned = [offset, affineOf(size)].every((form) =>
    [form.constant, ...form.terms.values()].every((c) => c % entries === 0),
  );
  if (length !== entries / 2 || (shift !== 0 && shift !== length) || !isAligned) return undefined;
  return { base: whole, number: shift === 0 ? number : or(number, constant(length, "u8")) };
}
