/**
 * words: every fourth byte in four lanes, as numbers of 32 bits, comes out of the words that hold them.
 *
 *     i32(v[&v + 16*k + 1 + <4:4>])          ->   (w << 16) >> 24           w = i32 at v[&v + 16*k + <4:4>]    (v: i8)
 *     i32(c[&c + 16*k + 1 + <4:4>] & 15)     ->   (w >> 8) & 15                                                (c: u8)
 *
 * The four bytes of a word, which neighbours in a loop read, are so loaded once, in order. The address is a whole number of words from the buffer's beginning, and the buffer
 * is as long, so that the words are the buffer's.
 */
import { type Affine, addAffine, affineOf, exprOf } from "../affine.ts";
import { and, cast, constant, load, shl, shr } from "../build.ts";
import { factsOf } from "../interval.ts";
import type { Expr, Kernel, Load } from "../nodes.ts";
import { simplifier } from "../simplify.ts";
import { mapExprs, rewriter, withBody } from "../visit.ts";
import { addressAt } from "./linear.ts";

const bytes = 4;

/** Which byte of a word is read. */
interface Place {
  readonly word: Load;
  readonly byte: number;
}

export function words(kernel: Kernel): Kernel {
  const simple = simplifier(factsOf(kernel));
  const sizes = new Map(
    kernel.buffers.filter((b) => b.unit === "byte").map((b) => [b.name, simple(b.shape[0] as Expr)]),
  );
  /** The byte values of an expression in 32 bits. */
  const widened = (e: Expr): Expr | undefined => {
    if (e.kind === "load") {
      const place = placeOf(e, sizes);
      if (place === undefined) return undefined;
      return e.type.scalar === "u8"
        ? and(down(place.word, 8 * place.byte), 255)
        : shr(place.byte === bytes - 1 ? place.word : shl(place.word, 24 - 8 * place.byte), 24);
    }
    if (e.kind !== "op" || (e.op !== "and" && e.op !== "shr") || e.type.scalar !== "u8") return undefined;
    const [of, by] = e.args as [Expr, Expr];
    const place = of.kind === "load" ? placeOf(of, sizes) : undefined;
    if (place === undefined || by.kind !== "const") return undefined;
    return e.op === "and"
      ? and(down(place.word, 8 * place.byte), by.value)
      : and(down(place.word, 8 * place.byte + by.value), 255 >> by.value);
  };
  const rewrite = rewriter((e) => {
    if (e.kind !== "cast" || e.mode !== "value" || (e.type.scalar !== "f32" && e.type.scalar !== "i32")) return e;
    const wide = widened(e.arg);
    return wide === undefined ? e : cast(e.type.scalar, wide);
  });
  return withBody(
    kernel,
    kernel.body.map((s) => mapExprs(s, rewrite)),
  );
}

const down = (word: Expr, bits: number): Expr => (bits === 0 ? word : shr(word, bits));

function placeOf(e: Load, sizes: ReadonlyMap<string, Expr>): Place | undefined {
  const { scalar } = e.type;
  const size = sizes.get(e.buffer);
  if (size === undefined || (scalar !== "i8" && scalar !== "u8") || e.mask !== undefined) return undefined;
  const form = affineOf(e.index[0] as Expr);
  const { sizes: lanes = [], strides = [] } = form.lanes ?? {};
  if (lanes.length !== 1 || lanes[0] !== bytes || strides[0] !== bytes) return undefined;
  const byte = ((form.constant % bytes) + bytes) % bytes;
  const whole: Affine = { ...form, constant: form.constant - byte };
  const offset = addAffine(whole, addressAt(e.buffer, affineOf(constant(0))), -1);
  if (![offset, affineOf(size)].every(isWhole)) return undefined;
  const index = exprOf(whole);
  return { word: load({ name: e.buffer, scalar: "i32", lanes: [], shape: [index] }, [index]) as Load, byte };
}

const isWhole = ({ constant: first, terms }: Affine): boolean =>
  [first, ...terms.values()].every((c) => c % bytes === 0);
