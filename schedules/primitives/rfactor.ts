/**
 * rfactor: a loop of a reduction becomes an axis of partial results, which are combined at the end (split-K, subgroups, vector lanes).
 *
 *     for n < 8: for k4 < 16: for l < 4: y[n] += x[4*k4 + l]          over k4, l
 *     rfactor(buffer: y, at: n, loop: l, into: part)
 *     for n < 8:
 *       for k4 < 16: for l < 4: part[l] += x[4*k4 + l]                over k4
 *       for part/l < 4: y[n] += part[part/l]                          over part/l
 */
import { z } from "zod";
import { type KernelStep, kernelPrimitive, type Primitive } from "../primitive.ts";
import { twoLevels } from "../two-levels.ts";

export interface RfactorStep extends KernelStep {
  readonly op: "rfactor";
  readonly buffer: string;
  readonly at?: string | undefined;
  readonly loop: string;
  readonly into: string;
}

const schema: z.ZodType<RfactorStep> = z.strictObject({
  op: z.literal("rfactor"),
  kernel: z.string().optional(),
  buffer: z.string(),
  at: z.string().optional(),
  loop: z.string(),
  into: z.string(),
});

export const rfactor: Primitive<RfactorStep> = kernelPrimitive("rfactor", schema, (kernel, step) =>
  twoLevels(kernel, { buffer: step.buffer, at: step.at, into: step.into, scalar: undefined, keep: [step.loop] }),
);
