/**
 * Nests beside each other that loop over the same blocks, one of which makes a maximum m and others sums of terms that scale with e^-m: behind `online` and `rebase`.
 */
import {
  type Buffer,
  b,
  buffersOf,
  type Expr,
  eachStmt,
  exprsOf,
  type Facts,
  type For,
  factsOf,
  type Kernel,
  loopsOf,
  lowerBound,
  type Reduce,
  type Stmt,
  substituter,
  writes,
} from "../ir/index.ts";
import { accessesIn, sharedElements } from "./elements.ts";
import { require } from "./errors.ts";
import { Homogeneity } from "./homogeneity.ts";
import { loopNamed, nestOf, requireSequential } from "./primitive.ts";
import { nest, sumLoops } from "./two-levels.ts";

/** A reduction over blocks: in its loops, of which the first is over blocks, and those that its element depends on. */
export interface Carried {
  readonly reduce: Reduce;
  readonly buffer: Buffer;
  readonly loops: readonly For[];
  readonly spatial: readonly For[];
}

/** A nest of the group: its loop over blocks, and the reduction over blocks that it is, if it is one. */
export interface Part {
  readonly block: For;
  readonly carried: Carried | undefined;
}

export interface Group {
  readonly siblings: readonly Stmt[];
  readonly position: number;
  readonly around: readonly For[];
  readonly parts: readonly Part[];
  /** Statements between the nests that may as well stand behind them all. */
  readonly between: readonly Stmt[];
  readonly maximum: Carried;
}

/** What a step says of a group: the buffer of the maximum, and a loop over blocks of each nest, in the order of the nests. */
export interface GroupNames {
  readonly max: string;
  readonly loops: readonly string[];
}

/** A group of which every sum is proven to scale with the maximum once. */
export interface Softmax extends Group {
  /** Which buffers scale, and how. */
  readonly known: Homogeneity;
  /** Buffers that hold, of each block, values that scale with the maximum so far. */
  readonly fleeting: ReadonlySet<string>;
}

/** The group of these names. Throws unless each block uses what it fills itself, every sum scales with the maximum once, and nothing reads a sum before the end. */
export function softmaxOf(kernel: Kernel, names: GroupNames, what: string): Softmax {
  const group = groupOf(kernel, names, what);
  requireApart(kernel, group.parts);
  return { ...group, ...homogeneityOf(group.parts, group.maximum, factsOf(kernel)) };
}

/** Makes nests over the elements of a reduction: at its index, the loops named after `name`. */
export const eachElement =
  ({ reduce, spatial }: Carried) =>
  (name: string, s: (at: readonly Expr[], move: (e: Expr) => Expr) => Stmt): Stmt => {
    const nameOf = (loop: string): string => `${name}/${loop}`;
    const move = substituter(new Map<string, Expr>(spatial.map((l) => [l.loop, b.variable(nameOf(l.loop))])));
    return nest(spatial, s(reduce.index.map(move), move), nameOf);
  };

/** The nests, which stand in their order and have as many blocks. */
function groupOf(kernel: Kernel, { loops, max }: GroupNames, what: string): Group {
  const found = loops.map((name) => loopNamed(kernel, name));
  const [{ around, loop: first }] = found as [(typeof found)[number]];
  const siblings = around.at(-1)?.body ?? kernel.body;
  const position = siblings.indexOf(first);
  requireSequential([...around, ...loopsOf(found.map(({ loop }) => loop))], what);
  require(position >= 0, () => `an if stands around ${first.loop}; split without tail guard`);
  const places = found.map(({ loop }) => siblings.indexOf(loop));
  found.forEach(({ loop }, i) => {
    require(i === 0 || (places[i] as number) > (places[i - 1] as number), () =>
      `${loop.loop} does not follow ${loops[i - 1]}; name loops beside each other, in their order`);
    require(loop.extent === first.extent, () =>
      `${loop.loop} and ${first.loop} have different extents; split their loops alike`);
  });
  const parts = found.map(
    ({ loop }, i): Part => ({ block: loop, carried: carriedBy(kernel, loop, places[i] as number, siblings) }),
  );
  const between = movable(siblings.slice(position, (places.at(-1) as number) + 1), new Set(parts.map((p) => p.block)));
  for (const { carried } of parts) {
    if (carried === undefined) continue;
    const { buffer, monoid } = carried.reduce;
    const wanted = buffer === max ? ["max", "pmax"] : ["sum"];
    require(wanted.includes(monoid), () => `${buffer} is a ${monoid}, expected a ${wanted[0]}`);
  }
  const maximum = parts.find(({ carried }) => carried?.reduce.buffer === max)?.carried;
  require(maximum !== undefined, () => `none of ${loops.join(", ")} is the loop of a maximum into ${max}`);
  return { siblings, position, around, parts, between, maximum };
}

/** The statements between nests. Throws where one and a nest after it use what either writes. */
function movable(all: readonly Stmt[], nests: ReadonlySet<Stmt>): readonly Stmt[] {
  const between = all.filter((s) => !nests.has(s));
  for (const s of between) {
    require(s.kind === "for" || writes(s), () => `a ${s.kind} stands between the nests; inline it first`);
    const own = accessesIn([s]);
    for (const other of accessesIn(all.slice(all.indexOf(s) + 1).filter((later) => nests.has(later))))
      require(own.every((a) => a.buffer !== other.buffer || (a.kind === "load" && other.kind === "load")), () =>
        `${other.buffer} is used between the nests too, and what stands there would come after them; name all nests that use it`);
  }
  return between;
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
  const empty = loops.find((l) => !spatial.includes(l) && lowerBound(b.sub(l.extent, 1), facts) < 0);
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
