/** What rules ask of expressions. */
import {
  b,
  type Expr,
  type Facts,
  isInteger,
  isSigned,
  type OpName,
  ops,
  rangeOf,
  type Scalar,
  scalarRange,
  scalars,
} from "../../ir/index.ts";

export const isScalar = (e: Expr): boolean => e.type.lanes.length === 0;
export const bitsOf = (e: Expr): number => scalars[e.type.scalar].bits;
export const isNarrow = (e: Expr): boolean => isInteger(e.type.scalar) && bitsOf(e) < 32;
export const isSignedInt = (e: Expr): boolean => isInteger(e.type.scalar) && isSigned(e.type.scalar);
export const unsigned = (e: Expr): Scalar => `u${bitsOf(e)}` as Scalar;
/** A constant of an expression's type. */
export const like = (value: number, e: Expr): Expr => b.constant(value, e.type);
export const everyOp: readonly OpName[] = Object.keys(ops) as readonly OpName[];

/** Whether an integer expression has only values of another integer type. */
export const fits = (e: Expr, to: Scalar, facts: Facts): boolean => {
  const [low, high] = rangeOf(e, facts);
  const [min, max] = scalarRange(to);
  return low >= min && high <= max;
};

/** log2 of a constant that is a power of two. */
export function logOf(e: Expr): number | undefined {
  if (e.kind !== "const" || e.value <= 0) return undefined;
  const log = Math.log2(e.value);
  return Number.isInteger(log) ? log : undefined;
}
