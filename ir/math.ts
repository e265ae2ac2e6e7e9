/** Functions of f32 as expressions of the scalar-op table: every backend computes them alike, and none needs a spelling. */
import { add, bitcast, cast, constant, lt, max, min, mul, op, select, shl, shr, sub } from "./build.ts";
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
