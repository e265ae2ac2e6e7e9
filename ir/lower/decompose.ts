/**
 * decompose: what is left of `reduce` becomes loads and stores.
 *
 *     for n<N { for k<64 { y[n] += x[k] over k } }   ->   for n<N { y[n] = 0.0; for k<64 { y[n] = y[n] + x[k] } }
 *     for k<K { y[0] += x[k] over k }                ->   for k<K { if k == 0 { y[0] = 0.0 }; y[0] = y[0] + x[k] }
 *     for k<K { y[0] += x[k] over () }               ->   for k<K { y[0] = y[0] + x[k] }
 *     for k<K { y[0] += x[k] * w[k] over () }        ->   for k<K { y[0] = madd_f32(x[k], w[k], y[0]) }          (f32)
 *
 * The neutral store stands before the outermost loop of the reduction (first form) where that means the same: the loops run at
 * least once, nothing else in them touches the buffer, and the element does not depend on them.
 */
import { and, call, constant, load, loop, op, store, variable, when } from "../build.ts";
import { type Facts, factsOf, rangeOf } from "../interval.ts";
import { monoids } from "../monoids.ts";
import type { Buffer, Expr, For, If, Kernel, Reduce, Stmt } from "../nodes.ts";
import { typeOf } from "../types.ts";
import { buffersOf, eachStmt, exprsOf, substituter, variablesOf, withBody, writes } from "../visit.ts";
import { type Namer, namerOf } from "./names.ts";

interface Context {
  readonly facts: Facts;
  readonly buffers: ReadonlyMap<string, Buffer>;
  readonly fresh: Namer;
  /** Reductions whose neutral store already stands before their loops. */
  readonly started: Set<Reduce>;
}

export function decompose(kernel: Kernel): Kernel {
  let reduces = false;
  eachStmt(kernel.body, (s) => {
    reduces ||= s.kind === "reduce";
  });
  if (!reduces) return kernel;
  const buffers = new Map(kernel.buffers.map((buffer) => [buffer.name, buffer]));
  const context = { facts: factsOf(kernel), buffers, fresh: namerOf(kernel), started: new Set<Reduce>() };
  return withBody(kernel, decomposeBody(kernel.body, [], context));
}

function decomposeBody(body: readonly Stmt[], around: readonly string[], context: Context): Stmt[] {
  return body.flatMap((s) => {
    switch (s.kind) {
      case "for":
        return [
          ...startsBefore(s, around, context),
          loop(s.loop, s.extent, decomposeBody(s.body, [...around, s.loop], context), s.loopKind),
        ];
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

/** Neutral stores for the reductions whose outermost loop is `outer`. */
function startsBefore(outer: For, around: readonly string[], context: Context): Stmt[] {
  const starts: Stmt[] = [];
  const visit = (body: readonly Stmt[], path: readonly (For | If)[]): void => {
    for (const s of body) {
      if (s.kind === "for" || s.kind === "if") visit(s.body, [...path, s]);
      if (s.kind !== "reduce" || !s.over.includes(outer.loop) || s.over.some((name) => around.includes(name))) continue;
      const start = startOf(s, outer, path, context);
      if (start === undefined) continue;
      context.started.add(s);
      starts.push(start);
    }
  };
  visit(outer.body, [outer]);
  return starts;
}

/** The neutral store of a reduction, in those loops and tests of `path` that it is not over; undefined where it can't stand before `outer`. */
function startOf(s: Reduce, outer: For, path: readonly (For | If)[], context: Context): Stmt | undefined {
  const over = new Set(s.over);
  const kept = path.filter((at) => at.kind === "if" || !over.has(at.loop));
  const runs = (at: For | If): boolean => at.kind === "if" || rangeOf(at.extent, context.facts)[0] >= 1;
  const fixed = [...s.index, ...kept.flatMap((at) => (at.kind === "for" ? [at.extent] : []))];
  const local = letsIn(outer.body);
  const moved = [...fixed, ...kept.flatMap((at) => (at.kind === "if" ? [at.cond] : [])), ...(s.mask ? [s.mask] : [])];
  if (!path.every((at) => kept.includes(at) || runs(at))) return undefined;
  if (fixed.some((e) => mentions(e, over)) || moved.some((e) => mentions(e, local))) return undefined;
  if (touchedElsewhere(s, outer.body)) return undefined;

  const values = new Map<string, Expr>(s.over.map((name) => [name, constant(0)]));
  const names = new Map(
    kept.flatMap((at) => (at.kind === "for" ? [[at.loop, context.fresh(`init/${at.loop}`)] as const] : [])),
  );
  for (const [name, renamed] of names) values.set(name, variable(renamed));
  const rewrite = substituter(values);
  const init = neutralStore(s, s.index.map(rewrite), s.mask && rewrite(s.mask), context);
  return kept.reduceRight<Stmt>((inner, at) => {
    if (at.kind === "if") return when(rewrite(at.cond), [inner]);
    return loop(names.get(at.loop) as string, rewrite(at.extent), [inner], at.loopKind);
  }, init);
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

function neutralStore(s: Reduce, index: readonly Expr[], mask: Expr | undefined, context: Context): Stmt {
  const { scalar } = context.buffers.get(s.buffer) as Buffer;
  const shape = index.find((e) => e.type.lanes.length > 0)?.type.lanes ?? [];
  return store(s.buffer, index, constant(monoids[s.monoid].neutral(scalar), typeOf(scalar, shape)), mask);
}

function accumulation(s: Reduce, context: Context): Stmt[] {
  const before = load(context.buffers.get(s.buffer) as Buffer, s.index, s.mask);
  const combined = store(s.buffer, s.index, combine(s, before), s.mask);
  if (s.over.length === 0 || context.started.has(s)) return [combined];
  const first = s.over.map((name) => op("eq", variable(name), 0)).reduce((a, b) => and(a, b));
  return [when(first, [neutralStore(s, s.index, s.mask, context)]), combined];
}

/** The element with the value added: a product may be added with one rounding or two, so the fused form is open to the backend. */
function combine({ monoid, value }: Reduce, before: Expr): Expr {
  if (monoid === "sum" && value.kind === "op" && value.op === "mul" && value.type.scalar === "f32") {
    const [a, b] = value.args as [Expr, Expr];
    return call("madd_f32", a, b, before);
  }
  return op(monoids[monoid].op, before, value);
}
