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
 */
import { z } from "zod";
import {
  type Buffer,
  b,
  type Expr,
  isFloat,
  type Kernel,
  type Load,
  mapExprs,
  mapStmts,
  type Program,
  rewriter,
  type Scalar,
  scalarRange,
  simplifyKernel,
  writes,
} from "../../ir/index.ts";
import { require } from "../errors.ts";
import { type KernelStep, kernelNamed, nestOf, type Primitive, withKernels } from "../primitive.ts";
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

/** How a tensor is read and written in another encoding. */
interface Encoding {
  /** The code that a load gave, as an integer of any type that holds it. */
  readonly read: (e: Load) => Expr;
  /** The values to store, one per new buffer, in place of a code. */
  readonly write: (value: Expr) => readonly Expr[];
}

/** Every kernel with one buffer replaced by others, its reads and the nests that write it rewritten. */
function everywhere(program: Program, from: Buffer, to: readonly Buffer[], { read, write }: Encoding): Program {
  const reads = rewriter((e) => (e.kind === "load" && e.buffer === from.name ? b.cast(from.scalar, read(e)) : e));
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
        const stored = nest(loops, { ...only, buffer: name, value });
        return to.length === 1 ? stored : renamed(stored, own);
      });
    });
    const buffers = kernel.buffers.flatMap((buffer) => (buffer.name === from.name ? to : [buffer]));
    return [simplifyKernel({ ...kernel, buffers, body: body.map((t) => mapExprs(t, reads)) })];
  });
}
