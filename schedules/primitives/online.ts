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
 * which an iteration uses its own elements only; a buffer that has the factor must be of no use after its iteration. Where all of a block may be -inf the maximum
 * must be guarded: e^(x - pmax(m, c)).
 *
 * The derivation is that of Milakov and Gimelshein, Online normalizer calculation for softmax (arXiv:1805.02867), with blocks in place of elements.
 */
import { z } from "zod";
import {
  type Buffer,
  b,
  buffersOf,
  type Expr,
  eachStmt,
  exp,
  exprsOf,
  type Facts,
  type For,
  factsOf,
  type Kernel,
  loopsOf,
  lowerBound,
  mapExprs,
  mapStmts,
  monoids,
  type Reduce,
  type Stmt,
  simplifyKernel,
  substituter,
  writes,
} from "../../ir/index.ts";
import { contracted } from "../contraction.ts";
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
import { nest, sumLoops } from "../two-levels.ts";

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

/** A reduction over blocks: in its loops, of which the first is over blocks, and those that its element depends on. */
interface Carried {
  readonly reduce: Reduce;
  readonly buffer: Buffer;
  readonly loops: readonly For[];
  readonly spatial: readonly For[];
}

/** A nest of the group: its loop over blocks, and the reduction over blocks that it is, if it is one. */
interface Part {
  readonly block: For;
  readonly carried: Carried | undefined;
}

export const online: Primitive<OnlineStep> = kernelPrimitive("online", schema, (kernel, step, program) => {
  const { around, parts, position, siblings, maximum } = groupOf(kernel, step);
  requireApart(kernel, parts);
  const { known, fleeting } = homogeneityOf(parts, maximum, factsOf(kernel));
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
    siblings.toSpliced(position, parts.length, ...starts, merged),
  );
  const result = simplifyKernel({ ...replaced, buffers: [...replaced.buffers, before, scale] });
  for (const buffer of fleeting) contracted(program, result, { buffer, at: step.into });
  return result;
});

const f32 = (value: number): Expr => b.constant(value, "f32");

/** Makes nests over the elements of a reduction: at its index, the loops named after `name`. */
const eachElement =
  ({ reduce, spatial }: Carried) =>
  (name: string, s: (at: readonly Expr[], move: (e: Expr) => Expr) => Stmt): Stmt => {
    const nameOf = (loop: string): string => `${name}/${loop}`;
    const move = substituter(new Map<string, Expr>(spatial.map((l) => [l.loop, b.variable(nameOf(l.loop))])));
    return nest(spatial, s(reduce.index.map(move), move), nameOf);
  };

/** The body of a reduction that goes on from what is there. */
const accumulating = (body: readonly Stmt[], buffer: string): readonly Stmt[] =>
  mapStmts(body, (s) => (s.kind === "reduce" && s.buffer === buffer ? [{ ...s, over: [] }] : undefined));

interface Group {
  readonly siblings: readonly Stmt[];
  readonly position: number;
  readonly around: readonly For[];
  readonly parts: readonly Part[];
  readonly maximum: Carried;
}

/** The nests, which stand one after another and have as many blocks. */
function groupOf(kernel: Kernel, { loops, max }: OnlineStep): Group {
  const found = loops.map((name) => loopNamed(kernel, name));
  const [{ around, loop: first }] = found as [(typeof found)[number]];
  const siblings = around.at(-1)?.body ?? kernel.body;
  const position = siblings.indexOf(first);
  requireSequential([...around, ...loopsOf(found.map(({ loop }) => loop))], "online");
  require(position >= 0, () => `an if stands around ${first.loop}; split without tail guard`);
  found.forEach(({ loop }, i) => {
    require(siblings[position + i] === loop, () =>
      `${loop.loop} does not follow ${loops[i - 1]} directly; name neighbouring loops, in their order`);
    require(loop.extent === first.extent, () =>
      `${loop.loop} and ${first.loop} have different extents; split their loops alike`);
  });
  const parts = found.map(
    ({ loop }, i): Part => ({ block: loop, carried: carriedBy(kernel, loop, position + i, siblings) }),
  );
  for (const { carried } of parts) {
    if (carried === undefined) continue;
    const { buffer, monoid } = carried.reduce;
    const wanted = buffer === max ? ["max", "pmax"] : ["sum"];
    require(wanted.includes(monoid), () => `${buffer} is a ${monoid}, expected a ${wanted[0]}`);
  }
  const maximum = parts.find(({ carried }) => carried?.reduce.buffer === max)?.carried;
  require(maximum !== undefined, () => `none of ${loops.join(", ")} is the loop of a maximum into ${max}`);
  return { siblings, position, around, parts, maximum };
}

/** The reduction over blocks that a nest is; undefined for one that fills buffers. */
function carriedBy(kernel: Kernel, block: For, position: number, siblings: readonly Stmt[]): Carried | undefined {
  const { loops, body } = nestOf(block);
  const [reduce] = body;
  if (body.length > 1 || reduce?.kind !== "reduce" || !reduce.over.includes(block.loop)) return undefined;
  const { spatial } = sumLoops(kernel, { siblings, position, loops, reduce });
  const { buffer: name, over, mask } = reduce;
  const others = loops.filter((l) => !spatial.includes(l)).map((l) => l.loop);
  require(mask === undefined && over.length === others.length && others.every((loop) => over.includes(loop)), () =>
    `the reduction into ${name} is masked, or not over all loops from ${block.loop} inwards that its index leaves out, and no others`);
  const facts = factsOf(kernel);
  const empty = loops.find((l) => !spatial.includes(l) && lowerBound(l.extent, facts) < 1);
  require(empty === undefined, () =>
    `${name} stays as it is where ${empty?.loop} has no iterations; specialize to sizes for which it has`);
  const buffer = kernel.buffers.find((x) => x.name === name) as Buffer;
  require(buffer.scalar === "f32" && buffer.range === undefined, () =>
    `${name} is not an f32 buffer without bounds; accumulate in one`);
  return { reduce, buffer, loops, spatial };
}

/** Buffers through which the nests pass values: an iteration must use its own elements. What is carried is written by its own nest alone. */
function requireApart(kernel: Kernel, parts: readonly Part[]): void {
  const facts = factsOf(kernel);
  const blocks = parts.map(({ block }) => block);
  const owners = new Map(
    parts.flatMap(({ carried, block }) => (carried ? [[carried.buffer.name, block] as const] : [])),
  );
  const scopes = new Map(kernel.buffers.map(({ name, scope }) => [name, scope]));
  for (const block of blocks)
    for (const { buffer, kind } of accessesIn([block])) {
      if (kind === "load") continue;
      const owner = owners.get(buffer);
      require(owner === undefined || owner === block, () => `${buffer} is written by ${block.loop} and ${owner?.loop}`);
      if (owner !== undefined) continue;
      require(scopes.get(buffer) === "global", () => `${buffer} is a ${scopes.get(buffer)} buffer; keep it in memory`);
      const reason = sharedElements(blocks, buffer, facts);
      require(reason === undefined, () => `${reason}; such nests stay apart`);
    }
}

/**
 * Throws unless every sum scales with the maximum once, and nothing reads a sum before the end. `fleeting` buffers hold, of each block, values that scale with the
 * maximum so far.
 */
function homogeneityOf(
  parts: readonly Part[],
  maximum: Carried,
  facts: Facts,
): { readonly known: Homogeneity; readonly fleeting: ReadonlySet<string> } {
  const known = new Homogeneity(maximum, facts);
  const max = maximum.buffer.name;
  const sums = new Set(parts.flatMap(({ carried }) => (carried && carried !== maximum ? [carried.buffer.name] : [])));
  const terms = buffersOf(maximum.reduce.value);
  const fleeting = new Set<string>();
  let isMade = false;
  for (const { block, carried } of parts) {
    for (const { buffer, kind } of accessesIn([block])) {
      require(kind !== "load" || !sums.has(buffer), () => `${buffer} is read before its sum is whole`);
      require(kind === "load" || !isMade || !terms.has(buffer), () =>
        `${buffer}, of which ${max} is the maximum, is written after it; write another buffer`);
      require(kind !== "load" || buffer !== max || isMade, () =>
        `${max} is read before it is the maximum; move that behind it`);
    }
    isMade ||= carried === maximum;
    if (carried === maximum) continue;
    eachStmt([block], (s, loops) => {
      const fixed = exprsOf(s).filter((e) => !writes(s) || e !== s.value);
      require(fixed.every((e) => known.isFree(e)), () =>
        `${block.loop} depends on ${max} in other ways than by values that it stores or sums; keep those in buffers`);
      if (!writes(s)) return;
      const isSum = s === carried?.reduce;
      require(isSum || s.kind === "store" || !s.over.includes(block.loop), () =>
        `the reduction into ${s.buffer} is not all that ${block.loop} holds; distribute it`);
      const power = known.written(s, loops);
      require(!isSum || power === 1, () =>
        `the terms of ${s.buffer} do not scale with ${max}; they need the factor exp(x - ${max}) once`);
      if (!isSum && power > 0) fleeting.add(s.buffer);
    });
  }
  return { known, fleeting };
}
