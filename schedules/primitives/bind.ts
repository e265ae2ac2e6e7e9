/**
 * bind: the iterations of a loop are spread over hardware.
 *
 *     for n < 64: for i < 8: part[i] = x[8*n + i];  for n < 64: for o < 8: y[8*n + o] = part[7 - o]
 *     bind(loop: n, to: workgroup.x); bind(loop: i, to: local.x); bind(loop: o, to: local.x)
 *     for n < 64 workgroup.x:
 *       for i < 8 local.x: part[i] = x[8*n + i]
 *       for o < 8 local.x: y[8*n + o] = part[7 - o]
 *
 * The iterations must not depend on each other: every element written, and every byte of elements that share one, is used by one iteration only, and local buffers carry nothing from one to the next.
 * - `thread`: the outermost statement of its kernel; the compiled function takes a range of it.
 * - `workgroup.x|y|z`: the outermost loops of the kernel, nothing beside them.
 * - `local.x|y|z`: loops of constant extent directly inside each other, which hold no others of their kind: the invocations of a workgroup. Anything may stand
 *   around and beside such nests. Workgroup memory passes values between nests, as does a register one of whose axes is the loop's variable wherever a nest uses it.
 */
import { z } from "zod";
import { eachStmt, type For, type Kernel, type LoopKind, loopsOf } from "../../ir/index.ts";
import { dependence } from "../elements.ts";
import { require } from "../errors.ts";
import {
  extentOf,
  type KernelStep,
  kernelPrimitive,
  loopNamed,
  nestOf,
  type Primitive,
  withLoopKind,
} from "../primitive.ts";

export interface BindStep extends KernelStep {
  readonly op: "bind";
  readonly loop: string;
  readonly to: Exclude<LoopKind, "serial" | "unroll" | "subgroup">;
}

const schema: z.ZodType<BindStep> = z.strictObject({
  op: z.literal("bind"),
  kernel: z.string().optional(),
  loop: z.string(),
  to: z.enum(["thread", "workgroup.x", "workgroup.y", "workgroup.z", "local.x", "local.y", "local.z"]),
});

export const bind: Primitive<BindStep> = kernelPrimitive("bind", schema, (kernel, step) => {
  const { loop, around } = loopNamed(kernel, step.loop);
  require(loop.loopKind === "serial" || loop.loopKind === "unroll" || loop.loopKind === step.to, () =>
    `bind ${step.loop} to ${step.to}: it is bound to ${loop.loopKind} already`);
  if (step.to === "thread")
    require(around.length === 0 && kernel.body.length === 1, () =>
      `bind ${step.loop} to thread: it must be the only statement at the root of ${kernel.name}; reorder it outwards, or fission the others`);
  else if (isWorkgroup(step.to)) requireOutermost(kernel, loop, around, step.to);
  else requireNest(loop, around, step.to);
  const reason = dependence(kernel, [loop], isLocal(step.to) ? "workgroup" : "nothing", "at once");
  require(reason === undefined, () =>
    `bind ${step.loop}: ${reason}; bind a loop whose iterations have results of their own, or rfactor a sum first`);
  return withLoopKind(kernel, step.loop, step.to);
});

const isWorkgroup = (kind: LoopKind): boolean => kind.startsWith("workgroup.");
const isLocal = (kind: LoopKind): boolean => kind.startsWith("local.");

/** A workgroup loop has only such loops around it, and nothing beside it. */
function requireOutermost(kernel: Kernel, loop: For, around: readonly For[], to: LoopKind): void {
  const outside = around.find((l) => !isWorkgroup(l.loopKind));
  require(outside === undefined, () =>
    `bind ${loop.loop} to ${to}: ${outside?.loop} around it is ${outside?.loopKind}; bind from the outside inwards, workgroup loops first`);
  const [root] = kernel.body;
  const beside = kernel.body.length > 1 || (root !== undefined && !nestOf(root).loops.includes(loop));
  require(!beside, () =>
    `bind ${loop.loop} to ${to}: other statements stand beside it or its outer loops; fission them into a kernel of their own`);
  requireUnused(loopsOf(kernel.body), loop, to);
}

/** Each dimension has one loop in a nest. */
function requireUnused(loops: readonly For[], loop: For, to: LoopKind): void {
  const other = loops.find((l) => l !== loop && l.loopKind === to);
  require(other === undefined, () => `bind ${loop.loop} to ${to}: ${other?.loop} is; choose another dimension`);
}

/** A local loop has a constant extent, and stands directly in or around the others of its nest. */
function requireNest(loop: For, around: readonly For[], to: LoopKind): void {
  extentOf(loop);
  const own: For[] = [];
  eachStmt([loop], (s) => {
    if (s.kind === "for" && s !== loop && (isLocal(s.loopKind) || isWorkgroup(s.loopKind))) own.push(s);
  });
  const inner = nestOf(loop).loops.slice(1, own.length + 1);
  const outer = around.filter((l) => isLocal(l.loopKind));
  const nested = around.slice(around.length - outer.length);
  const whole =
    own.every((l) => inner.includes(l) && isLocal(l.loopKind)) &&
    outer.every((l) => nested.includes(l) && l.body.length === 1) &&
    around.every((l) => l.loopKind !== "thread");
  require(whole, () =>
    `bind ${loop.loop} to ${to}: local loops must stand directly inside each other, and hold no others; reorder or fuse them, or bind the innermost ones`);
  requireUnused([...outer, ...inner], loop, to);
}
