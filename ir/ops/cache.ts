/**
 * The cache of keys and values: fields of two quantized tensors, in an order that is part of what a cache is, since kernels of several operators read and write it.
 *
 * Tokens lie in blocks of 64, in a block the kv heads one after the other. A head's codes lie so that 16 bytes are what a dot product takes: of keys 4 tokens and 4
 * neighbouring values of the head (scores are sums over those), of values 4 values of the head and 4 neighbouring tokens. Codes of fewer than 8 bits share bytes with
 * those of the next 4 (8, ..) values or tokens. Floats and scales lie by token in the one direction that loops take. Rows are filled up to whole vectors (`rowWidth`); what
 * lies there may be anything:
 *
 *     keys     codes [block, head, token / 4, value / 4p, token % 4, value % 4, value / 4 % p]      p codes in a byte
 *              floats [block, head, token / 4, value, token % 4]
 *     values   codes [block, head, token / 4p, value / 4, value % 4, token % 4, token / 4 % p]
 *              floats [block, head, token, value]
 *     scales, zero points, offsets of both [block, head, group, token]          of keys with groups along tokens [block, head, group of tokens, value]
 */
import { cacheBlock, type Paged } from "../attention.ts";
import { add, buffer, floordiv, load, mod, toExpr, variable } from "../build.ts";
import { WorkloadError } from "../errors.ts";
import {
  type CacheFormat,
  cacheFormatOf,
  checkRow,
  decodeFields,
  type Field,
  type Format,
  fieldOf,
  rowEntries,
  termsOf,
} from "../formats/index.ts";
import type { Buffer, Expr } from "../nodes.ts";
import { castBits, castValue } from "../scalar-ops.ts";
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
export interface Cached extends CacheFormat {
  readonly name: CachedName;
  readonly fields: readonly Buffer[];
}

/** An index of a token in the cache: its block, and its place there. */
export interface Token {
  readonly block: Expr;
  readonly place: Expr;
}

/** Codes that share a byte. */
const piecesOf = ({ scalar }: Field): number => (isSubByte(scalar) ? 8 / storedBits(scalar) : 1);
/** Widths that do not divide 8 take a byte. */
const storedBits = (scalar: Field["scalar"]): number =>
  isSubByte(scalar) && 8 % scalars[scalar].bits !== 0 ? 8 : scalars[scalar].bits;

/**
 * Values of a cached row as loops in whole vectors take them: of keys those that share bytes with the last, of values those of its 4. Groups are whole vectors already, or
 * go by the value.
 */
export function rowWidth(name: CachedName, format: Format, headSize: number): number {
  const codes = fieldOf(format, "q");
  const isRow = format.group === undefined || format.group === "row";
  if (!isRow || (name === "k" && codes === undefined)) return headSize;
  const together = name === "k" && codes !== undefined ? 4 * piecesOf(codes) : 4;
  return Math.ceil(headSize / together) * together;
}
const holdsFloats = ({ scalar, float }: Field): boolean => isFloat(scalar) || float !== undefined;

/** The digits of an element's index, with their extents. */
function digitsOf(
  { name, tokens }: Pick<Cached, "name" | "tokens">,
  field: Field,
  { kvHeads, headSize }: CacheShape,
  { block, place }: Token,
  [head, entry]: readonly [Expr, Expr],
): readonly (readonly [digit: Expr, extent: number | undefined])[] {
  const start = [
    [block, undefined],
    [head, kvHeads],
  ] as const;
  if (field.span !== 1 && tokens > 1)
    return [...start, [floordiv(place, tokens), cacheBlock / tokens], [entry, headSize]];
  if (field.span !== 1) return [...start, [entry, rowEntries(field, headSize)], [place, cacheBlock]];
  if (holdsFloats(field))
    return name === "k"
      ? [...start, [floordiv(place, 4), cacheBlock / 4], [entry, headSize], [mod(place, 4), 4]]
      : [...start, [place, cacheBlock], [entry, Math.ceil(headSize / 4) * 4]];
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

/** The fields of cached keys or values, so many blocks of them. Throws a `WorkloadError` where rows can't have the format. */
export function cachedTensor(
  name: CachedName,
  shape: CacheShape & Paged,
  blocks: Expr = blocksOf(variable(tokensSymbol)),
): Cached {
  const { format, tokens: together } = cacheFormatOf(name === "k" ? shape.keys : shape.values);
  if (together > 1 && name === "v")
    throw new WorkloadError(`values: ${shape.values} has groups of tokens, which keys may have; use ${format.name}`);
  if (together > 1 && shape.pages !== undefined)
    throw new WorkloadError(
      `keys: tokens join ${shape.keys} in groups of ${together}, the sequences of a batch one by one; use ${format.name}`,
    );
  try {
    if (together === 1) checkRow(format, shape.headSize);
  } catch (error) {
    if (!(error instanceof WorkloadError)) throw error;
    throw new WorkloadError(error.message.replace(/^k:/, "headSize:"));
  }
  if (termsOf(format) > 1)
    throw new WorkloadError(
      `${format.name} is no format of caches: its values have several terms; use an integer format`,
    );
  const origin = { block: toExpr(0), place: toExpr(0) };
  const fields = format.fields.map((field) => {
    const digits = digitsOf({ name, tokens: together }, field, shape, origin, [toExpr(0), toExpr(0)]);
    const extents = digits.map(([, extent]) => extent ?? blocks);
    return buffer(`${name}.${field.name}`, field.scalar, extents, {
      role: "cache",
      ...(field.range && { range: field.range }),
    });
  });
  return { name, format, tokens: together, fields };
}

/** The index of an entry of a field; with groups along tokens, of a value of a head. */
export const cacheIndex = (
  of: Cached,
  field: Field,
  shape: CacheShape,
  token: Token,
  head: Expr,
  entry: Expr,
): readonly Expr[] => digitsOf(of, field, shape, token, [head, entry]).map(([digit]) => digit);

/** Whether any bits of an entry are finite: those of codes, and of small floats with scales. */
const isAlwaysFinite = (format: Format, field: Field): boolean =>
  !isFloat(field.scalar) && (field.float === undefined || fieldOf(format, "s") !== undefined);

/** Reads an entry of a cached row. `isThere` masks what may be NaN. */
export const cachedEntry =
  (of: Cached, shape: CacheShape, token: Token, head: Expr, isThere?: Expr) =>
  (field: Field, entry: Expr): Expr => {
    const buffer_ = of.fields[of.format.fields.indexOf(field)] as Buffer;
    const mask = isAlwaysFinite(of.format, field) ? undefined : isThere;
    return load(buffer_, cacheIndex(of, field, shape, token, head, entry), mask);
  };

/** The f32 value of a token's head. `isThere` as above. */
export const cachedValue = (of: Cached, shape: CacheShape, token: Token, head: Expr, d: Expr, isThere?: Expr): Expr => {
  const read = cachedEntry(of, shape, token, head, isThere);
  return of.tokens === 1
    ? decodeFields(of.format, d, read)
    : decodeFields(of.format, token.place, (field) => read(field, d));
};

/**
 * A cache's tensors from its rows (token, head), without kernels: the bytes of every field in the cache's order, by buffer name, for whole blocks. Where no token is all bits are
 * set: NaN, and the greatest code. With groups along tokens entries are a head's values.
 */
export function cacheBytes(
  of: Cached,
  shape: CacheShape,
  tokens: number,
  read: (field: Field, row: number, entry: number) => number,
): Readonly<Record<string, Uint8Array<ArrayBuffer>>> {
  const { kvHeads } = shape;
  return Object.fromEntries(
    of.format.fields.map((field) => {
      const bits = storedBits(field.scalar);
      const [, , ...inner] = digitsOf(of, field, shape, { block: toExpr(0), place: toExpr(0) }, [toExpr(0), toExpr(0)]);
      const perHead = inner.reduce((product, [, extent]) => product * (extent as number), 1);
      const offsets = offsetsInHead(of, field, shape);
      const entries = entriesOf(of, field, shape);
      const blocks = Math.ceil(tokens / cacheBlock);
      const view = new DataView(new ArrayBuffer((blocks * kvHeads * perHead * bits) / 8));
      new Uint8Array(view.buffer).fill(0xff);
      for (let row = 0; row < tokens * kvHeads; row++) {
        const [token, head] = [Math.floor(row / kvHeads), row % kvHeads];
        const start = (Math.floor(token / cacheBlock) * kvHeads + head) * perHead;
        const place = (token % cacheBlock) * entries;
        for (let entry = 0; entry < entries; entry++)
          setBits(view, field.scalar, (start + (offsets[place + entry] as number)) * bits, read(field, row, entry));
      }
      return [`${of.name}.${field.name}`, new Uint8Array(view.buffer)];
    }),
  );
}

const entriesOf = ({ tokens }: Cached, field: Field, { headSize }: CacheShape): number =>
  tokens > 1 ? headSize : rowEntries(field, headSize);

/** Where each entry of a head's block stands, by token and entry: the index that kernels use, evaluated. */
function offsetsInHead(of: Cached, field: Field, shape: CacheShape): readonly number[] {
  const entries = entriesOf(of, field, shape);
  return Array.from({ length: cacheBlock * entries }, (_, i) => {
    const token = { block: toExpr(0), place: toExpr(Math.floor(i / entries)) };
    const [, , ...inner] = digitsOf(of, field, shape, token, [toExpr(0), toExpr(i % entries)]);
    return inner.reduce(
      (at, [digit, extent]) => at * (extent as number) + (digit.kind === "const" ? digit.value : Number.NaN),
      0,
    );
  });
}

/** Stores a value at a bit of a tensor. */
function setBits(view: DataView, scalar: Field["scalar"], at: number, value: number): void {
  const byte = Math.floor(at / 8);
  if (scalar === "f32") view.setFloat32(byte, value, true);
  else if (scalar === "f16") view.setFloat16(byte, value, true);
  else if (scalar === "bf16") view.setUint16(byte, castBits(castValue(value, "f32", "bf16"), "bf16", "u16"), true);
  else {
    const bits = storedBits(scalar);
    const mask = (2 ** bits - 1) << (at % 8);
    view.setUint8(byte, (view.getUint8(byte) & ~mask) | ((value << (at % 8)) & mask));
  }
}
