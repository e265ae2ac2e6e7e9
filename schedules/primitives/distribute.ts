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
 * The copies are named after the buffer that each statement writes. With `after`, a loop of the body, there are two: what stands up to it keeps the loop, the rest goes into
 * a copy named `into`. Legal when iterations do not depend on each other, and pass nothing from one statement to the next
 * but in elements of their own.
 */
import { z } from "zod";
import {
  b,
  type Expr,
  type For,
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
  /** The last loop of the body that stays, where there are to be two loops only; the other one's name is `into`. */
  readonly after?: string | undefined;
  readonly into?: string | undefined;
}

const schema: z.ZodType<DistributeStep> = z.strictObject({
  op: z.literal("distribute"),
  kernel: z.string().optional(),
  loop: z.string(),
  after: z.string().optional(),
  into: z.string().optional(),
});

export const distribute: Primitive<DistributeStep> = kernelPrimitive("distribute", schema, (kernel, step) => {
  const { loop: name } = step;
  const { loop } = loopNamed(kernel, name);
  requireSequential([loop], "distribute");
  require(loop.body.length > 1, () => `distribute ${name}: it holds one statement; choose a loop that holds more`);
  const reason = dependence(kernel, [loop]);
  require(reason === undefined, () => `distribute ${name}: ${reason}; its statements need their order`);
  const copies = groupsOf(kernel, loop, step).map(({ copy, body }): Stmt => {
    if (copy === name) return { ...loop, body };
    const substitute = substituter(new Map<string, Expr>([[name, b.variable(copy)]]));
    return b.loop(
      copy,
      loop.extent,
      body.map((s) => mapExprs(s, substitute)),
      loop.loopKind,
    );
  });
  return simplifyKernel({ ...kernel, body: mapStmts(kernel.body, (s) => (s === loop ? copies : undefined)) });
});

/** What each of the loops holds, and its name. */
function groupsOf(
  kernel: Kernel,
  { loop: name, body }: For,
  { after, into }: DistributeStep,
): readonly { readonly copy: string; readonly body: readonly Stmt[] }[] {
  if (after === undefined && into === undefined)
    return body.map((s) => ({ copy: `${writtenBy(kernel, s, name)}/${name}`, body: [s] }));
  const end = body.findIndex((s) => s.kind === "for" && s.loop === after) + 1;
  require(end > 0 && end < body.length && into !== undefined, () =>
    `distribute ${name}: ${after} is not a loop directly in it that others follow, or into is missing; choose such a loop`);
  for (const s of body) writtenIn(kernel, s, name);
  return [
    { copy: name, body: body.slice(0, end) },
    { copy: into, body: body.slice(end) },
  ];
}

/** The buffers that a statement writes, in memory: what is in a register would be gone with its iteration. */
function writtenIn(kernel: Kernel, s: Stmt, loop: string): ReadonlySet<string> {
  require(s.kind !== "let" && s.kind !== "barrier", () =>
    `distribute ${loop}: it holds a ${s.kind}, which is meant for the statements after it; inline it first`);
  const written = new Set(accessesIn([s]).flatMap((a) => (a.kind === "load" ? [] : [a.buffer])));
  for (const name of written) {
    const { scope } = kernel.buffers.find((buffer) => buffer.name === name) as Kernel["buffers"][number];
    require(scope === "global", () =>
      `distribute ${loop}: ${name} is a ${scope} buffer, made anew in every iteration; hoist it`);
  }
  return written;
}

/** The one buffer that a statement writes. */
function writtenBy(kernel: Kernel, s: Stmt, loop: string): string {
  const written = writtenIn(kernel, s, loop);
  const [name] = written;
  require(name !== undefined && written.size === 1, () =>
    `distribute ${loop}: a statement in it writes ${[...written].join(" and ")}; distribute inner loops first`);
  return name;
}
