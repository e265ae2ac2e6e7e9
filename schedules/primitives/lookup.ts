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
 * tensor; a sum of 4 products is one entry per plane. Entries lie around 0 and so are small. `entries` says how they are held:
 *
 *     i16    exact, in two bytes: 4*high + low, high in -64..63, low in 0..3 (loop `digit`)
 *     i8     rounded: entry / step, in -reach..reach (126, or less where entries are added in i8), the step (f32) being the greatest entry of the sum / reach.
 *            Not the same sum but near it: for numerics that allow it. Entries and c are doubled, so that entry 15 - i is entry i, negated. Where the sum became a float,
 *            `f32(2*d - z) * sx * s[n]`, stands `madd_f32(f32(d), step * 2.0 * sx, f32(2*c - 2*z) * 0.5 * sx) * s[n]`, half being in step.
 *
 * With `tables: half` only entries 0..7 are held, doubled: a number from 8 on is packed with its lower bits inverted, and stands for the negative of the entry that they name.
 * Exact entries are 8*high + low, both digits of the entry's sign, and their sum is twice what it was:
 *
 *     for k4 < 8: for p < 2: for g < 2: d[n] += i32(select(7 < ix, -t[k4, g, ix & 7], t[k4, g, ix & 7])) * ((1 << p) * (1 << 3*g))      (ix: ix[n, k4, p])
 *     .. (d[n] + c[]) >> 1 ..
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
  b,
  type Expr,
  eachStmt,
  factsOf,
  type Kernel,
  loopsOf,
  type Program,
  printStatement,
  simplifyKernel,
  substituter,
} from "../../ir/index.ts";
import { type CodeSumStep, codeSumOf, isSame, quotientOf, undeclared, withNumbers } from "../code-bits.ts";
import { determined } from "../elements.ts";
import { require } from "../errors.ts";
import { type LookupNames, type Product, readerOf } from "../lookup-reader.ts";
import {
  greatestRounded,
  type TableEntries,
  type TableKind,
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

export interface LookupStep extends CodeSumStep, LookupNames {
  readonly op: "lookup";
  readonly entries: TableEntries;
  /** Whole tables unless given. */
  readonly tables?: TableKind | undefined;
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
  readonly loops: LookupNames["loops"];
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
  tables: z.enum(["whole", "half"]).optional(),
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
        isFolded: product.tables.kind === "half",
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
    kind: step.tables ?? "whole",
    reach: step.reach ?? greatestRounded,
    planes,
    group,
    names: step.into,
  });
  return { ...product, sum, tables, numbers };
}
