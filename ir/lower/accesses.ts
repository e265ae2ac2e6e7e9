/**
 * Which elements of memory that invocations share the statements of the workgroup level touch, and which invocations do (a part of `barriers`).
 */
import { constant, variable } from "../build.ts";
import { type Dimension, dimensions, extentOf, type Grid, type LocalNest } from "../grid.ts";
import { type Interval, rangeOf } from "../interval.ts";
import type { Expr, Kernel, Load, Stmt, Store } from "../nodes.ts";
import { type Type, typeOf } from "../types.ts";
import { eachNode, exprsOf, rewriter, substituter } from "../visit.ts";
import { type Access, type Conflicts, scalarOf } from "./conflicts.ts";
import { writtenIn } from "./effects.ts";
import { leadersOf, subgroupSum } from "./subgroups.ts";

/** Gives the accesses of a statement of the workgroup level that holds no others, or of a whole local nest. */
export interface Accesses {
  readonly ofNest: (nest: LocalNest) => readonly Access[];
  readonly ofStatement: (s: Stmt) => readonly Access[];
}

type Invocation = ReadonlyMap<Dimension, Expr>;

export function accessesOf(kernel: Kernel, grid: Grid, conflicts: Conflicts): Accesses {
  const written = writtenIn(kernel.body);
  const shared = new Set(
    kernel.buffers
      .filter(({ name, scope }) => scope === "workgroup" || (scope === "global" && written.has(name)))
      .map(({ name }) => name),
  );
  const leaders = leadersOf(kernel);
  const registers = new Set(kernel.buffers.filter(({ scope }) => scope === "register").map(({ name }) => name));
  const lets = new Map<string, Expr>();
  const wide = [...grid.size].filter(([, extent]) => extent > 1);

  /** The local indices of whichever invocation. */
  const anyInvocation = (own: Set<string>): Invocation =>
    new Map(
      wide.map(([d, extent]) => {
        const e = conflicts.fresh(`invocation.${d}`, [0, extent - 1]);
        own.add(e.name);
        return [d, e];
      }),
    );

  const access = (
    to: Load | Store,
    invocation: Invocation | "any",
    variables: ReadonlySet<string>,
    conditions: readonly Expr[],
    combines: string | undefined,
  ): Access => {
    const own = new Set(variables);
    const lanes = new Map<number, Expr>();
    const unknown = (wish: string, range: Interval, type?: Type): Expr => {
      const e = conflicts.fresh(wish, range, type);
      own.add(e.name);
      return e;
    };
    const scalar = scalarOf((axis, size) => {
      const known = lanes.get(axis) ?? unknown("lane", [0, size - 1]);
      lanes.set(axis, known);
      return known;
    });
    const resolve = substituter(lets);
    // What changes while the kernel runs may be anything at another time.
    const steady = rewriter((e) =>
      e.kind === "load" && (shared.has(e.buffer) || registers.has(e.buffer))
        ? unknown(e.buffer, rangeOf(e, conflicts.facts), typeOf(e.type.scalar))
        : e,
    );
    const form = (e: Expr): Expr => steady(scalar(resolve(e)));
    const masks = to.mask ? [to.mask] : [];
    return {
      buffer: to.buffer,
      writes: to.kind === "store",
      index: to.index.map(form),
      conditions: [...conditions, ...masks].map(form).filter((e) => e.type.scalar === "bool"),
      combines,
      // Which invocation adds a subgroup's sum is not known.
      invocation: invocation === "any" || combines !== undefined ? anyInvocation(own) : invocation,
      own,
    };
  };

  const loadsOf = (exprs: readonly Expr[]): readonly Load[] => {
    const found: Load[] = [];
    const seen = new Set<Expr>();
    for (const e of exprs)
      eachNode(e, (node) => node.kind === "load" && shared.has(node.buffer) && found.push(node), seen);
    return found;
  };

  const all = (
    s: Stmt,
    invocation: Invocation | "any",
    variables: ReadonlySet<string>,
    conditions: readonly Expr[],
  ): readonly Access[] => {
    const targets: readonly (Load | Store)[] =
      s.kind === "store" && shared.has(s.buffer) ? [...loadsOf(exprsOf(s)), s] : loadsOf(exprsOf(s));
    const sum = s.kind === "store" && subgroupSum(s, leaders) ? s : undefined;
    const isSlot = ({ buffer, index }: Load | Store): boolean =>
      buffer === sum?.buffer && index.every((e, axis) => e === sum.index[axis]);
    return targets.map((to) =>
      access(to, invocation, variables, conditions, sum && isSlot(to) ? combinationOf(sum) : undefined),
    );
  };

  /** What two sums over subgroups must have in common to come in any order: then one invocation of a subgroup makes both. */
  const combinationOf = ({ index, value }: Store): string => {
    const axis = index.findIndex((e) => e.kind === "load" && leaders.has(e.buffer));
    return axis < 0 ? `${next++}` : `${value.kind === "op" ? value.op : ""} on ${axis}`;
  };
  let next = 0;

  const ofNest = (nest: LocalNest): readonly Access[] => {
    const invocation = new Map(
      dimensions.flatMap((d): [Dimension, Expr][] => {
        const loop = nest.loops.get(d);
        return [[d, loop && extentOf(nest, d) > 1 ? variable(loop.loop) : constant(0)]];
      }),
    );
    const found: Access[] = [];
    const visit = (body: readonly Stmt[], variables: ReadonlySet<string>, conditions: readonly Expr[]): void => {
      for (const s of body) {
        if (s.kind === "let") lets.set(s.name, substituter(lets)(s.value));
        found.push(...all(s, invocation, variables, conditions));
        if (s.kind === "for") visit(s.body, new Set([...variables, s.loop]), conditions);
        if (s.kind === "if") visit(s.body, variables, [...conditions, ...conjuncts(s.cond)]);
      }
    };
    visit(nest.body, new Set([...nest.loops.values()].map(({ loop }) => loop)), []);
    return found;
  };

  const first: Invocation = new Map(dimensions.map((d) => [d, constant(0)]));
  const ofStatement = (s: Stmt): readonly Access[] => {
    if (s.kind === "let") lets.set(s.name, substituter(lets)(s.value));
    // Memory is written by the first invocation; everything else is computed by all.
    const one = s.kind === "store" && !registers.has(s.buffer);
    return all(s, one ? first : "any", new Set(), []);
  };
  return { ofNest, ofStatement };
}

const conjuncts = (e: Expr): readonly Expr[] => (e.kind === "op" && e.op === "and" ? e.args.flatMap(conjuncts) : [e]);
