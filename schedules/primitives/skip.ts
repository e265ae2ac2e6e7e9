/**
 * skip: iterations of a loop in which a mask holds nowhere are left out, where they would change nothing.
 *
 *     for tb < 16:
 *       for x/ti < 64: x[x/ti] = select(64*tb + x/ti < L, s[64*tb + x/ti], -inf)
 *       for p/ti < 64: p[p/ti] = exp(x[p/ti])
 *       for l/ti < 64: l[] += p[l/ti]
 *     skip(loop: tb, where: x)
 *     for tb < 16: if 64*tb < L: ..
 *
 * The mask is the condition of the select that stores `where`, weakened to what may hold for any of the loops inside. That nothing changes is shown by running the body
 * on what is known of values when all of `where` is -inf: which buffers are 0, 1 or -inf, and which are as they were. Zero times anything is zero here: what is masked
 * is taken to be finite.
 */
import { z } from "zod";
import {
  affineOf,
  b,
  type Expr,
  eachStmt,
  exprOf,
  type For,
  type Kernel,
  type Load,
  loopsOf,
  mapStmts,
  type Program,
  type Stmt,
  simplifyKernel,
  variablesOf,
  writes,
} from "../../ir/index.ts";
import { accessesIn, carried } from "../elements.ts";
import { require } from "../errors.ts";
import { type KernelStep, kernelPrimitive, loopNamed, type Primitive, requireSequential } from "../primitive.ts";
import { conjuncts } from "../two-levels.ts";

export interface SkipStep extends KernelStep {
  readonly op: "skip";
  readonly loop: string;
  /** The buffer that a masked select fills. */
  readonly where: string;
}

const schema: z.ZodType<SkipStep> = z.strictObject({
  op: z.literal("skip"),
  kernel: z.string().optional(),
  loop: z.string(),
  where: z.string(),
});

export const skip: Primitive<SkipStep> = kernelPrimitive("skip", schema, (kernel, { loop: name, where }, program) => {
  const { loop } = loopNamed(kernel, name);
  requireSequential([loop], `skip ${name}`);
  const mask = maskOf(loop, where);
  const left = changed(program, kernel, loop, where);
  require(left === undefined, () =>
    `skip ${name}: an iteration in which all of ${where} is masked may change ${left}; it can't be left out`);
  const test = weakened(mask, loop);
  return simplifyKernel({
    ...kernel,
    body: mapStmts(kernel.body, (s) => (s === loop ? [{ ...loop, body: [b.when(test, loop.body)] }] : undefined)),
  });
});

/** The condition under which elements of the buffer are more than -inf. */
function maskOf(loop: For, where: string): Expr {
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
    `skip ${loop.loop}: ${where} must be stored once in it, as select(condition, value, -inf)`);
  require(condition.type.lanes.length === 0, () => `skip ${loop.loop}: ${where} is stored in vectors; skip before`);
  return condition;
}

/** What holds where the condition may hold for any iteration of the loops inside: comparisons of sums, each at its best. */
function weakened(condition: Expr, loop: For): Expr {
  const inner = new Map(loopsOf(loop.body).map((l) => [l.loop, l]));
  const best = conjuncts(condition).map((e) => {
    if (e.kind !== "op" || e.op !== "lt" || e.args[0]?.type.scalar !== "i32") return undefined;
    const [low, high] = e.args as [Expr, Expr];
    const form = affineOf(b.sub(high, low));
    let { constant } = form;
    const terms = new Map<Expr, number>();
    for (const [atom, c] of form.terms) {
      const [own] = [...variablesOf(atom)].filter((variable) => inner.has(variable));
      if (own === undefined) terms.set(atom, c);
      else {
        const { extent } = inner.get(own) as For;
        if (atom.kind !== "var" || extent.kind !== "const") return undefined;
        constant += Math.max(0, c * (extent.value - 1));
      }
    }
    return b.lt(0, exprOf({ ...form, constant, terms }));
  });
  const known = best.filter((e) => e !== undefined);
  require(known.length > 0, () => `skip ${loop.loop}: nothing is known of its mask for a whole iteration`);
  return known.reduce(b.and);
}

/** What all elements of a buffer are: a constant, those of another buffer when the iteration began (`as`), or nothing that is known. */
type Held = Expr | { readonly as: string } | undefined;

/** A buffer that lives on and may be another after an iteration in which all of `where` is -inf; undefined where there is none. */
function changed(program: Program, kernel: Kernel, loop: For, where: string): string | undefined {
  const written = new Set(accessesIn(loop.body).flatMap((a) => (a.kind === "load" ? [] : [a.buffer])));
  const held = new Map<string, Held>();
  const of = (name: string): Held => (held.has(name) ? held.get(name) : { as: name });
  const isKept = (name: string): boolean => {
    const now = of(name);
    return now !== undefined && "as" in now && now.as === name;
  };
  /** What a statement makes of a buffer: where only some elements are written, or some again, all must be alike. */
  const hold = (name: string, value: Held, isPart: boolean): void => {
    const now = isPart ? of(name) : held.has(name) ? held.get(name) : value;
    held.set(name, isSame(now, value) ? value : undefined);
  };
  const run = (body: readonly Stmt[], isTested: boolean): void => {
    for (const s of body) {
      if (s.kind === "for" || s.kind === "if") run(s.body, isTested || s.kind === "if");
      if (!writes(s)) continue;
      const value = s.buffer === where ? b.constant(Number.NEGATIVE_INFINITY, "f32") : reduced(s.value, of);
      const copied = value.kind === "load" && value.index.every((e, i) => e === s.index[i]) ? value.buffer : undefined;
      const isNeutral =
        s.kind === "reduce" &&
        s.monoid !== "min" &&
        isConstant(value, s.monoid === "sum" ? 0 : Number.NEGATIVE_INFINITY);
      // A reduction that goes on stays for neutral terms; one that starts anew is the sum of zeros, or the greatest of equal values.
      if (s.kind === "reduce" && s.over.length === 0 && isNeutral) continue;
      const isKnown =
        value.kind === "const" && (s.kind === "store" || (s.over.length > 0 && (isNeutral || s.monoid !== "sum")));
      const made = isKnown ? value : s.kind === "store" && copied !== undefined ? { as: copied } : undefined;
      hold(s.buffer, made, isTested || s.mask !== undefined);
    }
  };
  run(loop.body, false);
  const livesOn = (name: string): boolean =>
    carried(kernel, [loop], name) !== undefined || isReadElsewhere(program, kernel, loop, name);
  return [...written].find((name) => !isKept(name) && livesOn(name));
}

/** Whether a buffer is used by others than the loop: it is a result, or something else reads it. */
function isReadElsewhere({ kernels }: Program, kernel: Kernel, loop: For, name: string): boolean {
  const buffer = kernel.buffers.find((x) => x.name === name);
  if (buffer?.role === "output" || buffer?.role === "cache") return true;
  const reads = (body: readonly Stmt[]): number =>
    accessesIn(body).filter((a) => a.buffer === name && a.kind === "load").length;
  const own = reads(kernel.body) > reads([loop]);
  return own || (buffer?.scope === "global" && kernels.some((other) => other !== kernel && reads(other.body) > 0));
}

/** An expression with what buffers hold put in their place, and what follows from it. */
function reduced(root: Expr, held: (buffer: string) => Held): Expr {
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

const isSame = (x: Held, y: Held): boolean =>
  x === y || (x !== undefined && y !== undefined && "as" in x && "as" in y && x.as === y.as);

/** The same element of another buffer, of the same shape. */
const reloadAs = (e: Load, buffer: string): Expr =>
  b.load({ name: buffer, scalar: e.type.scalar, lanes: [], shape: e.index }, e.index, e.mask);

const isConstant = (e: Expr, value: number): boolean => e.kind === "const" && e.value === value;

/** Whether a value is more than -inf, if it is a number. */
const isBounded = (e: Expr): boolean =>
  e.kind === "const"
    ? e.value > Number.NEGATIVE_INFINITY
    : e.kind === "op" && (e.op === "pmax" || e.op === "max") && e.args.some(isBounded);
