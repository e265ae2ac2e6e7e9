/**
 * rebase: sums of e^(x - m), m being the maximum of all x, are taken for parts of x that have a maximum each, which need not wait for each other.
 *
 *     for m/t < T: m[] max= x[m/t]                     over m/t
 *     for l/t < T: l[] += exp(x[l/t] - m[])            over l/t
 *     rebase(max: m, loops: [m/t, l/t], parts: 4, into: ts)
 *     for ts < min(4, T):
 *       for m/t < (T - 1 - ts) // 4 + 1: m.part[] max= x[4*m/t + ts]                        over m/t
 *       for l/t < (T - 1 - ts) // 4 + 1: l.part[] += exp(x[4*l/t + ts] - m.part[])          over l/t
 *       m.ts[ts] = m.part[]
 *       l.ts[ts] = l.part[]
 *     for m/ts < min(4, T): m[] max= m.ts[m/ts]                                          over m/ts
 *     for m.rest/ts < 4: m.rest[m.rest/ts] = select(m.rest/ts < min(4, T), exp(m.ts[m.rest/ts if ..] - m[]), 0)
 *     for l/ts < min(4, T): l[] += l.ts[l/ts] * m.rest[l/ts]                             over l/ts
 *
 * Proof: a sum has the factor e^-(its part's maximum); times e^(that maximum - m) it has e^-m. So it is the rfactor of what `online` carries, under the same conditions. `loops`
 * are those that `online` takes, which applies to the parts afterwards. A part takes every `parts`-th iteration, and has one at least.
 */
import { z } from "zod";
import {
  type Buffer,
  b,
  type Expr,
  exp,
  type For,
  mapExprs,
  mapStmts,
  rewriter,
  type Stmt,
  simplifyKernel,
  substituter,
  writes,
} from "../../ir/index.ts";
import { requireInside } from "../contraction.ts";
import { require } from "../errors.ts";
import { type KernelStep, kernelPrimitive, type Primitive, replaceIn } from "../primitive.ts";
import { type Carried, eachElement, softmaxOf } from "../softmax.ts";

export interface RebaseStep extends KernelStep {
  readonly op: "rebase";
  /** The buffer of the maximum. */
  readonly max: string;
  /** Loops, one of each nest, in the order of the nests. */
  readonly loops: readonly string[];
  readonly parts: number;
  readonly into: string;
}

const schema: z.ZodType<RebaseStep> = z.strictObject({
  op: z.literal("rebase"),
  kernel: z.string().optional(),
  max: z.string(),
  loops: z.array(z.string()).min(2),
  parts: z.int().min(2),
  into: z.string(),
});

export const rebase: Primitive<RebaseStep> = kernelPrimitive("rebase", schema, (kernel, step, program) => {
  const { around, parts, position, siblings, between, maximum, known, fleeting } = softmaxOf(kernel, step, "rebase");
  require(between.length === 0, () => `rebase: statements stand between the loops; name neighbouring ones`);
  const carried = parts.flatMap((part) => (part.carried === undefined ? [] : [part.carried]));
  const [{ block }] = parts as [(typeof parts)[number]];
  const count = b.min(step.parts, block.extent);
  const ts = b.variable(step.into);
  const length = b.add(b.floordiv(b.sub(b.sub(block.extent, 1), ts), step.parts), 1);

  const local = new Map(
    carried.map(({ buffer: { name, scalar, shape, scope } }) => [
      name,
      b.buffer(`${name}.part`, scalar, shape, { scope }),
    ]),
  );
  const kept = new Map(
    carried.map(({ buffer }) => [buffer.name, likeOf(buffer, `${buffer.name}.${step.into}`, step.parts)]),
  );
  const rest = likeOf(maximum.buffer, `${step.max}.rest`, step.parts);
  const keptOf = ({ buffer }: Carried): Buffer => kept.get(buffer.name) as Buffer;

  const nests = parts.map((part) =>
    partial(part.block, b.add(b.mul(b.variable(part.block.loop), step.parts), ts), length, local),
  );
  const copies = carried.map((of) =>
    eachElement(of)(keptOf(of).name, (at) =>
      b.store(keptOf(of).name, [ts, ...at], b.load(local.get(of.buffer.name) as Buffer, at)),
    ),
  );
  /** A nest over elements, and in it over parts. */
  const eachPart = (
    of: Carried,
    name: string,
    extent: Expr | number,
    s: (at: readonly Expr[], part: Expr, move: (e: Expr) => Expr) => Stmt,
  ): Stmt =>
    eachElement(of)(name, (at, move) => {
      const loop = `${name}/${step.into}`;
      return b.loop(loop, extent, [s(at, b.variable(loop), move)]);
    });
  const over = (of: Carried): readonly string[] => [`${of.buffer.name}/${step.into}`];
  const whole = eachPart(maximum, step.max, count, (at, part) =>
    b.reduce(step.max, at, b.load(keptOf(maximum), [part, ...at]), over(maximum), maximum.reduce.monoid),
  );
  // Of all parts, those that there are not among them: a buffer that is filled as a whole can be contracted.
  const share = eachPart(maximum, rest.name, step.parts, (at, part) => {
    const isThere = b.lt(part, count);
    const [own, all] = [b.load(keptOf(maximum), [part, ...at], isThere), b.load(maximum.buffer, at)];
    const value = exp(b.sub(known.subtracted(own), known.subtracted(all)));
    return b.store(rest.name, [part, ...at], b.select(isThere, value, b.constant(0, "f32")));
  });
  const sums = carried.flatMap((of) => {
    if (of === maximum) return [];
    const { reduce, buffer } = of;
    return eachPart(of, buffer.name, count, (at, part, move) => {
      const by = b.load(rest, [part, ...known.maximumOf(buffer.name, reduce.index).map(move)]);
      return b.reduce(buffer.name, at, b.mul(b.load(keptOf(of), [part, ...at]), by), over(of));
    });
  });
  const replaced = replaceIn(kernel, around.at(-1)?.loop, () =>
    siblings.toSpliced(position, parts.length, b.loop(step.into, count, [...nests, ...copies]), whole, share, ...sums),
  );
  const result = simplifyKernel({
    ...replaced,
    buffers: [...replaced.buffers, ...local.values(), ...kept.values(), rest],
  });
  for (const buffer of fleeting) requireInside(program, result, buffer, step.into);
  return result;
});

/** A workspace with the buffer's axes, after one of parts. */
const likeOf = ({ scalar, shape }: Buffer, name: string, parts: number): Buffer =>
  b.buffer(name, scalar, [parts, ...shape], { scope: "global" });

/** A nest of one part: at `index` in place of its loop, with the part's buffers. */
function partial({ loop, body }: For, index: Expr, extent: Expr, buffers: ReadonlyMap<string, Buffer>): Stmt {
  const here = substituter(new Map<string, Expr>([[loop, index]]));
  const loads = rewriter((e) => {
    const to = e.kind === "load" ? buffers.get(e.buffer) : undefined;
    return to !== undefined && e.kind === "load" ? b.load(to, e.index, e.mask) : e;
  });
  const moved = mapStmts(
    body.map((s) => mapExprs(mapExprs(s, here), loads)),
    (s) =>
      writes(s) && buffers.has(s.buffer) ? [{ ...s, buffer: (buffers.get(s.buffer) as Buffer).name }] : undefined,
  );
  return b.loop(loop, extent, moved);
}
