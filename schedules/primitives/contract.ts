/**
 * contract: a workspace keeps only what one iteration of a loop uses of it (array contraction).
 *
 *     for h < 8: for to < 16: { for s/ti < 64: s[h, 64*to + s/ti] = ..;  for y/ti < 64: y[h, 64*to + y/ti] = s[h, 64*to + y/ti] * 2 }
 *     contract(buffer: s, at: to, keep: [h])
 *     for h < 8: for to < 16: { for s/ti < 64: s[h, s/ti] = ..;           for y/ti < 64: y[h, 64*to + y/ti] = s[h, y/ti] * 2 }
 *
 * What an index has of loops outside goes: of every axis the part that the loops inside `at` count is left, and axes of which nothing is left go altogether. `keep`
 * names loops outside whose iterations have elements of their own nevertheless, as those must that will run at once. With `scope` what is left stands in registers or in
 * workgroup memory. Legal when every iteration writes what it reads,
 * and no other kernel reads it: those that `specialize` made beside it have one of their own, with `into` by another name.
 */
import { z } from "zod";
import { loopsOf } from "../../ir/index.ts";
import { type Contraction, contracted } from "../contraction.ts";
import { type KernelStep, kernelPrimitive, loopNamed, type Primitive, requireSequential } from "../primitive.ts";

export interface ContractStep extends KernelStep, Contraction {
  readonly op: "contract";
}

const schema: z.ZodType<ContractStep> = z.strictObject({
  op: z.literal("contract"),
  kernel: z.string().optional(),
  buffer: z.string(),
  at: z.string(),
  keep: z.array(z.string()).optional(),
  into: z.string().optional(),
  scope: z.enum(["register", "workgroup", "global"]).optional(),
});

export const contract: Primitive<ContractStep> = kernelPrimitive("contract", schema, (kernel, step, program) => {
  const { loop, around } = loopNamed(kernel, step.at);
  requireSequential([...around, ...loopsOf([loop])], "contract");
  return contracted(program, kernel, step);
});
