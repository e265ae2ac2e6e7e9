/**
 * The cache of keys and values: fields of two quantized tensors, in an order that is part of what a cache is, since kernels of several operators read and write it.
 *
 * Tokens lie in blocks of 64, in a block the kv heads one after the other. A head's codes lie so that 16 bytes are what a dot product takes: of keys 4 tokens and 4
 * neighbouring values of the head (scores are sums over those), of values 4 values of the head and 4 neighbouring tokens. Codes of fewer than 8 bits share bytes with
 * those of the next 4 (8, ..) values or tokens. Floats and scales lie by token in the one direction that loops take:
 *
 *     keys     codes [block, head, token / 4, value / 4p, token % 4, value % 4, value / 4 % p]      p codes in a byte
 *              floats [block, head, token / 4, value, token % 4]
 *     values   codes [block, head, token / 4p, value / 4, value % 4, token % 4, token / 4 % p]
 *              floats [block, head, token, value]
 *     scales, zero points, offsets of both [block, head, group, token]
 */
import { cacheBlock } from "../attention.ts";
import { add, buffer, floordiv, load, mod, toExpr, variable } from "../build.ts";
import { WorkloadError } from "../errors.ts";
import { checkRow, type Field, type Format, formatOf, rowEntries } from "../formats/index.ts";
import type { Buffer, Expr } from "../nodes.ts";
import { isFloat, isSubByte, scalars } from "../types.ts";

/** Name of the symbol that stands for the tokens in a cache. */
export const tokensSymbol = "T";

/** Blocks that so many tokens take. */
export const blocksOf = (tokens: Expr): Expr => floordiv(add(tokens, cacheBlock - 1), cacheBlock);

/** What a cache holds. */
export interface CacheShape {
  readonly kvHeads: number;
  readonly headSize: number;
  /** Formats; a row is one token's head. */
  readonly keys: string;
  readonly values: string;
}

export type CachedName = "k" | "v";

/** Keys or values: their format, and a buffer per field. */
export interface Cached {
  readonly name: CachedName;
  readonly format: Format;
  readonly fields: readonly Buffer[];
}

/** An index of a token in the cache: its block, and its place there. */
export interface Token {
  readonly block: Expr;
  readonly place: Expr;
}

/** Codes that share a byte. */
const piecesOf = ({ scalar }: Field): number =>
  isSubByte(scalar) ? Math.max(1, Math.floor(8 / storedBits(scalar))) : 1;
/** Widths that do not divide 8 take a byte. */
const storedBits = (scalar: Field["scalar"]): number => (8 % scalars[scalar].bits === 0 ? scalars[scalar].bits : 8);

/** The digits of an element's index, with their extents. */
function digitsOf(
  name: CachedName,
  field: Field,
  { kvHeads, headSize }: CacheShape,
  { block, place }: Token,
  [head, entry]: readonly [Expr, Expr],
): readonly (readonly [digit: Expr, extent: number | undefined])[] {
  const start = [
    [block, undefined],
    [head, kvHeads],
  ] as const;
  if (field.span !== 1) return [...start, [entry, rowEntries(field.span, headSize)], [place, cacheBlock]];
  if (isFloat(field.scalar))
    return name === "k"
      ? [...start, [floordiv(place, 4), cacheBlock / 4], [entry, headSize], [mod(place, 4), 4]]
      : [...start, [place, cacheBlock], [entry, headSize]];
  const pieces = piecesOf(field);
  const quads = Math.ceil(headSize / 4);
  const piece = (of: Expr): readonly [Expr, number] => [mod(floordiv(of, 4), pieces), pieces];
  return name === "k"
    ? [
        ...start,
        [floordiv(place, 4), cacheBlock / 4],
        [floordiv(entry, 4 * pieces), Math.ceil(quads / pieces)],
        [mod(place, 4), 4],
        [mod(entry, 4), 4],
        piece(entry),
      ]
    : [
        ...start,
        [floordiv(place, 4 * pieces), cacheBlock / 4 / pieces],
        [floordiv(entry, 4), quads],
        [mod(entry, 4), 4],
        [mod(place, 4), 4],
        piece(place),
      ];
}

/** The fields of cached keys or values, for `tokens` tokens. Throws a `WorkloadError` where rows can't have the format. */
export function cachedTensor(name: CachedName, shape: CacheShape, tokens: Expr = variable(tokensSymbol)): Cached {
  const format = formatOf(name === "k" ? shape.keys : shape.values);
  try {
    checkRow(format, shape.headSize);
  } catch (error) {
    if (!(error instanceof WorkloadError)) throw error;
    throw new WorkloadError(error.message.replace(/^k:/, "headSize:"));
  }
  const origin = { block: toExpr(0), place: toExpr(0) };
  const fields = format.fields.map((field) => {
    const digits = digitsOf(name, field, shape, origin, [toExpr(0), toExpr(0)]);
    const extents = digits.map(([, extent]) => extent ?? blocksOf(tokens));
    return buffer(`${name}.${field.name}`, field.scalar, extents, {
      role: "cache",
      ...(field.range && { range: field.range }),
    });
  });
  return { name, format, fields };
}

/** The index of an entry of a field. */
export const cacheIndex = (
  { name }: Cached,
  field: Field,
  shape: CacheShape,
  token: Token,
  head: Expr,
  entry: Expr,
): readonly Expr[] => digitsOf(name, field, shape, token, [head, entry]).map(([digit]) => digit);

/** Reads an entry of a cached row. `isThere` masks floats: codes are finite whatever their bits. */
export const cachedEntry =
  (of: Cached, shape: CacheShape, token: Token, head: Expr, isThere?: Expr) =>
  (field: Field, entry: Expr): Expr => {
    const buffer_ = of.fields[of.format.fields.indexOf(field)] as Buffer;
    const mask = isFloat(field.scalar) ? isThere : undefined;
    return load(buffer_, cacheIndex(of, field, shape, token, head, entry), mask);
  };
