/**
 * lookup: a sum over groups of 4 few-bit codes becomes a table, made once from the other operand and read by the codes' bits (T-MAC, LUT-GEMM).
 *
 *     for k4 < 8: for ke < 4: d[n] += i32(x[4*k4 + ke]) * i32(q[n, 4*k4 + ke])                 over k4, ke      (x: i8, q: u2)
 *     .. d[n] ..
 *     lookup(buffer: d, loop: ke, operand: x, codes: q, entries: i16, into: {table: t, numbers: ix, centre: c}, loops: {plane: [p], digit: g})
 *     t:  t[k4, g, i] = digit g of (sum over ke of bit ke of i * x[4*k4 + ke]) - half the sum of these x
 *     for k4 < 8: for p < 2: for g < 2: d[n] += i32(t[k4, g, i32(ix[n, k4, p])]) * ((1 << p) * (1 << 2*g))      over k4, p, g
 *     .. d[n] + c[] ..                                                                         c: what the halves come to
 *
 * Bit p of 4 neighbouring codes is one number, `ix[n, k4, p] = sum over ke of bit p of q[n, 4*k4 + ke] << ke`, which replaces the codes in the packed
 * tensor; a sum of 4 products is one entry per plane. Entries lie around 0 and so are small: -254..254. `entries` says how they are held:
 *
 *     i16    exact, in two bytes: 4*high + low, high in -64..63, low in 0..3 (loop `digit`)
 *     i8     rounded: entry / step, in -reach..reach (126, or less where entries are added in i8), the step (f32) being the greatest entry of the sum / reach.
 *            Not the same sum but near it: for numerics that allow it. Where the sum became a float, `f32(2*d - z) * sx * s[n]`, stands
 *            `madd_f32(f32(d), step * 2.0 * sx, f32(2*c - z) * sx) * s[n]`.
 *
 * Where codes of several planes lie side by side, `q[n, 3*k + 1]`, so do their numbers, `ix[n, 3*k4 + 1]`, and the sums of all planes share them.
 *
 * Tables, centres and steps are workspaces, written by a kernel of the prologue named like the table, which all readers share. With `within` they are written
 * at the beginning of that loop's body instead, for the rows of x that one iteration reads:
 *
 *     for m < M: for n < 3: ..
 *     lookup(.., within: m)
 *     for m < M: { for c/g < 1: ..;  for t/k4 < 8: .. t[m, t/k4, g, i] = ..;  for n < 3: .. }
 *
 * `contract` at that loop then leaves of them what an iteration uses, with `keep` for each thread. Every entry that is read was written in the same iteration.
 *
 * The planes are counted by loops of 2, slowest first: none, one or two for 1, 2 or 4 planes; those beyond the codes' bits are 0.
 */
import { z } from "zod";
import {
  affineOf,
  type Buffer,
  b,
  type Expr,
  eachStmt,
  factsOf,
  type Kernel,
  type Load,
  loopsOf,
  mapExprs,
  mapOperands,
  type Program,
  printStatement,
  rewriter,
  type Stmt,
  simplifyKernel,
  substituter,
  variablesOf,
} from "../../ir/index.ts";
import {
  type CodeSum,
  type CodeSumStep,
  codeSumOf,
  isSame,
  quotientOf,
  undeclared,
  withNumbers,
} from "../code-bits.ts";
import { accessesIn, determined } from "../elements.ts";
import { require } from "../errors.ts";
import {
  digitBits,
  greatestRounded,
  type TableEntries,
  type Tables,
  tableNests,
  tableSpan,
  tablesKernel,
  tablesOf,
} from "../lookup-tables.ts";
import {
  extentOf,
  kernelNamed,
  loopNamed,
  type Primitive,
  replaceIn,
  requireSequential,
  withKernels,
} from "../primitive.ts";
import { loopsIn } from "../two-levels.ts";

export interface LookupStep extends CodeSumStep {
  readonly op: "lookup";
  readonly entries: TableEntries;
  /** Greatest rounded entry; 126 unless given. */
  readonly reach?: number | undefined;
  /** The loop in whose body the tables are made; none: they are made by a kernel of the prologue. */
  readonly within?: string | undefined;
  /** Names of what is added; `step` where entries are rounded. */
  readonly into: {
    readonly table: string;
    readonly numbers: string;
    readonly centre: string;
    readonly step?: string | undefined;
  };
  /** Loops that take the place of `loop`; `digit` where entries are exact. */
  readonly loops: { readonly plane: readonly string[]; readonly digit?: string | undefined };
}

const schema: z.ZodType<LookupStep> = z.strictObject({
  op: z.literal("lookup"),
  kernel: z.string().optional(),
  buffer: z.string(),
  at: z.string().optional(),
  loop: z.string(),
  operand: z.string(),
  codes: z.string(),
  entries: z.enum(["i16", "i8"]),
  reach: z.int().min(1).max(greatestRounded).optional(),
  within: z.string().optional(),
  into: z.strictObject({ table: z.string(), numbers: z.string(), centre: z.string(), step: z.string().optional() }),
  loops: z.strictObject({ plane: z.array(z.string()).max(2), digit: z.string().optional() }),
});

export const lookup: Primitive<LookupStep> = {
  op: "lookup",
  schema,
  apply: (program, step) => {
    const kernel = kernelNamed(program, step.kernel ?? "main");
    const exact = step.entries === "i16";
    require(!exact || step.reach === undefined, () => "lookup: entries i16 are not rounded; leave out reach");
    require(exact === (step.loops.digit !== undefined) && exact === (step.into.step === undefined), () =>
      `lookup: entries i16 are exact, in digits, and take loops.digit; entries i8 are rounded and take into.step`);
    const product = productOf(kernel, step);
    const read = readerOf(kernel, step, product);
    const looked: Kernel = {
      ...kernel,
      buffers: [...kernel.buffers, ...undeclared(kernel, [product.numbers, ...read.buffers])],
      body: read.body,
    };
    const rewritten = step.within === undefined ? looked : withTables(kernel, looked, step.within, product);
    const numbered = withNumbers(
      withKernels(program, (k) => [k === kernel ? simplifyKernel(rewritten) : k]),
      step.op,
      step.codes,
      {
        ...{ buffer: product.numbers, span: tableSpan, stride: product.stride },
      },
    );
    return step.within === undefined ? withMaker(numbered, kernel, product.tables) : numbered;
  },
};

/** The program with the kernel that makes the tables, unless it is there. */
function withMaker(program: Program, kernel: Kernel, tables: Tables): Program {
  const { kernels } = program;
  const { name } = tables.table;
  const maker = kernels.find((k) => k.name === name);
  const held = [tables.table, tables.centre, ...(tables.step ? [tables.step] : [])];
  require(maker === undefined || held.every((t) => maker.buffers.some((made) => isSame(made, t))), () =>
    otherTables(name));
  const after = kernels.findLastIndex((k) => k.stage === "pack" || k.stage === "prologue");
  const made = maker ? [] : [simplifyKernel(tablesKernel(kernel, tables))];
  return { ...program, kernels: kernels.toSpliced(after + 1, 0, ...made) };
}

/** The kernel after the lookup, with the tables made in a loop's body: once, where several sums of that body read them. */
function withTables(before: Kernel, looked: Kernel, within: string, { tables, site, operand }: Product): Kernel {
  const { loop, around } = loopNamed(before, within);
  requireSequential([...around, loop], "lookup");
  const inside = loopsOf(loop.body);
  require(site.loops.every((l) => inside.includes(l)), () =>
    `lookup: ${within} is not a loop around the sum; choose one that is, or leave out within`);
  const conditions: unknown[] = operand.mask ? [operand.mask] : [];
  eachStmt(loop.body, (s) => s.kind === "if" && conditions.push(s.cond));
  require(conditions.length === 0, () =>
    `lookup: a test in ${within} says what is read of ${operand.buffer}; split without guard or predicate`);
  const lead = operand.index.slice(0, -1);
  const rows = loopsIn(lead, inside);
  const { buffers, body } = tableNests(tables, {
    loops: rows.map((l, i) => [`${i}`, l.extent]),
    lead: (at) => lead.map(substituter(new Map(rows.map((l, i) => [l.loop, at[i] as Expr])))),
  });
  const all = [...looked.buffers, ...undeclared(looked, buffers)];
  const whole = simplifyKernel(replaceIn({ ...looked, buffers: all }, within, (rest) => [...body, ...rest]));
  const texts = loopNamed(whole, within).loop.body.map((nest) => {
    const lines: string[] = [];
    eachStmt([nest], (s) => lines.push(printStatement(s, all)));
    return lines.join("\n");
  });
  const [own, others] = [texts.slice(0, body.length), texts.slice(body.length)];
  if (own.every((text) => others.includes(text))) return looked;
  const { name } = tables.table;
  require(!before.buffers.some((declared) => declared.name === name), () => otherTables(name));
  return whole;
}

const otherTables = (name: string): string => `lookup: ${name} holds other tables; name those of this sum otherwise`;

/** The sum, and what it is looked up in. */
interface Product extends CodeSum {
  /** Number of the sum that a table belongs to. */
  readonly sum: Expr;
  readonly tables: Tables;
  /** `[n, k / 4, plane]` u4; without the last axis where there is one plane. */
  readonly numbers: Buffer;
}

function productOf(kernel: Kernel, step: LookupStep): Product {
  const remedy = ", so that the centre can be added where it is read";
  const product = codeSumOf(kernel, step, [tableSpan], remedy);
  const { x, q, bits, k, summed } = product;
  const planes = 2 ** step.loops.plane.length;
  require(bits <= planes, () =>
    `lookup: ${step.codes} (${q.role} ${q.scalar} in 0..${q.range?.[1] ?? 2 ** bits - 1}) must be packed codes of at most ${planes} bits; name more loops of planes, or use the dot product`);
  const names = new Set(summed.map((l) => l.loop));
  const group = summed.reduce((count, l) => count * extentOf(l), 1);
  const sum = quotientOf(k, [...names], group);
  require(sum !== undefined && determined([k], names, factsOf(kernel)).isSupersetOf(names), () =>
    `lookup: a sum must go over ${group} neighbouring values of k, from a multiple of ${group}; factor at the loop over groups`);
  const rows = q.shape[0] as Expr;
  const counted = b.floordiv(q.shape.at(-1) as Expr, tableSpan);
  const numbers = b.buffer(step.into.numbers, "u4", [rows, counted, ...(planes > 1 ? [b.constant(planes)] : [])], {
    role: "packed",
  });
  const tables = tablesOf(x, {
    entries: step.entries,
    reach: step.reach ?? greatestRounded,
    planes,
    group,
    names: step.into,
  });
  return { ...product, sum, tables, numbers };
}

/** The sum over entries, and what is read of it, in the kernel's body. */
function readerOf(
  kernel: Kernel,
  step: LookupStep,
  product: Product,
): { readonly body: readonly Stmt[]; readonly buffers: readonly Buffer[] } {
  const { site, spatial, operand, codes, run: k4, sum, stride, place, tables, numbers } = product;
  const { reduce, loops, position } = site;
  const { table, centre, step: rounded } = tables;
  const planes = step.loops.plane.map((name, i, all) => ({ loop: b.variable(name), shift: 2 ** (all.length - 1 - i) }));
  const digits = step.loops.digit === undefined ? [] : [{ loop: b.variable(step.loops.digit), shift: digitBits }];
  const plane = planes.reduce<Expr>((sum, { loop, shift }) => b.add(sum, b.mul(loop, shift)), b.constant(0));
  const lead = operand.index.slice(0, -1);
  const number = b.cast(
    "i32",
    b.load(
      numbers,
      [...codes.index.slice(0, -1), b.add(b.mul(k4, stride), place), ...(planes.length > 0 ? [plane] : [])],
      codes.mask,
    ),
  );
  const entry = b.load(table, [...lead, k4, ...digits.map((d) => d.loop), number]);
  // Each loop of 2 has a weight of its own, so that those that are written out are numbers.
  const added = [...planes, ...digits];
  const value = added.reduce((e, { loop, shift }) => b.mul(e, b.shl(1, b.mul(loop, shift))), b.cast("i32", entry));
  const over = reduce.over.flatMap((name) => (name === step.loop ? added.map(({ loop }) => loop.name) : [name]));
  const looked = loops.reduceRight<Stmt>(
    (s, l) =>
      l.loop === step.loop
        ? added.reduceRight((inside, { loop }) => b.loop(loop.name, 2, [inside]), s)
        : b.loop(l.loop, l.extent, [s], l.loopKind),
    { ...reduce, value, over },
  );

  // Where the sum is read its axes say which rows it is of.
  const axes = loopsIn([...lead, sum], spatial);
  const axisOf = axes.map((l) => reduce.index.indexOf(b.variable(l.loop)));
  require(!axisOf.includes(-1), () =>
    `lookup: ${axes.map((l) => l.loop).join(", ")} must be axes of ${step.buffer}, so that the centre is found where it is read`);
  const at = (e: Load, of: Buffer): Expr => {
    const substitute = substituter(new Map(axes.map((l, i) => [l.loop, e.index[axisOf[i] as number] as Expr])));
    return b.load(of, [...lead, sum].map(substitute));
  };
  const isSum = (e: Expr): e is Load => e.kind === "load" && e.buffer === step.buffer;
  const rowAxes = loopsIn(codes.index.slice(0, -1), spatial).map((l) => reduce.index.indexOf(b.variable(l.loop)));
  /** `f32(d - z) * factors`; factors that are the same for all rows go into step and offset. */
  const floatOf = (integer: Expr, factors: readonly Expr[]): Expr | undefined => {
    const [read, times] = [...affineOf(integer).terms].find(([atom]) => isSum(atom)) ?? [];
    if (read === undefined || times === undefined || !isSum(read)) return undefined;
    // The sum's centre with the other integers, which no row changes either.
    const others = rewriter((inner) => (inner === read ? at(read, centre) : inner))(integer);
    if (rounded === undefined) return [b.cast("f32", b.add(b.mul(read, times), others)), ...factors].reduce(b.mul);
    const rows = rowAxes.flatMap((axis) => [...variablesOf(read.index[axis] as Expr)]);
    const isOwn = (e: Expr): boolean => rows.some((name) => variablesOf(e).has(name));
    const shared = factors.filter((e) => !isOwn(e));
    const one = times === 1 ? at(read, rounded) : b.mul(at(read, rounded), b.constant(times, "f32"));
    const [size, offset] = [one, b.cast("f32", others)].map((e) => [e, ...shared].reduce(b.mul));
    const float = b.call("madd_f32", b.cast("f32", read), size as Expr, offset as Expr);
    return [float, ...factors.filter(isOwn)].reduce(b.mul);
  };
  const withCentre = (e: Expr): Expr => {
    if (isSum(e)) {
      require(rounded === undefined, () =>
        `lookup: ${step.buffer} is read other than as f32(${step.buffer} - ..), where its step would be; use entries i16`);
      return b.add(e, at(e, centre));
    }
    const factors = rounded === undefined ? [e] : factorsOf(e);
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
  const reads = (body: readonly Stmt[]): number =>
    accessesIn(body).filter((a) => a.kind === "load" && a.buffer === step.buffer).length;
  const { siblings } = site;
  require(reads(siblings) === reads(kernel.body), () =>
    `lookup: ${step.buffer} is read outside ${step.at ?? "its nest"}; choose the loop in which it is summed and read`);
  const rewritten = siblings.map((s, i) => (i === position ? looked : mapExprs(s, withCentre)));
  return {
    body: replaceIn(kernel, step.at, () => rewritten).body,
    buffers: [table, centre, ...(rounded ? [rounded] : [])],
  };
}

/** The factors of a float product. */
const factorsOf = (e: Expr): readonly Expr[] =>
  e.kind === "op" && e.op === "mul" && e.type.scalar === "f32" ? e.args.flatMap(factorsOf) : [e];
