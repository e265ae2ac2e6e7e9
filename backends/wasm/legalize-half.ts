/**
 * f16 and bf16 by integer arithmetic, exact for every value: subnormals, infinities, NaN (which stays some NaN), rounding to nearest
 * even. The same rules serve scalars and vectors. Everything that is not f32 on the other side goes through f32.
 */
import { b, type Cast, type Expr, type Facts, rangeOf, type Scalar } from "../../ir/index.ts";

export const isHalf = (scalar: Scalar): boolean => scalar === "f16" || scalar === "bf16";

const like = (value: number, e: Expr): Expr => b.constant(value, e.type);

/** `cast` from f16 or bf16. */
export function fromHalf(e: Cast, facts: Facts): Expr {
  const to = e.type.scalar;
  if (to !== "f32") return b.cast(to, b.cast("f32", e.arg));
  return e.arg.type.scalar === "bf16" ? bf16ToF32(e.arg) : f16ToF32(e.arg, facts);
}

/** `cast` to f16 or bf16. What f32 does not hold exactly goes through f64, so that it is rounded once. */
export function toHalf(e: Cast, facts: Facts): Expr {
  const { arg } = e;
  const to = e.type.scalar;
  if (arg.type.scalar === "f32") return to === "bf16" ? f32ToBf16(arg) : f32ToF16(arg);
  if (arg.type.scalar === "f64") return b.cast(to, roundToOdd(arg));
  const [low, high] = rangeOf(arg, facts);
  const exact = isHalf(arg.type.scalar) || (low >= -exactInteger && high <= exactInteger);
  return b.cast(to, b.cast(exact ? "f32" : "f64", arg));
}

/** Integers up to this size are f32 values. */
const exactInteger = 2 ** 24;

// f32(h) = bits(u32(bits h) << 16)
function bf16ToF32(h: Expr): Expr {
  return b.bitcast("f32", b.shl(b.cast("u32", b.bitcast("u16", h)), 16));
}

// The fields of h, sign extended and moved up by 13, are an f32 with an exponent smaller by 127 - 15; subnormals too:
//     f32(h) = bits((i32(bits h) << 13) & 0x8fffe000) * 2^112
// An infinity or NaN has all exponent bits set, and gets all of f32's.
function f16ToF32(h: Expr, facts: Facts): Expr {
  const moved = b.shl(b.cast("i32", b.bitcast("i16", h)), 13);
  const small = b.bitcast("f32", b.and(moved, like(0x8fffe000, moved)));
  const value = b.mul(small, 2 ** 112);
  if (rangeOf(h, facts).every(Number.isFinite)) return value;
  const bits = b.bitcast("i32", value);
  const special = b.op("le", like(0x0f800000, moved), b.and(moved, like(0x0fffe000, moved)));
  return b.bitcast("f32", b.select(special, b.or(bits, like(0x7f800000, bits)), bits));
}

// bf16(x) = the upper half of bits(x) + 0x7fff + (lowest kept bit): a carry into the exponent is right, up to infinity
function f32ToBf16(x: Expr): Expr {
  const bits = b.bitcast("u32", x);
  const odd = b.and(b.shr(bits, 16), like(1, bits));
  const rounded = b.shr(b.add(b.add(bits, like(0x7fff, bits)), odd), 16);
  return b.bitcast("bf16", b.cast("u16", b.select(b.op("ne", x, x), like(0x7fc0, rounded), rounded)));
}

// |x| is added to a power of two whose last f32 bit is the last bit of x as f16: the addition rounds. The power is 2^15 * 2^exponent(x),
// at least 2 (f16's subnormals share one exponent). Scaling up first turns what is too large for f16 into infinity, then down again by 4 less:
//     base = (|x| * 2^112) * 2^-110;   bits = bits(2^15 * 2^max(exponent, -14) + base)
//     f16(x) = sign | ((bits >> 13) & 0x7c00) + (bits & 0xfff)
function f32ToF16(x: Expr): Expr {
  const bits = b.bitcast("i32", x);
  const base = b.mul(b.mul(b.op("abs", x), 2 ** 112), 2 ** -110);
  const exponent = b.max(b.and(bits, like(0x7f800000, bits)), like(0x38800000, bits));
  const sum = b.bitcast("i32", b.add(b.bitcast("f32", b.add(exponent, like(0x07800000, bits))), base));
  const size = b.add(b.and(b.shr(sum, 13), like(0x7c00, bits)), b.and(sum, like(0x0fff, bits)));
  const sign = b.and(b.shr(bits, 16), like(0x8000, bits));
  const whole = b.select(b.op("ne", x, x), like(0x7e00, bits), size);
  return b.bitcast("f16", b.cast("u16", b.or(sign, whole)));
}

// f64 to f32 rounded to odd (an inexact result has its last bit set), so that rounding it again to 16 bits rounds once:
// the neighbour of smaller size, then | 1
function roundToOdd(x: Expr): Expr {
  const near = b.cast("f32", x);
  const exact = b.cast("f64", near);
  const bits = b.bitcast("i32", near);
  const below = b.select(b.lt(b.op("abs", x), b.op("abs", exact)), b.sub(bits, like(1, bits)), bits);
  return b.bitcast("f32", b.select(b.op("ne", exact, x), b.or(below, like(1, bits)), bits));
}
