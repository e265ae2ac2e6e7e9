/**
 * compute-at: an elementwise nest at the root is computed where its operand is stored, and the operand's buffer disappears (a fused epilogue).
 *
 *     for m: for n: sum[m, n] = acc[]
 *     for y/m: for y/n: y[y/m, y/n] = sum[y/m, y/n] + bias[y/n]
 *     compute-at(buffer: sum)
 *     for m: for n: y[m, n] = acc[] + bias[n]
 *
 * The consumer reads `buffer` at its own loop variables only; the producer stores each element once.
 */
import { z } from "zod";
import {
  b,
  type Expr,
  eachStmt,
  type For,
  mapExprs,
  mapStmts,
  rewriter,
  type Stmt,
  type Store,
  simplifyKernel,
  substituter,
} from "../../ir/index.ts";
import { require } from "../errors.ts";
import { type KernelStep, kernelPrimitive, nestOf, type Primitive } from "../primitive.ts";

export interface ComputeAtStep extends KernelStep {
  readonly op: "compute-at";
  readonly buffer: string;
}

const schema: z.ZodType<ComputeAtStep> = z.strictObject({
  op: z.literal("compute-at"),
  kernel: z.string().optional(),
  buffer: z.string(),
});

export const computeAt: Primitive<ComputeAtStep> = kernelPrimitive("compute-at", schema, (kernel, step) => {
  const consumer = kernel.body.find((s) => readsAtOwnLoops(s, step.buffer));
  require(consumer !== undefined, () =>
    `compute-at ${step.buffer}: no root nest of ${kernel.name} is one store that reads it at its own loops`);
  const { loops, body } = nestOf(consumer);
  const target = body[0] as Store;
  let stores = 0;
  const fused = mapStmts(kernel.body, (s) => {
    if (s === consumer) return [];
    if ((s.kind !== "store" && s.kind !== "reduce") || s.buffer !== step.buffer) return undefined;
    require(s.kind === "store", () =>
      `compute-at ${step.buffer}: it is a sum there; accumulate-in a register buffer first`);
    stores++;
    return [merge(s, target, loops, step.buffer)];
  });
  require(stores === 1, () => `compute-at ${step.buffer}: it is stored in ${stores} places, expected one`);
  const used = usesOf(fused, step.buffer);
  require(!used, () => `compute-at ${step.buffer}: it is read elsewhere too`);
  return simplifyKernel({
    ...kernel,
    body: fused,
    buffers: kernel.buffers.filter((buffer) => buffer.name !== step.buffer),
  });
});

function readsAtOwnLoops(s: Stmt, name: string): boolean {
  const { loops, body } = nestOf(s);
  const only = body[0];
  if (body.length !== 1 || only?.kind !== "store" || only.buffer === name) return false;
  let reads = 0;
  let own = true;
  mapExprs(
    only,
    rewriter((e) => {
      if (e.kind === "load" && e.buffer === name) {
        reads++;
        own &&=
          e.index.length === loops.length &&
          e.index.every((i) => i.kind === "var" && loops.some((l) => l.loop === i.name));
      }
      return e;
    }),
  );
  return reads > 0 && own;
}

/** The consumer's store at the producer's place: its loop variables become the producer's index, its operand the producer's value. */
function merge(producer: Store, consumer: Store, loops: readonly For[], name: string): Store {
  let order: readonly Expr[] = [];
  mapExprs(
    consumer,
    rewriter((e) => {
      if (e.kind === "load" && e.buffer === name) order = e.index;
      return e;
    }),
  );
  const at = new Map(
    loops.map((l) => [l.loop, producer.index[order.findIndex((i) => i.kind === "var" && i.name === l.loop)] as Expr]),
  );
  const { mask } = producer;
  const substitute = substituter(at);
  const inline = rewriter((e) => {
    if (e.kind !== "load") return e;
    return mask === undefined ? e : b.reload(e, e.index, e.mask ? b.and(e.mask, mask) : mask);
  });
  // The operand is replaced before the variables, so that its own loads stay as they are.
  const operand = b.variable(`${name}!`, producer.value.type);
  const marked = rewriter((e) => (e.kind === "load" && e.buffer === name ? operand : e))(consumer.value);
  const value = substituter(new Map([[operand.name, producer.value]]))(inline(substitute(marked)));
  const both = consumer.mask ? (mask ? b.and(substitute(consumer.mask), mask) : substitute(consumer.mask)) : mask;
  return b.store(consumer.buffer, consumer.index.map(substitute), value, both);
}

function usesOf(body: readonly Stmt[], name: string): boolean {
  let found = false;
  eachStmt(body, (s) => {
    mapExprs(
      s.kind === "for" || s.kind === "if" ? { ...s, body: [] } : s,
      rewriter((e) => {
        if (e.kind === "load" && e.buffer === name) found = true;
        return e;
      }),
    );
  });
  return found;
}
