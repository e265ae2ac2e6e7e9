/**
 * accumulate-in: a reduction goes through a nearer or narrower accumulator, which is flushed once per iteration of loop `at`.
 *
 *     for kg < 4: for n < 8: for ki < 32: y[n] += x[32*kg + ki] * w[n, 32*kg + ki]        over kg, ki
 *     accumulate-in(buffer: y, at: kg, into: acc)
 *     for kg < 4:
 *       for n < 8: for ki < 32: acc[n] += x[32*kg + ki] * w[n, 32*kg + ki]                over ki
 *       for acc/n < 8: y[acc/n] += acc[acc/n]                                             over kg
 *
 * Integers may be summed in f32 where all partial sums are integers that it holds exactly (up to 2^24).
 * The accumulator has an axis per loop of the nest that the element depends on. `scalar` makes it narrower: the products are retyped, and the
 * interval analysis must prove that no sum leaves the type. (A sum of f32(f16) may be taken in f16: it is rounded more often, as the numerics
 * f16 allow.) `keep` names loops of the reduction that become axes of the accumulator and are summed in the flush (rfactor); the loops summed
 * inside have an iteration at least, so that the accumulator has a value. Without `at` the nest is at the kernel's root. With `scope` the
 * accumulator stands in workgroup or global memory (a workspace: partial results of workgroups, combined in a kernel of its own after `fission`).
 */
import { z } from "zod";
import { type BufferScope, type Scalar, scalars } from "../../ir/index.ts";
import { type KernelStep, kernelPrimitive, type Primitive } from "../primitive.ts";
import { twoLevels } from "../two-levels.ts";

export interface AccumulateInStep extends KernelStep {
  readonly op: "accumulate-in";
  readonly buffer: string;
  readonly at?: string | undefined;
  readonly into: string;
  readonly scalar?: Scalar | undefined;
  readonly keep?: readonly string[] | undefined;
  readonly scope?: BufferScope | undefined;
}

const schema: z.ZodType<AccumulateInStep> = z.strictObject({
  op: z.literal("accumulate-in"),
  kernel: z.string().optional(),
  buffer: z.string(),
  at: z.string().optional(),
  into: z.string(),
  scalar: z.enum(Object.keys(scalars) as [Scalar]).optional(),
  keep: z.array(z.string()).optional(),
  scope: z.enum(["register", "workgroup", "global"]).optional(),
});

export const accumulateIn: Primitive<AccumulateInStep> = kernelPrimitive("accumulate-in", schema, (kernel, step) =>
  twoLevels(kernel, { ...step, keep: step.keep ?? [] }),
);
