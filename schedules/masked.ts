/**
 * Values of which a mask leaves nothing: the condition of a select whose other case is -inf, where it holds nowhere, and what follows from -inf. Behind `skip` and `clip`.
 */
import {
  type Affine,
  affineOf,
  b,
  type Expr,
  eachStmt,
  type For,
  type Kernel,
  type Load,
  loopsOf,
  type Program,
  variablesOf,
  writes,
} from "../ir/index.ts";
import { accessesIn } from "./elements.ts";
import { require } from "./errors.ts";
import { conjuncts } from "./two-levels.ts";

/** The condition under which elements of the buffer are more than -inf. */
export function maskOf(loop: For, where: string, what: string): Expr {
  const stores: Expr[] = [];
  eachStmt(loop.body, (s) => {
    if (writes(s, where)) stores.push(s.value);
  });
  const [value] = stores;
  const [condition, , masked] = value?.kind === "op" && value.op === "select" ? value.args : [];
  require(stores.length === 1 &&
    condition !== undefined &&
    masked?.kind === "const" &&
    masked.value === Number.NEGATIVE_INFINITY, () =>
    `${what}: ${where} must be stored once in it, as select(condition, value, -inf)`);
  require(condition.type.lanes.length === 0, () =>
    `${what}: ${where} is stored in vectors; ${what.split(" ")[0]} before`);
  return condition;
}

/**
 * What is above 0 where the condition may hold for any iteration of the loops inside: of each comparison of sums that says something about it the difference at its best. With `element` (a
 * sum, too) what is above it instead: of those comparisons that bound it from above.
 */
export function boundsOf(condition: Expr, loop: For, element: Expr = b.constant(0)): readonly Affine[] {
  const compared = variablesOf(element);
  const inner = new Map(loopsOf(loop.body).map((l) => [l.loop, l]));
  return conjuncts(condition).flatMap((e) => {
    if (e.kind !== "op" || e.op !== "lt" || e.args[0]?.type.scalar !== "i32") return [];
    const [low, high] = e.args as [Expr, Expr];
    const form = affineOf(b.add(b.sub(high, low), element));
    let { constant } = form;
    const terms = new Map<Expr, number>();
    for (const [atom, c] of form.terms) {
      const [own] = [...variablesOf(atom)].filter((variable) => inner.has(variable));
      if (own === undefined) terms.set(atom, c);
      else if (compared.has(own)) return [];
      else {
        const { extent } = inner.get(own) as For;
        if (atom.kind !== "var" || extent.kind !== "const") return [];
        constant += Math.max(0, c * (extent.value - 1));
      }
    }
    return [{ ...form, constant, terms }];
  });
}

/** What all elements of a buffer are: a constant, those of another buffer when the iteration began (`as`), or nothing that is known. */
export type Held = Expr | { readonly as: string } | undefined;

/** An expression with what buffers hold put in their place, and what follows from it. */
export function reduced(root: Expr, held: (buffer: string) => Held): Expr {
  const memo = new Map<Expr, Expr>();
  const visit = (e: Expr): Expr => {
    let result = memo.get(e);
    if (result === undefined) {
      result = compute(e);
      memo.set(e, result);
    }
    return result;
  };
  const compute = (e: Expr): Expr => {
    if (e.kind === "load") {
      const now = held(e.buffer);
      if (now === undefined) return b.variable(`${e.buffer}?${e.id}`, e.type);
      return "as" in now ? reloadAs(e, now.as) : now;
    }
    if (e.kind === "cast")
      return e.mode === "value" ? b.cast(e.type.scalar, visit(e.arg)) : b.bitcast(e.type.scalar, visit(e.arg));
    if (e.kind !== "op") return e;
    const args = e.args.map(visit);
    const [first, second] = args as [Expr, Expr];
    if (e.op === "mul" && args.some((arg) => isConstant(arg, 0))) return b.constant(0, e.type);
    if (e.op === "mul" && args.some((arg) => isConstant(arg, 1))) return isConstant(first, 1) ? second : first;
    if (e.op === "sub" && first === second && isBounded(first)) return b.constant(0, e.type);
    if (e.op === "sub" && isConstant(first, Number.NEGATIVE_INFINITY) && isBounded(second)) return first;
    if (e.op === "select" && first.kind === "const") return args[first.value === 0 ? 2 : 1] as Expr;
    return b.op(e.op, ...args);
  };
  return visit(root);
}

/** The same element of another buffer, of the same shape. */
const reloadAs = (e: Load, buffer: string): Expr =>
  b.load({ name: buffer, scalar: e.type.scalar, lanes: [], shape: e.index }, e.index, e.mask);

export const isConstant = (e: Expr, value: number): boolean => e.kind === "const" && e.value === value;

/** Whether a value is more than -inf, if it is a number. */
const isBounded = (e: Expr): boolean =>
  e.kind === "const"
    ? e.value > Number.NEGATIVE_INFINITY
    : e.kind === "op" && (e.op === "pmax" || e.op === "max") && e.args.some(isBounded);

/** Whether what a kernel makes in a buffer is a result, or something that other kernels read. */
export function leavesKernel({ kernels }: Program, kernel: Kernel, name: string): boolean {
  const buffer = kernel.buffers.find((x) => x.name === name);
  if (buffer?.role === "output" || buffer?.role === "cache") return true;
  const isRead = (other: Kernel): boolean => accessesIn(other.body).some((a) => a.buffer === name && a.kind === "load");
  return buffer?.scope === "global" && kernels.some((other) => other !== kernel && isRead(other));
}
