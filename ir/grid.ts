/**
 * Grid form: how a scheduled kernel says what the workgroups and invocations of a GPU run. Workgroup loops are outermost; inside them stands
 * the workgroup level, whose loops, conditions and lets are the same for every invocation; local nests in it have one iteration per invocation.
 *
 *     for n < 64 workgroup.x
 *       for k < 8
 *         for i < 16 local.y
 *           for j < 16 local.x
 *             As[i, j] = x[16*n + i, 16*k + j]
 *         ..
 *
 * Its meaning is the sequential one. What lowering makes of it is in `lower/`; which rules it must keep is here.
 */
import { check } from "./errors.ts";
import type { Expr, For, Kernel, LoopKind, Stmt } from "./nodes.ts";
import { printExpr } from "./text/print.ts";
import { eachNode, eachStmt, exprsOf, substituter, variablesOf, writes } from "./visit.ts";

export type Dimension = "x" | "y" | "z";
export const dimensions: readonly Dimension[] = ["x", "y", "z"];

/** Most invocations of a workgroup on any device. */
export const mostInvocations = 1024;

const dimensionAfter = (prefix: string, kind: LoopKind): Dimension | undefined =>
  dimensions.find((d) => kind === `${prefix}.${d}`);

export const workgroupDimension = (kind: LoopKind): Dimension | undefined => dimensionAfter("workgroup", kind);
export const localDimension = (kind: LoopKind): Dimension | undefined => dimensionAfter("local", kind);

/** A perfect nest of local loops: each invocation runs its own iteration. */
export interface LocalNest {
  readonly loops: ReadonlyMap<Dimension, For>;
  readonly body: readonly Stmt[];
}

/** The nest whose outermost loop this is; undefined where it is no local loop. */
export function nestAt(s: Stmt): LocalNest | undefined {
  const loops = new Map<Dimension, For>();
  let body: readonly Stmt[] = [s];
  for (let inner = body[0]; body.length === 1 && inner?.kind === "for"; inner = body[0]) {
    const dimension = localDimension(inner.loopKind);
    if (dimension === undefined || loops.has(dimension)) break;
    loops.set(dimension, inner);
    body = inner.body;
  }
  return loops.size > 0 ? { loops, body } : undefined;
}

/** The extent of a nest in a dimension: 1 where it has no such loop. */
export function extentOf(nest: LocalNest, dimension: Dimension): number {
  const extent = nest.loops.get(dimension)?.extent;
  return extent?.kind === "const" ? extent.value : 1;
}

/** A kernel in grid form taken apart. */
export interface Grid {
  /** Lets at the root, in order. */
  readonly lets: readonly Stmt[];
  /** A thread loop, with the iterations of which nothing is shared. */
  readonly thread: For | undefined;
  readonly workgroups: ReadonlyMap<Dimension, For>;
  /** The workgroup level: the body of the innermost workgroup loop; without one the kernel's, of a thread loop its body. */
  readonly body: readonly Stmt[];
  /** The workgroup's size: the largest extent of each dimension that has local loops. */
  readonly size: ReadonlyMap<Dimension, number>;
}

/** Takes a kernel in grid form apart. Throws an `IrError` where it is not. */
export function gridOf(kernel: Kernel): Grid {
  const reason = gridReason(kernel);
  check(reason === undefined, () => `${kernel.name}: grid form: ${reason}`);
  return partsOf(kernel);
}

/** The outermost loop of a nest of local loops that holds all that a workgroup does; undefined where there is none. */
export function wholeNest(kernel: Kernel): For | undefined {
  const { thread, body } = partsOf(kernel);
  const [s] = body;
  return thread === undefined && body.length === 1 && s?.kind === "for" && nestAt(s) ? s : undefined;
}

function partsOf(kernel: Kernel): Grid {
  const lets = kernel.body.filter((s) => s.kind === "let");
  let body: readonly Stmt[] = kernel.body.filter((s) => s.kind !== "let");
  const root = body[0];
  if (body.length === 1 && root?.kind === "for" && root.loopKind === "thread")
    return { lets, thread: root, workgroups: new Map(), body: root.body, size: new Map() };
  const workgroups = new Map<Dimension, For>();
  for (let s = body[0]; body.length === 1 && s?.kind === "for"; s = body[0]) {
    const dimension = workgroupDimension(s.loopKind);
    if (dimension === undefined || workgroups.has(dimension)) break;
    workgroups.set(dimension, s);
    body = s.body;
  }
  if (workgroups.size === 0) return { lets: [], thread: undefined, workgroups, body: kernel.body, size: sizeOf(body) };
  return { lets, thread: undefined, workgroups, body, size: sizeOf(body) };
}

function sizeOf(body: readonly Stmt[]): ReadonlyMap<Dimension, number> {
  const size = new Map<Dimension, number>();
  eachStmt(body, (s) => {
    const dimension = s.kind === "for" ? localDimension(s.loopKind) : undefined;
    if (s.kind !== "for" || dimension === undefined || s.extent.kind !== "const") return;
    size.set(dimension, Math.max(size.get(dimension) ?? 1, s.extent.value));
  });
  return new Map(dimensions.flatMap((d) => (size.has(d) ? [[d, size.get(d) as number] as const] : [])));
}

/** The first reason for which a kernel is not in grid form. */
export function gridReason(kernel: Kernel): string | undefined {
  const { lets, thread, workgroups, body, size } = partsOf(kernel);
  const values = new Map(lets.flatMap((s) => (s.kind === "let" ? [[s.name, s.value] as const] : [])));
  const resolve = substituter(values);
  const symbols = new Set(kernel.symbols.map(({ name }) => name));
  for (const loop of workgroups.values()) {
    const extent = resolve(loop.extent);
    if (![...variablesOf(extent)].every((name) => symbols.has(name)) || loadsOf(extent).length > 0)
      return `the extent ${printExpr(loop.extent)} of ${loop.loop} (${loop.loopKind}) is not made of symbols`;
  }
  const invocations = [...size.values()].reduce((product, extent) => product * extent, 1);
  if (invocations > mostInvocations)
    return `its local loops make ${invocations} invocations a workgroup (${[...size].map(([d, e]) => `${d} ${e}`).join(", ")}), at most ${mostInvocations} are possible`;
  if (thread !== undefined) return threadReason(thread, kernel);
  return levelReason(body, changing(kernel));
}

/** Buffers whose contents are not the same for all invocations at all times. */
function changing(kernel: Kernel): ReadonlySet<string> {
  const names = new Set(kernel.buffers.filter(({ scope }) => scope !== "global").map(({ name }) => name));
  for (const { name, role } of kernel.buffers) if (role === "subgroup") names.add(name);
  eachStmt(kernel.body, (s) => {
    if (writes(s)) names.add(s.buffer);
  });
  return names;
}

const loadsOf = (e: Expr): readonly string[] => {
  const names: string[] = [];
  eachNode(e, (node) => node.kind === "load" && names.push(node.buffer));
  return names;
};

function threadReason(thread: For, kernel: Kernel): string | undefined {
  const shared = kernel.buffers.find(({ scope }) => scope === "workgroup");
  if (shared !== undefined)
    return `${shared.name} is workgroup memory, but ${thread.loop} is a thread loop; bind workgroup and local loops instead`;
  return privateReason(thread.body, `the thread loop ${thread.loop}`);
}

/** What may not stand where one invocation runs by itself. */
function privateReason(body: readonly Stmt[], place: string): string | undefined {
  let reason: string | undefined;
  eachStmt(body, (s) => {
    if (s.kind === "barrier") reason ??= `a barrier stands inside ${place}`;
    if (s.kind === "for" && s.loopKind !== "serial" && s.loopKind !== "unroll")
      reason ??= `the ${s.loopKind} loop ${s.loop} stands inside ${place}`;
  });
  return reason;
}

/** The workgroup level: local nests, and code that is the same for every invocation. */
function levelReason(body: readonly Stmt[], changes: ReadonlySet<string>): string | undefined {
  const lets = new Map<string, Expr>();
  const check = (stmts: readonly Stmt[]): string | undefined => {
    for (const s of stmts) {
      const nest = nestAt(s);
      const reason = nest ? nestReason(s as For, nest) : statementReason(s);
      if (reason !== undefined) return reason;
    }
    return undefined;
  };
  const statementReason = (s: Stmt): string | undefined => {
    if (s.kind === "let") lets.set(s.name, substituter(lets)(s.value));
    if (s.kind !== "for" && s.kind !== "if") return undefined;
    if (s.kind === "for" && s.loopKind !== "serial" && s.loopKind !== "unroll")
      return s.loopKind === "thread"
        ? `the thread loop ${s.loop} has statements beside or around it; fission makes them kernels of their own`
        : s.loopKind === "subgroup"
          ? `the subgroup loop ${s.loop} says nothing of subgroups; bind it to local.x and sum through a subgroup buffer`
          : `the ${s.loopKind} loop ${s.loop} is not in the nest of workgroup loops at the root, with nothing beside it`;
    for (const e of exprsOf(s)) {
      const changed = loadsOf(substituter(lets)(e)).find((name) => changes.has(name));
      if (changed !== undefined)
        return `${s.kind === "for" ? `the extent of ${s.loop}` : `the condition ${printExpr(e)}`} reads ${changed}, which need not be the same for every invocation`;
    }
    return check(s.body);
  };
  return check(body);
}

function nestReason(outer: For, { loops, body }: LocalNest): string | undefined {
  for (const { loop, loopKind, extent } of loops.values())
    if (extent.kind !== "const" || extent.value < 1)
      return `the extent ${printExpr(extent)} of ${loop} (${loopKind}) is not a positive number`;
  return privateReason(body, `the local nest of ${outer.loop}`);
}
