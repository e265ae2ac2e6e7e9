/** Functions of f32 as expressions of the scalar-op table: every backend computes them alike, and none needs a spelling. */
import { add, bitcast, cast, constant, lt, max, min, mul, op, select, shl, sub } from "./build.ts";
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
