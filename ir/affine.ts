/**
 * Linear forms of i32 expressions: `constant + sum of coefficient * atom + <lane strides>`. The one place that knows how sums
 * of indices are put in order; what may be concluded from a sum's range is in `interval.ts` and `simplify.ts`.
 *
 * Atoms are expressions that are not themselves sums or multiples: variables, loads, quotients, products of variables. All
 * arithmetic is modulo 2^32, so rearranging is always exact.
 */
import { add, constant, lanes, mul, op } from "./build.ts";
import type { Expr } from "./nodes.ts";
import { compareExprs } from "./order.ts";
import type { OpName } from "./scalar-ops.ts";
import { typeOf } from "./types.ts";

export interface Affine {
  readonly constant: number;
  /** Atom to coefficient (never 0), scalars and vectors alike. */
  readonly terms: ReadonlyMap<Expr, number>;
  /** The summed lane pattern, when the expression is a vector with one. */
  readonly lanes: { readonly sizes: readonly number[]; readonly strides: readonly number[] } | undefined;
  /** Lane shape of the whole expression; empty for a scalar. */
  readonly shape: readonly number[];
}

interface Sum {
  constant: number;
  terms: Map<Expr, number>;
  strides: number[] | undefined;
}

/** The number that `op` by `b` multiplies its first operand with, when it does. */
function scaleOf(op: OpName, b: Expr | undefined): number | undefined {
  if (op === "neg") return -1;
  if (b?.kind !== "const") return undefined;
  return op === "mul" ? b.value : op === "shl" ? 2 ** b.value : undefined;
}

function accumulate(e: Expr, factor: number, sum: Sum): void {
  if (e.kind === "const") {
    sum.constant += factor * e.value;
    return;
  }
  if (e.kind === "lanes") {
    sum.strides = e.strides.map((s, i) => (sum.strides?.[i] ?? 0) + factor * s);
    return;
  }
  if (e.kind === "op") {
    const [a, b] = e.args as [Expr, Expr];
    if (e.op === "add" || e.op === "sub") {
      accumulate(a, factor, sum);
      accumulate(b, e.op === "add" ? factor : -factor, sum);
      return;
    }
    const multiple = scaleOf(e.op, b);
    if (multiple !== undefined) {
      accumulate(a, factor * multiple, sum);
      return;
    }
  }
  const coefficient = (sum.terms.get(e) ?? 0) + factor;
  if (coefficient === 0) sum.terms.delete(e);
  else sum.terms.set(e, coefficient);
}

/** The linear form of an i32 expression. */
export function affineOf(e: Expr): Affine {
  const sum: Sum = { constant: 0, terms: new Map(), strides: undefined };
  accumulate(e, 1, sum);
  const strides = sum.strides?.some((s) => s !== 0) ? sum.strides : undefined;
  return {
    constant: sum.constant,
    terms: sum.terms,
    lanes: strides ? { sizes: e.type.lanes, strides } : undefined,
    shape: e.type.lanes,
  };
}

/** `a + factor * b`. */
export function addAffine(a: Affine, b: Affine, factor = 1): Affine {
  const terms = new Map(a.terms);
  for (const [atom, c] of b.terms) {
    const coefficient = (terms.get(atom) ?? 0) + factor * c;
    if (coefficient === 0) terms.delete(atom);
    else terms.set(atom, coefficient);
  }
  const shape = a.shape.length > 0 ? a.shape : b.shape;
  const strides = shape.map((_, i) => (a.lanes?.strides[i] ?? 0) + factor * (b.lanes?.strides[i] ?? 0));
  return {
    constant: a.constant + factor * b.constant,
    terms,
    lanes: strides.some((s) => s !== 0) ? { sizes: shape, strides } : undefined,
    shape,
  };
}

/**
 * The expression of a linear form: scalars in order of creation, then the constant, then vectors, then lanes; what is subtracted comes after
 * what is added. Equal forms give one node.
 */
export function exprOf(form: Affine): Expr {
  const ordered = [...form.terms].sort(([a], [b]) => compareExprs(a, b));
  const isScalar = ([atom]: readonly [Expr, number]): boolean => atom.type.lanes.length === 0;
  let sum: Expr | undefined;
  const plus = ([e, c]: readonly [Expr, number]): void => {
    if (sum === undefined) sum = c === 1 ? e : mul(e, c);
    else if (c > 0) sum = add(sum, c === 1 ? e : mul(e, c));
    else sum = op("sub", sum, c === -1 ? e : mul(e, -c));
  };
  const scalars = ordered.filter(isScalar);
  const vectors = ordered.filter((term) => !isScalar(term));
  const addedScalars = scalars.filter(([, c]) => c > 0);
  // Without a scalar to subtract from, scalars are subtracted from the vectors.
  const late = addedScalars.length === 0 && (vectors.some(([, c]) => c > 0) || form.lanes !== undefined);
  for (const term of addedScalars) plus(term);
  if (!late) for (const term of scalars) if (term[1] < 0) plus(term);
  const constantFirst = sum !== undefined && form.constant !== 0;
  if (constantFirst) plus([constant(form.constant), 1]);
  for (const term of vectors) if (term[1] > 0) plus(term);
  if (form.lanes) plus([lanes(form.lanes.sizes, form.lanes.strides), 1]);
  for (const term of vectors) if (term[1] < 0) plus(term);
  if (late) for (const term of scalars) plus(term);
  if (sum === undefined) return constant(form.constant, typeOf("i32", form.shape));
  if (!constantFirst && form.constant !== 0) plus([constant(form.constant), 1]);
  // A vector whose lanes all cancelled stays a vector.
  return sum.type.lanes.length === form.shape.length ? sum : add(sum, constant(0, typeOf("i32", form.shape)));
}

/** Whether every coefficient and the constant are multiples of `by`. */
export function isMultipleOf(form: Affine, by: number): boolean {
  if (form.constant % by !== 0) return false;
  for (const c of form.terms.values()) if (c % by !== 0) return false;
  return form.lanes?.strides.every((s) => s % by === 0) ?? true;
}
