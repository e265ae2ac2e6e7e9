/**
 * compute-at: an elementwise nest at the root is computed where its operand is stored, and the operand's buffer disappears (a fused epilogue).
 *
 *     for m: for n: sum[m, n] = acc[]
 *     for y/m: for y/n: y[y/m, y/n] = sum[y/m, y/n] + bias[y/n]
 *     compute-at(buffer: sum)
 *     for m: for n: y[m, n] = acc[] + bias[n]
 *
 * The consumer reads `buffer` at one index, in which each of its loops counts one axis; the producer is one store. The buffer is the kernel's own: nobody else
 * reads it, and the consumer reads nothing else that the kernel writes.
 */
import { z } from "zod";
import {
  affineOf,
  b,
  type Expr,
  exprOf,
  factsOf,
  type Kernel,
  mapStmts,
  rewriter,
  type Stmt,
  type Store,
  simplifier,
  simplifyKernel,
  substituter,
} from "../../ir/index.ts";
import { accessesIn, determined } from "../elements.ts";
import { require } from "../errors.ts";
import { type KernelStep, kernelNamed, type Nest, nestOf, type Primitive, withKernels } from "../primitive.ts";
import { conjuncts } from "../two-levels.ts";

export interface ComputeAtStep extends KernelStep {
  readonly op: "compute-at";
  readonly buffer: string;
}

const schema: z.ZodType<ComputeAtStep> = z.strictObject({
  op: z.literal("compute-at"),
  kernel: z.string().optional(),
  buffer: z.string(),
});

/** A nest of one store that loads the buffer, and how its loops count the buffer's axes. */
interface Consumer {
  readonly nest: Stmt;
  readonly loops: Nest["loops"];
  readonly store: Store;
  /** Where it loads the buffer. */
  readonly index: readonly Expr[];
}

export const computeAt: Primitive<ComputeAtStep> = {
  op: "compute-at",
  schema,
  apply: (program, step) => {
    const kernel = kernelNamed(program, step.kernel ?? "main");
    const role = kernel.buffers.find((buffer) => buffer.name === step.buffer)?.role;
    require(role === "workspace" || role === "local", () =>
      `compute-at ${step.buffer}: it is not a workspace or local buffer of ${kernel.name}; only such a one can disappear`);
    // What specialize made of one kernel shares its workspaces, each using what it writes itself.
    const reader = program.kernels.find((k) => {
      const uses = accessesIn(k.body).filter((a) => a.buffer === step.buffer);
      return k !== kernel && uses.length > 0 && uses.every((a) => a.kind === "load");
    });
    require(reader === undefined, () =>
      `compute-at ${step.buffer}: ${reader?.name} reads it too; only a buffer of the kernel's own can disappear`);
    const fused = fuse(kernel, step.buffer);
    return withKernels(program, (k) => (k === kernel ? [fused] : [k]));
  },
};

function fuse(kernel: Kernel, name: string): Kernel {
  const consumer = kernel.body.map((s) => consumerOf(s, name)).find((found) => found !== undefined);
  require(consumer !== undefined, () =>
    `compute-at ${name}: no root nest of ${kernel.name} is one store that reads it once, at its own loops`);
  requireAlone(kernel, consumer, name);
  const producers: Store[] = [];
  const body = mapStmts(kernel.body, (s) => {
    if (s === consumer.nest) return [];
    if ((s.kind !== "store" && s.kind !== "reduce") || s.buffer !== name) return undefined;
    require(s.kind === "store", () => `compute-at ${name}: it is a sum there; accumulate-in a register buffer first`);
    producers.push(s);
    return [merge(kernel, s, consumer, name)];
  });
  require(producers.length === 1, () =>
    `compute-at ${name}: it is stored in ${producers.length} places, expected one; do it before peeling`);
  require(accessesIn(body).every((a) => a.buffer !== name), () =>
    `compute-at ${name}: it is read elsewhere too; only its last reader can be computed there`);
  return simplifyKernel({ ...kernel, body, buffers: kernel.buffers.filter((buffer) => buffer.name !== name) });
}

function consumerOf(nest: Stmt, name: string): Consumer | undefined {
  const { loops, body } = nestOf(nest);
  const store = body[0];
  if (body.length !== 1 || store?.kind !== "store" || store.buffer === name) return undefined;
  const loads = accessesIn([store]).filter((a) => a.buffer === name);
  const index = loads[0]?.index ?? [];
  if (loads.length !== 1 || index.length !== loops.length) return undefined;
  const counted = index.map((i) => loops.filter((l) => affineOf(i).terms.has(b.variable(l.loop))));
  const own = counted.every((list, axis) => {
    const [l] = list;
    const form = affineOf(index[axis] as Expr);
    return list.length === 1 && l !== undefined && form.terms.get(b.variable(l.loop)) === 1;
  });
  return own && new Set(counted.flat()).size === loops.length ? { nest, loops, store, index } : undefined;
}

/** The consumer's store moves to where the producer is: nothing that it uses may change between, and no element may be stored twice. */
function requireAlone(kernel: Kernel, { nest, store, loops }: Consumer, name: string): void {
  const own = new Set(accessesIn([nest]).map((a) => a.buffer));
  // What comes after the nest finds everything as it would.
  for (const a of accessesIn(kernel.body.slice(0, kernel.body.indexOf(nest))))
    require(a.buffer === name || !own.has(a.buffer) || (a.kind === "load" && a.buffer !== store.buffer), () =>
      `compute-at ${name}: the nest that reads it also uses ${a.buffer}, which ${kernel.name} uses elsewhere; fission it first`);
  const free = new Set(loops.map((l) => l.loop));
  require(determined(store.index, free, factsOf(kernel)).size === free.size, () =>
    `compute-at ${name}: the nest that reads it stores elements of ${store.buffer} more than once; sum into it instead`);
}

/** The consumer's store at the producer's place: its loop variables follow from the producer's index, its operand is the producer's value. */
function merge(kernel: Kernel, producer: Store, { store, loops, index }: Consumer, name: string): Store {
  const simplify = simplifier(factsOf(kernel));
  const values = loops.map((l): [string, Expr] => {
    const variable = b.variable(l.loop);
    const axis = index.findIndex((i) => affineOf(i).terms.has(variable));
    const value = b.add(producer.index[axis] as Expr, b.sub(variable, index[axis] as Expr));
    return [l.loop, exprOf(affineOf(value))];
  });
  const substitute = substituter(new Map(values));
  // Elements that the consumer did not reach stay out.
  const known = new Set((producer.mask ? conjuncts(producer.mask) : []).map(simplify));
  const reached = values
    .flatMap(([, value], i) => [b.op("le", 0, value), b.lt(value, (loops[i] as (typeof loops)[number]).extent)])
    .map(simplify)
    .filter((e) => !(e.kind === "const" && e.value === 1) && !known.has(e));
  const all = [producer.mask, store.mask && substitute(store.mask), ...reached].filter((e) => e !== undefined);
  const mask = all.length > 0 ? all.reduce(b.and) : undefined;
  const masked = rewriter((e) => {
    if (e.kind !== "load" || mask === undefined) return e;
    return b.reload(e, e.index, e.mask ? b.and(e.mask, mask) : mask);
  });
  // The operand is replaced before the variables, so that its own loads stay as they are.
  const operand = b.variable(`${name}!`, producer.value.type);
  const marked = rewriter((e) => (e.kind === "load" && e.buffer === name ? operand : e))(store.value);
  const value = substituter(new Map([[operand.name, producer.value]]))(masked(substitute(marked)));
  return b.store(store.buffer, store.index.map(substitute), value, mask);
}
