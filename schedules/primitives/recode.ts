/**
 * recode: an operand in another encoding, the linear correction factored out.
 *
 *     d[n] += i32(x[k]) * i32(w[n, k])                        over k          (x: i8 in -127..127, w: i8)
 *     recode(encoding: sign-fold, buffer: d, operand: x, into: [x.abs, x.sign, d.fold])
 *     d[n]     += i32(x.abs[k]) * i32(w[n, k] ^ x.sign[k])    over k          x.abs = |x| in 0..127, x.sign = x < 0 ? -1 : 0
 *     d.fold[] += select(x[k] < 0, -i32(x[k]), 0)             over k          and d + d.fold where d was read
 *
 * Proof: for x < 0, x * w = |x| * (-w) = |x| * ((w ^ -1) + 1). So an 8-bit signed operand becomes a 7-bit one.
 *
 *     q[n, k] = code                                                          (q: u8)
 *     recode(encoding: offset, buffer: q, by: 128)
 *     q[n, k] = i8(code - 128)                                and q + 128 where q was read
 *
 *     q[n, k] = code                                                          (q: u6)
 *     recode(encoding: planes, buffer: q, widths: [4, 2])
 *     q.0[n, k] = code & 15;  q.1[n, k] = code >> 4           and q.0 | q.1 << 4 where q was read
 */
import { z } from "zod";
import {
  type Buffer,
  b,
  castValue,
  type Expr,
  factsOf,
  type Kernel,
  type Load,
  mapExprs,
  mapStmts,
  type Program,
  type Reduce,
  rangeOf,
  rewriter,
  type Scalar,
  type Stmt,
  scalarRange,
  simplifyKernel,
  variablesOf,
  writes,
} from "../../ir/index.ts";
import { require } from "../errors.ts";
import { type KernelStep, kernelNamed, nestOf, type Primitive, withKernels } from "../primitive.ts";
import { loopsIn, nest, renamed } from "../two-levels.ts";

export type RecodeStep =
  | (KernelStep & {
      readonly op: "recode";
      readonly encoding: "sign-fold";
      /** The integer sum whose operand is folded. */
      readonly buffer: string;
      readonly operand: string;
      readonly into: readonly [string, string, string];
    })
  | (KernelStep & { readonly op: "recode"; readonly encoding: "offset"; readonly buffer: string; readonly by: number })
  | (KernelStep & {
      readonly op: "recode";
      readonly encoding: "planes";
      readonly buffer: string;
      readonly widths: readonly number[];
    });

const common = { op: z.literal("recode"), kernel: z.string().optional(), buffer: z.string() };
const schema: z.ZodType<RecodeStep> = z.discriminatedUnion("encoding", [
  z.strictObject({
    ...common,
    encoding: z.literal("sign-fold"),
    operand: z.string(),
    into: z.tuple([z.string(), z.string(), z.string()]),
  }),
  z.strictObject({ ...common, encoding: z.literal("offset"), by: z.int().positive() }),
  z.strictObject({
    ...common,
    encoding: z.literal("planes"),
    widths: z.array(z.union([z.literal(1), z.literal(2), z.literal(4), z.literal(8)])).min(2),
  }),
]);

export const recode: Primitive<RecodeStep> = {
  op: "recode",
  schema,
  apply: (program, step) => {
    switch (step.encoding) {
      case "sign-fold":
        return signFold(program, step);
      case "offset":
        return offset(program, step.buffer, step.by);
      case "planes":
        return planes(program, step.buffer, step.widths);
    }
  },
};

const declaration = (program: Program, name: string): Buffer => {
  const found = program.kernels.flatMap((k) => k.buffers).find((buffer) => buffer.name === name);
  require(found !== undefined, () => `recode: no buffer ${name}`);
  return found;
};

function signFold(program: Program, step: Extract<RecodeStep, { encoding: "sign-fold" }>): Program {
  const kernel = kernelNamed(program, step.kernel ?? "main");
  const operand = declaration(program, step.operand);
  const [absName, signName, foldName] = step.into;
  require(operand.scalar === "i8" && operand.range !== undefined && operand.range[0] >= -127, () =>
    `recode: ${step.operand} must be i8 in -127..127 (its declared range), so that its magnitude fits 7 bits`);
  const abs = b.buffer(absName, "i8", operand.shape, { role: operand.role, range: [0, 127] });
  const sign = b.buffer(signName, "i8", operand.shape, { role: operand.role, range: [-1, 0] });

  // x is produced by a prologue kernel: the two encodings are written by a nest after it.
  const axes = operand.shape.map((_, axis) => `${absName}/${axis}`);
  const at = axes.map((name) => b.variable(name));
  const x = b.load(operand, at);
  const negative = b.lt(x, b.constant(0, "i8"));
  const encode = (buffer: Buffer, value: Expr): Stmt => b.store(buffer.name, at, value);
  const body = [
    encode(abs, b.op("abs", x)),
    encode(sign, b.select(negative, b.constant(-1, "i8"), b.constant(0, "i8"))),
  ];
  const encoder = b.kernel(absName, "prologue", {
    symbols: kernel.symbols.map(({ name }) => b.symbol(name)),
    buffers: [operand, abs, sign],
    body: [
      axes.reduceRight<readonly Stmt[]>(
        (inner, name, axis) => [b.loop(name, operand.shape[axis] as Expr, inner)],
        body,
      )[0] as Stmt,
    ],
  });

  let found: { reduce: Reduce; fold: Buffer; update: Stmt } | undefined;
  const rewritten = mapStmts(kernel.body, (s) => {
    const { loops, body: inner } = nestOf(s);
    const reduce = inner[0];
    if (inner.length !== 1 || reduce?.kind !== "reduce" || reduce.buffer !== step.buffer) return undefined;
    const product = foldedProduct(reduce.value, step.operand);
    require(product !== undefined, () => `recode: ${step.buffer} is not a sum of i32(${step.operand}) * i32(..)`);
    const { load, other } = product;
    const folded = b.mul(
      b.cast("i32", b.load(abs, load.index)),
      b.cast("i32", b.op("xor", other, b.load(sign, load.index))),
    );
    const summed = loops.filter((l) => reduce.over.includes(l.loop));
    const spatial = loopsIn(load.index, loops).filter((l) => !summed.includes(l));
    const fold = b.buffer(
      foldName,
      "i32",
      spatial.map((l) => l.extent),
      { scope: "register" },
    );
    const magnitude = b.select(b.lt(load, b.constant(0, "i8")), b.op("neg", b.cast("i32", load)), b.constant(0));
    const chain = loops.filter((l) => spatial.includes(l) || summed.includes(l));
    const copies = (name: string): string => `${foldName}/${name}`;
    const update = renamed(
      nest(
        chain,
        b.reduce(
          foldName,
          spatial.map((l) => b.variable(l.loop)),
          magnitude,
          reduce.over,
        ),
      ),
      copies,
    );
    found = { reduce, fold, update };
    return [nest(loops, { ...reduce, value: folded }), update];
  });
  require(found !== undefined, () => `recode: no reduction into ${step.buffer} that is a perfect nest`);
  const { reduce, fold } = found;
  // The correction has fewer axes than the sum: those of its loops are found again in the index where the sum is read.
  const spatialNames = reduce.index.map((i) => [...variablesOf(i)][0]);
  const foldAxes =
    fold.shape.length === 0
      ? []
      : (found.update.kind === "for"
          ? nestOf(found.update).loops.map((l) => l.loop.slice(foldName.length + 1))
          : []
        ).filter((name) => spatialNames.includes(name));
  const reads = rewriter((e) => {
    if (e.kind !== "load" || e.buffer !== step.buffer) return e;
    return b.add(
      e,
      b.load(
        fold,
        foldAxes.map((name) => e.index[spatialNames.indexOf(name)] as Expr),
      ),
    );
  });
  const main = simplifyKernel({
    ...kernel,
    buffers: [...kernel.buffers, abs, sign, fold],
    body: rewritten.map((s) => mapExprs(s, reads)),
  });
  const kernels = program.kernels.flatMap((k) => (k === kernel ? [main] : [k]));
  if (program.kernels.some((k) => k.name === absName)) return { ...program, kernels };
  const after = kernels.findLastIndex((k) => k.stage === "prologue");
  return { ...program, kernels: [...kernels.slice(0, after + 1), encoder, ...kernels.slice(after + 1)] };
}

function foldedProduct(e: Expr, operand: string): { load: Load; other: Expr } | undefined {
  if (e.kind !== "op" || e.op !== "mul") return undefined;
  const narrow = e.args.map((arg) => (arg.kind === "cast" && arg.type.scalar === "i32" ? arg.arg : undefined));
  for (const [i, load] of narrow.entries()) {
    const other = narrow[1 - i];
    if (load?.kind === "load" && load.buffer === operand && other?.type.scalar === "i8") return { load, other };
  }
  return undefined;
}

function offset(program: Program, name: string, by: number): Program {
  const from = declaration(program, name);
  require(from.scalar === "u8" && from.role === "packed", () =>
    `recode: offset applies to a packed tensor of u8, ${name} is ${from.role} ${from.scalar}`);
  const [low, high] = from.range ?? scalarRange("u8");
  const to: Buffer = { ...from, scalar: "i8", range: [low - by, high - by] };
  require(low - by >= -128 && high - by <= 127, () => `recode: ${name} - ${by} does not fit i8`);
  const shifted = (e: Load): Expr => b.add(b.cast("i32", b.load(to, e.index, e.mask)), by);
  return everywhere(program, from, [to], {
    read: (e) =>
      e.kind === "cast" && e.arg.kind === "load" && e.arg.buffer === name && e.type.scalar === "i32"
        ? shifted(e.arg)
        : e,
    write: (s) => [{ ...s, value: b.cast("i8", b.sub(b.cast("i32", s.value), by)) }],
  });
}

function planes(program: Program, name: string, widths: readonly number[]): Program {
  const from = declaration(program, name);
  const total = widths.reduce((sum, w) => sum + w, 0);
  const [low, high] = from.range ?? scalarRange(from.scalar);
  require(from.role === "packed" && low >= 0 && high < 2 ** total, () =>
    `recode: planes of ${total} bits do not hold ${name} (${low}..${high})`);
  const shifts = widths.map((_, i) => widths.slice(0, i).reduce((sum, w) => sum + w, 0));
  const to = widths.map(
    (w, i): Buffer => ({ ...from, name: `${name}.${i}`, scalar: `u${w}` as Scalar, range: [0, 2 ** w - 1] }),
  );
  const joined = (e: Load): Expr =>
    to
      .map((plane, i) => b.shl(b.cast("u8", b.load(plane, e.index, e.mask)), b.constant(shifts[i] as number, "u8")))
      .reduce(b.or);
  return everywhere(program, from, to, {
    read: (e) =>
      e.kind === "cast" && e.arg.kind === "load" && e.arg.buffer === name ? b.cast(e.type.scalar, joined(e.arg)) : e,
    write: (s) =>
      to.map((plane, i) => {
        const bits = b.and(b.shr(b.cast("i32", s.value), shifts[i] as number), 2 ** (widths[i] as number) - 1);
        return { ...s, buffer: plane.name, value: b.cast(plane.scalar, bits) };
      }),
  });
}

/** Every kernel with one buffer replaced by others, its reads and the nests that write it rewritten. */
function everywhere(
  program: Program,
  from: Buffer,
  to: readonly Buffer[],
  rewrite: {
    read: (e: Expr) => Expr;
    write: (s: Extract<Stmt, { kind: "store" }>) => readonly Extract<Stmt, { kind: "store" }>[];
  },
): Program {
  return withKernels(program, (kernel): readonly Kernel[] => {
    if (!kernel.buffers.some((buffer) => buffer.name === from.name)) return [kernel];
    const facts = factsOf(kernel);
    const reads = rewriter(rewrite.read);
    const body = mapStmts(kernel.body, (s) => {
      const { loops, body: inner } = nestOf(s);
      const only = inner[0];
      if (inner.length !== 1 || only?.kind !== "store" || !writes(only, from.name)) return undefined;
      const made = rewrite.write(only);
      for (const t of made) {
        const constant = t.value.kind === "const" ? t.value.value : rangeOf(t.value, facts)[0];
        require(castValue(constant, "i32", "i32") === constant, () => `recode: ${from.name} is not an integer`);
      }
      return made.map((t) =>
        made.length === 1
          ? nest(loops, t)
          : renamed(nest(loops, t), (loop) => loop.replace(`${from.name}/`, `${t.buffer}/`)),
      );
    });
    const buffers = kernel.buffers.flatMap((buffer) => (buffer.name === from.name ? to : [buffer]));
    return [simplifyKernel({ ...kernel, buffers, body: body.map((s) => mapExprs(s, reads)) })];
  });
}
