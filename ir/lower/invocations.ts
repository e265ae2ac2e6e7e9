/**
 * invocations: the program of one invocation, out of a kernel in grid form.
 *
 *     for n < 64 workgroup.x                          ->   for group.x < 64 workgroup.x
 *       for i < 16 local.y: for j < 16 local.x               for local.x < 16 local.x
 *         acc[i, j] = 0.0                                      for local.y < 16 local.y
 *       for k < 4 local.x                                        acc[] = 0.0
 *         s[k] = ..                                              if (local.x < 4) & (local.y < 1)
 *       for a < 16 local.y: for b < 16 local.x                     s[local.x] = ..
 *         acc[a, b] += ..                                        acc[] += ..
 *       y[n] = s[0]                                              if (local.x < 1) & (local.y < 1)
 *                                                                  y[group.x] = s[0]
 *
 * Loops get their canonical names. Registers lose the axes that say which invocation holds an element (`private.ts`). A nest smaller than
 * the workgroup leaves the other invocations idle; memory is written outside nests by the first invocation. The sum over a subgroup,
 * `slot[leader[i], ..] += v over ()`, becomes `let slot.sum = v; slot[leader[..], ..] = slot[leader[..], ..] + slot.sum`, a form that later
 * passes leave as it is; all invocations arrive at it.
 */
import { and, bind, loop, lt, variable, when } from "../build.ts";
import { check } from "../errors.ts";
import { type Dimension, dimensions, extentOf, type Grid, gridOf, type LocalNest, nestAt } from "../grid.ts";
import type { Buffer, Expr, Kernel, Stmt } from "../nodes.ts";
import { eachStmt, mapExprs, mapStmts, rewriter, withBody } from "../visit.ts";
import { type Namer, namerOf } from "./names.ts";
import { type PrivateRegisters, privateRegisters } from "./private.ts";
import { leadersOf, subgroupReason, subgroupSum } from "./subgroups.ts";

type Size = ReadonlyMap<Dimension, number>;

interface Context {
  readonly kernel: Kernel;
  readonly size: Size;
  readonly rewrite: (e: Expr) => Expr;
  readonly registers: PrivateRegisters;
  readonly leaders: ReadonlyMap<string, Buffer>;
  readonly fresh: Namer;
}

export function invocations(kernel: Kernel): Kernel {
  const grid = gridOf(kernel);
  check(grid.workgroups.size > 0, () => `${kernel.name}: there is no workgroup loop; the pass grid makes one`);
  const size: Size = grid.size.size > 0 ? grid.size : new Map([["x", 1]]);
  const names = canonicalNames(kernel, grid);
  const registers = privateRegisters(kernel, grid);
  const rewrite = rewriter((e) => {
    if (e.kind === "var") return names.get(e.name) ?? e;
    return e.kind === "load" ? registers.load(e) : e;
  });
  const context: Context = { kernel, size, rewrite, registers, leaders: leadersOf(kernel), fresh: namerOf(kernel) };
  let body: readonly Stmt[] = level(grid.body, context);
  for (const d of [...dimensions].reverse())
    if (size.has(d)) body = [loop(`local.${d}`, size.get(d) as number, body, `local.${d}`)];
  for (const d of [...dimensions].reverse()) {
    const s = grid.workgroups.get(d);
    if (s) body = [loop(`group.${d}`, s.extent, body, s.loopKind)];
  }
  return withBody({ ...kernel, buffers: Object.freeze(kernel.buffers.map(registers.declaration)) }, body);
}

/** What the variables of parallel loops become. */
function canonicalNames(kernel: Kernel, grid: Grid): ReadonlyMap<string, Expr> {
  const names = new Map<string, Expr>();
  for (const [d, s] of grid.workgroups) names.set(s.loop, variable(`group.${d}`));
  eachStmt(grid.body, (s) => {
    if (s.kind === "for" && s.loopKind.startsWith("local.")) names.set(s.loop, variable(s.loopKind));
  });
  const reserved = new Set(dimensions.flatMap((d) => [`group.${d}`, `local.${d}`]));
  const refuse = (what: string, name: string): void =>
    check(
      !reserved.has(name) || names.has(name),
      () => `${kernel.name}: a ${what} is named ${name}, as lowering names the parallel loops; rename it`,
    );
  for (const { name } of kernel.symbols) refuse("symbol", name);
  for (const { name } of kernel.buffers) refuse("buffer", name);
  eachStmt(kernel.body, (s) => {
    if (s.kind === "for") refuse("loop", s.loop);
    if (s.kind === "let") refuse("let", s.name);
  });
  return names;
}

/** The statements of the workgroup level, nests and stores to memory for the invocations that run them. */
function level(body: readonly Stmt[], context: Context): Stmt[] {
  const { rewrite, registers, size } = context;
  const out: Stmt[] = [];
  /** Stores side by side for the first invocation share their test. */
  let first: Stmt[] = [];
  const flush = (): void => {
    if (first.length > 0) out.push(...guarded(first, () => 1, size));
    first = [];
  };
  for (const s of body) {
    if (s.kind === "store" && !registers.isRegister(s.buffer)) {
      first.push(...rewritten([s], undefined, context));
      continue;
    }
    flush();
    const nest = nestAt(s);
    if (nest) out.push(...guarded(rewritten(nest.body, nest, context), (d) => extentOf(nest, d), size));
    else if (s.kind === "for") out.push(loop(s.loop, rewrite(s.extent), level(s.body, context), s.loopKind));
    else if (s.kind === "if") out.push(when(rewrite(s.cond), level(s.body, context)));
    else out.push(...rewritten([s], undefined, context));
  }
  flush();
  return out;
}

/** The statements for the invocations below an extent in each dimension. */
function guarded(body: readonly Stmt[], extent: (d: Dimension) => number, size: Size): readonly Stmt[] {
  const tests = [...size].flatMap(([d, whole]) => (extent(d) < whole ? [lt(variable(`local.${d}`), extent(d))] : []));
  return tests.length > 0 ? [when(tests.reduce(and), body)] : body;
}

/** Statements as one invocation runs them. */
function rewritten(body: readonly Stmt[], nest: LocalNest | undefined, context: Context): readonly Stmt[] {
  const { kernel, rewrite, registers, leaders, size, fresh } = context;
  const reason = subgroupReason(body, nest, size, leaders);
  check(reason === undefined, () => `${kernel.name}: ${reason}`);
  return mapStmts(
    body.map((s) => mapExprs(s, rewrite)),
    (s) => {
      if (s.kind !== "store") return undefined;
      if (registers.isRegister(s.buffer)) return [registers.store(s)];
      const sum = subgroupSum(s, leaders);
      if (sum === undefined) return undefined;
      const name = fresh(`${s.buffer}.sum`);
      return [bind(name, sum.value), sum.adding(variable(name, sum.value.type))];
    },
  );
}
