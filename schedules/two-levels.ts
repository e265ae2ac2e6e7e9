/**
 * The rewrite behind `accumulate-in`, `rfactor` and `factor`: one reduction becomes an inner one into a register accumulator and an
 * outer one that flushes it. What each primitive is for is said in its own file.
 */
import {
  type Buffer,
  b,
  type Expr,
  type For,
  factsOf,
  type Kernel,
  mapExprs,
  type Reduce,
  rangeOf,
  type Scalar,
  type Stmt,
  scalarRange,
  simplifyKernel,
  substituter,
  variablesOf,
} from "../ir/index.ts";
import { require } from "./errors.ts";
import { extentOf, reduceSite, replaceIn } from "./primitive.ts";
import { isExactSum, retype } from "./retype.ts";

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
}

/** Loops of the nest that an index mentions. */
export const loopsIn = (index: readonly Expr[], loops: readonly For[]): readonly For[] =>
  loops.filter((l) => index.some((i) => variablesOf(i).has(l.loop)));

/** The kernel after the reduction has been split in two levels. */
export function twoLevels(kernel: Kernel, step: TwoLevels): Kernel {
  const site = reduceSite(kernel, step.buffer, step.at);
  const { loops, reduce } = site;
  const spatial = loopsIn(reduce.index, loops);
  const summed = loops.filter((l) => reduce.over.includes(l.loop) && !step.keep.includes(l.loop));
  for (const name of step.keep) {
    const inside = loops.some((l) => l.loop === name) && reduce.over.includes(name);
    require(inside, () => `${step.into}: ${name} is not a loop of the reduction into ${step.buffer} at that place`);
  }
  const axes = loops.filter((l) => spatial.includes(l) || step.keep.includes(l.loop));
  const target = kernel.buffers.find((buffer) => buffer.name === step.buffer) as Buffer;
  const scalar = step.scalar ?? target.scalar;
  const value = scalar === target.scalar ? reduce.value : narrowed(kernel, reduce, summed, scalar, step.into);
  const accumulator = b.buffer(step.into, scalar, axes.map(extentOf), { scope: "register" });
  const inner = b.reduce(
    step.into,
    axes.map((l) => b.variable(l.loop)),
    value,
    summed.map((l) => l.loop),
    reduce.monoid,
  );
  const update = nest(loops, inner);
  const flush = flushNest(reduce, loops, axes, step.into, (at) => castTo(target.scalar, b.load(accumulator, at)));
  const body = replaceIn(kernel, step.at, (siblings) =>
    siblings.flatMap((s, i) => (i === site.position ? [update, flush] : [s])),
  );
  return simplifyKernel({ ...body, buffers: [...body.buffers, accumulator] });
}

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
  const outside = reduce.over.filter((name) => !loops.some((l) => l.loop === name));
  const kept = reduce.over.filter((name) => copies.has(name)).map(copyOf);
  const index = reduce.index.map(substitute);
  const flushed = value([...copies.values()], substitute);
  const mask = reduce.mask && substitute(reduce.mask);
  const over = [...outside, ...kept];
  // Reductions that always accumulate (`over` empty) stay so.
  const accumulates = over.length > 0 || reduce.over.length === 0;
  const s = accumulates
    ? b.reduce(reduce.buffer, index, flushed, over, reduce.monoid, mask)
    : b.store(reduce.buffer, index, flushed, mask);
  return nest(axes, s, copyOf);
}

/** The reduction's value in a narrower type, when every partial sum fits it. */
function narrowed(kernel: Kernel, reduce: Reduce, summed: readonly For[], scalar: Scalar, into: string): Expr {
  const facts = factsOf(kernel);
  const terms = summed.reduce((product, l) => product * extentOf(l), 1);
  const [low, high] = rangeOf(reduce.value, facts);
  const [min, max] = scalarRange(scalar);
  const fits = isExactSum(scalar) ? low * terms >= min && high * terms <= max : true;
  const most = Math.floor(Math.min(low < 0 ? min / low : Infinity, high > 0 ? max / high : Infinity));
  require(fits, () =>
    `${into}: ${terms} terms in ${low}..${high} do not fit ${scalar}; flush after at most ${most} terms (split the loop and accumulate inside)`);
  const value = retype(reduce.value, scalar, facts);
  require(value !== undefined, () => `${into}: the terms of ${reduce.buffer} can't be computed in ${scalar}`);
  return value;
}
