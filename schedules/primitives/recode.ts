/**
 * recode: an operand in another encoding, the linear correction factored out.
 *
 *     d[n] += i32(x[k]) * i32(w[n, k])                        over k          (x: i8 in -127..127, w: i8)
 *     recode(encoding: sign-fold, buffer: d, operand: x, into: [x.abs, x.sign, d.fold])
 *     d[n]     += i32(x.abs[k]) * i32(w[n, k] ^ x.sign[k])    over k          x.abs = |x| in 0..127, x.sign = x < 0 ? -1 : 0
 *     d.fold[] += select(x[k] < 0, -i32(x[k]), 0)             over k          and d + d.fold where d was read
 *
 * So an 8-bit signed operand becomes a 7-bit one (proof and rewrite: `sign-fold.ts`).
 *
 *     q[n, k] = code                                                          (q: u8)
 *     recode(encoding: offset, buffer: q, by: 128)
 *     q[n, k] = i8(code - 128)                                and q + 128 where q was read
 *
 *     q[n, k] = code                                                          (q: u6)
 *     recode(encoding: planes, buffer: q, widths: [4, 2])
 *     q.0[n, k] = code & 15;  q.1[n, k] = code >> 4           and q.0 | q.1 << 4 where q was read
 *
 * One plane alone is wider than the codes: 3 bits in 4, for what is simpler to read.
 *
 *     s[n, g] = f32(d[n, g // 16]) * f32(i32(sc[n, g]) - 32)                  (s: f32; sc: 6 bits)
 *     recode(encoding: levels, buffer: s, per: 16)
 *     s.0[n, b] = f32(d[n, b]);  s.1[n, g] = i8(i32(sc[n, g]) - 32)           and s.0[n, g // 16] * f32(s.1[n, g]) where s was read
 *
 * So a scale of two levels stays two: a float per `per` entries, and an integer per entry, which integer sums can be multiplied with.
 */
import { z } from "zod";
import {
  type Buffer,
  b,
  type Expr,
  type For,
  factsOf,
  isFloat,
  isInteger,
  type Kernel,
  type Load,
  mapExprs,
  mapStmts,
  type Program,
  rangeOf,
  rewriter,
  type Scalar,
  type Stmt,
  type Store,
  scalarRange,
  simplifier,
  simplifyKernel,
  substituter,
  variablesOf,
  writes,
} from "../../ir/index.ts";
import { require } from "../errors.ts";
import { extentOf, type KernelStep, kernelNamed, nestOf, type Primitive, withKernels } from "../primitive.ts";
import { type SignFold, signFold } from "../sign-fold.ts";
import { nest, renamed } from "../two-levels.ts";

export type RecodeStep =
  | (KernelStep & { readonly op: "recode"; readonly encoding: "sign-fold" } & SignFold)
  | (KernelStep & { readonly op: "recode"; readonly encoding: "offset"; readonly buffer: string; readonly by: number })
  | (KernelStep & {
      readonly op: "recode";
      readonly encoding: "planes";
      readonly buffer: string;
      readonly widths: readonly number[];
    })
  | (KernelStep & {
      readonly op: "recode";
      readonly encoding: "levels";
      readonly buffer: string;
      readonly per: number;
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
    widths: z.array(z.union([z.literal(1), z.literal(2), z.literal(4), z.literal(8)])).min(1),
  }),
  z.strictObject({ ...common, encoding: z.literal("levels"), per: z.int().positive() }),
]);

export const recode: Primitive<RecodeStep> = {
  op: "recode",
  schema,
  apply: (program, step) => {
    switch (step.encoding) {
      case "sign-fold":
        return signFold(program, kernelNamed(program, step.kernel ?? "main"), step);
      case "offset":
        return offset(program, step.buffer, step.by);
      case "planes":
        return planes(program, step.buffer, step.widths);
      case "levels":
        return levels(program, step.buffer, step.per);
    }
  },
};

const declaration = (program: Program, name: string): Buffer => {
  const found = program.kernels.flatMap((k) => k.buffers).find((buffer) => buffer.name === name);
  require(found !== undefined, () => `recode: no buffer ${name}; name a packed tensor`);
  return found;
};

function offset(program: Program, name: string, by: number): Program {
  const from = declaration(program, name);
  require(from.scalar === "u8" && from.role === "packed", () =>
    `recode: offset applies to a packed tensor of u8, ${name} is ${from.role} ${from.scalar}; use planes, or sign-fold of an operand`);
  const [low, high] = from.range ?? scalarRange("u8");
  const to: Buffer = { ...from, scalar: "i8", range: [low - by, high - by] };
  require(low - by >= -128 && high - by <= 127, () => `recode: ${name} - ${by} does not fit i8; use by: 128`);
  return everywhere(program, from, [to], {
    read: (e) => {
      const code = b.add(b.cast("i32", b.load(to, e.index, e.mask)), by);
      // What a mask leaves out is 0 in either encoding.
      return e.mask === undefined ? code : b.select(e.mask, code, b.constant(0));
    },
    write: (value) => [b.cast("i8", b.sub(b.cast("i32", value), by))],
  });
}

function planes(program: Program, name: string, widths: readonly number[]): Program {
  const from = declaration(program, name);
  const total = widths.reduce((sum, w) => sum + w, 0);
  const [low, high] = from.range ?? scalarRange(from.scalar);
  require(from.role === "packed" && !isFloat(from.scalar) && total <= 8 && low >= 0 && high < 2 ** total, () =>
    `recode: planes of ${total} bits do not hold ${name} (${from.role} ${from.scalar} in ${low}..${high}); give widths that do`);
  const shifts = widths.map((_, i) => widths.slice(0, i).reduce((sum, w) => sum + w, 0));
  const to = widths.map(
    (w, i): Buffer => ({
      ...from,
      name: `${name}.${i}`,
      scalar: `u${w}` as Scalar,
      range: [0, Math.min(2 ** w - 1, high >> (shifts[i] as number))],
    }),
  );
  return everywhere(program, from, to, {
    read: (e) =>
      to
        .map((plane, i) => b.shl(b.cast("u8", b.load(plane, e.index, e.mask)), b.constant(shifts[i] as number, "u8")))
        .reduce(b.or),
    write: (value) =>
      to.map((plane, i) =>
        b.cast(plane.scalar, b.and(b.shr(b.cast("i32", value), shifts[i] as number), 2 ** (widths[i] as number) - 1)),
      ),
  });
}

/** A product of a float that `per` neighbouring entries share, and of an integer of each. */
function levels(program: Program, name: string, per: number): Program {
  const from = declaration(program, name);
  const [rows, entries] = from.shape;
  require(from.role === "packed" && from.scalar === "f32" && rows !== undefined && entries?.kind === "const", () =>
    `recode: levels applies to a packed tensor of f32 in rows, ${name} is ${from.role} ${from.scalar}; use planes or offset of codes`);
  require(entries.value % per === 0, () =>
    `recode: ${name} has ${entries.value} entries in a row, no multiple of ${per}; choose a divisor`);
  const product = program.kernels
    .flatMap((kernel) => kernel.body.map((s) => levelsOf(kernel, s, name, per)))
    .find((found) => found !== undefined);
  require(product !== undefined, () =>
    `recode: ${name} is not filled, in rows, with products of a float that ${per} entries share and an integer of 8 bits; only scales of two levels are taken apart`);
  const shared: Buffer = { ...from, name: `${name}.0`, shape: [rows, b.constant(entries.value / per)] };
  const own: Buffer = { ...from, name: `${name}.1`, scalar: product.scalar, range: product.range };
  return everywhere(program, from, [shared, own], {
    read: (e) => {
      const [row, entry] = e.index as readonly [Expr, Expr];
      return b.mul(
        b.load(shared, [row, b.floordiv(entry, per)], e.mask),
        b.cast("f32", b.load(own, [row, entry], e.mask)),
      );
    },
    write: () => [product.shared, b.cast(product.scalar, product.own)],
    every: [per, 1],
  });
}

interface Levels {
  /** The float, at the first of the entries that share it, and the integer. */
  readonly shared: Expr;
  readonly own: Expr;
  readonly scalar: Scalar;
  readonly range: readonly [number, number];
}

function levelsOf(packer: Kernel, s: Stmt, name: string, per: number): Levels | undefined {
  const { loops, body } = nestOf(s);
  const [, column] = loops;
  const only = body[0];
  if (loops.length !== 2 || column === undefined || body.length !== 1 || only?.kind !== "store" || only.buffer !== name)
    return undefined;
  const isNegated = only.value.kind === "op" && only.value.op === "neg";
  const value = isNegated && only.value.kind === "op" ? (only.value.args[0] as Expr) : only.value;
  if (value.kind !== "op" || value.op !== "mul") return undefined;
  const isOwn = (e: Expr): boolean => e.kind === "cast" && e.mode === "value" && isInteger(e.arg.type.scalar);
  const [first, second] = value.args as [Expr, Expr];
  const [shared, cast] = isOwn(first) ? [second, first] : [first, second];
  if (cast.kind !== "cast" || !isOwn(cast)) return undefined;
  const range = rangeOf(cast.arg, factsOf(packer));
  const scalar = (["i8", "u8"] as const).find((type) => within(range, scalarRange(type)));
  // The float of entry `per * b + r` must be that of b.
  const [block, inside] = [`${column.loop}/b`, `${column.loop}/r`];
  const entry = b.add(b.mul(b.variable(block), per), b.variable(inside));
  const counted = [b.loop(block, b.floordiv(column.extent, per), [b.loop(inside, per, [])])];
  const facts = factsOf({ ...packer, body: [...packer.body, ...counted] });
  const apart = simplifier(facts)(substituter(new Map([[column.loop, entry]]))(shared));
  if (scalar === undefined || variablesOf(apart).has(inside)) return undefined;
  return { shared: isNegated ? b.op("neg", shared) : shared, own: cast.arg, scalar, range };
}

const within = ([low, high]: readonly [number, number], [min, max]: readonly [number, number]): boolean =>
  low >= min && high <= max;

/** How a tensor is read and written in another encoding. */
interface Encoding {
  /** The code that a load gave, as an integer of any type that holds it. */
  readonly read: (e: Load) => Expr;
  /** The values to store, one per new buffer, in place of a code. */
  readonly write: (value: Expr) => readonly Expr[];
  /** Of how many neighbouring entries of a row each new buffer keeps the first; all of them keep each, where this is left out. */
  readonly every?: readonly number[];
}

/** Every kernel with one buffer replaced by others, its reads and the nests that write it rewritten. */
function everywhere(program: Program, from: Buffer, to: readonly Buffer[], { read, write, every }: Encoding): Program {
  const typed = (e: Expr): Expr => (isFloat(from.scalar) ? e : b.cast(from.scalar, e));
  const reads = rewriter((e) => (e.kind === "load" && e.buffer === from.name ? typed(read(e)) : e));
  return withKernels(program, (kernel): readonly Kernel[] => {
    if (!kernel.buffers.some((buffer) => buffer.name === from.name)) return [kernel];
    const body = mapStmts(kernel.body, (s) => {
      const { loops, body: inner } = nestOf(s);
      const only = inner[0];
      if (inner.length !== 1 || only === undefined || !writes(only, from.name)) return undefined;
      require(only.kind === "store", () =>
        `recode: ${from.name} is summed in ${kernel.name}, not stored; recode before other steps on its packer`);
      return write(only.value).map((value, i) => {
        const { name } = to[i] as Buffer;
        const own = (loop: string): string =>
          loop.startsWith(`${from.name}/`) ? loop.replace(from.name, name) : `${name}/${loop}`;
        const stored = fewer(loops, { ...only, buffer: name, value }, every?.[i] ?? 1);
        return to.length === 1 ? stored : renamed(stored, own);
      });
    });
    const buffers = kernel.buffers.flatMap((buffer) => (buffer.name === from.name ? to : [buffer]));
    return [simplifyKernel({ ...kernel, buffers, body: body.map((t) => mapExprs(t, reads)) })];
  });
}

/** A nest that stores every `per`-th entry of a row, its innermost loop counting these. */
function fewer(loops: readonly For[], s: Store, per: number): Stmt {
  const inner = loops.at(-1);
  if (per === 1 || inner === undefined) return nest(loops, s);
  const at = substituter(new Map([[inner.loop, b.mul(b.variable(inner.loop), per)]]));
  const counted = { ...inner, extent: b.constant(extentOf(inner) / per) };
  return nest([...loops.slice(0, -1), counted], { ...s, value: at(s.value) });
}
