/**
 * decompose: what is left of `reduce` becomes loads and stores.
 *
 *     for k<64 { y[n] += x[k] over k }               ->   sum[] = 0.0; for k<64 { sum[] = sum[] + x[k] }; y[n] = sum[]
 *     for k<64 { for n<4 { d[n] += x[k] over k } }   ->   for n'<4 { d[n'] = 0.0 }; for k<64 { for n<4 { d[n] = d[n] + x[k] } }
 *     for k<K { y[0] += x[k] over k }                ->   for k<K { if k == 0 { y[0] = 0.0 }; y[0] = y[0] + x[k] }
 *     for k<K { y[0] += x[k] over () }               ->   for k<K { y[0] = y[0] + x[k] }
 *     for k<K { y[0] += x[k] * w[k] over () }        ->   for k<K { y[0] = madd_f32(x[k], w[k], y[0]) }          (f32)
 *
 * The neutral store stands before the outermost loop of the reduction (first and second form) where that means the same: the loops run at
 * least once, nothing else in them touches the buffer, and the element does not depend on them. Where they hold only the sum (first
 * form) it is taken in a register.
 */
import { and, buffer, call, constant, load, loop, op, store, variable, when } from "../build.ts";
import { type Facts, factsOf, lowerBound } from "../interval.ts";
import { monoids } from "../monoids.ts";
import type { Buffer, Expr, For, If, Kernel, Reduce, Stmt } from "../nodes.ts";
import { typeOf } from "../types.ts";
import { buffersOf, eachStmt, exprsOf, substituter, variablesOf, withBody, writes } from "../visit.ts";
import { type Namer, namerOf } from "./names.ts";

interface Context {
  readonly facts: Facts;
  readonly buffers: ReadonlyMap<string, Buffer>;
  readonly fresh: Namer;
  /** Reductions whose neutral store already stands before their loops, with where they accumulate. */
  readonly started: Map<Reduce, Target>;
  /** Registers for sums. */
  readonly registers: Buffer[];
}

interface Target {
  readonly buffer: Buffer;
  readonly index: readonly Expr[];
  readonly mask: Expr | undefined;
}

export function decompose(kernel: Kernel): Kernel {
  let reduces = false;
  eachStmt(kernel.body, (s) => {
    reduces ||= s.kind === "reduce";
  });
  if (!reduces) return kernel;
  const context: Context = {
    facts: factsOf(kernel),
    buffers: new Map(kernel.buffers.map((buffer) => [buffer.name, buffer])),
    fresh: namerOf(kernel),
    started: new Map(),
    registers: [],
  };
  const body = decomposeBody(kernel.body, [], context);
  return withBody({ ...kernel, buffers: Object.freeze([...kernel.buffers, ...context.registers]) }, body);
}

function decomposeBody(body: readonly Stmt[], around: readonly string[], context: Context): Stmt[] {
  return body.flatMap((s) => {
    switch (s.kind) {
      case "for": {
        const sums = sumsIn(s, around, context);
        const inside = decomposeBody(s.body, [...around, s.loop], context);
        return [
          ...sums.map(({ start }) => start),
          loop(s.loop, s.extent, inside, s.loopKind),
          ...sums.flatMap(({ end }) => (end ? [end] : [])),
        ];
      }
      case "if":
        return [when(s.cond, decomposeBody(s.body, around, context))];
      case "reduce":
        return accumulation(s, context);
      default:
        return [s];
    }
  });
}

const mentions = (e: Expr, names: ReadonlySet<string>): boolean => !variablesOf(e).isDisjointFrom(names);

/** What stands before and after the loops of a reduction. */
interface Sum {
  readonly start: Stmt;
  readonly end: Stmt | undefined;
}

/** The reductions whose outermost loop is `outer`. */
function sumsIn(outer: For, around: readonly string[], context: Context): Sum[] {
  const sums: Sum[] = [];
  const visit = (body: readonly Stmt[], path: readonly (For | If)[]): void => {
    for (const s of body) {
      if (s.kind === "for" || s.kind === "if") visit(s.body, [...path, s]);
      if (s.kind !== "reduce" || !s.over.includes(outer.loop) || s.over.some((name) => around.includes(name))) continue;
      const kept = path.filter((at) => at.kind === "if" || !s.over.includes(at.loop));
      if (!mayStart(s, outer, path, kept, context)) continue;
      sums.push(kept.length === 0 && !maskVaries(s) ? sumInRegister(s, context) : sumInPlace(s, kept, context));
    }
  };
  visit(outer.body, [outer]);
  return sums;
}

const maskVaries = (s: Reduce): boolean => s.mask !== undefined && mentions(s.mask, new Set(s.over));

/** Whether the neutral store can stand before `outer`, in those loops and tests of `path` that are kept around it. */
function mayStart(
  s: Reduce,
  outer: For,
  path: readonly (For | If)[],
  kept: readonly (For | If)[],
  { facts }: Context,
): boolean {
  const over = new Set(s.over);
  const fixed = [...s.index, ...kept.flatMap((at) => (at.kind === "for" ? [at.extent] : []))];
  const moved = [...fixed, ...kept.flatMap((at) => (at.kind === "if" ? [at.cond] : [])), ...(s.mask ? [s.mask] : [])];
  const local = letsIn(outer.body);
  return (
    path.every((at) => kept.includes(at) || (at.kind === "for" && lowerBound(at.extent, facts) >= 1)) &&
    !fixed.some((e) => mentions(e, over)) &&
    // A loop that repeats the element begins it anew each time round.
    kept.every((at) => at.kind === "if" || s.index.some((e) => mentions(e, new Set([at.loop])))) &&
    !moved.some((e) => mentions(e, local)) &&
    !touchedElsewhere(s, outer.body)
  );
}

function sumInRegister(s: Reduce, context: Context): Sum {
  const of = context.buffers.get(s.buffer) as Buffer;
  const name = context.fresh(`${s.buffer}.sum`);
  const register = buffer(name, of.scalar, [], { scope: "register", lanes: lanesAt(s.index) });
  context.registers.push(register);
  context.started.set(s, { buffer: register, index: [], mask: undefined });
  const neutral = constant(monoids[s.monoid].neutral(of.scalar), typeOf(of.scalar, register.lanes));
  return { start: store(name, [], neutral), end: store(s.buffer, s.index, load(register, []), s.mask) };
}

function sumInPlace(s: Reduce, kept: readonly (For | If)[], context: Context): Sum {
  context.started.set(s, targetOf(s, context));
  const names = new Map(
    kept.flatMap((at) => (at.kind === "for" ? [[at.loop, context.fresh(`init/${at.loop}`)] as const] : [])),
  );
  const values = new Map<string, Expr>(s.over.map((name) => [name, constant(0)]));
  for (const [name, renamed] of names) values.set(name, variable(renamed));
  const rewrite = substituter(values);
  const { buffer: of, index, mask } = targetOf(s, context);
  const init = neutralStore(s, { buffer: of, index: index.map(rewrite), mask: mask && rewrite(mask) });
  const start = kept.reduceRight<Stmt>((inner, at) => {
    if (at.kind === "if") return when(rewrite(at.cond), [inner]);
    return loop(names.get(at.loop) as string, rewrite(at.extent), [inner], at.loopKind);
  }, init);
  return { start, end: undefined };
}

/** Names of the lets in a body. */
function letsIn(body: readonly Stmt[]): ReadonlySet<string> {
  const names = new Set<string>();
  eachStmt(body, (s) => {
    if (s.kind === "let") names.add(s.name);
  });
  return names;
}

/** Whether anything in `body` but the reduction itself reads or writes its buffer. */
function touchedElsewhere(reduction: Reduce, body: readonly Stmt[]): boolean {
  let touched = false;
  eachStmt(body, (s) => {
    touched ||= s !== reduction && writes(s, reduction.buffer);
    touched ||= exprsOf(s).some((e) => buffersOf(e).has(reduction.buffer));
  });
  return touched;
}

const targetOf = (s: Reduce, { buffers }: Context): Target => ({
  buffer: buffers.get(s.buffer) as Buffer,
  index: s.index,
  mask: s.mask,
});

const lanesAt = (index: readonly Expr[]): readonly number[] =>
  index.find((e) => e.type.lanes.length > 0)?.type.lanes ?? [];

function neutralStore(s: Reduce, { buffer: { name, scalar }, index, mask }: Target): Stmt {
  return store(name, index, constant(monoids[s.monoid].neutral(scalar), typeOf(scalar, lanesAt(index))), mask);
}

function accumulation(s: Reduce, context: Context): Stmt[] {
  const started = context.started.get(s);
  const target = started ?? targetOf(s, context);
  const { buffer: of, index, mask } = target;
  const combined = store(of.name, index, combine(s, load(of, index, mask), context), mask);
  if (s.over.length === 0 || started !== undefined) return [combined];
  const first = s.over.map((name) => op("eq", variable(name), 0)).reduce((a, b) => and(a, b));
  return [when(first, [neutralStore(s, target)]), combined];
}

/**
 * The element with the value added: a product may be added with one rounding or two, so the fused form is open to the backend. The sum over a
 * subgroup stays one.
 */
function combine({ monoid, value, index }: Reduce, before: Expr, { buffers }: Context): Expr {
  const isSubgroup = index.some((e) => [...buffersOf(e)].some((name) => buffers.get(name)?.role === "subgroup"));
  if (!isSubgroup && monoid === "sum" && value.kind === "op" && value.op === "mul" && value.type.scalar === "f32") {
    const [a, b] = value.args as [Expr, Expr];
    return call("madd_f32", a, b, before);
  }
  return op(monoids[monoid].op, before, value);
}
