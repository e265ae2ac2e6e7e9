/**
 * Bits of words. Equations, w a u32:
 *     extract(extract(w, o, n), p, m) = extract(w, o + p, min(m, n - p))
 *     extract(w, o, n) >> s = extract(w, o + s, n - s);    extract(w, o, n) & (2^m - 1) = extract(w, o, min(m, n));    (w >> s) & (2^m - 1) = extract(w, s, m)
 *     signed(extract(w, o, n), n) = signed extract(w, o, n)
 */
import { atom, bitcast, type Context, call } from "./context.ts";
import type { Bits, Node } from "./nodes.ts";
import { literal } from "./text.ts";

const bitsOf = (node: Node): Bits => node.bits ?? { word: node, offset: 0, count: 32 };

/** Bits `offset` to `offset + count` of a u32, as a u32. */
export function extract(c: Context, from: Node, offset: number, count: number): Node {
  const inner = bitsOf(from);
  if (offset >= inner.count) return atom(c, "0u");
  const bits: Bits = {
    word: inner.word,
    offset: inner.offset + offset,
    count: Math.min(count, inner.count - offset),
  };
  if (bits.count === 32) return bits.word;
  if (from.bits !== undefined && offset === 0 && bits.count === inner.count) return from;
  return c.make("call", "extractBits", [bits.word, atom(c, `${bits.offset}u`), atom(c, `${bits.count}u`)], { bits });
}

/** The lowest `count` bits of a u32, as a signed i32. */
export function signExtended(c: Context, from: Node, count: number): Node {
  const { word, offset, count: known } = bitsOf(from);
  if (from.text === "extractBits" && from.bits === undefined && from.args[2]?.text === `${count}u`)
    return call(c, "extractBits", bitcast(c, "i32", from.args[0] as Node), ...from.args.slice(1));
  if (known < count) return bitcast(c, "i32", from);
  return call(c, "extractBits", bitcast(c, "i32", word), atom(c, `${offset}u`), atom(c, `${count}u`));
}

/** `a >> by` of u32 scalars. */
export function shiftRight(c: Context, a: Node, by: number): Node {
  if (by === 0) return a;
  if (a.bits !== undefined) return extract(c, a, by, 32);
  const bits: Bits = { word: a, offset: by, count: 32 - by };
  return c.make("infix", ">>", [a, atom(c, `${by}u`)], { bits });
}

/** `a & mask` of u32 scalars, the mask a constant. */
export function masked(c: Context, a: Node, mask: number): Node {
  const count = Math.log2(mask + 1);
  if (a.bits !== undefined && Number.isInteger(count)) return extract(c, a, 0, count);
  const bits = Number.isInteger(count) ? { bits: { word: a, offset: 0, count } } : {};
  return c.make("infix", "&", [a, atom(c, literal(mask, "u32"))], bits);
}
