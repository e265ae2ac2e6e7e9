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
 *     i8     rounded: entry / step, in -reach..reach (127, or less where entries are added in i8), the step (f32) being the greatest entry of the sum / reach.
 *            Not the same sum but near it: for numerics that allow it. Where the sum became a float, `f32(d - z) * sx * s[n]`, stands
 *            `madd_f32(f32(d), step * sx, f32(c - z) * sx) * s[n]`.
 *
 * Where codes of several planes lie side by side, `q[n, 3*k + 1]`, so do their numbers, `ix[n, 3*k4 + 1]`, and the sums of all planes share them.
 *
 * Tables, centres and steps are workspaces, written by a kernel of the prologue named like the table, which all readers share. The planes are counted by
 * loops of 2, slowest first: none, one or two for 1, 2 or 4 planes; those beyond the codes' bits are 0.
 */
import { z } from "zod";
import {
  addAffine,
  affineOf,
  type Buffer,
  b,
  type Expr,
  exprOf,
  type For,
  factsOf,
  type Kernel,
  type Load,
  mapExprs,
  mapOperands,
  mapStmts,
  type Program,
  type Reduce,
  rewriter,
  type Stmt,
  type Store,
  scalarRange,
  simplifyKernel,
  substituter,
  type Var,
  variablesOf,
  writes,
} from "../../ir/index.ts";
import { accessesIn, determined } from "../elements.ts";
import { require } from "../errors.ts";
import {
  digitBits,
  greatestRounded,
  type TableEntries,
  type Tables,
  tableSpan,
  tablesKernel,
  tablesOf,
} from "../lookup-tables.ts";
import {
  extentOf,
  type KernelStep,
  kernelNamed,
  nestOf,
  type Primitive,
  type ReduceSite,
  reduceSite,
  replaceIn,
  withKernels,
} from "../primitive.ts";
import { conjuncts, loopsIn, sumLoops } from "../two-levels.ts";

export interface LookupStep extends KernelStep {
  readonly op: "lookup";
  /** The sum: a register of i32. */
  readonly buffer: string;
  /** The loop in whose body the sum is a perfect nest; none: the kernel's root. */
  readonly at?: string | undefined;
  /** The loop over the 4 codes of a group. */
  readonly loop: string;
  readonly operand: string;
  readonly codes: string;
  readonly entries: TableEntries;
  /** Greatest rounded entry; 127 unless given. */
  readonly reach?: number | undefined;
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
    // Sums of one kernel share tables as kernels do.
    const added = [product.numbers, ...read.buffers].filter(
      (buffer) => !kernel.buffers.some((declared) => isSame(declared, buffer)),
    );
    const rewritten = simplifyKernel({
      ...kernel,
      buffers: [...kernel.buffers, ...added],
      body: read.body,
    });
    const kernels = withNumbers(
      withKernels(program, (k) => [k === kernel ? rewritten : k]),
      step,
      product,
    ).kernels;
    const maker = kernels.find((k) => k.name === step.into.table);
    require(maker === undefined || read.buffers.every((t) => maker.buffers.some((made) => isSame(made, t))), () =>
      `lookup: ${step.into.table} holds other tables; name those of this sum otherwise`);
    const after = kernels.findLastIndex((k) => k.stage === "pack" || k.stage === "prologue");
    const made = maker ? [] : [simplifyKernel(tablesKernel(kernel, product.tables))];
    return { ...program, kernels: kernels.toSpliced(after + 1, 0, ...made) };
  },
};

const isSame = (a: Buffer, c: Buffer): boolean =>
  a.name === c.name &&
  a.scalar === c.scalar &&
  a.shape.length === c.shape.length &&
  a.shape.every((extent, axis) => extent === c.shape[axis]) &&
  a.range?.join() === c.range?.join();

/** The sum, taken apart. */
interface Product {
  readonly site: ReduceSite;
  readonly spatial: readonly For[];
  readonly operand: Load;
  readonly codes: Load;
  /** Number of the table, and of the sum that it belongs to. */
  readonly k4: Expr;
  readonly sum: Expr;
  /** Codes from one k to the next, and which of them is read. */
  readonly stride: number;
  readonly place: number;
  readonly planes: number;
  readonly tables: Tables;
  /** `[n, k / 4, plane]` u4; without the last axis where there is one plane. */
  readonly numbers: Buffer;
}

function productOf(kernel: Kernel, step: LookupStep): Product {
  const site = reduceSite(kernel, step.buffer, step.at);
  const { reduce, loops } = site;
  const { spatial, summed } = sumLoops(kernel, site);
  const names = new Set(summed.map((l) => l.loop));
  require(reduce.monoid === "sum" && reduce.over.length > 0 && reduce.over.every((name) => names.has(name)), () =>
    `lookup: ${step.buffer} must be a sum that begins in ${step.at ?? "the root"}; accumulate in a register there`);
  require((reduce.mask ? conjuncts(reduce.mask) : []).every((e) => loopsIn([e], summed).length === 0), () =>
    `lookup: terms of ${step.buffer} are masked; split its loops exactly`);
  const declared = (name: string): Buffer => {
    const found = kernel.buffers.find((buffer) => buffer.name === name);
    require(found !== undefined, () => `lookup: no buffer ${name} in ${kernel.name}; name an operand of the sum`);
    return found;
  };
  const [target, x, q] = [step.buffer, step.operand, step.codes].map(declared) as [Buffer, Buffer, Buffer];
  require(target.scope === "register" && target.scalar === "i32", () =>
    `lookup: ${step.buffer} is not a register of i32; factor the sum first, so that the centre can be added where it is read`);
  require(x.scalar === "i8" && x.range !== undefined && x.range[0] >= -127, () =>
    `lookup: ${step.operand} must be i8 in -127..127 (its declared range), so that entries fit`);
  require((x.role === "workspace" || x.role === "input") &&
    accessesIn(kernel.body).every((a) => a.kind === "load" || a.buffer !== x.name), () =>
    `lookup: ${step.operand} must be an input, or a workspace that is written before ${kernel.name}`);
  const [low, high] = q.range ?? scalarRange(q.scalar);
  const bits = Math.ceil(Math.log2(high + 1));
  const planes = 2 ** step.loops.plane.length;
  require(q.role === "packed" && low >= 0 && bits <= planes, () =>
    `lookup: ${step.codes} (${q.role} ${q.scalar} in ${low}..${high}) must be packed codes of at most ${planes} bits; name more loops of planes, or use the dot product`);
  const loads = operandsOf(reduce.value, x.name, q.name);
  require(loads !== undefined, () =>
    `lookup: ${step.buffer} is not a sum of i32(${step.operand}) * i32(${step.codes}); factor it first`);

  const k = loads.operand.index.at(-1) as Expr;
  const places = placesOf(loads.codes.index.at(-1) as Expr, k, step.loop);
  require(places !== undefined, () =>
    `lookup: ${step.operand} and ${step.codes} must be read at the same k, their last axis`);
  const inner = loops.find((l) => l.loop === step.loop);
  const group = summed.reduce((product, l) => product * extentOf(l), 1);
  const k4 = quotientOf(k, [step.loop], tableSpan);
  const sum = quotientOf(k, [...names], group);
  require(inner !== undefined && extentOf(inner) === tableSpan && k4 !== undefined, () =>
    `lookup: ${step.loop} must be a loop over ${tableSpan} neighbouring codes, from a multiple of ${tableSpan}; split one off`);
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
  return { site, spatial, ...loads, k4, sum, ...places, planes, tables, numbers };
}

/** `column` as `stride * k + place`, `place` being one of the codes of a k. */
function placesOf(column: Expr, k: Expr, loop: string): Pick<Product, "stride" | "place"> | undefined {
  const steps = (e: Expr): number => affineOf(e).terms.get(b.variable(loop)) ?? 0;
  const stride = steps(column) / steps(k);
  if (!Number.isInteger(stride) || stride < 1) return undefined;
  const { constant: place, terms, lanes } = addAffine(affineOf(column), affineOf(k), -stride);
  return terms.size === 0 && lanes === undefined && place >= 0 && place < stride ? { stride, place } : undefined;
}

/** `k // size`, where the loops count what is left over and all else comes in multiples of it. */
function quotientOf(k: Expr, loops: readonly string[], size: number): Expr | undefined {
  const { terms, constant, ...form } = affineOf(k);
  const isInner = (atom: Expr): boolean => atom.kind === "var" && loops.includes(atom.name);
  const outer = [...terms].filter(([atom]) => !isInner(atom));
  const isWhole = [constant, ...outer.map(([, c]) => c)].every((c) => c % size === 0);
  if (!isWhole || outer.some(([atom]) => loops.some((name) => variablesOf(atom).has(name)))) return undefined;
  return exprOf({ ...form, constant: constant / size, terms: new Map(outer.map(([atom, c]) => [atom, c / size])) });
}

/** The two loads of `i32(operand) * i32(codes)`. */
function operandsOf(
  e: Expr,
  operand: string,
  codes: string,
): { readonly operand: Load; readonly codes: Load } | undefined {
  if (e.kind !== "op" || e.op !== "mul") return undefined;
  const loads = e.args.flatMap((arg) =>
    arg.kind === "cast" && arg.mode === "value" && arg.arg.kind === "load" ? [arg.arg] : [],
  );
  const [x, q] = [operand, codes].map((name) => loads.find((l) => l.buffer === name));
  return x && q && { operand: x, codes: q };
}

/** The sum over entries, and what is read of it, in the kernel's body. */
function readerOf(
  kernel: Kernel,
  step: LookupStep,
  product: Product,
): { readonly body: readonly Stmt[]; readonly buffers: readonly Buffer[] } {
  const { site, spatial, operand, codes, k4, sum, stride, place, tables, numbers } = product;
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
    const [read, times] = ([...affineOf(integer).terms].find(([atom]) => isSum(atom)) ?? []) as [Load?, number?];
    if (read === undefined || times === undefined) return undefined;
    // The sum's centre with the other integers, which no row changes either.
    const others = rewriter((inner) => (inner === read ? at(read, centre) : inner))(integer);
    if (rounded === undefined) return [b.cast("f32", b.add(b.mul(read, times), others)), ...factors].reduce(b.mul);
    const rows = rowAxes.flatMap((axis) => [...variablesOf(read.index[axis] as Expr)]);
    const isOwn = (e: Expr): boolean => rows.some((name) => variablesOf(e).has(name));
    const shared = factors.filter((e) => !isOwn(e));
    const units = times === 1 ? at(read, rounded) : b.mul(at(read, rounded), times);
    const [size, offset] = [units, b.cast("f32", others)].map((e) => [e, ...shared].reduce(b.mul));
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

/** The program with the numbers packed beside the codes, and without the codes where nobody reads them any more. */
function withNumbers(program: Program, { codes, into }: LookupStep, { numbers, stride }: Product): Program {
  const isRead = program.kernels.some((k) => accessesIn(k.body).some((a) => a.kind === "load" && a.buffer === codes));
  return withKernels(program, (kernel) => {
    const isPacked = kernel.stage === "pack" && kernel.buffers.some(({ name }) => name === codes);
    const isNew = !kernel.buffers.some(({ name }) => name === into.numbers);
    const body = !isPacked
      ? kernel.body
      : mapStmts(kernel.body, (s) => {
          const { body: inner } = nestOf(s);
          const [only] = inner;
          if (inner.length !== 1 || only === undefined || !writes(only, codes)) return undefined;
          return [...(isRead ? [s] : []), ...(isNew ? [packNumbers(only, numbers, stride)] : [])];
        });
    const kept = isRead ? kernel.buffers : kernel.buffers.filter(({ name }) => name !== codes);
    return [simplifyKernel({ ...kernel, body, buffers: isPacked && isNew ? [...kept, numbers] : kept })];
  });
}

/** Bit p of 4 neighbouring codes as one number, from the nest that packs the codes. */
function packNumbers(s: Store | Reduce, numbers: Buffer, stride: number): Stmt {
  const [row, column] = s.index;
  const digits = column === undefined ? [] : [...affineOf(column).terms];
  const digit = (of: number): string | undefined => {
    const atom = digits.find(([, c]) => c === of)?.[0];
    return atom?.kind === "var" ? atom.name : undefined;
  };
  const [k, term] = [digit(stride), stride === 1 ? undefined : digit(1)];
  const isWhole = digits.length === (stride === 1 ? 1 : 2) && k !== undefined && (stride === 1 || term !== undefined);
  require(s.kind === "store" && s.mask === undefined && row?.kind === "var" && isWhole, () =>
    `lookup: the packer of ${s.buffer} is not a store for each n, k; look up before a layout`);
  const { name, shape } = numbers;
  const [rows, columns, planes] = shape as [Expr, Expr, Expr?];
  const [n, k4, t, plane] = ["n", "k4", "t", "plane"].map((axis) => b.variable(`${name}/${axis}`)) as [
    Var,
    Var,
    Var,
    Var,
  ];
  const bits = Array.from({ length: tableSpan }, (_, ke) => {
    const place = new Map<string, Expr>([
      [row.name, n],
      [k, b.add(b.mul(k4, tableSpan), ke)],
      ...(term === undefined ? [] : ([[term, t]] as const)),
    ]);
    const code = b.cast("i32", substituter(place)(s.value));
    return b.shl(b.and(b.shr(code, planes ? plane : 0), 1), ke);
  });
  const at = [n, stride === 1 ? k4 : b.add(b.mul(k4, stride), t), ...(planes ? [plane] : [])];
  const fill: Stmt = b.store(name, at, b.cast(numbers.scalar, bits.reduce(b.or)));
  const loops: readonly (readonly [Var, Expr])[] = [
    [n, rows],
    [k4, b.floordiv(columns, stride)],
    ...(stride === 1 ? [] : ([[t, b.constant(stride)]] as const)),
    ...(planes ? ([[plane, planes]] as const) : []),
  ];
  return loops.reduceRight<Stmt>((inner, [{ name: loop }, extent]) => b.loop(loop, extent, [inner]), fill);
}
