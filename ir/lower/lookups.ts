/**
 * lookups: vectors of bytes gathered from 16 neighbours become lookups in a table.
 *
 *     t[&t + 16*k + i32(ix & 15)]   ->   lookup16_i8_u8(t[&t + 16*k + <16:1>], ix & 15)            (t: i8, ix: u8<8,2>)
 *
 * The numbers are proven to be 0..15 and no fewer, so that the 16 bytes are known to be the buffer's. Other gathers stay, lane by lane.
 */
import { type Affine, affineOf, exprOf } from "../affine.ts";
import { call, reload } from "../build.ts";
import { type Facts, factsOf, rangeOf } from "../interval.ts";
import { intrinsics } from "../intrinsics.ts";
import type { Expr, Kernel } from "../nodes.ts";
import { mapExprs, rewriter, withBody } from "../visit.ts";

const row = intrinsics.lookup16_i8_u8;
const entries = 16;

export function lookups(kernel: Kernel): Kernel {
  const facts = factsOf(kernel);
  const bytes = new Set(kernel.buffers.filter((b) => b.unit === "byte").map((b) => b.name));
  const rewrite = rewriter((e) => {
    if (e.kind !== "load" || !bytes.has(e.buffer) || e.type.scalar !== row.result || e.mask !== undefined) return e;
    const place = placeOf(e.index[0] as Expr, facts);
    if (place === undefined) return e;
    const table = reload(e, [exprOf({ ...place.base, lanes: { sizes: [entries], strides: [1] }, shape: [entries] })]);
    return call("lookup16_i8_u8", table, place.number);
  });
  return withBody(
    kernel,
    kernel.body.map((s) => mapExprs(s, rewrite)),
  );
}

/** An address as that of a table and the entries' numbers in it. */
function placeOf(address: Expr, facts: Facts): { readonly base: Affine; readonly number: Expr } | undefined {
  if (address.type.count % row.lanes !== 0) return undefined;
  const form = affineOf(address);
  const vectors = [...form.terms].filter(([atom]) => atom.type.lanes.length > 0);
  const [[atom, factor] = []] = vectors;
  if (vectors.length !== 1 || factor !== 1 || form.lanes !== undefined) return undefined;
  if (atom?.kind !== "cast" || atom.mode !== "value" || atom.arg.type.scalar !== "u8") return undefined;
  const [low, high] = rangeOf(atom.arg, facts);
  if (low !== 0 || high !== entries - 1) return undefined;
  const terms = new Map([...form.terms].filter(([other]) => other !== atom));
  return { base: { ...form, terms }, number: atom.arg };
}
