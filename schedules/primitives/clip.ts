/**
 * clip: the last iterations of loops over the same elements, of which a mask lets none matter, are left out of all of them.
 *
 *     for x/ti < 64: x[x/ti] = select(64*tb + x/ti < L, s[x/ti], -inf)
 *     for p/to < 16: for p/tl < 4: p[4*p/to + p/tl] = exp(x[4*p/to + p/tl])
 *     for l/ti < 64: l[] += p[l/ti]
 *     clip(loop: tb, where: x, loops: [x/ti, p/to, l/ti])
 *     for x/ti < min(64, 4*n): ..; for p/to < min(16, n): ..; for l/ti < min(64, 4*n): ..        n = max(1, (L - 64*tb + 3) // 4)
 *
 * An iteration of each loop is about a run of elements; the longest run is a whole number of every other, and whole runs of that length stay: all loops end at the same element, so that what one
 * makes is what another reads. All that the loops make by element is used by the loops alone, each after the one that makes it. What they sum, or take a maximum of, is neutral
 * where the mask does not hold, which is shown as for `skip`. An iteration is always left, so that what begins there does.
 */
import { z } from "zod";
import {
  affineOf,
  b,
  type Expr,
  eachStmt,
  exprOf,
  type Facts,
  type For,
  factsOf,
  type Kernel,
  loopsOf,
  mapStmts,
  type Reduce,
  rangeOf,
  simplifyKernel,
  variablesOf,
  writes,
} from "../../ir/index.ts";
import { accessesIn } from "../elements.ts";
import { require } from "../errors.ts";
import { boundsOf, type Held, isConstant, leavesKernel, maskOf, reduced } from "../masked.ts";
import { type KernelStep, kernelPrimitive, loopNamed, type Primitive, requireSequential } from "../primitive.ts";

export interface ClipStep extends KernelStep {
  readonly op: "clip";
  /** The loop around them: the mask is taken at its best for any of the other loops inside. */
  readonly loop: string;
  /** The buffer that a masked select fills. */
  readonly where: string;
  /** In their order. */
  readonly loops: readonly string[];
}

const schema: z.ZodType<ClipStep> = z.strictObject({
  op: z.literal("clip"),
  kernel: z.string().optional(),
  loop: z.string(),
  where: z.string(),
  loops: z.array(z.string()).min(1),
});

export const clip: Primitive<ClipStep> = kernelPrimitive(
  "clip",
  schema,
  (kernel, { loop: name, where, loops: names }, program) => {
    const what = `clip ${name}`;
    const { loop } = loopNamed(kernel, name);
    const inside = loopsOf(loop.body);
    const loops = names.map((of) => loopNamed(kernel, of).loop);
    requireSequential([loop, ...loops], what);
    const written = loops.find((l) => l.loopKind !== "serial");
    require(written === undefined, () =>
      `${what}: ${written?.loop} is a loop of kind ${written?.loopKind}; clip before`);
    loops.forEach((l, i) => {
      const [at, before] = [inside.indexOf(l), i === 0 ? -1 : inside.lastIndexOf(lastIn(loops[i - 1] as For))];
      require(at > before, () =>
        `${what}: ${l.loop} is not in it, after ${names[i - 1] ?? "nothing"}; name loops in their order`);
    });
    const runs = runsIn(kernel, loops, what);
    const longest = Math.max(...runs.sizes);
    runs.sizes.forEach((size, i) => {
      require(longest % size === 0, () =>
        `${what}: ${names[i]} is over runs of ${size}, of which ${longest} is no multiple`);
    });
    const result = [...runs.axes.keys()].find((buffer) => leavesKernel(program, kernel, buffer));
    require(result === undefined, () =>
      `${what}: ${result} is used after the kernel, by elements that would be left out`);
    requireNeutral(kernel, loops, runs, where, what);
    const mask = maskOf(loop, where, what);
    const ends = boundsOf(mask, loop, elementOf(loops, where, runs, what));
    require(ends.length > 0, () => `${what}: nothing is known of where its mask ends`);
    const end = ends.map(exprOf).reduce(b.min);
    const left = b.max(1, b.floordiv(b.add(end, longest - 1), longest));
    const clipped = new Map(
      loops.map((l, i) => [l, { ...l, extent: b.min(l.extent, b.mul(left, longest / (runs.sizes[i] as number))) }]),
    );
    return simplifyKernel({
      ...kernel,
      body: mapStmts(kernel.body, (s) => {
        const shorter = s.kind === "for" ? clipped.get(s) : undefined;
        return shorter && [shorter];
      }),
    });
  },
);

const lastIn = (loop: For): For => loopsOf([loop]).at(-1) as For;

/** Which element of the buffer is made. */
function elementOf(loops: readonly For[], buffer: string, { axes }: Runs, what: string): Expr {
  const made = accessesIn(loops).find((a) => a.buffer === buffer && a.kind === "store");
  const element = made?.index[axes.get(buffer) ?? Number.NaN];
  require(element !== undefined, () => `${what}: ${buffer} is not made by the loops; name the one that does`);
  return element;
}

/** Elements that an iteration of each loop is about, and by which axis of the buffers that are made by element. */
interface Runs {
  readonly sizes: readonly number[];
  readonly axes: ReadonlyMap<string, number>;
}

/** Throws unless what the loops write is made by element, and used by the loops after that alone; or summed over a loop; or of an iteration's own. */
function runsIn(kernel: Kernel, loops: readonly For[], what: string): Runs {
  const facts = factsOf(kernel);
  const everywhere = accessesIn(kernel.body);
  const axes = new Map<string, number>();
  const madeBy = new Map<string, number>();
  const written = new Set(everywhere.flatMap((a) => (a.kind === "load" ? [] : [a.buffer])));
  const sizes = loops.map((l, i) => {
    const found = new Set<number>();
    for (const { buffer, index, kind } of accessesIn([l])) {
      const at = index.flatMap((e, axis) => (variablesOf(e).has(l.loop) ? [axis] : []));
      if (!written.has(buffer) || at.length === 0) continue;
      const [axis] = at as [number];
      const size = at.length === 1 ? runOf(index[axis] as Expr, l.loop, facts) : undefined;
      require(size !== undefined && (axes.get(buffer) ?? axis) === axis, () =>
        `${what}: iterations of ${l.loop} are not about runs of ${buffer}, one after the other along one axis`);
      axes.set(buffer, axis);
      found.add(size as number);
      if (kind !== "load") madeBy.set(buffer, Math.max(i, madeBy.get(buffer) ?? i));
    }
    const [size] = found;
    require(found.size === 1 && size !== undefined, () =>
      `${what}: iterations of ${l.loop} are not about runs of elements, the same of each buffer`);
    return size as number;
  });
  for (const [buffer] of axes) {
    const count = everywhere.filter((a) => a.buffer === buffer).length;
    const own = loops.map((l) => accessesIn([l]).filter((a) => a.buffer === buffer));
    require(own.flat().length === count &&
      own.every((of, i) => of.every((a) => variablesIn(a.index).has(loops[i]?.loop as string))), () =>
      `${what}: ${buffer} is used in other places than the loops, or whole; name all loops that use it`);
    require(own.every((of, i) => of.every(({ kind }) => (kind === "load") === i > (madeBy.get(buffer) ?? i))), () =>
      `${what}: ${buffer} is not made by one of the loops before others read it`);
  }
  return { sizes, axes };
}

const variablesIn = (index: readonly Expr[]): ReadonlySet<string> => new Set(index.flatMap((e) => [...variablesOf(e)]));

/** How many elements an iteration has, where they follow those of the one before; undefined where they don't. */
function runOf(index: Expr, loop: string, facts: Facts): number | undefined {
  const form = affineOf(index);
  const terms = new Map(form.terms);
  const own = b.variable(loop);
  const size = terms.get(own) ?? 0;
  terms.delete(own);
  const rest = exprOf({ ...form, terms });
  const [low, high] = rangeOf(rest, facts);
  return size > 0 && low >= 0 && high < size && !variablesOf(rest).has(loop) ? size : undefined;
}

/** Throws unless what is summed over the loops is neutral where elements of `where` are -inf, and all else that they write is by element or of an iteration's own. */
function requireNeutral(kernel: Kernel, loops: readonly For[], { axes }: Runs, where: string, what: string): void {
  const facts = factsOf(kernel);
  const uses = (body: Kernel["body"], buffer: string): number =>
    accessesIn(body).filter((a) => a.buffer === buffer).length;
  const held = new Map<string, Held>([[where, b.constant(Number.NEGATIVE_INFINITY, "f32")]]);
  for (const l of loops)
    eachStmt([l], (s) => {
      if (!writes(s)) return;
      const value = reduced(s.value, (buffer) => held.get(buffer));
      if (axes.has(s.buffer)) {
        if (s.buffer !== where) held.set(s.buffer, s.kind === "store" && value.kind === "const" ? value : undefined);
        return;
      }
      const isSummed = s.kind === "reduce" && (s.over.length === 0 || s.over.includes(l.loop));
      require((isSummed && isNeutral(s, value, facts)) || uses([l], s.buffer) === uses(kernel.body, s.buffer), () =>
        `${what}: ${s.buffer} may change where all of ${where} is masked`);
    });
}

/** Whether a term changes nothing: an iteration with other terms, none of them below the range of all, is always left. */
const isNeutral = ({ monoid, value: term }: Reduce, value: Expr, facts: Facts): boolean =>
  monoid === "sum"
    ? isConstant(value, 0)
    : (monoid === "max" || monoid === "pmax") && value.kind === "const" && value.value <= rangeOf(term, facts)[0];
