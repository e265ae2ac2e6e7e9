/**
 * reorder: the loops of a perfect nest in another order.
 *
 *     for i < 4: for j < 8: y[i] += x[i, j]   over j
 *     reorder(loops: [j, i])
 *     for j < 8: for i < 4: y[i] += x[i, j]   over j
 *
 * `loops` names loops of one perfect nest; those of the nest not named keep their places. Legal when the innermost statements
 * only store to elements of their own and accumulate (any order of a reduction is allowed by the node's meaning); or, whatever they do, when the iterations of
 * every loop in `loops` are independent.
 */
import { z } from "zod";
import {
  b,
  buffersOf,
  exprsOf,
  type For,
  factsOf,
  type Kernel,
  mapStmts,
  type Stmt,
  variablesOf,
  writes,
} from "../../ir/index.ts";
import { dependence, determined } from "../elements.ts";
import { require } from "../errors.ts";
import {
  type KernelStep,
  kernelPrimitive,
  loopNamed,
  nestOf,
  type Primitive,
  requireSequential,
} from "../primitive.ts";

export interface ReorderStep extends KernelStep {
  readonly op: "reorder";
  readonly loops: readonly string[];
}

const schema: z.ZodType<ReorderStep> = z.strictObject({
  op: z.literal("reorder"),
  kernel: z.string().optional(),
  loops: z.array(z.string()).min(2),
});

export const reorder: Primitive<ReorderStep> = kernelPrimitive("reorder", schema, (kernel, step) => {
  const named = step.loops.map((name) => loopNamed(kernel, name));
  const outermost = named.reduce((a, c) => (c.around.length < a.around.length ? c : a)).loop;
  const nest = nestOf(outermost);
  for (const { loop } of named)
    require(nest.loops.includes(loop), () =>
      `reorder: ${loop.loop} is not in one perfect nest with ${outermost.loop}; the nest there is ${nest.loops.map((l) => l.loop).join(", ")}`);
  require(new Set(step.loops).size === step.loops.length, () =>
    `reorder: ${step.loops.join(", ")} names a loop twice; name each once`);
  requireSequential(nest.loops, "reorder");
  if (nest.body.every((s) => writes(s))) requireFree(kernel, nest.body, nest.loops);
  else
    requireIndependent(
      kernel,
      named.map(({ loop }) => loop),
    );
  const queue = named.map(({ loop }) => loop);
  const order = nest.loops.map((l) => (step.loops.includes(l.loop) ? (queue.shift() as For) : l));
  for (const [i, l] of order.entries())
    for (const inner of order.slice(i + 1))
      require(!variablesOf(l.extent).has(inner.loop), () =>
        `reorder: the extent of ${l.loop} depends on ${inner.loop}, which would come inside it; choose another order`);
  const built = order.reduceRight<readonly Stmt[]>(
    (body, l) => [b.loop(l.loop, l.extent, body, l.loopKind)],
    nest.body,
  );
  return { ...kernel, body: mapStmts(kernel.body, (s) => (s === outermost ? built : undefined)) };
});

/** Nothing may pass from one iteration of any of these loops to another. */
function requireIndependent(kernel: Kernel, loops: readonly For[]): void {
  for (const loop of loops) {
    const reason = dependence(kernel, [loop]);
    require(reason === undefined, () =>
      `reorder: the nest holds more than stores and reductions, and ${reason}; distribute its statements first`);
  }
}

/**
 * No statement of the nest may read what the nest writes; a store may not write an element twice, nor a reduction start anew on one (which those do
 * whose loops follow from the element's index, or are summed over).
 */
function requireFree(kernel: Kernel, body: readonly Stmt[], loops: readonly For[]): void {
  const facts = factsOf(kernel);
  const names = new Set(loops.map((l) => l.loop));
  const written = body.filter((s) => writes(s)).map((s) => s.buffer);
  for (const s of body) {
    require(writes(s), () =>
      `reorder: the nest holds ${s.kind === "if" ? "an if" : `a ${s.kind}`}; only stores and reductions may be reordered`);
    for (const e of exprsOf(s))
      for (const name of buffersOf(e))
        require(!written.includes(name), () =>
          `reorder: ${name} is read and written in the nest; its order matters; fission or stage first`);
    const accumulates = s.kind === "reduce" && s.over.length === 0;
    const own = determined(s.index, names, facts);
    const repeats = loops.find((l) => !own.has(l.loop) && !(s.kind === "reduce" && s.over.includes(l.loop)));
    require(accumulates || repeats === undefined, () =>
      `reorder: iterations of ${repeats?.loop} ${s.kind} to the same elements of ${s.buffer}; their order matters, choose other loops`);
  }
  require(new Set(written).size === written.length, () =>
    "reorder: two statements of the nest write one buffer; their order matters, fission them first");
}
