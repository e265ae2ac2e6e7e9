/**
 * online: sums of e^(x - m), m being the maximum of all x, are taken together with the maximum, block by block (online softmax).
 *
 *     for m/tb < 16: for m/ti < 64: m[] max= x[64*m/tb + m/ti]                     over m/tb, m/ti
 *     for l/tb < 16: for l/ti < 64: l[] += exp(x[64*l/tb + l/ti] - m[])            over l/tb, l/ti
 *     online(max: m, loops: [m/tb, l/tb], into: tb)
 *     m[] = -inf
 *     l[] = 0
 *     for tb < 16:
 *       m.before[] = m[]
 *       for m/ti < 64: m[] max= x[64*tb + m/ti]
 *       m.scale[] = exp(m.before[] - m[])
 *       l[] = l[] * m.scale[]
 *       for l/ti < 64: l[] += exp(x[64*tb + l/ti] - m[])
 *
 * Proof: what was summed up to a block has the factor e^-(maximum so far); times e^(maximum so far - new maximum) it has the new one. So each sum must be
 * homogeneous: every term has the factor e^-m once. `loops` are the loops over blocks of nests beside each other (what stands between goes behind them), among them those
 * that fill buffers for others, of which an iteration uses its own elements only; a buffer that has the factor must be of no use after its iteration. Where all of a block may be -inf the maximum
 * must be guarded: e^(x - pmax(m, c)).
 *
 * The derivation is that of Milakov and Gimelshein, Online normalizer calculation for softmax (arXiv:1805.02867), with blocks in place of elements.
 */
import { z } from "zod";
import {
  b,
  type Expr,
  exp,
  mapExprs,
  mapStmts,
  monoids,
  type Stmt,
  simplifyKernel,
  substituter,
} from "../../ir/index.ts";
import { contracted } from "../contraction.ts";
import { type KernelStep, kernelPrimitive, type Primitive, replaceIn } from "../primitive.ts";
import { eachElement, type Part, softmaxOf } from "../softmax.ts";

export interface OnlineStep extends KernelStep {
  readonly op: "online";
  /** The buffer of the maximum. */
  readonly max: string;
  /** Loops over blocks, one of each nest, in the order of the nests. */
  readonly loops: readonly string[];
  readonly into: string;
}

const schema: z.ZodType<OnlineStep> = z.strictObject({
  op: z.literal("online"),
  kernel: z.string().optional(),
  max: z.string(),
  loops: z.array(z.string()).min(2),
  into: z.string(),
});

export const online: Primitive<OnlineStep> = kernelPrimitive("online", schema, (kernel, step, program) => {
  const { around, parts, position, siblings, between, maximum, known, fleeting } = softmaxOf(kernel, step, "online");
  const { scope, shape } = maximum.buffer;
  const before = b.buffer(`${step.max}.before`, "f32", shape, { scope });
  const scale = b.buffer(`${step.max}.scale`, "f32", shape, { scope });

  const pieces = parts.map(({ block, carried }) => {
    const here = substituter(new Map<string, Expr>([[block.loop, b.variable(step.into)]]));
    const body = block.body.map((s) => mapExprs(s, here));
    if (carried === undefined) return { start: [], body };
    const { reduce, buffer } = carried;
    const each = eachElement(carried);
    const start = [each("start", (at) => b.store(buffer.name, at, f32(monoids[reduce.monoid].neutral("f32"))))];
    const goesOn = accumulating(body, buffer.name);
    if (carried !== maximum) {
      const rescaled = each("scale", (at, move) => {
        const by = b.load(scale, known.maximumOf(buffer.name, reduce.index).map(move));
        return b.store(buffer.name, at, b.mul(b.load(buffer, at), by));
      });
      return { start, body: [rescaled, ...goesOn] };
    }
    const saved = each("before", (at) => b.store(before.name, at, b.load(buffer, at)));
    const factor = each("scale", (at) => {
      const [old, grown] = [before, buffer].map((of) => known.subtracted(b.load(of, at))) as [Expr, Expr];
      return b.store(scale.name, at, exp(b.sub(old, grown)));
    });
    return { start, body: [saved, ...goesOn, factor] };
  });
  const merged = b.loop(
    step.into,
    (parts[0] as Part).block.extent,
    pieces.flatMap(({ body }) => body),
  );
  const starts = pieces.flatMap(({ start }) => start);
  const replaced = replaceIn(kernel, around.at(-1)?.loop, () =>
    siblings.toSpliced(position, parts.length + between.length, ...starts, merged, ...between),
  );
  const result = simplifyKernel({ ...replaced, buffers: [...replaced.buffers, before, scale] });
  for (const buffer of fleeting) contracted(program, result, { buffer, at: step.into });
  return result;
});

const f32 = (value: number): Expr => b.constant(value, "f32");

/** The body of a reduction that goes on from what is there. */
const accumulating = (body: readonly Stmt[], buffer: string): readonly Stmt[] =>
  mapStmts(body, (s) => (s.kind === "reduce" && s.buffer === buffer ? [{ ...s, over: [] }] : undefined));
