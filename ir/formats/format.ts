/**
 * What a quantization format is, as data: where the numbers of a tensor stand in memory (containers, bits) and what they mean (fields). Every
 * reader, writer, kernel and check of formats derives from these records; nothing here knows a particular format or a schedule.
 *
 * A weight tensor has N rows of K values. With codes the value at (n, k) is, in f32, each operation rounded:
 *
 *     f32(q[n,k] - zero) * s[n,g] + o[n,g]        g = k // group,  zero = z[n,g] or the constant codes.zero,  o only where the format has it
 *
 * where codes.table, if the format has it, stands for q: codes.table[q[n,k]]. Where codes come in planes with scales of their own it is the sum of
 * such products, in the order of the planes, and o. Without codes it is f32(v[n,k]), times s[n,g] where the format has it.
 */
import type { Scalar } from "../types.ts";
import type { SmallFloat } from "./small-float.ts";

/** How many values of K share one entry: a number, or all of a row. */
export type Span = number | "row";

/**
 * One array of the stored tensor, `[N, elements of a row]`, rows contiguous. `per` values of K take `elements` elements (a row's total is
 * rounded up). A byte stream of blocks (GGUF: 32 values in 18 bytes) and a dense array (one f32 scale per 64 values) are both this.
 */
export interface Container {
  readonly name: string;
  readonly scalar: Scalar;
  readonly per: Span;
  readonly elements: number;
}

/** One digit of an index: its size, and how many bits one step of it moves. */
export type Digit = readonly [size: number, stride: number];

/**
 * `width` adjacent bits for each entry. Entry number e of a block, written in the mixed radix of `digits` (most significant first), stands at
 * bit `at + sum stride_i * digit_i` of its block (bit 0 is the lowest of byte 0) and becomes bit `to` and up of the number.
 * No digits: one number for the whole block.
 */
export interface Plane {
  readonly at: number;
  readonly width: number;
  readonly to: number;
  readonly digits: readonly Digit[];
}

/**
 * How bits are read as a number. `uint`, `sint`: an unsigned integer, or a two's complement one of 8 bits, `bias` added. `f16`: an IEEE half.
 * Floats of 8 bits without a sign, `bias` added to their exponent: `e8m0`: 2^bits; `ue4m3`: 4 bits of exponent and 3 of fraction, with
 * subnormals, 0x7f being 0 and the highest bit ignored.
 */
export type NumberKind = "uint" | "sint" | "f16" | "e8m0" | "ue4m3";

/** A number put together from bits of a u8 container. */
export interface BitsSource {
  readonly kind: "bits";
  readonly container: string;
  readonly planes: readonly Plane[];
  readonly as: NumberKind;
  readonly bias: number;
}

/** Consecutive values whose digits in base 3 share bytes: value `bytes * i + j` of the run is digit i, from the highest, of byte `at + j`. */
export interface TritRun {
  readonly at: number;
  readonly bytes: number;
  readonly trits: number;
}

/**
 * Digits in base 3 of the bytes of a u8 container: 0, 1 or 2. The runs follow one another in the block, their bytes powers of two. Of a byte's five digits
 * t0 .. t4 with the value v = 81 t0 + 27 t1 + .. + t4 the byte is ceil(v * 256 / 243), so that digit i is byte * 3^i % 256 * 3 // 256.
 */
export interface TritsSource {
  readonly kind: "trits";
  readonly container: string;
  readonly runs: readonly TritRun[];
}

/** The container's element at the entry's own index. */
export interface ElementSource {
  readonly kind: "element";
  readonly container: string;
}

export type Source = BitsSource | TritsSource | ElementSource;

/** `v` values, `q` codes, `s` scales, `z` integer zero points, `o` additive offsets. */
export type FieldName = "v" | "q" | "s" | "z" | "o";

/**
 * A logical array of the tensor, `[N, K / span * terms]` (K / span is 1 per row), free of any packing. Its entry is the product of the sources (one for
 * v, q and z), from left to right, in f32 for s and o; `negate` flips the sign at the end.
 */
export interface Field {
  readonly name: FieldName;
  readonly scalar: Scalar;
  /** Of v in u8: the floats that its bits are. With scales all are finite: a NaN would be the scale's. */
  readonly float?: SmallFloat;
  /** Smallest and largest entry, where tighter than the scalar's. */
  readonly range: readonly [number, number] | undefined;
  readonly span: Span;
  /** Neighbouring entries that belong to one span: of q and s one for each plane with a scale of its own, of others 1. */
  readonly terms: number;
  readonly product: readonly Source[];
  readonly negate: boolean;
}

/**
 * Integer codes, or codes that stand for the integers of a table: their width, the range of the integers, and the constant subtracted from each (0
 * where the field z or o does that).
 */
export interface Codes {
  readonly bits: number;
  readonly low: number;
  readonly high: number;
  readonly zero: number;
  /** The integer (i8 or u8) of each code, where that is not the code itself. */
  readonly table: readonly number[] | undefined;
}

/**
 * How `encode` picks scales: `cast` (none); `extreme`: the value farthest from zero becomes the lowest code; `absmax`: plus and minus
 * the greatest magnitude become the ends of a symmetric range of codes, or of floats; `range`: smallest and largest value become the ends; `nearest`: the same,
 * codes being the nearest by the scale and offset as they are stored, halves to even; `range0`: the
 * same with zero among the values; `mean`: the mean magnitude becomes 1; `power`: the largest power of two up to the greatest magnitude becomes
 * the largest one in the table, or among the codes, which then round halves to even; `planes`: scales and offset fit the values in least squares.
 */
export type EncodeRule = "cast" | "extreme" | "absmax" | "range" | "nearest" | "range0" | "mean" | "power" | "planes";

export interface Format {
  readonly name: string;
  /** K must be a multiple of this. */
  readonly block: number;
  /** Values of K that share a scale; undefined without scales. */
  readonly group: Span | undefined;
  readonly codes: Codes | undefined;
  readonly containers: readonly Container[];
  /** In the order q, s, z, o; or v, and s where there is one. */
  readonly fields: readonly Field[];
  readonly rule: EncodeRule;
}

/** The stored bytes of a tensor, by buffer name (`w.raw`; `w.codes`, `w.scales`, `w.zeros`); numbers are little-endian. */
export type Containers = Readonly<Record<string, Uint8Array>>;

/** Values per span in a row of k. */
export const spanOf = (span: Span, k: number): number => (span === "row" ? k : span);

/** Elements of a container in a row of k values. */
export const rowElements = (c: Container, k: number): number =>
  c.per === "row" ? c.elements : Math.ceil((k * c.elements) / c.per);

/** The format's field of this name, if it has one. */
export const fieldOf = (format: Format, name: FieldName): Field | undefined =>
  format.fields.find((field) => field.name === name);

/** How many products of a code and a scale a value is the sum of: one, but for planes with scales of their own. */
export const termsOf = (format: Format): number => fieldOf(format, "q")?.terms ?? 1;

/** The container of this name, which the format must have. */
export function containerOf(format: Format, name: string): Container {
  const found = format.containers.find((c) => c.name === name);
  if (found === undefined) throw new Error(`format ${format.name} has no container ${name}`);
  return found;
}
