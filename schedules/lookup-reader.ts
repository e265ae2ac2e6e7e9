/**
 * What reads the tables of `lookup`: the sum over entries in place of a sum of products, and the places where that sum is read, which add what its entries leave out.
 *
 *     d[n] += i32(t[k4, g, i32(ix[n, k4, p])]) * ((1 << p) * (1 << 2*g))           whole tables, exact
 *     .. d[n] + c[] ..
 *     e = i8(ix[n, k4, p]),  d[n] += i32(select(7 < e, -t[k4, i32(e & 7)], t[k4, i32(e & 7)])) * (1 << p)        half tables
 *     .. madd_f32(f32(d), step * 2.0, f32(c*2 + z*2) * 0.5) ..                       rounded, for f32(d*2 + z)
 */
import {
  affineOf,
  type Buffer,
  b,
  type Expr,
  type Kernel,
  type Load,
  mapExprs,
  mapOperands,
  rewriter,
  type Stmt,
  substituter,
  variablesOf,
} from "../ir/index.ts";
import type { CodeSum } from "./code-bits.ts";
import { accessesIn } from "./elements.ts";
import { require } from "./errors.ts";
import { doubled, held, type TableKind, type Tables } from "./lookup-tables.ts";
import { replaceIn } from "./primitive.ts";
import { loopsIn } from "./two-levels.ts";

/** What a step names of the sum. */
export interface LookupNames {
  readonly buffer: string;
  readonly at?: string | undefined;
  readonly loop: string;
  readonly loops: { readonly plane: readonly string[]; readonly digit?: string | undefined };
}

/** The sum, and what it is looked up in. */
export interface Product extends CodeSum {
  /** Number of the sum that a table belongs to. */
  readonly sum: Expr;
  readonly tables: Tables;
  /** `[n, k / 4, plane]` u4; without the last axis where there is one plane. */
  readonly numbers: Buffer;
}

/** The sum over entries, and what is read of it, in the kernel's body. */
export function readerOf(
  kernel: Kernel,
  names: LookupNames,
  product: Product,
): { readonly body: readonly Stmt[]; readonly buffers: readonly Buffer[] } {
  const { siblings, position } = product.site;
  const { table, centre, step } = product.tables;
  const reads = (body: readonly Stmt[]): number =>
    accessesIn(body).filter((a) => a.kind === "load" && a.buffer === names.buffer).length;
  require(reads(siblings) === reads(kernel.body), () =>
    `lookup: ${names.buffer} is read outside ${names.at ?? "its nest"}; choose the loop in which it is summed and read`);
  const withCentre = centring(names, product);
  const rewritten = siblings.map((s, i) => (i === position ? sumOfEntries(names, product) : mapExprs(s, withCentre)));
  return {
    body: replaceIn(kernel, names.at, () => rewritten).body,
    buffers: [table, centre, ...(step ? [step] : [])],
  };
}

/** The nest that sums entries. */
function sumOfEntries({ loop: replaced, loops: named }: LookupNames, product: Product): Stmt {
  const { site, operand, codes, run: k4, stride, place, tables, numbers } = product;
  const { reduce, loops } = site;
  const planes = named.plane.map((name, i, all) => ({ loop: b.variable(name), shift: 2 ** (all.length - 1 - i) }));
  const { digitBits } = held[tables.kind];
  const digits = named.digit === undefined ? [] : [{ loop: b.variable(named.digit), shift: digitBits }];
  const plane = planes.reduce<Expr>((sum, { loop, shift }) => b.add(sum, b.mul(loop, shift)), b.constant(0));
  const number = b.load(
    numbers,
    [...codes.index.slice(0, -1), b.add(b.mul(k4, stride), place), ...(planes.length > 0 ? [plane] : [])],
    codes.mask,
  );
  const own = [...operand.index.slice(0, -1), k4, ...digits.map((d) => d.loop)];
  const entry = entryOf[tables.kind](number, (index) => b.load(tables.table, [...own, b.cast("i32", index)]));
  // Each loop of 2 has a weight of its own, so that those that are written out are numbers.
  const added = [...planes, ...digits];
  const value = added.reduce((e, { loop, shift }) => b.mul(e, b.shl(1, b.mul(loop, shift))), b.cast("i32", entry));
  const over = reduce.over.flatMap((name) => (name === replaced ? added.map(({ loop }) => loop.name) : [name]));
  return loops.reduceRight<Stmt>(
    (s, l) =>
      l.loop === replaced
        ? added.reduceRight((inside, { loop }) => b.loop(loop.name, 2, [inside]), s)
        : b.loop(l.loop, l.extent, [s], l.loopKind),
    { ...reduce, value, over },
  );
}

/** The entry that a number stands for: of half a table its lower bits are read, and the highest says that it is negated. */
const entryOf: Readonly<Record<TableKind, (number: Expr, read: (index: Expr) => Expr) => Expr>> = {
  whole: (number, read) => read(number),
  half: (number, read) => {
    const last = held.half.length - 1;
    const entry = read(b.and(b.cast("u8", number), b.constant(last, "u8")));
    return b.select(b.lt(b.constant(last, "i8"), b.cast("i8", number)), b.op("neg", entry), entry);
  },
};

/** How an expression is rewritten that reads the sum: with what its entries leave out, and in their step. */
function centring({ buffer }: LookupNames, { site, spatial, operand, codes, sum, tables }: Product): (e: Expr) => Expr {
  const { index } = site.reduce;
  const { centre, step } = tables;
  const twice = doubled(tables);
  const lead = operand.index.slice(0, -1);
  // Where the sum is read its axes say which rows it is of.
  const axes = loopsIn([...lead, sum], spatial);
  const axisOf = axes.map((l) => index.indexOf(b.variable(l.loop)));
  require(!axisOf.includes(-1), () =>
    `lookup: ${axes.map((l) => l.loop).join(", ")} must be axes of ${buffer}, so that the centre is found where it is read`);
  const at = (e: Load, of: Buffer): Expr => {
    const substitute = substituter(new Map(axes.map((l, i) => [l.loop, e.index[axisOf[i] as number] as Expr])));
    return b.load(of, [...lead, sum].map(substitute));
  };
  const isSum = (e: Expr): e is Load => e.kind === "load" && e.buffer === buffer;
  const rowAxes = loopsIn(codes.index.slice(0, -1), spatial).map((l) => index.indexOf(b.variable(l.loop)));
  /** `f32(d - z) * factors`; factors that are the same for all rows go into step and offset. */
  const floatOf = (integer: Expr, factors: readonly Expr[]): Expr | undefined => {
    const [read, times] = [...affineOf(integer).terms].find(([atom]) => isSum(atom)) ?? [];
    if (read === undefined || times === undefined || !isSum(read)) return undefined;
    // The sum's centre with the other integers, which no row changes either, in the unit of entries.
    const without = (by: Expr): Expr => rewriter((inner) => (inner === read ? by : inner))(integer);
    const others = [at(read, centre), ...(twice ? [b.constant(0)] : [])].map(without).reduce(b.add);
    if (step === undefined)
      return [b.cast("f32", b.shr(b.add(b.mul(read, times), others), twice)), ...factors].reduce(b.mul);
    const rows = rowAxes.flatMap((axis) => [...variablesOf(read.index[axis] as Expr)]);
    const isOwn = (e: Expr): boolean => rows.some((name) => variablesOf(e).has(name));
    const shared = factors.filter((e) => !isOwn(e));
    const one = times === 1 ? at(read, step) : b.mul(at(read, step), b.constant(times, "f32"));
    const rest = b.mul(b.cast("f32", others), b.constant(1 / 2 ** twice, "f32"));
    const [size, offset] = [one, rest].map((e) => [e, ...shared].reduce(b.mul));
    const float = b.call("madd_f32", b.cast("f32", read), size as Expr, offset as Expr);
    return [float, ...factors.filter(isOwn)].reduce(b.mul);
  };
  const withCentre = (e: Expr): Expr => {
    if (isSum(e)) {
      require(step === undefined, () =>
        `lookup: ${buffer} is read other than as f32(${buffer} - ..), where its step would be; use entries i16`);
      return b.shr(b.add(e, at(e, centre)), twice);
    }
    const factors = step === undefined ? [e] : factorsOf(e);
    const float = factors.find((f) => f.kind === "cast" && f.type.scalar === "f32" && f.arg.type.scalar === "i32");
    const found =
      float?.kind === "cast"
        ? floatOf(
            float.arg,
            factors.filter((f) => f !== float),
          )
        : undefined;
    return found ?? mapOperands(e, withCentre);
  };
  return withCentre;
}

/** The factors of a float product. */
const factorsOf = (e: Expr): readonly Expr[] =>
  e.kind === "op" && e.op === "mul" && e.type.scalar === "f32" ? e.args.flatMap(factorsOf) : [e];
