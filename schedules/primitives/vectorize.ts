/**
 * vectorize: the innermost loops of a nest become the lane axes of vectors.
 *
 *     for n < 4: for p < 2: d[n, p] += i16(q[n, p])
 *     vectorize(loops: [n, p])
 *     d[<4:1,2:0>, <4:0,2:1>] += i16(q[<4:1,2:0>, <4:0,2:1>])
 *
 * The loops may hold several statements, each of which writes a different element in every lane. A loop of a reduction can't become lanes: rfactor it
 * first, or tensorize it.
 */
import { z } from "zod";
import { mapExprs, mapStmts, simplifyKernel, substituter, writes } from "../../ir/index.ts";
import { accessesIn } from "../elements.ts";
import { require } from "../errors.ts";
import { laneValues, requireLanesApart } from "../lanes.ts";
import {
  extentOf,
  type KernelStep,
  kernelPrimitive,
  loopNamed,
  nestOf,
  type Primitive,
  requireSequential,
} from "../primitive.ts";

export interface VectorizeStep extends KernelStep {
  readonly op: "vectorize";
  readonly loops: readonly string[];
}

const schema: z.ZodType<VectorizeStep> = z.strictObject({
  op: z.literal("vectorize"),
  kernel: z.string().optional(),
  loops: z.array(z.string()).min(1),
});

export const vectorize: Primitive<VectorizeStep> = kernelPrimitive("vectorize", schema, (kernel, step) => {
  const outer = loopNamed(kernel, step.loops[0] as string).loop;
  const { loops, body } = nestOf(outer);
  const names = loops.map((l) => l.loop);
  requireSequential(loops, "vectorize");
  require(names.join() === step.loops.join(), () =>
    `vectorize ${step.loops.join(", ")}: the loops must be innermost, in this order, and nothing between them; the nest there is ${names.join(", ")}`);
  for (const s of body) {
    require(writes(s), () =>
      `vectorize: the nest holds ${s.kind === "if" ? "an if" : `a ${s.kind}`}; use split tail predicate, and no lets`);
    const over = s.kind === "reduce" ? names.find((name) => s.over.includes(name)) : undefined;
    require(over === undefined, () =>
      `vectorize ${over}: it is a loop of the reduction into ${s.buffer}; rfactor or tensorize it`);
    requireLanesApart(kernel, s, loops);
    for (const a of accessesIn(body))
      require(a.buffer !== s.buffer || a.index.every((e, i) => e === s.index[i]), () =>
        `vectorize ${names.join(", ")}: a lane uses elements of ${s.buffer} that another one writes; fission the statements first`);
  }
  const substitute = substituter(laneValues(loops.map((l) => [l.loop, extentOf(l)])));
  const vectors = body.map((s) => mapExprs(s, substitute));
  return simplifyKernel({ ...kernel, body: mapStmts(kernel.body, (s) => (s === outer ? vectors : undefined)) });
});
