/** Rules for f32: rounding, and what devices do not round correctly. Each is exact but where it says otherwise. */
import { b, type Expr, expandedExp } from "../../ir/index.ts";
import type { CallRule, OpRule } from "./driver.ts";
import { like } from "./facts.ts";

/** round(x) = trunc(x + copysign(h, x)),  h the greatest number below 1/2: so that no sum below a half is rounded up to one */
export const roundAway: OpRule = {
  name: "round",
  ops: ["round"],
  apply: (e, x) => (e.type.scalar === "f32" ? b.op("trunc", b.add(x, copySign(0.49999997, x))) : undefined),
};

/** A positive f32 constant with the sign of `x`. */
function copySign(size: number, x: Expr): Expr {
  const bits = b.bitcast("i32", like(size, x));
  return b.bitcast("f32", b.or(b.and(b.bitcast("i32", x), like(-(2 ** 31), bits)), bits));
}

/** As `round`, for f64, by comparisons, where there are no 64-bit integers; the zeros keep their sign. */
export const roundAwayDouble: OpRule = {
  name: "round-double",
  ops: ["round"],
  apply: (e, x) => {
    if (e.type.scalar !== "f64") return undefined;
    const size = b.op("trunc", b.add(b.op("abs", x), 0.49999999999999994));
    return b.select(b.lt(x, 0), b.op("neg", size), b.select(b.op("eq", x, 0), x, size));
  },
};

/** madd(a, b, c) = a * b + c      where `applies` to the call */
export const madd = (applies: (e: Expr) => boolean): CallRule => ({
  name: "madd",
  apply: (e) => {
    if (e.intrinsic !== "madd_f32" || !applies(e)) return undefined;
    const [x, y, z] = e.args as [Expr, Expr, Expr];
    return b.add(b.mul(x, y), z);
  },
});

/** pmin(a, b) = b < a ? b : a,   pmax(a, b) = a < b ? b : a      where `applies` to the operation */
export const pseudoMinMax = (applies: (e: Expr) => boolean): OpRule => ({
  name: "pseudo-min-max",
  ops: ["pmin", "pmax"],
  apply: (e, x, y) => (applies(e) ? b.select(e.op === "pmin" ? b.lt(y, x) : b.lt(x, y), y, x) : undefined),
});

/** exp(x) by its steps */
export const expansion = (nearest: Parameters<typeof expandedExp>[1]): OpRule => ({
  name: "exp",
  ops: ["exp"],
  apply: (_e, x) => expandedExp(x, nearest),
});
