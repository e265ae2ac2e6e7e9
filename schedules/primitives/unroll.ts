/**
 * unroll: the iterations of a loop of constant extent are written out one after another (by lowering).
 *
 *     for j < 2: y[j] = x[j]
 *     unroll(loop: j)
 *     for j < 2 unroll: y[j] = x[j]          lowered:  y[0] = x[0];  y[1] = x[1]
 */
import { z } from "zod";
import { require } from "../errors.ts";
import { extentOf, type KernelStep, kernelPrimitive, loopNamed, type Primitive, withLoopKind } from "../primitive.ts";

export interface UnrollStep extends KernelStep {
  readonly op: "unroll";
  /** One loop or several. */
  readonly loops: readonly string[];
}

const schema: z.ZodType<UnrollStep> = z.strictObject({
  op: z.literal("unroll"),
  kernel: z.string().optional(),
  loops: z.array(z.string()).min(1),
});

/** Longer loops are not worth their code. */
const longest = 256;

export const unroll: Primitive<UnrollStep> = kernelPrimitive("unroll", schema, (kernel, step) =>
  step.loops.reduce((k, name) => {
    const { loop } = loopNamed(k, name);
    const extent = extentOf(loop);
    require(extent <= longest, () => `unroll ${name}: ${extent} iterations are more than ${longest}; split it first`);
    return withLoopKind(k, name, "unroll");
  }, kernel),
);
