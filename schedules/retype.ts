/** Computing an expression in another type: legal only where the interval analysis proves that nothing is lost. */
import {
  b,
  type Expr,
  type Facts,
  type Interval,
  isFloat,
  isInteger,
  rangeOf,
  type Scalar,
  scalarRange,
  scalars,
} from "../ir/index.ts";

/** The range to declare for a buffer that holds the values of these expressions, of one type: undefined where it is no tighter than the type's. */
export function declaredRange(values: readonly [Expr, ...Expr[]], facts: Facts): Interval | undefined {
  const ranges = values.map((e) => rangeOf(e, facts));
  const low = Math.min(...ranges.map((range) => range[0]));
  const high = Math.max(...ranges.map((range) => range[1]));
  const [min, max] = scalarRange(values[0].type.scalar);
  return low > min || high < max ? [low, high] : undefined;
}

const arithmetic: readonly string[] = ["add", "sub", "mul", "neg"];

/** The integers that f32 holds, all of them: sums and products of integers that stay within are exact. */
export const exactInF32: Interval = [-(2 ** 24), 2 ** 24];

/** A float in another float type: what was widened from it, or made wider, which loses nothing. */
function refloat(e: Expr, scalar: Scalar): Expr | undefined {
  const isWider = (wide: Scalar, than: Scalar): boolean => scalars[wide].bits > scalars[than].bits;
  if (isWider(scalar, e.type.scalar)) return b.cast(scalar, e);
  const widened = e.kind === "cast" && e.mode === "value" && e.arg.type.scalar === scalar;
  return widened && isWider(e.type.scalar, scalar) ? e.arg : undefined;
}

/** The expression computed in another type of its class, or integers in f32, or undefined when some part would not fit. */
export function retype(e: Expr, scalar: Scalar, facts: Facts): Expr | undefined {
  if (e.type.scalar === scalar) return e;
  if (isFloat(scalar) && isFloat(e.type.scalar)) return refloat(e, scalar);
  if ((isFloat(scalar) && scalar !== "f32") || isFloat(e.type.scalar)) return undefined;
  const [low, high] = rangeOf(e, facts);
  const [min, max] = scalar === "f32" ? exactInF32 : scalarRange(scalar);
  if (low < min || high > max) return undefined;
  if (e.kind === "const") return b.constant(e.value, scalar);
  if (e.kind === "cast" && e.mode === "value" && isInteger(e.arg.type.scalar)) return b.cast(scalar, e.arg);
  if (
    e.kind === "op" &&
    (scalar === "f32" ? arithmetic : [...arithmetic, "and", "or", "xor", "select"]).includes(e.op)
  ) {
    const args = e.args.map((arg) => (arg.type.scalar === "bool" ? arg : retype(arg, scalar, facts)));
    return args.every((arg) => arg !== undefined) ? b.op(e.op, ...args) : undefined;
  }
  return b.cast(scalar, e);
}
