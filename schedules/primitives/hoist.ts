/**
 * hoist: what is computed again and again in a loop nest, and does not depend on all of its loops, is computed once before loop `to` (or before everything).
 *
 *     for n < 8: for g < 4: for ki < 32: z[] += x[g, ki]  over ki;  y[n] += z[] ..
 *     hoist(buffer: z)
 *     for z/g < 4: for z/ki < 32: z[z/g] += x[z/g, z/ki]  over z/ki
 *     for n < 8: for g < 4: y[n] += z[g] ..
 *
 * The buffer gets an axis per loop left that its values depend on. Hoisted to the root it becomes a workspace, so that `fission` can make its nest a kernel
 * of its own; hoisted to a loop it stays in registers, or with `scope` is in workgroup memory, so that invocations can share the work. What the nest reads must not change in the loops that it leaves, and nothing outside them may read the buffer.
 */
import { z } from "zod";
import {
  b,
  type Expr,
  eachStmt,
  exprsOf,
  type For,
  type Kernel,
  loopsOf,
  mapExprs,
  mapStmts,
  rewriter,
  type Stmt,
  simplifyKernel,
  substituter,
  variablesOf,
  writes,
} from "../../ir/index.ts";
import { accessesIn } from "../elements.ts";
import { require } from "../errors.ts";
import {
  extentOf,
  type KernelStep,
  kernelPrimitive,
  nestOf,
  type Primitive,
  replaceIn,
  requireSequential,
} from "../primitive.ts";

export interface HoistStep extends KernelStep {
  readonly op: "hoist";
  readonly buffer: string;
  /** The loop in whose body the nest goes; none: the root. */
  readonly to?: string | undefined;
  /** Where the buffer stands, hoisted to a loop. @default "register" */
  readonly scope?: "register" | "workgroup" | undefined;
}

const schema: z.ZodType<HoistStep> = z.strictObject({
  op: z.literal("hoist"),
  kernel: z.string().optional(),
  buffer: z.string(),
  to: z.string().optional(),
  scope: z.enum(["register", "workgroup"]).optional(),
});

export const hoist: Primitive<HoistStep> = kernelPrimitive("hoist", schema, (kernel, step) => {
  const { producer, around, guarded } = producerOf(kernel, step.buffer);
  const depth = step.to === undefined ? 0 : around.findIndex((l) => l.loop === step.to) + 1;
  require(step.to === undefined || depth > 0, () =>
    `hoist ${step.buffer}: ${step.to} is not a loop around it; those are ${around.map((l) => l.loop).join(", ")}`);
  const left = around.slice(depth);
  require(step.to !== undefined || step.scope === undefined, () =>
    `hoist ${step.buffer}: at the root it is a workspace; give the loop to hoist to, or no scope`);
  require(left.length > 0, () => `hoist ${step.buffer}: it is computed there already; hoist it further`);
  require(!guarded, () => `hoist ${step.buffer}: an if around it says when it is computed; split without tail guard`);
  requireSequential(left, `hoist ${step.buffer}`);
  requireMovable(kernel, producer, left, step.buffer);
  const own = nestOf(producer);
  const used = namesIn([producer]);
  const axes = left.filter((l) => used.has(l.loop));

  const nameOf = (loop: string): string => (loop.startsWith(`${step.buffer}/`) ? loop : `${step.buffer}/${loop}`);
  const renamed = new Map<string, Expr>([...axes, ...own.loops].map((l) => [l.loop, b.variable(nameOf(l.loop))]));
  const declared = kernel.buffers.find((buffer) => buffer.name === step.buffer);
  require(declared !== undefined && declared.scope === "register", () =>
    `hoist ${step.buffer}: it is not a register buffer; accumulate-in one first`);
  const global = depth === 0;
  const buffer = b.buffer(
    step.buffer,
    declared.scalar,
    [...(global ? axes.map((l) => l.extent) : axes.map(extentOf)), ...declared.shape],
    {
      scope: global ? "global" : (step.scope ?? "register"),
      ...(declared.range ? { range: declared.range } : {}),
    },
  );
  const widened = (index: readonly Expr[]): readonly Expr[] => [...axes.map((l) => b.variable(l.loop)), ...index];
  const loads = rewriter((e) =>
    e.kind === "load" && e.buffer === step.buffer ? b.load(buffer, widened(e.index), e.mask) : e,
  );

  const substitute = substituter(renamed);
  const rename = (s: Stmt): Stmt => {
    if (s.kind === "for") return { ...s, loop: nameOf(s.loop), extent: substitute(s.extent), body: s.body.map(rename) };
    const moved = writes(s) ? { ...s, index: widened(s.index) } : s;
    const over =
      moved.kind === "reduce" ? { ...moved, over: moved.over.map((o) => (renamed.has(o) ? nameOf(o) : o)) } : moved;
    return mapExprs(over, substitute);
  };
  const moved = axes.reduceRight<Stmt>(
    (s, l) => b.loop(nameOf(l.loop), substitute(l.extent), [s], "serial"),
    rename(producer),
  );
  const without = mapStmts(kernel.body, (s) => (s === producer ? [] : undefined)).map((s) => mapExprs(s, loads));
  const target = left[0] as For;
  const placed = replaceIn({ ...kernel, body: without }, step.to, (siblings) => {
    const at = siblings.findIndex((s) => s.kind === "for" && s.loop === target.loop);
    return [...siblings.slice(0, at), moved, ...siblings.slice(at)];
  });
  return simplifyKernel({ ...placed, buffers: placed.buffers.map((x) => (x.name === step.buffer ? buffer : x)) });
});

interface Producer {
  readonly producer: Stmt;
  /** The loops around it, outermost first. */
  readonly around: readonly For[];
  /** Whether it stands in an `if`. */
  readonly guarded: boolean;
}

/** The one perfect nest that writes the buffer. */
function producerOf(kernel: Kernel, name: string): Producer {
  const found: Producer[] = [];
  const search = (body: readonly Stmt[], around: readonly For[], guarded: boolean): void => {
    for (const s of body) {
      const { body: inner } = nestOf(s);
      const [only] = inner;
      if (inner.length === 1 && only !== undefined && writes(only, name)) found.push({ producer: s, around, guarded });
      else if (s.kind === "for") search(s.body, [...around, s], guarded);
      else if (s.kind === "if") search(s.body, around, true);
    }
  };
  search(kernel.body, [], false);
  require(found.length === 1, () =>
    `hoist: ${name} must be written by one nest, there are ${found.length}; hoist before peeling`);
  return found[0] as Producer;
}

/** Before the loops that it leaves the nest must compute the same, for all who read the buffer. */
function requireMovable(kernel: Kernel, producer: Stmt, left: readonly For[], name: string): void {
  const own = new Set(loopsOf([producer]).map((l) => l.loop));
  eachStmt([producer], (s) => {
    const outer = s.kind === "reduce" ? s.over.find((o) => !own.has(o)) : undefined;
    require(outer === undefined, () =>
      `hoist ${name}: it is a sum over ${outer}, which is outside its nest; accumulate-in another register inside it first`);
  });
  const reads = new Set(accessesIn([producer]).flatMap((a) => (a.kind === "load" ? [a.buffer] : [])));
  for (const a of accessesIn(left.slice(0, 1)))
    require(a.kind === "load" || a.buffer === name || !reads.has(a.buffer), () =>
      `hoist ${name}: it reads ${a.buffer}, which changes in ${left[0]?.loop}; hoist that first`);
  const names = new Set([...loopsOf(kernel.body).map((l) => l.loop), ...kernel.symbols.map((x) => x.name)]);
  for (const variable of namesIn([producer]))
    require(names.has(variable), () =>
      `hoist ${name}: it depends on let ${variable}; keep that value in a register buffer`);
  const count = (body: readonly Stmt[]): number =>
    accessesIn(body).filter((a) => a.kind === "load" && a.buffer === name).length;
  const inside = count((left.at(-1) as For).body);
  require(inside > 0 && inside === count(kernel.body), () =>
    `hoist ${name}: it must be read in ${left.at(-1)?.loop}, where it is computed, and nowhere else`);
}

/** The variables in statements, bounds of loops included. */
function namesIn(body: readonly Stmt[]): ReadonlySet<string> {
  const names = new Set<string>();
  eachStmt(body, (s) => {
    for (const e of exprsOf(s)) for (const name of variablesOf(e)) names.add(name);
  });
  return names;
}
