/**
 * trim: the last iterations of a loop, for which a factor of a sum's terms is masked, are left out; what is left needs no mask.
 *
 *     for ti < 64: o[] += p[ti] * v[64*tb + ti if 64*tb + ti < T]
 *     trim(loop: ti)
 *     for ti < min(64, T - 64*tb): o[] += p[ti] * v[64*tb + ti]
 *
 * The loop holds one sum, and keeps an iteration at least, so that what begins there does: above where tb < (T + 63) // 64. What is masked is 0, and zero times
 * anything is zero here, as it is for `skip`. The condition depends on the loop, and on no loop inside it.
 */
import { z } from "zod";
import {
  affineOf,
  b,
  type Expr,
  exprOf,
  type For,
  factsOf,
  type Load,
  loopsOf,
  lowerBound,
  mapExprs,
  mapStmts,
  type Reduce,
  rewriter,
  simplifyKernel,
  variablesOf,
} from "../../ir/index.ts";
import { require } from "../errors.ts";
import {
  type KernelStep,
  kernelPrimitive,
  loopNamed,
  nestOf,
  type Primitive,
  requireSequential,
} from "../primitive.ts";
import { conjuncts } from "../two-levels.ts";

export interface TrimStep extends KernelStep {
  readonly op: "trim";
  readonly loop: string;
}

const schema: z.ZodType<TrimStep> = z.strictObject({
  op: z.literal("trim"),
  kernel: z.string().optional(),
  loop: z.string(),
});

export const trim: Primitive<TrimStep> = kernelPrimitive("trim", schema, (kernel, { loop: name }) => {
  const { loop } = loopNamed(kernel, name);
  requireSequential([loop], `trim ${name}`);
  const sum = sumIn(loop);
  const [found] = factorsOf(sum.value).flatMap((factor) => boundsOf(factor, loop));
  require(found !== undefined, () =>
    `trim ${name}: no factor of the terms of ${sum.buffer} is masked by a comparison that fails from some iteration of ${name} on`);
  const { load, condition, count } = found;
  require(lowerBound(count, factsOf(kernel)) >= 1, () =>
    `trim ${name}: the mask of ${load.buffer} may leave it without iterations, of which ${sum.buffer} may begin with one; skip those of a loop around it`);
  const rest = conjuncts(load.mask as Expr).filter((e) => e !== condition);
  const unmasked = b.reload(load, load.index, rest.length > 0 ? rest.reduce(b.and) : null);
  const replace = rewriter((e) => (e === load ? unmasked : e));
  const trimmed = { ...loop, extent: b.min(loop.extent, count), body: loop.body.map((s) => mapExprs(s, replace)) };
  return simplifyKernel({ ...kernel, body: mapStmts(kernel.body, (s) => (s === loop ? [trimmed] : undefined)) });
});

/** The sum that is all a loop holds. */
function sumIn(loop: For): Reduce {
  const [sum, ...others] = nestOf(loop).body;
  require(sum?.kind === "reduce" && sum.monoid === "sum" && others.length === 0, () =>
    `trim ${loop.loop}: it holds more than a sum; distribute it`);
  return sum;
}

/** What makes a term zero where it is zero: the factors of a product, converted or not. */
function factorsOf(e: Expr): readonly Expr[] {
  if (e.kind === "cast") return factorsOf(e.arg);
  return e.kind === "op" && e.op === "mul" ? e.args.flatMap(factorsOf) : [e];
}

/** A masked load, and one of its conditions: it holds for the first `count` iterations of a loop. */
interface Bound {
  readonly load: Load;
  readonly condition: Expr;
  readonly count: Expr;
}

function boundsOf(load: Expr, loop: For): readonly Bound[] {
  if (load.kind !== "load" || load.mask === undefined || load.type.lanes.length > 0) return [];
  const inside = new Set(loopsOf(loop.body).map((l) => l.loop));
  return conjuncts(load.mask).flatMap((condition) => {
    if (condition.kind !== "op" || condition.op !== "lt" || condition.args[0]?.type.scalar !== "i32") return [];
    const [low, high] = condition.args as [Expr, Expr];
    // 0 < high - low = left - step * iteration
    const form = affineOf(b.sub(high, low));
    const terms = new Map(form.terms);
    const own = [...terms.keys()].find((e) => e.kind === "var" && e.name === loop.loop);
    const step = own === undefined ? 0 : -(terms.get(own) as number);
    if (own !== undefined) terms.delete(own);
    const left = exprOf({ ...form, terms });
    const isFixed = [...variablesOf(left)].every((name) => name !== loop.loop && !inside.has(name));
    return step > 0 && isFixed ? [{ load, condition, count: b.floordiv(b.add(left, step - 1), step) }] : [];
  });
}
