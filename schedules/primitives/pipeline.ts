/**
 * pipeline: copies at the start of a loop's body run ahead of their use, so that a load is under way while the arithmetic before it is done.
 *
 *     for k < 8:
 *       for r/n < 4: r[r/n] = w[k, r/n]
 *       for n < 4: acc[n] += x[k] * r[n]                                                  over k
 *     pipeline(loop: k, buffers: [r])
 *     for first/r/n < 4: r[0, first/r/n] = w[0, first/r/n]
 *     for k < 8:
 *       for r/n < 4: r[1, r/n] = w[k + 1, r/n if k + 1 < 8]
 *       for n < 4: acc[n] += x[k] * r[0, n]                                               over k
 *       for move/r/n < 4: r[0, move/r/n] = r[1, move/r/n]
 *
 * The buffers get an axis of `distance + 1` (2 by default). Registers move over at the end of an iteration, as an index into them must be a constant in the
 * end; a workgroup buffer is used in turns: `r[k % 2, ..]` is read while `r[(k + 1) % 2, ..]` is written.
 */
import { z } from "zod";
import {
  type Buffer,
  b,
  type Expr,
  type For,
  factsOf,
  type Kernel,
  mapExprs,
  mapStmts,
  rewriter,
  type Stmt,
  type Store,
  simplifyKernel,
  substituter,
} from "../../ir/index.ts";
import { accessesIn } from "../elements.ts";
import { require } from "../errors.ts";
import { isPartialIn } from "../partial.ts";
import { type KernelStep, kernelPrimitive, loopNamed, nestOf, type Primitive } from "../primitive.ts";
import { declaredRange } from "../retype.ts";
import { nest, renamed } from "../two-levels.ts";

export interface PipelineStep extends KernelStep {
  readonly op: "pipeline";
  readonly loop: string;
  /** Buffers that `stage` made, copied at the start of the loop's body. */
  readonly buffers: readonly string[];
  /** Iterations that the copies run ahead; 1 by default. */
  readonly distance?: number | undefined;
}

const schema: z.ZodType<PipelineStep> = z.strictObject({
  op: z.literal("pipeline"),
  kernel: z.string().optional(),
  loop: z.string(),
  buffers: z.array(z.string()).min(1),
  distance: z.int().positive().max(8).optional(),
});

/** A staged buffer, and the nest that copies into it. */
interface Copy {
  readonly from: Buffer;
  readonly to: Buffer;
  readonly loops: readonly For[];
  readonly store: Store;
  readonly s: Stmt;
}

export const pipeline: Primitive<PipelineStep> = kernelPrimitive("pipeline", schema, (kernel, step) => {
  const { loop } = loopNamed(kernel, step.loop);
  const distance = step.distance ?? 1;
  require(loop.loopKind === "serial", () =>
    `pipeline ${step.loop}: it is ${loop.loopKind}; only iterations of a serial loop follow each other`);
  const counter = b.variable(loop.loop);
  const copies = step.buffers.map((name) => copyIn(kernel, loop, name, distance));

  /** The copy of iteration `at` into a slot. */
  const copied = ({ to, loops, store }: Copy, at: Expr, slot: Expr): Stmt =>
    nest(loops, b.store(to.name, [slot, ...store.index], valueAt(store, loop, at)));
  const turn = (ahead: number): Expr => b.mod(b.add(counter, ahead), distance + 1);
  const slotOf = ({ scope }: Buffer, ahead: number): Expr => (scope === "register" ? b.constant(ahead) : turn(ahead));
  const each = Array.from({ length: distance }, (_, i) => i);
  const suffix = (i: number): string => (i === 0 ? "" : `.${i}`);

  const first = each.flatMap((i) =>
    copies.map((c) => renamed(copied(c, b.constant(i), b.constant(i)), (name) => `first${suffix(i)}/${name}`)),
  );
  const moves = each.flatMap((i) =>
    copies
      .filter((c) => c.from.scope === "register")
      .map(({ to, loops, store }) => {
        const over = b.store(to.name, [b.constant(i), ...store.index], b.load(to, [b.constant(i + 1), ...store.index]));
        return renamed(nest(loops, over), (name) => `move${suffix(i)}/${name}`);
      }),
  );
  const reads = rewriter((e) => {
    const of = e.kind === "load" ? copies.find((c) => c.from.name === e.buffer) : undefined;
    return of === undefined || e.kind !== "load" ? e : b.load(of.to, [slotOf(of.from, 0), ...e.index], e.mask);
  });
  const body = loop.body.map((s) => {
    const own = copies.find((c) => c.s === s);
    return own ? copied(own, b.add(counter, distance), slotOf(own.from, distance)) : mapExprs(s, reads);
  });
  const changed = b.loop(loop.loop, loop.extent, [...body, ...moves]);
  const buffers = kernel.buffers.map((buffer) => copies.find((c) => c.from === buffer)?.to ?? buffer);
  return simplifyKernel({
    ...kernel,
    buffers,
    body: mapStmts(kernel.body, (s) => (s === loop ? [...first, changed] : undefined)),
  });
});

/** What a copy holds in iteration `at`, with nothing loaded beyond the last iteration. */
function valueAt({ value }: Store, loop: For, at: Expr): Expr {
  const inside = b.lt(at, loop.extent);
  const masked = rewriter((e) =>
    e.kind === "load" ? b.reload(e, e.index, e.mask ? b.and(e.mask, inside) : inside) : e,
  );
  return masked(substituter(new Map([[loop.loop, at]]))(value));
}

/** The copy into a buffer at the start of the loop's body: all that writes it, of what the loop does not change. */
function copyIn(kernel: Kernel, loop: For, name: string, distance: number): Copy {
  const from = kernel.buffers.find((buffer) => buffer.name === name);
  require(from !== undefined && from.scope !== "global", () =>
    `pipeline ${loop.loop}: ${name} is not a register or workgroup buffer; stage into one first`);
  const isCopy = (s: Stmt): Store | undefined => {
    const [only] = nestOf(s).body;
    const alone = nestOf(s).body.length === 1 && only?.kind === "store" && only.mask === undefined;
    const local = alone && kernel.buffers.some((buffer) => buffer.name === only.buffer && buffer.scope !== "global");
    return local ? only : undefined;
  };
  const start = loop.body.findIndex((s) => isCopy(s) === undefined);
  const copies = loop.body.slice(0, start < 0 ? loop.body.length : start);
  const s = copies.find((candidate) => isCopy(candidate)?.buffer === name);
  const store = s && isCopy(s);
  require(s !== undefined && store !== undefined, () =>
    `pipeline ${loop.loop}: its body does not start with a copy into ${name}; stage in this loop first`);
  const inLoop = accessesIn([loop]).filter((a) => a.buffer === name);
  const everywhere = accessesIn(kernel.body).filter((a) => a.buffer === name);
  require(everywhere.length === inLoop.length && inLoop.filter((a) => a.kind !== "load").length === 1, () =>
    `pipeline ${loop.loop}: ${name} is written more than once, or used outside the loop; stage into a buffer of its own`);
  const changes = new Set(accessesIn([loop]).flatMap((a) => (a.kind === "load" ? [] : [a.buffer])));
  const changing = accessesIn([s]).find((a) => a.kind === "load" && changes.has(a.buffer));
  require(changing === undefined, () =>
    `pipeline ${loop.loop}: the copy into ${name} reads ${changing?.buffer}, which changes in the loop; stage what does not`);
  // Beyond the last iteration a copy holds what masked loads give.
  const beyond = valueAt(store, loop, b.add(b.variable(loop.loop), distance));
  const facts = factsOf(kernel);
  require(!isPartialIn(beyond, new Set([loop.loop]), facts), () =>
    `pipeline ${loop.loop}: what is copied into ${name} shifts or divides by what depends on it; stage the load without decode`);
  const range = declaredRange([store.value, beyond], facts);
  const to = { ...from, range, shape: [b.constant(distance + 1), ...from.shape] };
  return { from, to, loops: nestOf(s).loops, store, s };
}
