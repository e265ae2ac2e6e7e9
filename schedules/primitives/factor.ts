/**
 * factor: whatever does not depend on the inner loops of a sum leaves it. Three moves, each with its proof:
 *
 *     for kg: for n: for ki: acc[n] += f32(x[kg, ki]) * sx[kg] * (f32(i32(q[n, kg, ki]) - 8) * s[n, kg])     over kg, ki
 *     factor(buffer: acc, at: kg, into: [d, z])
 *     for kg:
 *       for n: for ki: d[n] += i32(x[kg, ki]) * i32(q[n, kg, ki])                                            over ki
 *       for z/ki: z[] += i32(x[kg, z/ki]) * 8                                                                over z/ki
 *       for d/n: acc[d/n] += f32(d[d/n] - z[]) * (sx[kg] * s[d/n, kg])                                       over kg
 *
 * - pull out: a factor that no inner loop of the sum changes multiplies the sum once (float: another order of rounding, as the node allows);
 * - distribute: a sum of products becomes one sum per distinct product (`distribute: float` leaves integer differences like `q - 8` together);
 * - retype: a sum of `f32(integer)` is summed as i32, when the interval analysis proves that it fits.
 *
 * With `keep` loops of the sum become axes of the inner sums, whose terms are then weighted outside; with `scalar` the inner sums are narrower:
 *
 *     for k < 16: for p < 2: d[] += i32(t[k, p]) * (1 << p)                                                over k, p        (t: i8 in -7..7)
 *     factor(buffer: d, into: [s], keep: [p], scalar: i8)
 *     for k < 16: for p < 2: s[p] += t[k, p]                                                               over k
 *     for s/p < 2: d[] += i32(s[s/p]) * (1 << s/p)                                                         over s/p
 *
 * `into` names the inner sums, those with more axes first, else in the order in which they stand in the value; the loops of all but the first are named
 * after them. Whole constants stay inside their sum, but for those of products of integers, which dot products then take. The factors outside are multiplied
 * with each other first, in the order in which they stand, then with the sum; of a sum with fewer axes than the buffer, those that go with its axes before the rest. Float
 * products are added by `madd_f32`.
 */
import { z } from "zod";
import {
  type Buffer,
  b,
  type Expr,
  type Facts,
  type For,
  factsOf,
  isInteger,
  rangeOf,
  type Scalar,
  scalarRange,
  scalars,
  simplifyKernel,
  typeOf,
  variablesOf,
} from "../../ir/index.ts";
import { require } from "../errors.ts";
import { extentOf, type KernelStep, kernelPrimitive, type Primitive, reduceSite, replaceIn } from "../primitive.ts";
import { retype } from "../retype.ts";
import { dividedMask, flushNest, loopsIn, narrowed, nest, renamed, sumLoops, sumRange } from "../two-levels.ts";

export interface FactorStep extends KernelStep {
  readonly op: "factor";
  readonly buffer: string;
  readonly at?: string | undefined;
  readonly into: readonly string[];
  readonly distribute?: "all" | "float" | undefined;
  /** Loops of the sum that become axes of the inner sums. */
  readonly keep?: readonly string[] | undefined;
  /** Type of the integer sums inside, where every one of them fits it. */
  readonly scalar?: Scalar | undefined;
}

const schema: z.ZodType<FactorStep> = z.strictObject({
  op: z.literal("factor"),
  kernel: z.string().optional(),
  buffer: z.string(),
  at: z.string().optional(),
  into: z.array(z.string()).min(1),
  distribute: z.enum(["all", "float"]).optional(),
  keep: z.array(z.string()).optional(),
  scalar: z.enum(Object.keys(scalars) as [Scalar]).optional(),
});

/** `coefficient * product of integer factors * product of float factors`. */
interface Monomial {
  readonly coefficient: number;
  readonly ints: readonly Expr[];
  readonly floats: readonly Expr[];
}

/** A sum that stays inside the loops, and the integer factors it is multiplied with outside. */
interface Sum {
  readonly term: Expr;
  readonly negative: boolean;
  readonly outside: readonly Expr[];
}

export const factor: Primitive<FactorStep> = kernelPrimitive("factor", schema, (kernel, step) => {
  const site = reduceSite(kernel, step.buffer, step.at);
  const { loops, reduce } = site;
  require(reduce.monoid === "sum", () => `factor: the reduction into ${step.buffer} is a ${reduce.monoid}, not a sum`);
  const { spatial: own, summed: all } = sumLoops(kernel, site);
  const keep = step.keep ?? [];
  for (const name of keep)
    require(all.some((l) => l.loop === name), () =>
      `factor: ${name} is not a loop of the reduction into ${step.buffer} at that place, which goes over ${all.map((l) => l.loop).join(", ")}`);
  const spatial = loops.filter((l) => own.includes(l) || keep.includes(l.loop));
  const summed = all.filter((l) => !keep.includes(l.loop));
  require(summed.length > 0, () =>
    `factor: no loop of the reduction into ${step.buffer} is inside ${step.at ?? "the root"}; choose a loop further out`);
  const { inside } = dividedMask(reduce.mask, summed);
  require(inside === undefined, () =>
    `factor: terms of ${step.buffer} are masked; split its loops exactly, or with tail guard or peel`);
  const target = kernel.buffers.find((buffer) => buffer.name === step.buffer) as Buffer;
  const facts = factsOf(kernel);
  // Narrow integers are taken apart as what they are, and put together in their own type.
  const whole = target.scalar === "f32" ? reduce.value : retype(reduce.value, "i32", facts);
  require(whole !== undefined, () =>
    `factor: ${step.buffer} is a sum of ${target.scalar}; only sums of f32 and of integers are taken apart`);
  const depends = (e: Expr): boolean => summed.some((l) => variablesOf(e).has(l.loop));
  const groups = groupsOf(expand(whole, (step.distribute ?? "all") === "all", facts), depends);

  // One accumulator per distinct term, an axis per loop that the term depends on.
  const terms = [...new Set(groups.flatMap((group) => group.sums.map(({ term }) => term)))]
    .map((term) => ({ term, axes: loopsIn([term], spatial) }))
    .sort((x, y) => y.axes.length - x.axes.length);
  // Integers stay exact modulo 2^32; what becomes a float must not leave i32 before.
  if (target.scalar === "f32") for (const { sums: list } of groups) requireFits(list, summed, facts, step.buffer);
  require(terms.length === step.into.length, () =>
    `factor: the value has ${terms.length} distinct sums, \`into\` names ${step.into.length}; name each`);
  const sums = new Map<Expr, { buffer: Buffer; axes: readonly For[] }>();
  const updates = terms.map(({ term, axes }, i) => {
    const name = step.into[i] as string;
    const scalar = (term.type.scalar === "i32" ? step.scalar : undefined) ?? term.type.scalar;
    const isNarrower = scalar !== term.type.scalar;
    const value = isNarrower ? narrowed(kernel, { ...reduce, buffer: name, value: term }, summed, scalar, name) : term;
    const range = isNarrower ? sumRange(term, summed, facts) : undefined;
    const declared = b.buffer(name, scalar, axes.map(extentOf), { scope: "register", ...(range && { range }) });
    sums.set(term, { buffer: declared, axes });
    const at = axes.map((l) => b.variable(l.loop));
    const inner = b.reduce(
      name,
      at,
      value,
      summed.map((l) => l.loop),
    );
    const around = loops.filter((l) => axes.includes(l) || summed.includes(l));
    return i === 0 ? nest(around, inner) : renamed(nest(around, inner), (loop) => `${name}/${loop}`);
  });

  const first = step.into[0] as string;
  const flushed = factsOf({
    ...kernel,
    buffers: [...kernel.buffers, ...[...sums.values()].map((s) => s.buffer)],
    body: [...kernel.body, ...spatial.map((l) => b.loop(`${first}/${l.loop}`, l.extent, []))],
  });
  const flush = flushNest(reduce, loops, spatial, first, (_at, substitute) => {
    const read = ({ term }: Sum): Expr => {
      const { buffer, axes } = sums.get(term) as { buffer: Buffer; axes: readonly For[] };
      const at = axes.map((l) => substitute(b.variable(l.loop)));
      return isInteger(buffer.scalar) ? b.cast("i32", b.load(buffer, at)) : b.load(buffer, at);
    };
    const parts = groups.map(({ floats, sums: list }) => {
      const sum = alike(list).reduce<Expr | undefined>((total, [first, ...others]) => {
        const inner = others.reduce((e, s) => combine(e, read(s), s.negative !== first.negative), read(first));
        return combine(total, times(inner, first.outside.map(substitute)), first.negative);
      }, undefined) as Expr;
      const inner = target.scalar === "f32" ? b.cast("f32", sum) : inOwn(sum, target.scalar, flushed);
      // Factors of the same loops as a sum of few axes make one number of it, before it meets a vector of the others.
      const own = new Set(list.flatMap(({ term }) => sums.get(term)?.axes ?? []));
      const isNear = (e: Expr): boolean => own.size < spatial.length && loopsIn([e], spatial).every((l) => own.has(l));
      const [near, far] = [floats.filter(isNear), floats.filter((e) => !isNear(e))];
      return times(times(inner, near.map(substitute)), far.map(substitute));
    });
    return parts.reduce(added);
  });
  const changed = replaceIn(kernel, step.at, (siblings) =>
    siblings.flatMap((s, i) => (i === site.position ? [...updates, flush] : [s])),
  );
  return simplifyKernel({ ...changed, buffers: [...changed.buffers, ...[...sums.values()].map((s) => s.buffer)] });
});

const sameFactors = (x: Sum, y: Sum): boolean =>
  x.outside.length === y.outside.length && x.outside.every((e, i) => e === y.outside[i]);

/** Sums in their order, neighbours together that are multiplied with the same factors outside: they are once, after they are added. */
function alike(sums: readonly Sum[]): readonly (readonly [Sum, ...Sum[]])[] {
  const runs: [Sum, ...Sum[]][] = [];
  for (const s of sums) {
    const last = runs.at(-1);
    const isAlike = last !== undefined && s.outside.length > 0 && sameFactors(last[0], s);
    if (isAlike) last.push(s);
    else runs.push([s]);
  }
  return runs;
}

/** A sum with a part added: of floats in the form that may be fused. */
function added(sum: Expr, part: Expr): Expr {
  if (part.kind !== "op" || part.op !== "mul" || part.type.scalar !== "f32") return b.add(sum, part);
  const [x, y] = part.args as [Expr, Expr];
  return b.call("madd_f32", x, y, sum);
}

/** An i32 sum in the type of a narrower accumulator: what leaves the type there left it before. */
const inOwn = (e: Expr, scalar: Scalar, facts: Facts): Expr => retype(e, scalar, facts) ?? b.cast(scalar, e);

const times = (e: Expr, factors: readonly Expr[]): Expr => (factors.length === 0 ? e : b.mul(e, factors.reduce(b.mul)));

function combine(total: Expr | undefined, e: Expr, negative: boolean): Expr {
  if (total === undefined) return negative ? b.op("neg", e) : e;
  return negative ? b.sub(total, e) : b.add(total, e);
}

/** Whether an integer expression has the same value in i32. */
function fitsI32(e: Expr, facts: Facts): boolean {
  const [low, high] = rangeOf(e, facts);
  const [min, max] = scalarRange("i32");
  return low >= min && high <= max;
}

/** A value as a sum of monomials. */
function expand(e: Expr, distribute: boolean, facts: Facts): readonly Monomial[] {
  const inner = (arg: Expr): readonly Monomial[] => expand(arg, distribute, facts);
  const product = (xs: readonly Monomial[], ys: readonly Monomial[]): readonly Monomial[] =>
    xs.flatMap((x) =>
      ys.map((y) => ({
        coefficient: x.coefficient * y.coefficient,
        ints: [...x.ints, ...y.ints],
        floats: [...x.floats, ...y.floats],
      })),
    );
  const isInt = e.type.scalar === "i32";
  const plain = e.kind === "const" && (isInt || (Number.isInteger(e.value) && Math.abs(e.value) < 2 ** 24));
  if (plain) return [{ coefficient: e.value, ints: [], floats: [] }];
  if (e.kind === "cast" && e.mode === "value" && isInteger(e.arg.type.scalar) && fitsI32(e.arg, facts) && !isInt)
    return inner(b.cast("i32", e.arg));
  if (e.kind === "op") {
    const [x, y] = e.args as [Expr, Expr];
    if (e.op === "mul") return product(inner(x), inner(y));
    if (!isInt || distribute) {
      const minus = (list: readonly Monomial[]): readonly Monomial[] =>
        list.map((m) => ({ ...m, coefficient: -m.coefficient }));
      if (e.op === "add") return [...inner(x), ...inner(y)];
      if (e.op === "sub") return [...inner(x), ...minus(inner(y))];
      if (e.op === "neg") return minus(inner(x));
    }
  }
  return [isInt ? { coefficient: 1, ints: [e], floats: [] } : { coefficient: 1, ints: [], floats: [e] }];
}

/** Sums that are multiplied with the same float factors outside. */
interface Group {
  readonly floats: readonly Expr[];
  readonly sums: Sum[];
}

/** Monomials grouped by the float factors that leave the sum, integer and float sums apart. */
function groupsOf(monomials: readonly Monomial[], depends: (e: Expr) => boolean): readonly Group[] {
  const groups = new Map<string, Group>();
  for (const m of monomials) {
    const outside = m.floats.filter((e) => !depends(e));
    const inner = m.floats.filter(depends);
    const ints = m.ints.filter(depends);
    const common = outside.map((e) => e.id).sort((x, y) => x - y);
    const key = `${inner.length > 0 ? "f32" : "i32"}:${common.join()}`;
    const group = groups.get(key) ?? { floats: outside, sums: [] };
    groups.set(key, group);
    const magnitude = Math.abs(m.coefficient);
    const leaves = magnitude !== 1 && inner.length === 0 && ints.length > 1;
    const factors = m.ints.filter((e) => !depends(e)).map((e) => (inner.length > 0 ? b.cast("f32", e) : e));
    group.sums.push({
      term: termOf(leaves ? 1 : m.coefficient, ints, inner),
      negative: m.coefficient < 0,
      outside: leaves ? [...factors, b.constant(magnitude)] : factors,
    });
  }
  return [...groups.values()];
}

/** The term of an inner sum: i32 when all its factors are integers, f32 otherwise. The sign stays outside. */
function termOf(coefficient: number, ints: readonly Expr[], floats: readonly Expr[]): Expr {
  const magnitude = Math.abs(coefficient);
  require(magnitude < 2 ** 31, () =>
    `factor: constant factors multiply to ${magnitude}, which does not fit i32; scale a tensor by them instead`);
  const scale = (e: Expr): Expr => (magnitude === 1 ? e : b.mul(e, b.constant(magnitude, typeOf(e.type.scalar))));
  const integer = ints.length > 0 ? ints.reduce(b.mul) : undefined;
  if (floats.length === 0) return scale(integer ?? b.constant(1));
  const float = floats.reduce(b.mul);
  return scale(integer ? b.mul(float, b.cast("f32", integer)) : float);
}

/** Integer sums of one group, times what leaves them, are added in i32: every part and the whole must fit. */
function requireFits(sums: readonly Sum[], summed: readonly For[], facts: Facts, name: string): void {
  const count = summed.reduce((product, l) => product * extentOf(l), 1);
  const size = (e: Expr): number => Math.max(...rangeOf(e, facts).map(Math.abs));
  const whole = sums
    .filter(({ term }) => term.type.scalar === "i32")
    .reduce(
      (total, { term, outside }) => total + outside.reduce((product, e) => product * size(e), count * size(term)),
      0,
    );
  require(whole <= scalarRange("i32")[1], () =>
    `factor: integer sums over ${count} terms of ${name} reach ${whole}, which does not fit i32; use smaller groups`);
}
