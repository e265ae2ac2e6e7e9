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
  affineOf,
  b,
  buffersOf,
  type Expr,
  eachNode,
  eachStmt,
  exprOf,
  exprsOf,
  type For,
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

/** The index at which a statement loads the buffer; undefined when it does not, or at several. */
function loadedAt(s: Stmt, name: string): readonly Expr[] | undefined {
  const found = new Set<readonly Expr[]>();
  for (const e of exprsOf(s))
    eachNode(e, (node) => node.kind === "load" && node.buffer === name && found.add(node.index));
  return found.size === 1 ? [...found][0] : undefined;
}

/** A nest of one store that loads the buffer at an index in which each loop counts one axis. */
function readsAtOwnLoops(s: Stmt, name: string): boolean {
  const { loops, body } = nestOf(s);
  const only = body[0];
  if (body.length !== 1 || only?.kind !== "store" || only.buffer === name) return false;
  const index = loadedAt(only, name);
  return (
    index?.length === loops.length &&
    loops.every((l) => index.some((i) => affineOf(i).terms.get(b.variable(l.loop)) === 1))
  );
}

/** The consumer's store at the producer's place: its loop variables follow from the producer's index, its operand is the producer's value. */
function merge(producer: Store, consumer: Store, loops: readonly For[], name: string): Store {
  const index = loadedAt(consumer, name) ?? [];
  const at = new Map(
    loops.map((l): [string, Expr] => {
      const variable = b.variable(l.loop);
      const axis = index.findIndex((i) => affineOf(i).terms.has(variable));
      return [l.loop, b.add(producer.index[axis] as Expr, b.sub(variable, index[axis] as Expr))];
    }),
  );
  const substitute = substituter(new Map([...at].map(([loop, e]) => [loop, exprOf(affineOf(e))])));
  const { mask } = producer;
  const masked = rewriter((e) => {
    if (e.kind !== "load" || mask === undefined) return e;
    return b.reload(e, e.index, e.mask ? b.and(e.mask, mask) : mask);
  });
  // The operand is replaced before the variables, so that its own loads stay as they are.
  const operand = b.variable(`${name}!`, producer.value.type);
  const marked = rewriter((e) => (e.kind === "load" && e.buffer === name ? operand : e))(consumer.value);
  const value = substituter(new Map([[operand.name, producer.value]]))(masked(substitute(marked)));
  const own = consumer.mask && substitute(consumer.mask);
  return b.store(
    consumer.buffer,
    consumer.index.map(substitute),
    value,
    own && mask ? b.and(own, mask) : (own ?? mask),
  );
}

function usesOf(body: readonly Stmt[], name: string): boolean {
  let found = false;
  eachStmt(body, (s) => {
    for (const e of exprsOf(s)) found ||= buffersOf(e).has(name);
  });
  return found;
}
