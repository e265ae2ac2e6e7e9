/** The entry of a field as IR over stored bytes: bits gathered from their planes, scale levels multiplied. */
import {
  add,
  and,
  bitcast,
  cast,
  constant,
  floordiv,
  load,
  lt,
  mod,
  mul,
  op,
  or,
  select,
  shl,
  shr,
  sub,
  table,
} from "../build.ts";
import { check } from "../errors.ts";
import type { Buffer, Expr } from "../nodes.ts";
import { bufferName } from "./containers.ts";
import {
  containerOf,
  type Digit,
  type Field,
  type Format,
  type NumberKind,
  type Plane,
  type Source,
  spanOf,
  type TritsSource,
} from "./format.ts";

/** An entry of a field: its row, its number in the row, and how many entries a block of the stored bytes has. */
interface Place {
  readonly n: Expr;
  readonly entry: Expr;
  readonly entries: number;
}

/** Entries of a field in a block of its sources: 1 where each entry is an element or a block of its own. */
export function blockEntries(format: Format, field: Field): number {
  const source = field.product.find((candidate) => candidate.kind !== "element");
  const per = source && containerOf(format, source.container).per;
  return per === undefined || per === "row" ? 1 : (per / spanOf(field.span, per)) * field.terms;
}

/** Entries of a field that share the float of its product, the other factor being an integer of each; undefined for a field of another kind. */
export function levelOf(format: Format, field: Field): number | undefined {
  const [outer, inner, ...more] = field.product;
  const isFloat =
    outer?.kind === "bits" && outer.as === "f16" && outer.planes.every(({ digits }) => digits.length === 0);
  const isInteger = inner?.kind === "bits" && (inner.as === "uint" || inner.as === "sint");
  return isFloat && isInteger && more.length === 0 ? blockEntries(format, field) : undefined;
}

const quotient = (e: Expr, by: number): Expr => (by === 1 ? e : floordiv(e, by));
const remainder = (e: Expr, by: number): Expr => (by === 1 ? constant(0) : mod(e, by));

/** `base + sum factor_i * term_i` without the terms that are nothing. */
function linear(terms: readonly (readonly [factor: number, term: Expr])[], base = 0): Expr {
  let sum: Expr | undefined;
  for (const [factor, term] of terms) {
    if (factor === 0 || isZero(term)) continue;
    const product = factor === 1 ? term : mul(term, factor);
    sum = sum === undefined ? product : add(sum, product);
  }
  if (sum === undefined) return constant(base);
  return base === 0 ? sum : add(sum, base);
}

/** Digits with strides of less than a byte that go past it are cut at the byte: 32 bits one by one are 4 bytes of 8 bits. */
export function cutAtBytes(digits: readonly Digit[]): readonly Digit[] {
  return digits.flatMap(([size, stride]): readonly Digit[] => {
    const perByte = 8 / stride;
    if (stride >= 8 || size <= perByte || size % perByte !== 0) return [[size, stride]];
    return [
      [size / perByte, 8],
      [perByte, stride],
    ];
  });
}

/** Each digit with the entries that one step of it moves. */
export function withUnits(digits: readonly Digit[]): readonly { size: number; stride: number; unit: number }[] {
  let unit = digits.reduce((product, [size]) => product * size, 1);
  return digits.map(([size, stride]) => {
    unit /= size;
    return { size, stride, unit };
  });
}

const isZero = (e: Expr): boolean => e.kind === "const" && e.value === 0;

const wordOf = (bits: number): "u8" | "u16" => (bits <= 8 ? "u8" : "u16");

/** The plane's bits of the entry at `place`, at their place `to`, in a word of the given type. */
function planeBits(plane: Plane, bytes: Buffer, blockBytes: number, place: Place, word: "u8" | "u16"): Expr {
  const { window, width, shift } = windowOf(plane, blockBytes, place, (byte) => load(bytes, [place.n, byte]));
  const shifted = isZero(shift) ? window : shr(window, cast(window.type.scalar, shift));
  const clean = plane.width === width || (shift.kind === "const" && shift.value + plane.width === width);
  const field = cast(word, clean ? shifted : and(shifted, 2 ** plane.width - 1));
  return plane.to === 0 ? field : shl(field, plane.to);
}

/** One or two adjacent bytes as a word of `width` bits, in which the plane's bits begin at bit `shift` (i32). */
interface Window {
  readonly window: Expr;
  readonly width: 8 | 16;
  readonly shift: Expr;
}

function windowOf(plane: Plane, blockBytes: number, place: Place, at: (byte: Expr) => Expr): Window {
  const pair = (low: Expr, high: Expr): Expr => or(cast("u16", at(low)), shl(cast("u16", at(high)), 8));
  const digits = withUnits(cutAtBytes(plane.digits)).map(({ size, stride, unit }) => ({
    value: remainder(quotient(place.entry, unit), size),
    bytes: Math.floor(stride / 8),
    bits: stride % 8,
    size,
  }));
  const first = plane.at & 7;
  const last = first + digits.reduce((sum, { bits, size }) => sum + bits * (size - 1), 0);
  const width = plane.width > 8 ? 16 : 8;
  if (last < 8 && last + plane.width <= width) {
    const block = [blockBytes, quotient(place.entry, place.entries)] as const;
    const byte = linear([block, ...digits.map((d) => [d.bytes, d.value] as const)], plane.at >> 3);
    const shift = digits.map((d) => [d.bits, d.value] as const);
    return { window: width === 8 ? at(byte) : pair(byte, add(byte, 1)), width, shift: linear(shift, first) };
  }
  // Codes that cross bytes are a dense string. The byte of the last bit may be that of the first: what the pair then holds twice is masked off.
  const [size, stride] = plane.digits[0] as Digit;
  const dense = plane.digits.length === 1 && plane.at === 0 && size * stride === 8 * blockBytes && plane.width <= 8;
  check(dense, () => `${plane.width} bits from bit ${plane.at} on cross bytes and are no dense string`);
  const position = mul(place.entry, stride);
  const byteOf = (bit: Expr): Expr => floordiv(bit, 8);
  return { window: pair(byteOf(position), byteOf(add(position, plane.width - 1))), width: 16, shift: mod(position, 8) };
}

/** A source's entry at `place`, of any type that holds it. */
function sourceAt(format: Format, source: Source, buffers: readonly Buffer[], place: Place): Expr {
  const bytes = buffers.find((candidate) => candidate.name === bufferName(source.container));
  if (bytes === undefined) throw new Error(`no buffer of ${source.container}`);
  const { elements } = containerOf(format, source.container);
  switch (source.kind) {
    case "element":
      return load(bytes, [place.n, place.entry]);
    case "trits":
      return tritAt(source, bytes, elements, place);
    case "bits": {
      const total = Math.max(...source.planes.map((p) => p.to + p.width));
      const planes = source.planes.map((p) => planeBits(p, bytes, elements, place, wordOf(total)));
      const wanted = widthOf[source.as];
      check(wanted === undefined || total === wanted, () => `${format.name}: ${total} bits are no ${source.as}`);
      return numberOf[source.as](planes.reduce(or), source.bias);
    }
  }
}

/** Bits of the numbers that have a fixed width. */
const widthOf: Readonly<Partial<Record<NumberKind, number>>> = { sint: 8, f16: 16, e8m0: 8, ue4m3: 8 };

const biased = (value: Expr, bias: number): Expr => (bias === 0 ? value : add(cast("i32", value), bias));

/** Bits as numbers (see `NumberKind`). */
const numberOf: Readonly<Record<NumberKind, (bits: Expr, bias: number) => Expr>> = {
  uint: biased,
  sint: (bits, bias) => biased(bitcast("i8", bits), bias),
  f16: (bits) => bitcast("f16", bits),
  // 2^(e + bias) = 2^(e // 2 + bias // 2) * 2^((e + 1) // 2 + (bias + 1) // 2): neither factor is subnormal, the product may be
  e8m0: (bits, bias) => {
    const e = cast("u32", bits);
    const half = (of: Expr, by: number): Expr => bitcast("f32", shl(add(shr(of, 1), 127 + by), 23));
    return mul(half(e, Math.floor(bias / 2)), half(add(e, 1), Math.ceil(bias / 2)));
  },
  // The fields at their places in an f32, whose exponent has a bias of 127 and not 7; subnormals too.
  ue4m3: (bits, bias) => {
    const fields = cast("u32", and(bits, 0x7f));
    const value = mul(bitcast("f32", shl(fields, 20)), 2 ** (127 + bias));
    return select(op("eq", bits, 0x7f), constant(0, "f32"), value);
  },
};

/** A digit in base 3 (see `TritsSource`), as a u8. */
function tritAt({ runs }: TritsSource, bytes: Buffer, blockBytes: number, { n, entry, entries }: Place): Expr {
  const inBlock = remainder(entry, entries);
  let from = entries;
  let [byte, digit] = [constant(0) as Expr, constant(0) as Expr];
  for (const run of [...runs].reverse()) {
    from -= run.bytes * run.trits;
    const inRun = sub(inBlock, from);
    const at = add(remainder(inRun, run.bytes), run.at);
    const isLast = from + run.bytes * run.trits === entries;
    const here = (mine: Expr, later: Expr): Expr =>
      isLast ? mine : select(lt(inBlock, from + run.bytes * run.trits), mine, later);
    [byte, digit] = [here(at, byte), here(quotient(inRun, run.bytes), digit)];
  }
  const stored = load(bytes, [n, add(mul(quotient(entry, entries), blockBytes), byte)]);
  const power = table("u8", cast("u8", and(digit, 7)), powersOf3);
  return cast("u8", shr(mul(cast("u16", mul(stored, power)), 3), 8));
}

/** What brings digit i of a byte to its highest place; after the fifth there is none. */
const powersOf3 = [1, 3, 9, 27, 81, 0, 0, 0];

/** The value of a field at row `n` and number `entry` in the row, of the field's scalar type; `buffers` declares the containers. */
export function fieldValue(format: Format, field: Field, buffers: readonly Buffer[], n: Expr, entry: Expr): Expr {
  const place: Place = { n, entry, entries: blockEntries(format, field) };
  const factors = field.product.map((source) => cast(field.scalar, sourceAt(format, source, buffers, place)));
  const product = factors.reduce(mul);
  return field.negate ? op("neg", product) : product;
}
