/** Functions of f32 as expressions of the scalar-op table: every backend computes them alike, and none needs a spelling. */
import { add, and, bitcast, cast, constant, lt, max, min, mul, op, select, shl, shr, sub } from "./build.ts";
import type { Expr } from "./nodes.ts";

/** ln 2 as a part with 9 bits, so that its products by whole numbers up to 2^15 are exact, and the rest. */
const ln2 = [0.693359375, Math.fround(-2.1219444005469057e-4)] as const;
/** exp(r) = 1 + r + r^2 * p(r) for |r| <= ln(2) / 2, the highest power first (Cephes, `expf`). */
const coefficients = [
  1.98756915e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1,
].map(Math.fround);
/** Below `least` the result is no normal f32, and 0 is taken for it; above `greatest` it would be infinite. */
const [least, greatest] = [-87.33654, 88.37626].map(Math.fround) as [number, number];

/**
 * e^x of an f32: within 2 units in the last place; 0 below -87.3 (-Infinity included), at most 2.4e38.
 *
 *     n = nearest(x / ln 2), r = x - n * ln 2     ->     2^n * (1 + r + r^2 * p(r))
 */
export function exp(x: Expr): Expr {
  const within = max(min(x, greatest), least);
  const n = op("nearest", mul(within, Math.fround(Math.LOG2E)));
  const r = sub(sub(within, mul(n, ln2[0])), mul(n, ln2[1]));
  const p = coefficients
    .slice(1)
    .reduce<Expr>((sum, c) => add(mul(sum, r), c), constant(coefficients[0] as number, r.type));
  const fraction = add(add(mul(mul(p, r), r), r), 1);
  const power = bitcast("f32", shl(add(cast("i32", n), 127), 23));
  return select(lt(x, least), constant(0, x.type), mul(fraction, power));
}

/** x / (1 + e^-x), of an f32 (the sigmoid linear unit). Where e^-x is no longer computed, x is not either: the quotient is as good as 0. */
export const silu = (x: Expr): Expr => op("div", max(x, -greatest), add(exp(op("neg", x)), 1));

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
