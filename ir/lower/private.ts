/**
 * Which axes of a register say in which invocation an element is, so that each invocation can hold its own elements only (a part of `invocations`).
 *
 *     acc[i, j, r]   i a local.y loop, j a local.x loop in every access   ->   acc[r]
 *
 * A register that carries values from one local nest to another has such an axis for every dimension of these nests. One that each nest writes
 * before it reads it may have none: it is made anew. One that is written outside nests only has the same value in all invocations.
 */
import { load } from "../build.ts";
import { check } from "../errors.ts";
import { type Dimension, extentOf, type Grid, type LocalNest, localDimension, nestAt } from "../grid.ts";
import type { Buffer, Expr, Kernel, Load, Stmt, Store } from "../nodes.ts";
import { printExpr } from "../text/print.ts";
import { eachNode, exprsOf, substituter, variablesOf } from "../visit.ts";

export interface PrivateRegisters {
  readonly isRegister: (name: string) => boolean;
  /** The access of one invocation; the indices that stay are those given. */
  readonly load: (e: Load) => Load;
  readonly store: (s: Store) => Store;
  readonly declaration: (b: Buffer) => Buffer;
}

interface Use {
  readonly index: readonly Expr[];
  readonly writes: boolean;
  /** The nest it stands in; undefined at the workgroup level. */
  readonly nest: LocalNest | undefined;
}

/** Finds the axes. Throws an `IrError` for a register whose elements an invocation would need from another one. */
export function privateRegisters(kernel: Kernel, grid: Grid): PrivateRegisters {
  const uses = usesOf(kernel, grid);
  const parallel = new Set([...grid.workgroups.values()].map(({ loop }) => loop));
  const kept = new Map<string, readonly number[]>();
  const declarations = new Map<string, Buffer>();
  for (const b of kernel.buffers) {
    if (b.scope !== "register") continue;
    const all = uses.get(b.name) ?? [];
    const fail = (reason: string): never => {
      check(false, () => `${kernel.name}: register ${b.name} ${reason}`);
      throw new Error("not reached");
    };
    const axes = b.shape.map((_, axis) => axisOf(b, axis, all, parallel, fail));
    const dims = new Set(axes.filter((d) => d !== undefined && d !== "one"));
    checkCarried(all, dims as ReadonlySet<Dimension>, fail);
    const stay = [...axes.keys()].filter((axis) => axes[axis] === undefined);
    kept.set(b.name, stay);
    const shape = stay.map((axis) => b.shape[axis] as Expr);
    declarations.set(b.name, stay.length === axes.length ? b : Object.freeze({ ...b, shape: Object.freeze(shape) }));
  }
  const indexOf = (name: string, index: readonly Expr[]): readonly Expr[] =>
    (kept.get(name) as readonly number[]).map((axis) => index[axis] as Expr);
  const shrinks = (name: string, index: readonly Expr[]): boolean =>
    (kept.get(name)?.length ?? index.length) < index.length;
  return {
    isRegister: (name) => declarations.has(name),
    load: (e) =>
      shrinks(e.buffer, e.index) ? load(declarations.get(e.buffer) as Buffer, indexOf(e.buffer, e.index), e.mask) : e,
    store: (s) =>
      shrinks(s.buffer, s.index) ? Object.freeze({ ...s, index: Object.freeze(indexOf(s.buffer, s.index)) }) : s,
    declaration: (b) => declarations.get(b.name) ?? b,
  };
}

function usesOf(kernel: Kernel, grid: Grid): ReadonlyMap<string, readonly Use[]> {
  const registers = new Set(kernel.buffers.filter(({ scope }) => scope === "register").map(({ name }) => name));
  const uses = new Map<string, Use[]>();
  const lets = new Map<string, Expr>();
  const see = (buffer: string, index: readonly Expr[], isWrite: boolean, nest: LocalNest | undefined): void => {
    if (!registers.has(buffer)) return;
    const use: Use = { index: index.map(substituter(lets)), writes: isWrite, nest };
    uses.set(buffer, [...(uses.get(buffer) ?? []), use]);
  };
  const visit = (body: readonly Stmt[], nest: LocalNest | undefined): void => {
    for (const s of body) {
      const inner = nest === undefined ? nestAt(s) : undefined;
      if (inner) {
        visit(inner.body, inner);
        continue;
      }
      const seen = new Set<Expr>();
      for (const e of exprsOf(s))
        eachNode(e, (node) => node.kind === "load" && see(node.buffer, node.index, false, nest), seen);
      if (s.kind === "let") lets.set(s.name, substituter(lets)(s.value));
      if (s.kind === "store") see(s.buffer, s.index, true, nest);
      if (s.kind === "for" || s.kind === "if") visit(s.body, nest);
    }
  };
  visit(grid.body, undefined);
  return uses;
}

/** The dimension whose local loop is the index of an axis everywhere; `one` for an axis of one element, undefined for any other. */
function axisOf(
  b: Buffer,
  axis: number,
  uses: readonly Use[],
  parallel: ReadonlySet<string>,
  fail: (reason: string) => never,
): Dimension | "one" | undefined {
  const size = b.shape[axis] as Expr;
  if (size.kind === "const" && size.value === 1) return "one";
  const found = uses.map(({ index, nest }) => {
    const e = index[axis] as Expr;
    const loop = e.kind === "var" ? [...(nest?.loops.values() ?? [])].find((l) => l.loop === e.name) : undefined;
    return { e, nest, loop, dimension: loop && localDimension(loop.loopKind) };
  });
  const dimension = found[0]?.dimension;
  if (dimension !== undefined && found.every((use) => use.dimension === dimension)) return dimension;
  const odd = found.find(({ e, nest }) => {
    const names = variablesOf(e);
    return [...names].some(
      (name) => parallel.has(name) || [...(nest?.loops.values() ?? [])].some((l) => l.loop === name),
    );
  });
  if (odd === undefined) return undefined;
  const other = found.find((use) => use.dimension !== (odd.dimension ?? "none")) ?? odd;
  const text = (use: typeof odd): string => (use.loop ? `${use.loop.loop} (${use.loop.loopKind})` : printExpr(use.e));
  return fail(
    odd === other
      ? `is indexed by ${text(odd)} on axis ${axis}: an invocation can't choose among the registers of others; index the axis by the variable of a local loop alone, or use workgroup memory`
      : `is indexed on axis ${axis} by ${text(odd)} and by ${text(other)}: invocations can't reach each other's registers; index the axis by local loops of one dimension everywhere, or use workgroup memory`,
  );
}

/** Refuses a register that hands values from nest to nest otherwise than within each invocation. */
function checkCarried(uses: readonly Use[], dims: ReadonlySet<Dimension>, fail: (reason: string) => never): void {
  const nests = [...new Set(uses.map(({ nest }) => nest))].filter((nest) => nest !== undefined);
  if (nests.length === 0) return;
  const name = (nest: LocalNest): string => [...nest.loops.values()].map(({ loop }) => loop).join(", ");
  const writers = new Set(uses.filter((use) => use.writes).map(({ nest }) => nest));
  if (writers.has(undefined)) {
    const both = nests.find((nest) => writers.has(nest));
    if (both) fail(`is written in the local nest of ${name(both)} and outside of local nests; use two registers`);
    return;
  }
  const outside = uses.find(({ nest }) => nest === undefined);
  if (outside)
    fail("is written in a local nest and read outside: there is one for each invocation; use workgroup memory");
  if (nests.length === 1) return;
  // In the order of the statements: a nest that writes before it reads makes the register anew.
  const carried = nests.find((nest) => uses.find((use) => use.nest === nest)?.writes === false);
  if (carried === undefined) return;
  for (const nest of nests) {
    const own = [...nest.loops.keys()].filter((d) => extentOf(nest, d) > 1);
    const lacks = own.find((d) => !dims.has(d));
    if (lacks)
      fail(
        `carries values into the local nest of ${name(carried)}, but has no axis for the ${lacks} dimension of the nest of ${name(nest)}; give it an axis per local dimension, indexed by the loop's variable`,
      );
  }
}
