/**
 * The rewrite behind `accumulate-in`, `rfactor` and `factor`: one reduction becomes an inner one into a register accumulator and an
 * outer one that flushes it. What each primitive is for is said in its own file.
 */
import {
  type Buffer,
  type BufferScope,
  b,
  buffersOf,
  type Expr,
  type Facts,
  type For,
  factsOf,
  type Kernel,
  lowerBound,
  mapExprs,
  monoids,
  type Reduce,
  rangeOf,
  type Scalar,
  type Stmt,
  scalarRange,
  simplifier,
  simplifyKernel,
  substituter,
  typeOf,
  variablesOf,
} from "../ir/index.ts";
import { determined, holdsAtFirst } from "./elements.ts";
import { require } from "./errors.ts";
import { extentOf, loopNamed, type ReduceSite, reduceSite, replaceIn, requireSequential } from "./primitive.ts";
import { exactInF32, retype } from "./retype.ts";

export interface TwoLevels {
  readonly buffer: string;
  /** The loop in whose body the reduction is a perfect nest; none: the kernel's root. */
  readonly at?: string | undefined;
  /** Name of the accumulator. */
  readonly into: string;
  /** Its type, when not the buffer's. */
  readonly scalar?: Scalar | undefined;
  /** Reduction loops that become axes of the accumulator. */
  readonly keep: readonly string[];
  /** Where it stands; registers by default. A global one is a workspace. */
  readonly scope?: BufferScope | undefined;
}

/** Loops of the nest that an index mentions. */
export const loopsIn = (index: readonly Expr[], loops: readonly For[]): readonly For[] =>
  loops.filter((l) => index.some((i) => variablesOf(i).has(l.loop)));

/** The loops of a reduction's nest by what they do. */
export interface SumLoops {
  /** Those that the element depends on. */
  readonly spatial: readonly For[];
  /** Those that are summed over. A reduction that always accumulates sums over all that its element does not depend on. */
  readonly summed: readonly For[];
}

/** Divides the loops of a reduction's nest. Throws where splitting the reduction in two levels would change its meaning. */
export function sumLoops(kernel: Kernel, { loops, reduce }: ReduceSite): SumLoops {
  const { buffer, index, over, value } = reduce;
  requireSequential(loops, `the reduction into ${buffer}`);
  require([value, ...index].every((e) => e.type.lanes.length === 0), () =>
    `the reduction into ${buffer} is vectorized; split it in levels before`);
  require(!buffersOf(value).has(buffer), () =>
    `the sum into ${buffer} depends on itself; no partial sums of it can be taken`);
  const spatial = loopsIn(index, loops);
  const summed = loops.filter((l) => (over.length > 0 ? over.includes(l.loop) : !spatial.includes(l)));
  for (const l of loops)
    require(spatial.includes(l) || summed.includes(l), () =>
      `loop ${l.loop} repeats the reduction into ${buffer}; it is neither summed over nor in the index`);
  const own = determined(index, new Set(loops.map((l) => l.loop)), factsOf(kernel));
  for (const l of spatial)
    require(own.has(l.loop), () =>
      `iterations of ${l.loop} reduce into the same elements of ${buffer}; give each an element of its own, or sum over it`);
  return { spatial, summed };
}

/** A mask's conditions: those that mention one of these loops, and the others. */
export function dividedMask(
  mask: Expr | undefined,
  loops: readonly For[],
): { readonly inside: Expr | undefined; readonly outside: Expr | undefined } {
  const all = mask === undefined ? [] : conjuncts(mask);
  const both = (list: readonly Expr[]): Expr | undefined => (list.length > 0 ? list.reduce(b.and) : undefined);
  const isInside = (e: Expr): boolean => loopsIn([e], loops).length > 0;
  return { inside: both(all.filter(isInside)), outside: both(all.filter((e) => !isInside(e))) };
}

/** The conditions that a mask joins. */
export const conjuncts = (e: Expr): readonly Expr[] =>
  e.kind === "op" && e.op === "and" ? e.args.flatMap(conjuncts) : [e];

/** The kernel after the reduction has been split in two levels. */
export function twoLevels(kernel: Kernel, step: TwoLevels): Kernel {
  const site = reduceSite(kernel, step.buffer, step.at);
  const { loops, reduce } = site;
  const { spatial, summed: all } = sumLoops(kernel, site);
  for (const name of step.keep)
    require(all.some((l) => l.loop === name), () =>
      `${step.into}: ${name} is not a loop of the reduction into ${step.buffer} at that place, which goes over ${all.map((l) => l.loop).join(", ")}`);
  const kept = all.filter((l) => step.keep.includes(l.loop));
  const summed = all.filter((l) => !kept.includes(l));
  const axes = loops.filter((l) => spatial.includes(l) || kept.includes(l));
  const target = kernel.buffers.find((buffer) => buffer.name === step.buffer) as Buffer;
  const scalar = step.scalar ?? target.scalar;
  const mask = dividedMask(reduce.mask, all);
  const over = summed.map((l) => l.loop);
  const empty = summed.find((l) => lowerBound(l.extent, factsOf(kernel)) < 1);
  require(empty === undefined, () =>
    `${step.into}: ${empty?.loop} may have no iterations, and the accumulator no value then; accumulate where it has some`);
  // A masked first term would leave the accumulator without a value.
  const starts = mask.inside === undefined || holdsAtFirst(mask.inside, over, factsOf(kernel));
  const term =
    mask.inside === undefined || starts ? reduce.value : b.select(mask.inside, reduce.value, neutralOf(reduce, target));
  const value =
    scalar === target.scalar ? term : narrowed(kernel, { ...reduce, value: term }, summed, scalar, step.into);
  const scope = step.scope ?? "register";
  const shape = scope === "global" ? axes.map((l) => l.extent) : axes.map(extentOf);
  requireOwn(kernel, step, scope);
  const accumulator = b.buffer(step.into, scalar, shape, { scope });
  const at = axes.map((l) => b.variable(l.loop));
  // Where nothing is left to sum inside, the accumulator holds single terms.
  const inside = starts ? mask.inside : undefined;
  const inner =
    over.length > 0
      ? b.reduce(step.into, at, value, over, reduce.monoid, inside)
      : b.store(step.into, at, value, inside);
  const update = nest(loops, inner);
  const flush = flushNest({ ...reduce, mask: mask.outside }, loops, axes, step.into, (place) =>
    castTo(target.scalar, b.load(accumulator, place)),
  );
  const body = replaceIn(kernel, step.at, (siblings) =>
    siblings.flatMap((s, i) => (i === site.position ? [update, flush] : [s])),
  );
  return simplifyKernel({ ...body, buffers: [...body.buffers, accumulator] });
}

/** Iterations that run at once must not share the accumulator. */
function requireOwn(kernel: Kernel, { at, into }: TwoLevels, scope: BufferScope): void {
  if (at === undefined || scope === "register") return;
  const { loop, around } = loopNamed(kernel, at);
  const isShared = ({ loopKind }: For): boolean =>
    loopKind === "thread" || loopKind.startsWith("local.") || (scope === "global" && loopKind.startsWith("workgroup."));
  const shared = [...around, loop].find(isShared);
  require(shared === undefined, () =>
    `${into}: iterations of ${shared?.loop} (${shared?.loopKind}) would share it in ${scope} memory; accumulate before binding`);
}

const neutralOf = ({ monoid }: Reduce, { scalar }: Buffer): Expr =>
  b.constant(monoids[monoid].neutral(scalar), typeOf(scalar));

const castTo = (scalar: Scalar, e: Expr): Expr => (e.type.scalar === scalar ? e : b.cast(scalar, e));

/** A statement inside copies of these loops. */
export function nest(loops: readonly For[], s: Stmt, rename: (name: string) => string = (name) => name): Stmt {
  return loops.reduceRight<Stmt>((inner, l) => b.loop(rename(l.loop), l.extent, [inner], l.loopKind), s);
}

/** A nest with its loops renamed. */
export function renamed(s: Stmt, rename: (name: string) => string): Stmt {
  const names = new Map<string, Expr>();
  const visit = (t: Stmt): Stmt => {
    if (t.kind === "for") {
      names.set(t.loop, b.variable(rename(t.loop)));
      return { ...t, loop: rename(t.loop), body: t.body.map(visit) };
    }
    return t.kind === "reduce" ? { ...t, over: t.over.map((o) => (names.has(o) ? rename(o) : o)) } : t;
  };
  return mapExprs(visit(s), substituter(names));
}

/**
 * The nest that carries an accumulator to where the reduction went: over copies `<into>/<loop>` of the accumulator's axes. A plain store when
 * nothing is left to sum, a reduction over the loops outside and the kept axes otherwise.
 */
export function flushNest(
  reduce: Reduce,
  loops: readonly For[],
  axes: readonly For[],
  into: string,
  value: (at: readonly Expr[], substitute: (e: Expr) => Expr) => Expr,
): Stmt {
  const copyOf = (name: string): string => `${into}/${name}`;
  const copies = new Map(axes.map((l) => [l.loop, b.variable(copyOf(l.loop))]));
  const substitute = substituter(copies);
  const spatial = loopsIn(reduce.index, axes);
  const outside = reduce.over.filter((name) => !loops.some((l) => l.loop === name));
  const kept = axes.filter((l) => !spatial.includes(l)).map((l) => copyOf(l.loop));
  const index = reduce.index.map(substitute);
  const flushed = value([...copies.values()], substitute);
  const mask = reduce.mask && substitute(reduce.mask);
  // Reductions that always accumulate (`over` empty) stay so; one of which nothing is left to sum becomes a store.
  const over = reduce.over.length > 0 ? [...outside, ...kept] : [];
  const s =
    over.length > 0 || reduce.over.length === 0
      ? b.reduce(reduce.buffer, index, flushed, over, reduce.monoid, mask)
      : b.store(reduce.buffer, index, flushed, mask);
  return nest(axes, s, copyOf);
}

/** Iterations that are looked at one by one, where terms differ between them. */
const mostEnumerated = 64;

/**
 * Bounds of a sum over loops. Where few iterations differ in how large their terms can be (weights of bit planes), each is bounded by itself.
 */
export function sumRange(value: Expr, summed: readonly For[], facts: Facts): readonly [number, number] {
  const whole = rangeOf(value, facts);
  const varies = (l: For): boolean => {
    const first = substituter(new Map([[l.loop, b.constant(0)]]))(value);
    const [low, high] = rangeOf(simplifier(facts)(first), facts);
    return low !== whole[0] || high !== whole[1];
  };
  const weighted = summed.filter((l) => extentOf(l) > 1 && varies(l));
  const count = (list: readonly For[]): number => list.reduce((product, l) => product * extentOf(l), 1);
  const enumerated = count(weighted) <= mostEnumerated ? weighted : [];
  const times = count(summed.filter((l) => !enumerated.includes(l)));
  const bounds = enumerated
    .reduce<readonly Expr[]>(
      (values, l) =>
        values.flatMap((e) =>
          Array.from({ length: extentOf(l) }, (_, i) => substituter(new Map([[l.loop, b.constant(i)]]))(e)),
        ),
      [value],
    )
    .map((e) => rangeOf(simplifier(facts)(e), facts));
  const total = (end: 0 | 1): number => times * bounds.reduce((sum, range) => sum + range[end], 0);
  return [total(0), total(1)];
}

/** The reduction's value in a narrower type, when every partial sum fits it. */
export function narrowed(kernel: Kernel, reduce: Reduce, summed: readonly For[], scalar: Scalar, into: string): Expr {
  const facts = factsOf(kernel);
  const terms = reduce.monoid === "sum" ? summed.reduce((product, l) => product * extentOf(l), 1) : 1;
  const [low, high] = rangeOf(reduce.value, facts);
  const [min, max] = scalar === "f32" ? exactInF32 : scalarRange(scalar);
  const [least, greatest] = reduce.monoid === "sum" ? sumRange(reduce.value, summed, facts) : [low, high];
  const fits = least >= min && greatest <= max;
  const most = Math.floor(Math.min(low < 0 ? min / low : Infinity, high > 0 ? max / high : Infinity));
  require(fits, () =>
    `${into}: ${terms} terms in ${low}..${high} do not fit ${scalar}; flush after at most ${most} terms (split the loop and accumulate inside)`);
  const value = retype(reduce.value, scalar, facts);
  require(value !== undefined, () =>
    `${into}: the terms of ${reduce.buffer} can't be computed in ${scalar}; choose an integer type that holds each of them`);
  return value;
}
