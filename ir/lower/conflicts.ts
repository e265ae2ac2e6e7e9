/**
 * Conflicts: whether two accesses to memory that the invocations of a workgroup share may touch the same element from different invocations, one of
 * them writing. The proofs behind `barriers.ts`; where a barrier then stands is decided there.
 */
import { type Affine, addAffine, affineOf, exprOf } from "../affine.ts";
import { constant, sub, variable } from "../build.ts";
import { type Dimension, dimensions } from "../grid.ts";
import { type Facts, factsOf, type Interval, rangeOf } from "../interval.ts";
import type { Expr, Kernel, Var } from "../nodes.ts";
import { provenNonNegative } from "../sites.ts";
import type { Type } from "../types.ts";
import { loopsOf, rewriter, substituter, variablesOf } from "../visit.ts";

/** An access to shared memory, for every invocation that makes it and every iteration of the loops around it in its local nest. */
export interface Access {
  readonly buffer: string;
  readonly writes: boolean;
  /** Scalars: a lane is one more variable. */
  readonly index: readonly Expr[];
  /** Of a sum over subgroups: what it combines with, and on which axis the leader stands. Two alike may come in any order. */
  readonly combines: string | undefined;
  /** What holds where it is made. */
  readonly conditions: readonly Expr[];
  /** The local index of the invocation that makes it, in each dimension. */
  readonly invocation: ReadonlyMap<Dimension, Expr>;
  /** Variables that have a value of their own in each invocation or iteration. */
  readonly own: ReadonlySet<string>;
}

/** The access with its variables renamed or replaced. */
function renamed(access: Access, values: ReadonlyMap<string, Expr>): Access {
  const rewrite = substituter(values);
  return {
    ...access,
    index: access.index.map(rewrite),
    conditions: access.conditions.map(rewrite),
    invocation: new Map([...access.invocation].map(([d, e]) => [d, rewrite(e)])),
  };
}

/** The name of a variable's value in another iteration or invocation. */
const another = (name: string): string => `${name}'`;
const originalOf = (name: string): string => name.replace(/'+$/, "");

/** The value of a loop's variable in some other iteration, of which nothing is known. */
export const elsewhere = (name: string): Expr => variable(another(name));

export interface Conflicts {
  /**
   * Whether they may conflict. `moved` has the values that variables had at the earlier access, where they are not what they are at the
   * later one.
   */
  readonly between: (earlier: Access, moved: ReadonlyMap<string, Expr>, later: Access) => boolean;
  /** A variable of which the bounds are known. */
  readonly fresh: (wish: string, range: Interval, type?: Type) => Var;
  readonly facts: Facts;
}

export function conflictsOf(kernel: Kernel): Conflicts {
  const known = factsOf(kernel);
  const ranges = new Map<string, Interval>();
  const symbols = new Set(kernel.symbols.map(({ name }) => name));
  const facts: Facts = {
    memo: new Map(),
    buffer: known.buffer,
    variable: (name) => ranges.get(originalOf(name)) ?? known.variable(originalOf(name)),
    extent: (name) => {
      const extent = known.extent(originalOf(name));
      if (extent === undefined || originalOf(name) === name) return extent;
      return [...variablesOf(extent)].every((used) => symbols.has(used)) ? extent : undefined;
    },
  };
  const fresh = (wish: string, range: Interval, type?: Type): Var => {
    const name = `${wish}#${ranges.size}`;
    ranges.set(name, range);
    return variable(name, type);
  };
  const between = (earlier: Access, moved: ReadonlyMap<string, Expr>, later: Access): boolean => {
    if (earlier.buffer !== later.buffer || !(earlier.writes || later.writes)) return false;
    if (earlier.combines !== undefined && earlier.combines === later.combines) return false;
    const values = new Map(moved);
    for (const name of earlier.own) values.set(name, elsewhere(name));
    return mayMeet(renamed(earlier, values), later, facts);
  };
  return { between, fresh, facts };
}

/** Whether every invocation of a kernel's grid has elements of its own at an index, in all iterations of its loops. */
export function isApart(kernel: Kernel, index: readonly Expr[]): boolean {
  const { between } = conflictsOf(kernel);
  const own = new Set(loopsOf(kernel.body).map(({ loop }) => loop));
  const known = new Set([...own, ...kernel.symbols.map(({ name }) => name)]);
  const isKnown = index.every((e) => e.type.lanes.length === 0 && variablesOf(e).isSubsetOf(known));
  return (
    isKnown &&
    ["group", "local"].every((prefix) => {
      const names = dimensions.map((d) => [d, `${prefix}.${d}`] as const).filter(([, name]) => own.has(name));
      const invocation = new Map(names.map(([d, name]): [Dimension, Expr] => [d, variable(name)]));
      const access: Access = { buffer: "", writes: true, index, combines: undefined, conditions: [], invocation, own };
      return !between(access, new Map(), access);
    })
  );
}

/** Whether two accesses, which have no variables of their own in common, may touch the same element from different invocations. */
function mayMeet(a: Access, b: Access, facts: Facts): boolean {
  const conditions = [...a.conditions, ...b.conditions];
  let differences = a.index.flatMap((e, axis) =>
    digits(addAffine(affineOf(e), affineOf(b.index[axis] as Expr), -1), facts),
  );
  /** Pairs of local indices not yet known to be equal where the elements are. */
  let open = dimensions.flatMap((d) => {
    const [i, j] = [a.invocation.get(d) ?? constant(0), b.invocation.get(d) ?? constant(0)];
    return i === j ? [] : [{ i, j }];
  });
  for (;;) {
    if (open.length === 0) return false;
    if (differences.some((difference) => neverZero(difference, conditions, facts))) return false;
    const decided = open.find(({ i, j }) => differences.some((difference) => forcesEqual(difference, i, j, facts)));
    if (decided === undefined) return true;
    open = open.filter((pair) => pair !== decided);
    const { i, j } = decided;
    // One of the two is a variable: from here on it is the other.
    const [from, to] = i.kind === "var" ? [i, j] : [j, i];
    if (from.kind !== "var") return true;
    const rewrite = substituter(new Map([[from.name, to]]));
    differences = differences.flatMap((difference) => digits(affineOf(rewrite(exprOf(difference))), facts));
  }
}

/**
 * Forms that are all zero exactly where this one is: `g*p + r` with `-g < r < g` is zero where p and r are.
 */
function digits(form: Affine, facts: Facts): readonly Affine[] {
  const ordered = [...form.terms].sort(([, a], [, b]) => Math.abs(b) - Math.abs(a));
  for (let count = 1; count < ordered.length; count++) {
    const step = ordered.slice(0, count).reduce((g, [, c]) => greatest(g, c), 0);
    const remainder = ((form.constant % step) + step) % step;
    for (const constant of [remainder, remainder - step]) {
      const low: Affine = { ...form, constant, terms: new Map(ordered.slice(count)) };
      const [least, most] = rangeOf(exprOf(low), facts);
      if (least <= -step || most >= step) continue;
      const high: Affine = { ...form, constant: form.constant - constant, terms: new Map(ordered.slice(0, count)) };
      return [high, ...digits(low, facts)];
    }
  }
  return [form];
}

/** Whether a difference of indices is zero only where two local indices are equal: `c*(i - j) + rest` with `|rest| < |c|`. */
function forcesEqual(difference: Affine, i: Expr, j: Expr, facts: Facts): boolean {
  const c = i.kind === "const" ? -(difference.terms.get(j) ?? 0) : (difference.terms.get(i) ?? 0);
  if (c === 0) return false;
  const rest = addAffine(difference, affineOf(sub(i, j)), -c);
  const [low, high] = rangeOf(exprOf(rest), facts);
  return low > -Math.abs(c) && high < Math.abs(c);
}

const divides = (form: Affine, by: number): boolean => [...form.terms.values()].every((c) => c % by === 0);

const greatest = (a: number, b: number): number => (b === 0 ? Math.abs(a) : greatest(b, a % b));

function neverZero(difference: Affine, conditions: readonly Expr[], facts: Facts): boolean {
  return alternatives(difference).every((form) => {
    const step = [...form.terms.values()].reduce(greatest, 0);
    if (step === 0) return form.constant !== 0;
    if (form.constant % step !== 0) return true;
    const given = { conditions, loops: [] };
    const context = { facts, resolve: (e: Expr) => e };
    const positive = exprOf(addAffine(form, affineOf(constant(-1))));
    const negative = exprOf(addAffine(affineOf(constant(-1)), form, -1));
    return provenNonNegative(positive, given, context) || provenNonNegative(negative, given, context);
  });
}

/** The forms that a difference can have: `p % d - q % d` is `r` or `r - d` where `p - q` is `r` modulo d. */
function alternatives(form: Affine): readonly Affine[] {
  for (const [p, c] of form.terms)
    for (const [q, other] of form.terms) {
      if (p.kind !== "op" || q.kind !== "op" || p.op !== "mod" || q.op !== "mod" || c <= 0 || other !== -c) continue;
      const [pArg, pBy] = p.args as [Expr, Expr];
      const [qArg, qBy] = q.args as [Expr, Expr];
      if (pBy !== qBy || pBy.kind !== "const" || pBy.value <= 0) continue;
      const apart = addAffine(affineOf(pArg), affineOf(qArg), -1);
      if (!divides(apart, pBy.value)) continue;
      const r = ((apart.constant % pBy.value) + pBy.value) % pBy.value;
      const terms = new Map([...form.terms].filter(([atom]) => atom !== p && atom !== q));
      const rest: Affine = { ...form, terms };
      return [r, r - pBy.value].flatMap((value) =>
        value === -pBy.value ? [] : alternatives({ ...rest, constant: rest.constant + c * value }),
      );
    }
  return [form];
}

/** The expression with each lane axis as a variable from `laneOf`. */
export function scalarOf(laneOf: (axis: number, size: number) => Expr): (e: Expr) => Expr {
  return rewriter((e) => {
    if (e.kind === "const" && e.type.lanes.length > 0) return constant(e.value, e.type.scalar);
    if (e.kind !== "lanes") return e;
    const terms = e.strides.map((stride, axis): [Expr, number] => [laneOf(axis, e.type.lanes[axis] as number), stride]);
    return exprOf({ constant: 0, terms: new Map(terms.filter(([, c]) => c !== 0)), lanes: undefined, shape: [] });
  });
}
