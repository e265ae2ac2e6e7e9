/**
 * f16 and bf16 by integer arithmetic, exact for every value: subnormals, infinities, NaN (which stays some NaN), rounding to nearest
 * even. The same equations serve scalars and vectors. Everything that is not f32 on the other side goes through f32.
 */
import { b, type Cast, type Expr, type Facts, ops, rangeOf, type Scalar } from "../../ir/index.ts";
import type { CastRule, OpRule } from "./driver.ts";
import { everyOp, like } from "./facts.ts";

export const isHalf = (scalar: Scalar): boolean => scalar === "f16" || scalar === "bf16";

/** op(a, b) = f16(op(f32(a), f32(b))): the f32 result has more than twice the bits of the operands, so rounding twice is rounding once */
export const halfArithmetic: OpRule = {
  name: "half-arithmetic",
  ops: everyOp.filter((op) => op !== "select"),
  apply: (e, a) => {
    if (!isHalf(a.type.scalar)) return undefined;
    const wide = b.op(e.op, ...e.args.map((arg) => b.cast("f32", arg)));
    return ops[e.op].signature === "compare" ? wide : b.cast(e.type.scalar, wide);
  },
};

/** Casts from f16 and bf16, whose values are held as their bits. */
export const fromHalf: CastRule = {
  name: "from-half",
  apply: (e, from, to, facts) => {
    if (!isHalf(from)) return undefined;
    if (to !== "f32") return b.cast(to, b.cast("f32", e.arg));
    return from === "bf16" ? bf16ToF32(b.bitcast("u16", e.arg)) : f16ToF32(e.arg, facts);
  },
};

/** Casts to f16 and bf16, held as their bits. What f32 does not hold exactly goes through f64, so that it is rounded once. */
export const toHalf: CastRule = {
  name: "to-half",
  apply: (e, _from, to, facts) => (isHalf(to) ? castToHalf(e, facts) : undefined),
};

function castToHalf({ arg, type }: Cast, facts: Facts): Expr {
  const to = type.scalar;
  if (arg.type.scalar === "f32")
    return b.bitcast(to, to === "bf16" ? f32ToBf16(arg, b.op("ne", arg, arg)) : f32ToF16(arg));
  if (arg.type.scalar === "f64") return b.cast(to, roundToOdd(arg));
  const exact = isHalf(arg.type.scalar) || fitsF32(arg, facts);
  return b.cast(to, b.cast(exact ? "f32" : "f64", arg));
}

/** Whether an integer is known to be an f32 value. */
export function fitsF32(e: Expr, facts: Facts): boolean {
  const [low, high] = rangeOf(e, facts);
  return low >= -exactInteger && high <= exactInteger;
}

/** Integers up to this size are f32 values. */
const exactInteger = 2 ** 24;

/** f32(h) = bits(u32(bits h) << 16),   from the bits of a bf16 as u16 */
export const bf16ToF32 = (h: Expr): Expr => b.bitcast("f32", b.shl(b.cast("u32", h), 16));

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

/** bf16(x) = the upper half of bits(x) + 0x7fff + (lowest kept bit), as u16: a carry into the exponent is right, up to infinity */
export function f32ToBf16(x: Expr, nan: Expr): Expr {
  const bits = b.bitcast("u32", x);
  const odd = b.and(b.shr(bits, 16), like(1, bits));
  const rounded = b.shr(b.add(b.add(bits, like(0x7fff, bits)), odd), 16);
  return b.cast("u16", b.select(nan, like(0x7fc0, rounded), rounded));
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
  return b.cast("u16", b.or(sign, whole));
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
