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
 * homogeneous: every term has the factor e^-m once. `loops` are the loops over blocks of neighbouring nests, among them those that fill buffers for others, of
 * which an iteration uses its own elements only. The maximum may be guarded: e^(x - max(m, c)).
 *
 * The derivation is that of Milakov and Gimelshein, Online normalizer calculation for softmax (arXiv:1805.02867), with blocks in place of elements.
 */
import { z } from "zod";
import {
  b,
  type Expr,
  eachStmt,
  exp,
  type For,
  factsOf,
  type Kernel,
  type Monoid,
  mapExprs,
  mapStmts,
  monoids,
  type Reduce,
  type Stmt,
  simplifyKernel,
  substituter,
  typeOf,
  writes,
} from "../../ir/index.ts";
import { accessesIn, sharedElements } from "../elements.ts";
import { require } from "../errors.ts";
import { Homogeneity } from "../homogeneity.ts";
import {
  type KernelStep,
  kernelPrimitive,
  loopNamed,
  nestOf,
  type Primitive,
  replaceIn,
  requireSequential,
} from "../primitive.ts";
import { loopsIn, nest } from "../two-levels.ts";

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

/** A nest of the group: its loop over blocks, and the reduction over blocks that it is, if it is one. */
interface Part {
  readonly block: For;
  readonly carried: Reduce | undefined;
  /** The loops inside the one over blocks, of a reduction. */
  readonly inner: readonly For[];
}

export const online: Primitive<OnlineStep> = kernelPrimitive("online", schema, (kernel, step) => {
  const { around, parts, position, siblings } = groupOf(kernel, step);
  requireApart(kernel, parts);
  const scaled = requireHomogeneous(parts, step.max);
  const maximum = kernel.buffers.find(({ name }) => name === step.max) as Kernel["buffers"][number];
  const before = { ...maximum, name: `${step.max}.before` };
  const scale = { ...maximum, name: `${step.max}.scale` };
  const block = b.variable(step.into);

  const pieces = parts.map((part) => {
    const here = substituter(new Map<string, Expr>([[part.block.loop, block]]));
    const body = part.block.body.map((s) => mapExprs(s, here));
    if (part.carried === undefined) return { start: [], body };
    const { buffer, monoid, index } = part.carried;
    const own = loopsIn(index, part.inner);
    const of = kernel.buffers.find(({ name }) => name === buffer) as Kernel["buffers"][number];
    /** A nest over the elements of the reduction, its loops named after `name`. */
    const each = (name: string, s: (at: readonly Expr[], move: (e: Expr) => Expr) => Stmt): Stmt => {
      const move = substituter(new Map<string, Expr>(own.map((l) => [l.loop, b.variable(`${name}/${l.loop}`)])));
      return nest(own, s(index.map(move), move), (loop) => `${name}/${loop}`);
    };
    const neutral = b.constant(monoids[monoid].neutral(of.scalar), typeOf(of.scalar));
    const start = [each("start", (at) => b.store(buffer, at, neutral))];
    const goesOn = accumulating(body, buffer);
    if (buffer === step.max)
      return {
        start,
        body: [
          each("before", (at) => b.store(before.name, at, b.load(maximum, at))),
          ...goesOn,
          each("scale", (at) => {
            const exponent = b.sub(scaled.subtracted(b.load(before, at)), scaled.subtracted(b.load(maximum, at)));
            return b.store(scale.name, at, exp(exponent));
          }),
        ],
      };
    const rescaled = each("scale", (at, move) => {
      const by = b.load(scale, scaled.maximumOf(buffer, index).map(move));
      return b.store(buffer, at, b.mul(b.load(of, at), by));
    });
    return { start, body: [rescaled, ...goesOn] };
  });
  const loop = b.loop(
    step.into,
    (parts[0] as Part).block.extent,
    pieces.flatMap(({ body }) => body),
  );
  const result = replaceIn(kernel, around.at(-1)?.loop, () =>
    siblings.toSpliced(position, parts.length, ...pieces.flatMap(({ start }) => start), loop),
  );
  return simplifyKernel({ ...result, buffers: [...result.buffers, before, scale] });
});

/** The body of a reduction that goes on from what is there. */
const accumulating = (body: readonly Stmt[], buffer: string): readonly Stmt[] =>
  mapStmts(body, (s) => (s.kind === "reduce" && s.buffer === buffer ? [{ ...s, over: [] }] : undefined));

interface Group {
  readonly siblings: readonly Stmt[];
  readonly position: number;
  readonly around: readonly For[];
  readonly parts: readonly Part[];
}

/** The nests, which stand one after another and have as many blocks. */
function groupOf(kernel: Kernel, { loops, max }: OnlineStep): Group {
  const found = loops.map((name) => loopNamed(kernel, name));
  const [first] = found as [(typeof found)[number]];
  const around = first.around;
  const siblings = around.at(-1)?.body ?? kernel.body;
  const position = siblings.indexOf(first.loop);
  requireSequential([...around, ...found.map(({ loop }) => loop)], "online");
  found.forEach(({ loop }, i) => {
    require(siblings[position + i] === loop, () =>
      `online: ${loop.loop} does not follow ${i === 0 ? "anything" : loops[i - 1]} directly; name neighbouring loops, in their order`);
    require(loop.extent === first.loop.extent, () =>
      `online: ${loop.loop} and ${loops[0]} have different extents; split their loops alike`);
  });
  const parts = found.map(({ loop }): Part => {
    const { loops: all, body } = nestOf(loop);
    const [only] = body;
    const carried = body.length === 1 && only?.kind === "reduce" && only.over.includes(loop.loop) ? only : undefined;
    return { block: loop, carried, inner: all.slice(1) };
  });
  for (const { block, carried, inner } of parts) {
    if (carried === undefined) continue;
    const own = inner.map((l) => l.loop);
    require(carried.mask === undefined && carried.over.every((name) => name === block.loop || own.includes(name)), () =>
      `online: the reduction into ${carried.buffer} is masked, or goes over loops outside ${block.loop}`);
    require(inner.every((l) => carried.over.includes(l.loop) || loopsIn(carried.index, [l]).length > 0), () =>
      `online: a loop repeats the reduction into ${carried.buffer}`);
    const wanted: readonly Monoid[] = carried.buffer === max ? ["max", "pmax"] : ["sum"];
    require(wanted.includes(carried.monoid), () =>
      `online: ${carried.buffer} is a ${carried.monoid}, expected a ${wanted[0]}`);
  }
  require(parts.some(({ carried }) => carried?.buffer === max), () =>
    `online: none of ${loops.join(", ")} is the loop of a maximum into ${max}`);
  return { siblings, position, around, parts };
}

/** Buffers through which the nests pass values: an iteration must use its own elements. What is carried is used by none but its own nest. */
function requireApart(kernel: Kernel, parts: readonly Part[]): void {
  const facts = factsOf(kernel);
  const blocks = parts.map(({ block }) => block);
  const carried = new Map(parts.flatMap(({ carried: of, block }) => (of ? [[of.buffer, block] as const] : [])));
  const scopes = new Map(kernel.buffers.map(({ name, scope }) => [name, scope]));
  for (const { buffer, kind } of accessesIn(blocks)) {
    if (kind === "load" || carried.has(buffer)) continue;
    require(scopes.get(buffer) === "global", () =>
      `online: ${buffer} is a ${scopes.get(buffer)} buffer; keep it in memory`);
    const reason = sharedElements(blocks, buffer, facts);
    require(reason === undefined, () => `online: ${reason}`);
  }
  for (const [buffer, own] of carried)
    for (const other of blocks)
      require(other === own || accessesIn([other]).every((a) => a.buffer !== buffer || a.kind === "load"), () =>
        `online: ${buffer} is written by ${own.loop} and ${other.loop}`);
}

/** Throws unless every sum scales with the maximum once, and nothing reads a sum before the end. */
function requireHomogeneous(parts: readonly Part[], max: string): Homogeneity {
  const known = new Homogeneity(max);
  const sums = new Set(parts.flatMap(({ carried }) => (carried && carried.buffer !== max ? [carried.buffer] : [])));
  for (const { block, carried } of parts) {
    for (const { buffer, kind } of accessesIn([block]))
      require(kind !== "load" || !sums.has(buffer), () => `online: ${buffer} is read before its sum is whole`);
    if (carried?.buffer === max) {
      require(known.of(carried.value).power === 0, () => `online: ${max} is the maximum of what depends on it`);
      continue;
    }
    eachStmt([block], (s) => {
      if (!writes(s)) return;
      const { power } = known.written(s);
      require(s !== carried || power === 1, () =>
        `online: the terms of ${s.buffer} do not scale with ${max}; they need the factor exp(x - ${max}) once`);
    });
  }
  return known;
}
