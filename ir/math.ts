/** Functions of f32 as expressions of the scalar-op table: every backend computes them alike, and none needs a spelling. */
import { add, bitcast, cast, constant, lt, max, mul, op, select, shl, shr, sub } from "./build.ts";
import { greatest, least, ln2, log2e, powers, wholeInBits } from "./exponential.ts";
import type { Expr } from "./nodes.ts";

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
  const p = powers.slice(1).reduce<Expr>((sum, c) => add(mul(sum, r), c), constant(powers[0] as number, x.type));
  const fraction = add(add(mul(mul(p, r), r), r), 1);
  // The bits above the lowest ones, which `wholeInBits` has, are shifted out.
  const power = bitcast("f32", add(shl(whole, 23), 127 * 2 ** 23));
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
