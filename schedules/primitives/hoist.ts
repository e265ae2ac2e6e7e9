/**
 * hoist: what is computed again and again in a loop nest, and does not depend on all of its loops, is computed once before loop `to` (or before everything).
 *
 *     for n < 8: for g < 4: for ki < 32: z[] += x[g, ki]  over ki;  y[n] += z[] ..
 *     hoist(buffer: z)
 *     for z/g < 4: for z/ki < 32: z[z/g] += x[z/g, z/ki]  over z/ki
 *     for n < 8: for g < 4: y[n] += z[g] ..
 *
 * The buffer gets an axis per loop left that its values depend on. Hoisted to the root it becomes a workspace, so that `fission` can make its nest a kernel
 * of its own.
 */
import { z } from "zod";
import {
  b,
  type Expr,
  eachStmt,
  type For,
  type Kernel,
  mapExprs,
  mapStmts,
  rewriter,
  type Stmt,
  simplifyKernel,
  substituter,
  variablesOf,
  writes,
} from "../../ir/index.ts";
import { require } from "../errors.ts";
import { extentOf, type KernelStep, kernelPrimitive, nestOf, type Primitive, replaceIn } from "../primitive.ts";

export interface HoistStep extends KernelStep {
  readonly op: "hoist";
  readonly buffer: string;
  /** The loop in whose body the nest goes; none: the root. */
  readonly to?: string | undefined;
}

const schema: z.ZodType<HoistStep> = z.strictObject({
  op: z.literal("hoist"),
  kernel: z.string().optional(),
  buffer: z.string(),
  to: z.string().optional(),
});

export const hoist: Primitive<HoistStep> = kernelPrimitive("hoist", schema, (kernel, step) => {
  const { producer, around } = producerOf(kernel, step.buffer);
  const depth = step.to === undefined ? 0 : around.findIndex((l) => l.loop === step.to) + 1;
  require(step.to === undefined || depth > 0, () => `hoist ${step.buffer}: ${step.to} is not a loop around it`);
  const left = around.slice(depth);
  require(left.length > 0, () => `hoist ${step.buffer}: it is computed there already`);
  const own = nestOf(producer);
  const used = namesIn(own.body);
  const axes = left.filter((l) => used.has(l.loop) || own.loops.some((inner) => variablesOf(inner.extent).has(l.loop)));

  const nameOf = (loop: string): string => (loop.startsWith(`${step.buffer}/`) ? loop : `${step.buffer}/${loop}`);
  const renamed = new Map<string, Expr>([...axes, ...own.loops].map((l) => [l.loop, b.variable(nameOf(l.loop))]));
  const declared = kernel.buffers.find((buffer) => buffer.name === step.buffer);
  require(declared !== undefined && declared.scope === "register", () =>
    `hoist: ${step.buffer} is not a register buffer`);
  const global = depth === 0;
  const buffer = b.buffer(
    step.buffer,
    declared.scalar,
    [...(global ? axes.map((l) => l.extent) : axes.map(extentOf)), ...declared.shape],
    {
      scope: global ? "global" : "register",
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

/** The one perfect nest that writes the buffer, and the loops around it. */
function producerOf(kernel: Kernel, name: string): { producer: Stmt; around: readonly For[] } {
  const found: { producer: Stmt; around: readonly For[] }[] = [];
  eachStmt(kernel.body, (s, around) => {
    const { loops, body } = nestOf(s);
    const only = body[0];
    if (body.length !== 1 || only === undefined || !writes(only, name)) return;
    const inside = found.some(
      (f) => nestOf(f.producer).loops.some((l) => l === s || loops.includes(l)) || nestOf(f.producer).body[0] === only,
    );
    // Only the nest's outermost loop counts, and loops that merely wrap it alone belong to what it is hoisted from.
    if (!inside) found.push({ producer: s, around });
  });
  require(found.length === 1, () => `hoist: ${name} must be written by one nest, there are ${found.length}`);
  return found[0] as { producer: Stmt; around: readonly For[] };
}

function namesIn(body: readonly Stmt[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const s of body) {
    mapExprs(s, (e) => {
      for (const name of variablesOf(e)) names.add(name);
      return e;
    });
  }
  return names;
}
