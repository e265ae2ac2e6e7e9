/**
 * bind: the iterations of a loop are spread over hardware.
 *
 *     for n < 64: y[n] = x[n]
 *     bind(loop: n, to: thread)
 *     for n < 64 thread: y[n] = x[n]
 *
 * A thread loop is the outermost statement of its kernel: the compiled function takes a range of it. The iterations must not depend on
 * each other: every global element written is used by one iteration only, and local buffers carry nothing from one to the next.
 */
import { z } from "zod";
import type { LoopKind } from "../../ir/index.ts";
import { dependence } from "../elements.ts";
import { require } from "../errors.ts";
import { type KernelStep, kernelPrimitive, loopNamed, type Primitive, withLoopKind } from "../primitive.ts";

export interface BindStep extends KernelStep {
  readonly op: "bind";
  readonly loop: string;
  readonly to: LoopKind;
}

const schema: z.ZodType<BindStep> = z.strictObject({
  op: z.literal("bind"),
  kernel: z.string().optional(),
  loop: z.string(),
  to: z.enum(["thread", "workgroup.x", "workgroup.y", "workgroup.z", "local.x", "local.y", "local.z", "subgroup"]),
});

export const bind: Primitive<BindStep> = kernelPrimitive("bind", schema, (kernel, step) => {
  const { loop, around } = loopNamed(kernel, step.loop);
  if (step.to === "thread")
    require(around.length === 0 && kernel.body.length === 1, () =>
      `bind ${step.loop} to thread: it must be the only statement at the root of ${kernel.name}; reorder it outwards, or fission the others`);
  const reason = dependence(kernel, [loop]);
  require(reason === undefined, () =>
    `bind ${step.loop}: ${reason}; bind a loop whose iterations have results of their own, or rfactor a sum first`);
  return withLoopKind(kernel, step.loop, step.to);
});
