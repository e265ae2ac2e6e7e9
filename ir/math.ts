/** Functions of f32 as expressions of the scalar-op table: every backend computes them alike, and none needs a spelling. */
import { add, and, bitcast, cast, constant, lt, max, mul, op, select, shl, shr, sub } from "./build.ts";
import { greatest, least, ln2, log2e, powers, wholeInBits } from "./exponential.ts";
import type { Expr } from "./nodes.ts";

/** Least finite f32: subtracted in place of a maximum of -Infinity, whose difference from itself is NaN. */
export const leastFinite: number = -(2 - 2 ** -23) * 2 ** 127;

/** e^x (see `exponential`). */
export const exp = (x: Expr): Expr => op("exp", x);

/**
 * The steps of `exponential`, for devices without such an instruction: `nearest` by rounding, or by adding a number so large that the whole part is in the lowest
 * bits, which compilers that reorder sums of floats would undo.
 */
export function expandedExp(x: Expr, nearest: "rounded" | "added"): Expr {
  const within = op("pmin", op("pmax", x, least), greatest);
  const scaled = mul(within, log2e);
  const shifted = add(scaled, wholeInBits);
  const n = nearest === "added" ? sub(shifted, wholeInBits) : op("nearest", scaled);
  const whole = nearest === "added" ? bitcast("i32", shifted) : cast("i32", n);
  const r = sub(sub(within, mul(n, ln2[0])), mul(n, ln2[1]));
  const square = mul(r, r);
  const [p0, p1, p2, p3, p4] = powers as [number, number, number, number, number];
  const pair = (c: number, linear: number): Expr => add(mul(r, linear), c);
  const p = add(add(pair(p0, p1), mul(pair(p2, p3), square)), mul(mul(square, square), p4));
  const fraction = add(add(mul(p, square), r), 1);
  // The bits above the lowest ones, which `wholeInBits` has, are shifted out.
  const power = bitcast("f32", add(shl(whole, 23), 127 * 2 ** 23));
  return mul(fraction, power);
}

/** x / (1 + e^-x), of an f32 (the sigmoid linear unit). Where e^-x is no longer computed, x is not either: the quotient is as good as 0. */
export const silu = (x: Expr): Expr => op("div", max(x, -greatest), add(exp(op("neg", x)), 1));

/** ln m = z - z^2 / 2 + z^3 * p(z), z = m - 1, for m in sqrt(1/2) .. sqrt(2), the highest power first (Cephes, `logf`). */
const logarithm = [
  7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
  2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
].map(Math.fround);

/**
 * ln x of a normal f32 above 0: within 2 units in the last place, or 1e-7 near 1.
 *
 *     x = 2^n * m     ->     n * ln 2 + ln m
 */
export function log(x: Expr): Expr {
  const bits = bitcast("i32", x);
  const mantissa = bitcast("f32", op("or", op("and", bits, 0x7fffff), 0x3f800000));
  const isLarge = lt(constant(Math.fround(Math.SQRT2), x.type), mantissa);
  const m = select(isLarge, mul(mantissa, 0.5), mantissa);
  const n = cast("f32", sub(shr(bits, 23), select(isLarge, constant(126), constant(127))));
  const z = sub(m, 1);
  const p = logarithm.slice(1).reduce<Expr>((sum, c) => add(mul(sum, z), c), constant(logarithm[0] as number, x.type));
  const square = mul(z, z);
  const small = add(sub(mul(mul(p, z), square), mul(square, 0.5)), mul(n, ln2[1]));
  return add(add(small, z), mul(n, ln2[0]));
}

/** tanh x = 1 - 2 / (e^2x + 1) of an f32: within 2e-7. */
export const tanh = (x: Expr): Expr => sub(constant(1, x.type), op("div", constant(2, x.type), add(exp(mul(x, 2)), 1)));

/** 1 / (2 pi) as two parts of 12 bits, whose products with 12 bits are exact in f32, and the rest. */
const turnsPerRadian = (() => {
  const whole = 1 / (2 * Math.PI);
  const first = Math.floor(whole * 2 ** 14) / 2 ** 14;
  const second = Math.floor((whole - first) * 2 ** 26) / 2 ** 26;
  return { first, second, rest: Math.fround(whole - first - second), afterFirst: Math.fround(whole - first) };
})();

/**
 * The angle `position * frequency` (i32 times f32, in radians) in units of 2^-32 of a turn, whole turns left out: an i32. Integers, since an f32 has no
 * bits left for what matters of an angle of 2^20. The error is below 2^-26 of a turn (1e-7 radians) for positions up to 2^20 and frequencies up to 1, in
 * magnitude; it grows with both, and the result means nothing for positions over 2^26 or frequencies over 16.
 *
 *     frequency = a + b, 12 bits each; 1 / (2 pi) = s + t + u
 *     turns of one position = a * s + a * t + b * s (exact) + a * u + b * (t + u) (below 2^-24), of which `high` has 32 bits, `low` the 16 after them
 *     turns = position * high + (position * low) / 2^16, mod 2^32
 */
export function turnOf(position: Expr, frequency: Expr): Expr {
  const { first, second, rest, afterFirst } = turnsPerRadian;
  const a = bitcast("f32", and(bitcast("i32", frequency), -(2 ** 12)));
  const b = sub(frequency, a);
  // Of what is exact 20 bits of turns and the 28 after them, both as integers.
  const products = [mul(a, first * 2 ** 20), mul(a, second * 2 ** 20), mul(b, first * 2 ** 20)];
  const small = add(mul(a, rest), mul(b, afterFirst));
  const sumOf = (values: readonly Expr[]): Expr => values.reduce(add);
  const wholes = sumOf(products.map((p) => cast("i32", p)));
  const rests = [...products.map((p) => mul(sub(p, op("trunc", p)), 2 ** 28)), mul(small, 2 ** 48)];
  const after = sumOf(rests.map((p) => cast("i32", op("nearest", p))));
  const high = add(shl(wholes, 12), shr(after, 16));
  const low = and(after, 2 ** 16 - 1);
  // position * low has 42 bits: in two parts of the position.
  const ofLow = shr(add(mul(shr(position, 12), low), shr(mul(and(position, 2 ** 12 - 1), low), 12)), 4);
  return add(mul(position, high), ofLow);
}

/** What is left of an angle (see `turnOf`) of the nearest quarter turn, in radians: exact but for the rounding to f32. */
const withinQuarter = (turn: Expr): Expr =>
  mul(cast("f32", sub(turn, shl(quarterOf(turn), 30))), (2 * Math.PI) / 2 ** 32);

/** The nearest quarter turn, modulo 4. */
const quarterOf = (turn: Expr): Expr => shr(add(turn, 2 ** 29), 30);

const polynomial = (x: Expr, [first = 0, ...others]: readonly number[]): Expr =>
  others.reduce<Expr>((sum, c) => add(mul(sum, x), c), constant(Math.fround(first), x.type));

/** sin(r) and cos(r) for |r| <= pi / 4 (Cephes, `sinf` and `cosf`). */
function nearZero(r: Expr): { readonly sin: Expr; readonly cos: Expr } {
  const z = mul(r, r);
  const odd = polynomial(z, [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1].map(Math.fround));
  const even = polynomial(z, [2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2].map(Math.fround));
  return { sin: add(mul(mul(odd, z), r), r), cos: add(sub(mul(mul(even, z), z), mul(z, 0.5)), 1) };
}

/** Sine and cosine of an angle in units of 2^-32 of a turn (i32): within 2e-7 of theirs. */
export function sinCosOfTurn(turn: Expr): { readonly sin: Expr; readonly cos: Expr } {
  const near = nearZero(withinQuarter(turn));
  // A quarter turn on, the sine is what the cosine is.
  const sinAt = (quarter: Expr): Expr => {
    const sign = cast("f32", sub(1, and(quarter, 2)));
    return mul(select(op("eq", and(quarter, 1), 0), near.sin, near.cos), sign);
  };
  const quarter = quarterOf(turn);
  return { sin: sinAt(quarter), cos: sinAt(add(quarter, 1)) };
}
