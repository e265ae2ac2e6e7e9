/**
 * join: two loops, one right after the other, become one (loop fusion): each iteration does what both did.
 *
 *     for m < 4: y[m] = x[m] * 2
 *     for s/m < 4: s[s/m] = y[s/m] + 1
 *     join(loops: [m, s/m])
 *     for m < 4: { y[m] = x[m] * 2;  s[m] = y[m] + 1 }
 *
 * The loop keeps the first one's name. It undoes `distribute`, and is legal where that is: iterations of the joined loop do not depend on each other, and nothing passes from
 * the first to the second but in elements of their own.
 */
import { z } from "zod";
import {
  b,
  type Expr,
  type For,
  type Kernel,
  mapExprs,
  mapStmts,
  simplifyKernel,
  substituter,
} from "../../ir/index.ts";
import { accessesIn, dependence } from "../elements.ts";
import { require } from "../errors.ts";
import { type KernelStep, kernelPrimitive, loopNamed, type Primitive, requireSequential } from "../primitive.ts";

export interface JoinStep extends KernelStep {
  readonly op: "join";
  /** The second follows the first. */
  readonly loops: readonly [first: string, second: string];
}

const schema: z.ZodType<JoinStep> = z.strictObject({
  op: z.literal("join"),
  kernel: z.string().optional(),
  loops: z.tuple([z.string(), z.string()]),
});

export const join: Primitive<JoinStep> = kernelPrimitive("join", schema, (kernel, { loops: names }) => {
  const what = `join ${names.join(", ")}`;
  const [{ loop: first, around }, { loop: second }] = [loopNamed(kernel, names[0]), loopNamed(kernel, names[1])];
  requireSequential([first, second], "join");
  const siblings = around.at(-1)?.body ?? kernel.body;
  require(siblings[siblings.indexOf(first) + 1] === second, () =>
    `${what}: the second does not follow the first; join loops around them, or move what is between`);
  require(first.extent === second.extent, () => `${what}: their extents differ; split them into loops of the same`);
  const passed = localOfBoth(kernel, first, second);
  require(passed === undefined, () =>
    `${what}: both use ${passed}, which is made anew in every iteration; give each its own`);
  const renamed = substituter(new Map<string, Expr>([[second.loop, b.variable(first.loop)]]));
  const joined = b.loop(
    first.loop,
    first.extent,
    [...first.body, ...second.body.map((s) => mapExprs(s, renamed))],
    first.loopKind,
  );
  const body = mapStmts(kernel.body, (s) => (s === first ? [joined] : s === second ? [] : undefined));
  const reason = dependence(kernel, [second]) ?? dependence({ ...kernel, body }, [joined]);
  require(reason === undefined, () => `${what}: ${reason}; join loops whose iterations have results of their own`);
  return simplifyKernel({ ...kernel, body });
});

/** A register or workgroup buffer that both loops use. */
function localOfBoth({ buffers }: Kernel, first: For, second: For): string | undefined {
  const used = new Set(accessesIn([first]).map((a) => a.buffer));
  const both = new Set(accessesIn([second]).flatMap((a) => (used.has(a.buffer) ? [a.buffer] : [])));
  return buffers.find(({ name, scope }) => scope !== "global" && both.has(name))?.name;
}
