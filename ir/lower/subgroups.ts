/**
 * Sums over subgroups: `slot[leader[i], ..] += v over ()`, by all invocations of a workgroup. What the statement must look like and where it may
 * stand, so that a GPU's subgroup operations, which all invocations have to arrive at together, can run it.
 */
import { addAffine, affineOf } from "../affine.ts";
import { add, constant, mul, op, store, variable } from "../build.ts";
import { type Dimension, dimensions, extentOf, type LocalNest } from "../grid.ts";
import { monoids } from "../monoids.ts";
import type { Buffer, Expr, Kernel, Load, Stmt, Store } from "../nodes.ts";
import { eachNode, exprsOf, variablesOf } from "../visit.ts";

export const leadersOf = (kernel: Kernel): ReadonlyMap<string, Buffer> =>
  new Map(kernel.buffers.filter(({ role }) => role === "subgroup").map((b) => [b.name, b]));

const leaderLoads = (e: Expr, leaders: { has(name: string): boolean }): readonly Load[] => {
  const loads: Load[] = [];
  eachNode(e, (node) => node.kind === "load" && leaders.has(node.buffer) && loads.push(node));
  return loads;
};

/** What a sum over subgroups adds, and the same statement with another value in its place. */
export interface SubgroupSum {
  readonly value: Expr;
  readonly leaders: readonly Load[];
  readonly adding: (value: Expr) => Store;
}

/** A store `slot[leader[i], ..] = slot[leader[i], ..] + v` (or max, min) taken apart; undefined for any other. */
export function subgroupSum(s: Stmt, leaders: { has(name: string): boolean }): SubgroupSum | undefined {
  if (s.kind !== "store" || s.value.kind !== "op" || s.mask !== undefined) return undefined;
  const loads = s.index.flatMap((e) => leaderLoads(e, leaders));
  const { op: name, args } = s.value;
  if (loads.length === 0 || !Object.values(monoids).some((row) => row.op === name)) return undefined;
  const isSlot = (e: Expr): boolean =>
    e.kind === "load" &&
    e.buffer === s.buffer &&
    e.mask === undefined &&
    e.index.every((at, axis) => at === s.index[axis]);
  const slot = args.find(isSlot);
  const value = args.find((e) => e !== slot);
  if (slot === undefined || value === undefined) return undefined;
  return { value, leaders: loads, adding: (other) => store(s.buffer, s.index, op(name, slot, other)) };
}

/** The reason for which statements of a local nest (or, without one, of the workgroup level) use a subgroup buffer otherwise than they may. */
export function subgroupReason(
  body: readonly Stmt[],
  nest: LocalNest | undefined,
  size: ReadonlyMap<Dimension, number>,
  leaders: ReadonlyMap<string, Buffer>,
): string | undefined {
  if (leaders.size === 0) return undefined;
  /** Names that differ between invocations. */
  const own = new Set(nest ? [...nest.loops.values()].map(({ loop }) => loop) : []);
  const check = (stmts: readonly Stmt[], uniform: boolean): string | undefined => {
    for (const s of stmts) {
      const sum = subgroupSum(s, leaders);
      const name = exprsOf(s).flatMap((e) => leaderLoads(e, leaders))[0]?.buffer;
      if (name !== undefined) {
        const reason =
          sum === undefined ? `${name} is read elsewhere than in slot[${name}[i], ..] += v` : sumReason(sum, uniform);
        if (reason !== undefined) return reason;
      }
      if (s.kind === "let") own.add(s.name);
      if (s.kind !== "for" && s.kind !== "if") continue;
      const alike = exprsOf(s).every((e) => isAlike(e, own));
      const reason = check(s.body, uniform && alike);
      if (reason !== undefined) return reason;
    }
    return undefined;
  };
  const sumReason = ({ leaders: loads }: SubgroupSum, uniform: boolean): string | undefined => {
    const name = loads[0]?.buffer as string;
    if (nest === undefined) return `a sum over the subgroups of ${name} stands outside of local nests`;
    const idle = dimensions.find((d) => extentOf(nest, d) < (size.get(d) ?? 1));
    if (idle !== undefined)
      return `a sum over the subgroups of ${name} stands in a nest of ${extentOf(nest, idle)} invocations in ${idle}, the workgroup has ${size.get(idle)}: all must take part`;
    if (!uniform)
      return `a sum over the subgroups of ${name} depends on a condition or loop that may differ between invocations`;
    const count = [...size.values()].reduce((product, extent) => product * extent, 1);
    const declared = leaders.get(name)?.shape[0];
    if (declared?.kind !== "const" || declared.value !== count)
      return `${name} must have ${count} elements, one per invocation`;
    const flat = affineOf(flatIndex(nest, size));
    const isFlat = (e: Expr): boolean => {
      const rest = addAffine(affineOf(e), flat, -1);
      return rest.terms.size === 0 && rest.constant === 0 && rest.lanes === undefined;
    };
    return loads.every((e) => isFlat(e.index[0] as Expr))
      ? undefined
      : `${name} is read at another index than the invocation's own`;
  };
  return check(body, true);
}

/** The number of an invocation in its workgroup, x fastest, in the variables of a nest. */
function flatIndex(nest: LocalNest, size: ReadonlyMap<Dimension, number>): Expr {
  let stride = 1;
  let sum: Expr = constant(0);
  for (const d of dimensions) {
    const loop = nest.loops.get(d);
    if (loop) sum = add(sum, mul(variable(loop.loop), stride));
    stride *= size.get(d) ?? 1;
  }
  return sum;
}

/** Whether an expression surely has the same value in every invocation. */
function isAlike(e: Expr, own: ReadonlySet<string>): boolean {
  let loads = false;
  eachNode(e, (node) => {
    loads ||= node.kind === "load";
  });
  return !loads && variablesOf(e).isDisjointFrom(own);
}
