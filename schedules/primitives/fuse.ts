/**
 * fuse: the loops of a perfect nest become one, which counts all their iterations in the same order.
 *
 *     for i < 3: for j < 4: y[i, j] = x[j, i]
 *     fuse(loops: [i, j], into: f)
 *     for f < 12: y[f // 4, f % 4] = x[f % 4, f // 4]
 *
 * All extents but the outermost are constants. A reduction goes over all of the loops, or over none.
 */
import { z } from "zod";
import { b, type Expr, mapExprs, mapStmts, simplifyKernel, substituter } from "../../ir/index.ts";
import { require } from "../errors.ts";
import { extentOf, type KernelStep, kernelPrimitive, loopNamed, nestOf, type Primitive } from "../primitive.ts";

export interface FuseStep extends KernelStep {
  readonly op: "fuse";
  /** Outermost first. */
  readonly loops: readonly string[];
  readonly into: string;
}

const schema: z.ZodType<FuseStep> = z.strictObject({
  op: z.literal("fuse"),
  kernel: z.string().optional(),
  loops: z.array(z.string()).min(2),
  into: z.string(),
});

export const fuse: Primitive<FuseStep> = kernelPrimitive("fuse", schema, (kernel, step) => {
  const { loop: outer } = loopNamed(kernel, step.loops[0] as string);
  const nest = nestOf(outer).loops;
  const loops = nest.slice(0, step.loops.length);
  const names = loops.map((l) => l.loop);
  require(names.join() === step.loops.join(), () =>
    `fuse ${step.loops.join(", ")}: they do not follow each other in a perfect nest, which is ${nest.map((l) => l.loop).join(", ")}; reorder it`);
  for (const l of loops)
    require(l.loopKind === outer.loopKind, () =>
      `fuse ${step.loops.join(", ")}: ${outer.loop} is ${outer.loopKind} and ${l.loop} is ${l.loopKind}; fuse before binding or unrolling`);

  let inner = 1;
  const values = new Map<string, Expr>();
  for (const l of [...loops].reverse()) {
    const count = b.floordiv(b.variable(step.into), inner);
    values.set(l.loop, l === outer ? count : b.mod(count, extentOf(l)));
    if (l !== outer) inner *= extentOf(l);
  }
  const substitute = substituter(values);
  const body = mapStmts(
    (loops.at(-1) ?? outer).body.map((s) => mapExprs(s, substitute)),
    (s) => {
      if (s.kind !== "reduce") return undefined;
      const missing = names.find((name) => !s.over.includes(name));
      const summed = names.find((name) => s.over.includes(name));
      require(missing === undefined || summed === undefined, () =>
        `fuse ${step.loops.join(", ")}: the reduction into ${s.buffer} goes over ${summed} and not over ${missing}; fuse loops that it goes over alike`);
      return summed === undefined
        ? [s]
        : [{ ...s, over: [step.into, ...s.over.filter((name) => !names.includes(name))] }];
    },
  );
  const fused = b.loop(step.into, b.mul(outer.extent, inner), body, outer.loopKind);
  return simplifyKernel({ ...kernel, body: mapStmts(kernel.body, (s) => (s === outer ? [fused] : undefined)) });
});
