/**
 * Floats of 8 bits with a sign (OCP 8-bit floating point): what their bits mean and which are nearest to a value, as IR and, apart from it, in plain TypeScript. No table
 * and no f16 is needed, so that vectors of any device read them, and no subnormal is flushed.
 */
import { add, and, bitcast, cast, constant, lt, max, mul, op, or, select, shl, shr, sub } from "../build.ts";
import type { Expr } from "../nodes.ts";
import { evalOp } from "../scalar-ops.ts";

/**
 * `e4m3`: 4 bits of exponent (bias 7), 3 of fraction, up to 448; no infinity, NaN where all bits but the sign are set (E4M3FN).
 * `e5m2`: 5 and 2, bias 15, up to 57344, infinities and NaNs as in f16, of which it is the upper byte.
 */
export type SmallFloat = "e4m3" | "e5m2";

interface Row {
  readonly exponent: number;
  readonly fraction: number;
  /** The greatest finite number. */
  readonly greatest: number;
  /** The first bits, without the sign, that are no finite number. */
  readonly special: number;
}

export const smallFloats: Readonly<Record<SmallFloat, Row>> = {
  e4m3: { exponent: 4, fraction: 3, greatest: 448, special: 0x7f },
  e5m2: { exponent: 5, fraction: 2, greatest: 57344, special: 0x7c },
};

const biasOf = ({ exponent }: Row): number => 2 ** (exponent - 1) - 1;
/** Exponent of the least normal number, and of the subnormal ones. */
const leastExponent = (row: Row): number => 1 - biasOf(row);

/**
 * The f32 of bits (u8). The fields, sign extended and moved up, are an f32 whose exponent is too small by the difference of the biases, subnormals too:
 *
 *     f32(b) = bits((i32(i8 b) << (23 - fraction)) & fields) * 2^(127 - bias)
 *
 * What is no finite number gets all of f32's exponent bits: a fraction of 0 makes it infinite, any other NaN. To look for that takes as long as all the rest: `allFinite` leaves it
 * out, where what bits are left over continue the numbers (e4m3: 480).
 */
export function smallFloatAt(kind: SmallFloat, bits: Expr, allFinite = false): Expr {
  const row = smallFloats[kind];
  const up = 23 - row.fraction;
  const fields = 0x7f << up;
  const moved = shl(cast("i32", bitcast("i8", bits)), up);
  const value = mul(bitcast("f32", and(moved, fields | (1 << 31))), 2 ** (127 - biasOf(row)));
  if (allFinite) return value;
  const isSpecial = lt((row.special << up) - 1, and(moved, fields));
  return bitcast("f32", select(isSpecial, or(bitcast("i32", value), 0x7f800000), bitcast("i32", value)));
}

/**
 * The bits (u8) nearest to an f32, halves to even; what is larger than the greatest number becomes it, NaN stays NaN. |x| is added to a power of two whose last bit is the last
 * of x as a small float (subnormals share one exponent), which rounds; the difference of the bits is the fraction with the bit before it, which a subnormal lacks:
 *
 *     e = max(exponent bits of |x|, those of the least normal number),   p = bits(e + (23 - fraction) exponents)
 *     code = (e - least) >> (23 - fraction)  +  bits(|x| + p) - bits(p)
 */
export function smallFloatOf(kind: SmallFloat, x: Expr): Expr {
  const row = smallFloats[kind];
  const up = 23 - row.fraction;
  const size = op("pmin", op("abs", x), constant(row.greatest, "f32"));
  const least = (leastExponent(row) + 127) << 23;
  const exponent = max(and(bitcast("i32", size), 0x7f800000), least);
  const power = add(exponent, up << 23);
  const rounded = bitcast("i32", add(size, bitcast("f32", power)));
  const code = add(shr(sub(exponent, least), up), sub(rounded, power));
  const sign = and(shr(bitcast("i32", x), 24), 0x80);
  return cast("u8", or(sign, select(op("ne", x, x), constant(0x7f), code)));
}

/** The value of bits, exactly, as `smallFloatAt`. */
export function smallFloatValue(kind: SmallFloat, bits: number, allFinite = false): number {
  const row = smallFloats[kind];
  const sign = bits < 0x80 ? 1 : -1;
  const size = bits & 0x7f;
  if (size >= row.special && !allFinite)
    return size % 2 ** row.fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  const [exponent, fraction] = [size >> row.fraction, size % 2 ** row.fraction];
  const place = 2 ** (Math.max(1, exponent) - biasOf(row) - row.fraction);
  return sign * place * (fraction + (exponent === 0 ? 0 : 2 ** row.fraction));
}

/** The bits nearest to a value, as `smallFloatOf`. */
export function smallFloatBits(kind: SmallFloat, value: number): number {
  const row = smallFloats[kind];
  const least = leastExponent(row);
  const sign = value < 0 || Object.is(value, -0) ? 0x80 : 0;
  if (Number.isNaN(value)) return 0x7f;
  const size = Math.min(Math.abs(value), row.greatest);
  const exponent = size === 0 ? least : Math.max(least, Math.floor(Math.log2(size)));
  const places = evalOp("nearest", "f64", size / 2 ** (exponent - row.fraction));
  return sign | ((exponent - least) * 2 ** row.fraction + places);
}
