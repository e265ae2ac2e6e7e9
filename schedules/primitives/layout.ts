/**
 * layout: a tensor stored in another order. One index map rewrites every access and the loops that fill the tensor: for a weight that is its packer.
 *
 *     pack:  for w/n < 8: for w/k < 64: w[w/n, w/k] = code(w/n, w/k)
 *     main:  .. w[n, k] ..
 *     layout(buffer: w, axes: [[no, [nl, 4]], [kg, [kl, 32]]], order: [no, kg, kl, nl])
 *     pack:  for w/no < 2: for w/kg < 2: for w/kl < 32: for w/nl < 4: w[w/no, w/kg, w/kl, w/nl] = code(4*w/no + w/nl, 32*w/kg + w/kl)
 *     main:  .. w[n // 4, k // 32, k % 32, n % 4] ..
 *
 * Each axis is a list of digits, slowest first; the first has whatever extent is left, the others are given. `order` lists the digits in storage order. Elements
 * of fewer than 8 bits are dense, so the last digits select the shift inside a byte. Where an axis is not a multiple of its digits it is padded; the packer
 * writes 0 to the padding, and loads that were masked for it need the mask no longer.
 *
 * The map is part of the tensor: every kernel that reads or writes it is rewritten.
 */
import { z } from "zod";
import {
  type Affine,
  addAffine,
  affineOf,
  type Buffer,
  b,
  type Expr,
  factsOf,
  isSubByte,
  type Kernel,
  type Load,
  mapExprs,
  mapStmts,
  provablyLess,
  rewriter,
  type Stmt,
  type Store,
  simplifier,
  simplifyKernel,
  storageBits,
  substituter,
  variablesOf,
  writes,
} from "../../ir/index.ts";
import { require } from "../errors.ts";
import { isPartialIn } from "../partial.ts";
import { extentOf, nestOf, type Primitive, type Step, withKernels } from "../primitive.ts";
import { conjuncts } from "../two-levels.ts";

export type Digit = string | readonly [string, number];

export interface LayoutStep extends Step {
  readonly op: "layout";
  readonly buffer: string;
  readonly axes: readonly (readonly Digit[])[];
  readonly order: readonly string[];
}

const digit = z.union([z.string(), z.tuple([z.string(), z.int().positive()])]);
const schema: z.ZodType<LayoutStep> = z.strictObject({
  op: z.literal("layout"),
  buffer: z.string(),
  axes: z.array(z.array(digit).min(1)),
  order: z.array(z.string()),
});

/** A digit with what it counts: `(index // weight) % extent` of its axis (no remainder for the slowest). */
interface Place {
  readonly name: string;
  readonly axis: number;
  readonly weight: number;
  readonly extent: Expr;
  readonly slowest: boolean;
}

export const layout: Primitive<LayoutStep> = {
  op: "layout",
  schema,
  apply: (program, step) => {
    const declared = program.kernels.flatMap((k) => k.buffers).find((buffer) => buffer.name === step.buffer);
    require(declared !== undefined, () =>
      `layout: no buffer ${step.buffer}; there are ${program.kernels
        .flatMap((k) => k.buffers.map((x) => x.name))
        .filter((x, i, all) => all.indexOf(x) === i)
        .join(", ")}`);
    require(declared.role !== "input" && declared.role !== "output" && declared.role !== "weight", () =>
      `layout: ${step.buffer} belongs to the caller; stage it first`);
    return withKernels(program, (k) => {
      // A local buffer is each kernel's own, and may have another shape there.
      const own = k.buffers.find((buffer) => buffer.name === step.buffer);
      return [own === undefined ? k : relayout(k, own, placesOf(step, own))];
    });
  },
};

/** The digits in storage order. */
function placesOf(step: LayoutStep, buffer: Buffer): readonly Place[] {
  require(step.axes.length === buffer.shape.length, () =>
    `layout: ${buffer.name} has ${buffer.shape.length} axes, the step ${step.axes.length}; list the digits of each`);
  const places = step.axes.flatMap((digits, axis) => {
    let weight = 1;
    const list: Place[] = [];
    for (const [i, d] of [...digits.entries()].reverse()) {
      const [name, size] = typeof d === "string" ? [d, undefined] : d;
      require((size === undefined) === (i === 0), () =>
        `layout: ${name}: every digit but the first of an axis has a size, the first has none`);
      const axisExtent = buffer.shape[axis] as Expr;
      const rest = weight === 1 ? axisExtent : b.floordiv(b.add(axisExtent, weight - 1), weight);
      const extent = size === undefined ? rest : b.constant(size);
      list.unshift({ name, axis, weight, extent, slowest: i === 0 });
      weight *= size ?? 1;
    }
    return list;
  });
  const names = places.map((p) => p.name);
  require([...step.order].sort().join() === [...names].sort().join() && new Set(names).size === names.length, () =>
    `layout: order must list each of ${names.join(", ")} once`);
  return step.order.map((name) => places.find((p) => p.name === name) as Place);
}

/** What the digits of an axis can count: its extent, rounded up where it is padded. */
const coveredBy = (places: readonly Place[], axis: number): Expr =>
  places.filter((p) => p.axis === axis).reduce<Expr>((product, p) => b.mul(product, p.extent), b.constant(1));

function relayout(kernel: Kernel, from: Buffer, places: readonly Place[]): Kernel {
  const shape = places.map((p) => p.extent);
  const isPadded = from.shape.some((extent, axis) => coveredBy(places, axis) !== extent);
  const [low, high] = from.range ?? [0, 0];
  const range = from.range && isPadded ? ([Math.min(0, low), Math.max(0, high)] as const) : from.range;
  const to: Buffer = { ...from, shape, range };
  const facts = factsOf(kernel);
  const simplify = simplifier(facts);
  const map = (index: readonly Expr[]): readonly Expr[] =>
    places.map(({ axis, weight, extent, slowest }) => {
      const quotient = b.floordiv(index[axis] as Expr, weight);
      return simplify(slowest ? quotient : b.mod(quotient, extent));
    });
  const loads = rewriter((e) => {
    if (e.kind !== "load" || e.buffer !== from.name) return e;
    const index = map(e.index);
    if (from.role !== "packed" || e.mask === undefined) return b.load(to, index, e.mask);
    // What keeps an index inside an axis is not needed where padding does: it holds 0, as a masked load gives.
    const padded = (axis: number | undefined): boolean =>
      axis !== undefined &&
      places.every((p, i) => p.axis !== axis || provablyLess(index[i] as Expr, to.shape[i] as Expr, facts));
    const left = conjuncts(e.mask).filter((condition) => !padded(boundOf(condition, e, from)));
    return b.load(to, index, left.length > 0 ? left.reduce(b.and) : undefined);
  });
  const body = mapStmts(kernel.body, (s) => {
    const filled = kernel.stage === "pack" ? fillOf(s, from) : undefined;
    if (filled) return [fill(filled, from, places)];
    if (!writes(s, from.name)) return undefined;
    require(kernel.stage !== "pack", () =>
      `layout: ${from.name} is reduced into while packing; its padding would stay undefined; store the sums in another buffer first`);
    return [{ ...s, index: map(s.index) }];
  });
  return simplifyKernel({
    ...kernel,
    buffers: kernel.buffers.map((buffer) => (buffer.name === from.name ? to : buffer)),
    body: body.map((s) => mapExprs(s, loads)),
  });
}

/** The axis of which a condition says `index < extent`. */
function boundOf(e: Expr, { index }: Load, { shape }: Buffer): number | undefined {
  if (e.kind !== "op" || e.op !== "lt") return undefined;
  const [a, c] = e.args.map((arg) => affineOf(arg)) as [Affine, Affine];
  const found = index.findIndex((i, axis) => {
    // c - a = extent - index
    const left = addAffine(c, a, -1);
    const difference = addAffine(left, addAffine(affineOf(shape[axis] as Expr), affineOf(i), -1), -1);
    return difference.constant === 0 && difference.terms.size === 0 && difference.lanes === undefined;
  });
  return found < 0 ? undefined : found;
}

/** A root nest that fills the tensor: its loops as functions of the element's logical index. */
interface Fill {
  readonly store: Store;
  /** Each loop's axis, and the loop variable as `(index // unit) % extent` of it. */
  readonly loops: readonly {
    readonly name: string;
    readonly axis: number;
    readonly unit: number;
    readonly extent: Expr;
    readonly slowest: boolean;
  }[];
}

/** The nest that fills the tensor, whose loops are the digits of its axes; undefined for another statement. */
function fillOf(s: Stmt, buffer: Buffer): Fill | undefined {
  const nest = nestOf(s);
  const store = nest.body[0];
  if (nest.body.length !== 1 || store?.kind !== "store" || store.buffer !== buffer.name) return undefined;
  require([...store.index, store.value].every((e) => e.type.lanes.length === 0), () =>
    `layout: the nest that fills ${buffer.name} is vectorized; lay it out before`);
  const loops = store.index.flatMap((index, axis) => {
    const form = affineOf(index);
    const digits = [...form.terms].sort(([, a], [, c]) => c - a);
    let unit = 1;
    return [...digits].reverse().map(([atom, c], i) => {
      const loop = nest.loops.find((l) => atom.kind === "var" && l.loop === atom.name);
      require(loop !== undefined && c === unit && form.constant === 0, () =>
        `layout: axis ${axis} of ${buffer.name} is not filled digit by digit; lay it out before other steps on its packer`);
      const slowest = i === digits.length - 1;
      if (!slowest) unit *= extentOf(loop);
      return { name: loop.loop, axis, unit: c, extent: loop.extent, slowest };
    });
  });
  const whole = buffer.shape.every((extent, axis) => {
    const digits = loops.filter((l) => l.axis === axis).map((l) => l.extent);
    return digits.reduce<Expr>((product, e) => b.mul(product, e), b.constant(1)) === extent;
  });
  require(whole && loops.length === nest.loops.length && store.mask === undefined, () =>
    `layout: the nest that fills ${buffer.name} does not store each element once; lay it out before other steps on its packer`);
  return { store, loops };
}

/** The packer: a nest over the digits in storage order; what lies in the padding is 0. */
function fill({ store, loops }: Fill, buffer: Buffer, places: readonly Place[]): Stmt {
  const loopName = (p: Place): string => `${buffer.name}/${p.name}`;
  let inside: Expr | undefined;
  const logical = buffer.shape.map((extent, axis) => {
    const digits = places.filter((p) => p.axis === axis);
    const index = digits.map((p) => b.mul(b.variable(loopName(p)), p.weight)).reduce(b.add);
    if (coveredBy(places, axis) !== extent) {
      const holds = b.lt(index, extent);
      inside = inside === undefined ? holds : b.and(inside, holds);
    }
    return index;
  });
  const variables = loops.map(({ name, axis, unit, extent, slowest }): [string, Expr] => {
    const quotient = b.floordiv(logical[axis] as Expr, unit);
    return [name, slowest ? quotient : b.mod(quotient, extent)];
  });
  const value = substituter(new Map(variables))(store.value);
  const padded = inside === undefined ? value : orZero(maskLoads(value, inside), inside);
  const index = places.map((p) => b.variable(loopName(p)));
  // The codes of one byte are written together, and up to 16 elements whose sources are neighbours: their loops are unrolled.
  let perByte = 8 / Math.min(8, storageBits(buffer.scalar));
  let together = 1;
  const nest = [...places].reverse().reduce<Stmt>(
    (s, p) => {
      const extent = p.extent.kind === "const" ? p.extent.value : Infinity;
      together *= extent;
      const whole = perByte > 1 || together <= 16;
      perByte /= extent;
      return b.loop(loopName(p), p.extent, [s], whole ? "unroll" : "serial");
    },
    b.store(buffer.name, index, padded),
  );
  const beyond = inside === undefined ? new Set<string>() : variablesOf(inside);
  require(!isPartialIn(value, beyond, factsOf({ symbols: [], buffers: [], body: [nest] })), () =>
    `layout: ${buffer.name} would be padded where its digits say how far codes are shifted; pad it in one layout step`);
  return nest;
}

/** The value where the condition holds, else 0. Codes of fewer than 8 bits have no arithmetic: theirs is done in i32. */
function orZero(value: Expr, inside: Expr): Expr {
  const { scalar } = value.type;
  if (!isSubByte(scalar)) return b.select(inside, value, b.constant(0, value.type));
  return b.cast(scalar, b.select(inside, b.cast("i32", value), b.constant(0)));
}

function maskLoads(e: Expr, mask: Expr): Expr {
  return rewriter((node) =>
    node.kind === "load" ? b.reload(node, node.index, node.mask ? b.and(node.mask, mask) : mask) : node,
  )(e);
}
