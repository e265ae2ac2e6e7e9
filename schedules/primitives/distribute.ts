/**
 * distribute: a loop around several statements becomes a loop around each (loop distribution).
 *
 *     for i < 4:
 *       for s/k < 8: s[i] += q[i, s/k]    over s/k
 *       y[i] = s[i] * 2
 *     distribute(loop: i)
 *     for s/i < 4: for s/k < 8: s[s/i] += q[s/i, s/k]    over s/k
 *     for y/i < 4: y[y/i] = s[y/i] * 2
 *
 * The copies are named after the buffer that each statement writes. Legal when iterations do not depend on each other, and pass nothing from one statement to the next
 * but in elements of their own.
 */
import { z } from "zod";
import {
  b,
  type Expr,
  type Kernel,
  mapExprs,
  mapStmts,
  type Stmt,
  simplifyKernel,
  substituter,
} from "../../ir/index.ts";
import { accessesIn, dependence } from "../elements.ts";
import { require } from "../errors.ts";
import { type KernelStep, kernelPrimitive, loopNamed, type Primitive, requireSequential } from "../primitive.ts";

export interface DistributeStep extends KernelStep {
  readonly op: "distribute";
  readonly loop: string;
}

const schema: z.ZodType<DistributeStep> = z.strictObject({
  op: z.literal("distribute"),
  kernel: z.string().optional(),
  loop: z.string(),
});

export const distribute: Primitive<DistributeStep> = kernelPrimitive("distribute", schema, (kernel, { loop: name }) => {
  const { loop } = loopNamed(kernel, name);
  requireSequential([loop], "distribute");
  require(loop.body.length > 1, () => `distribute ${name}: it holds one statement; choose a loop that holds more`);
  const reason = dependence(kernel, [loop]);
  require(reason === undefined, () => `distribute ${name}: ${reason}; its statements need their order`);
  const copies = loop.body.map((s): Stmt => {
    const written = writtenBy(kernel, s, name);
    const copy = `${written}/${name}`;
    const substitute = substituter(new Map<string, Expr>([[name, b.variable(copy)]]));
    return b.loop(copy, loop.extent, [mapExprs(s, substitute)], loop.loopKind);
  });
  return simplifyKernel({ ...kernel, body: mapStmts(kernel.body, (s) => (s === loop ? copies : undefined)) });
});

/** The one buffer that a statement writes, in memory: what is in a register would be gone with its iteration. */
function writtenBy(kernel: Kernel, s: Stmt, loop: string): string {
  require(s.kind !== "let" && s.kind !== "barrier", () =>
    `distribute ${loop}: it holds a ${s.kind}, which is meant for the statements after it; inline it first`);
  const written = new Set(accessesIn([s]).flatMap((a) => (a.kind === "load" ? [] : [a.buffer])));
  const [name] = written;
  require(name !== undefined && written.size === 1, () =>
    `distribute ${loop}: a statement in it writes ${[...written].join(" and ")}; distribute inner loops first`);
  const { scope } = kernel.buffers.find((buffer) => buffer.name === name) as Kernel["buffers"][number];
  require(scope === "global", () =>
    `distribute ${loop}: ${name} is a ${scope} buffer, made anew in every iteration; hoist it`);
  return name;
}
