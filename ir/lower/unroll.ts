/**
 * unroll: iterations written out one after another.
 *
 *     for j<2 unroll { let a = x[j]; y[j] = a }   ->   let a = x[0]; y[0] = a; let a.1 = x[1]; y[1] = a.1
 *     for k<64 { w.q[n, k] = u4(x[n, k]) }        ->   for k<32 { w.q[n, 2*k] = u4(x[n, 2*k]); w.q[n, 2*k + 1] = u4(x[n, 2*k + 1]) }
 *
 * Unrolled are loops of kind `unroll`, loops of one iteration, and loops whose variable indexes a register buffer (registers have no
 * address). An innermost loop that stores codes of fewer than 8 bits side by side advances by whole bytes (second form), so that
 * `unpack` finds the codes of a byte together. Loop and let names in the second and later copies get a suffix.
 */
import { add, constant, loop, mul, variable } from "../build.ts";
import { check } from "../errors.ts";
import type { Buffer, Expr, For, Kernel, Stmt, Store } from "../nodes.ts";
import { storageBits } from "../types.ts";
import { eachNode, eachStmt, exprsOf, mapExprs, mapOperands, variablesOf, withBody } from "../visit.ts";
import { elementIndex } from "./linear.ts";
import { type Namer, namerOf } from "./names.ts";

/** More statements than this are a mistake of the schedule. */
const most = 1 << 16;

interface Context {
  readonly kernel: Kernel;
  readonly buffers: ReadonlyMap<string, Buffer>;
  /** Variables in the indices of register buffers. */
  readonly indexing: ReadonlySet<string>;
  readonly fresh: Namer;
  statements: number;
}

/** How names and expressions of the original body read in the copy being written. */
interface Copy {
  readonly rewrite: (e: Expr) => Expr;
  readonly nameOf: (name: string) => string;
}

export function unroll(kernel: Kernel): Kernel {
  const buffers = new Map(kernel.buffers.map((buffer) => [buffer.name, buffer]));
  const indexing = registerIndices(kernel, buffers);
  const context: Context = { kernel, buffers, indexing, fresh: namerOf(kernel), statements: 0 };
  return withBody(kernel, copyBody(kernel.body, { rewrite: (e) => e, nameOf: (name) => name }, context));
}

/** The variables that index register buffers. */
function registerIndices(kernel: Kernel, buffers: ReadonlyMap<string, Buffer>): ReadonlySet<string> {
  const names = new Set<string>();
  const seen = new Set<Expr>();
  const see = (buffer: string, index: readonly Expr[]): void => {
    if (buffers.get(buffer)?.scope !== "register") return;
    for (const e of index) for (const name of variablesOf(e)) names.add(name);
  };
  eachStmt(kernel.body, (s) => {
    if (s.kind === "store") see(s.buffer, s.index);
    for (const e of exprsOf(s))
      eachNode(
        e,
        (node) => {
          if (node.kind === "load") see(node.buffer, node.index);
        },
        seen,
      );
  });
  return names;
}

function copyBody(body: readonly Stmt[], copy: Copy, context: Context): Stmt[] {
  return body.flatMap((s) => {
    if (s.kind === "for") return copyLoop(s, copy, context);
    if (s.kind === "if") {
      const inside = copyBody(s.body, copy, context);
      return [Object.freeze({ ...s, cond: copy.rewrite(s.cond), body: Object.freeze(inside) })];
    }
    check(
      ++context.statements <= most,
      () => `${context.kernel.name}: unrolling gives more than ${most} statements; unroll shorter loops`,
    );
    const written = mapExprs(s, copy.rewrite);
    return [written.kind === "let" ? Object.freeze({ ...written, name: copy.nameOf(written.name) }) : written];
  });
}

function copyLoop(s: For, copy: Copy, context: Context): Stmt[] {
  const extent = copy.rewrite(s.extent);
  const count = extent.kind === "const" ? extent.value : undefined;
  const must = s.loopKind === "unroll" || context.indexing.has(s.loop);
  check(
    !must || count !== undefined,
    () =>
      `${context.kernel.name}: loop ${s.loop} ${s.loopKind === "unroll" ? "is to be unrolled" : "indexes registers"}, but its extent is not constant; split it`,
  );
  if (count !== undefined && (must || (count === 1 && s.loopKind === "serial")))
    return copies(s, count, (i) => constant(i), copy, context);
  const name = copy.nameOf(s.loop);
  const step = count === undefined ? 1 : codesPerStep(s, count, context);
  const at = step > 1 ? mul(variable(name), step) : undefined;
  const inside = at ? copies(s, step, (i) => add(at, i), copy, context) : copyBody(s.body, copy, context);
  return [loop(name, step > 1 ? (count as number) / step : extent, inside, s.loopKind)];
}

/** `count` copies of a loop's body, the loop's variable having the value `at(i)` in copy i. */
function copies(s: For, count: number, at: (i: number) => Expr, outer: Copy, context: Context): Stmt[] {
  const declared = declarations(s.body);
  const all: Stmt[] = [];
  for (let i = 0; i < count; i++) {
    const values = new Map<string, Expr>([[s.loop, at(i)]]);
    const names = new Map<string, string>();
    if (i > 0)
      for (const { name, declare } of declared) {
        const renamed = context.fresh(outer.nameOf(name));
        names.set(name, renamed);
        values.set(name, declare(renamed));
      }
    const rewrite = substituteOver(values, outer.rewrite);
    all.push(...copyBody(s.body, { rewrite, nameOf: (name) => names.get(name) ?? outer.nameOf(name) }, context));
  }
  return all;
}

/** The loops and lets of a body. */
function declarations(body: readonly Stmt[]): { name: string; declare: (name: string) => Expr }[] {
  const found: { name: string; declare: (name: string) => Expr }[] = [];
  eachStmt(body, (s) => {
    if (s.kind === "for") found.push({ name: s.loop, declare: (name) => variable(name) });
    if (s.kind === "let") found.push({ name: s.name, declare: (name) => variable(name, s.value.type) });
  });
  return found;
}

/** Replaces these variables; what holds none of them is left to the rewriter of the enclosing copy, which has seen it before. */
function substituteOver(values: ReadonlyMap<string, Expr>, outer: (e: Expr) => Expr): (e: Expr) => Expr {
  const seen = new Map<Expr, Expr>();
  const holds = (e: Expr): boolean => {
    for (const name of variablesOf(e)) if (values.has(name)) return true;
    return false;
  };
  const visit = (e: Expr): Expr => {
    if (e.kind === "const" || e.kind === "lanes") return e;
    const known = seen.get(e);
    if (known !== undefined) return known;
    const own = e.kind === "var" ? values.get(e.name) : undefined;
    const result = own ?? (holds(e) ? mapOperands(e, visit) : outer(e));
    seen.set(e, result);
    return result;
  };
  return visit;
}

/** How many iterations of an innermost loop store the codes of one byte: 1 where they store none, or not side by side. */
function codesPerStep(s: For, count: number, context: Context): number {
  if (s.loopKind !== "serial" && s.loopKind !== "thread") return 1;
  if (s.body.some((inner) => inner.kind === "for" || inner.kind === "if")) return 1;
  const loopVariable = variable(s.loop);
  const steps = s.body
    .filter((inner): inner is Store => inner.kind === "store")
    .map(({ buffer: name, index }) => {
      const buffer = context.buffers.get(name) as Buffer;
      const bits = storageBits(buffer.scalar);
      if (buffer.scope !== "global" || buffer.scalar === "bool" || bits >= 8) return 1;
      return elementIndex(buffer, index).terms.get(loopVariable) === 1 ? 8 / bits : 1;
    });
  const step = Math.max(1, ...steps);
  return count % step === 0 ? step : 1;
}
