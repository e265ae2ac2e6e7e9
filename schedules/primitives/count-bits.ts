/**
 * count-bits: a sum of products of two operands of few bits becomes counts of the bits that their planes have in common (bipolar-INT, bit-serial products).
 *
 *     for k8 < 4: for ke < 8: d[n] += i32(x[8*k8 + ke]) * i32(q[n, 8*k8 + ke])                    over k8, ke      (x: i8 in -1..1, q: u2)
 *     count-bits(buffer: d, loop: ke, operand: x, codes: q, into: {operand: xb, codes: qb}, loops: {operand: i, codes: j})
 *     xb[k8, i] = sum over ke of (bit i of x[8*k8 + ke]) << ke
 *     for k8 < 4: for i < 2: for j < 2: d[n] += i32(popcount(xb[k8, i] & qb[n, k8, j])) * (i == 1 ? -2 : 1 << i) * (1 << j)      over k8, i, j
 *
 * Proof: in two's complement x is the sum of c_i * (bit i of x), c_i = 2^i but for the highest bit, whose c is negative; q is the sum of 2^j * (bit j of q). So
 * the sum of x * q over a run is the sum over i, j of c_i * 2^j times how many codes of the run have both bits.
 *
 * A run is 8 codes, its numbers bytes (Wasm counts bits of bytes), or 32, its numbers words (WGSL). Those of x are a workspace, written by a kernel of the
 * prologue named like it, which all readers share; those of q replace the codes in the packed tensor.
 */
import { z } from "zod";
import { type Buffer, b, type Expr, type Kernel, type Stmt, simplifyKernel } from "../../ir/index.ts";
import { type CodeSum, type CodeSumStep, codeSumOf, isSame, undeclared, withNumbers } from "../code-bits.ts";
import { require } from "../errors.ts";
import { extentOf, kernelNamed, type Primitive, replaceIn, withKernels } from "../primitive.ts";

export interface CountBitsStep extends CodeSumStep {
  readonly op: "count-bits";
  /** Names of the numbers made of both. */
  readonly into: { readonly operand: string; readonly codes: string };
  /** Loops over the planes of both, which take the place of `loop`. */
  readonly loops: { readonly operand: string; readonly codes: string };
}

const names = z.strictObject({ operand: z.string(), codes: z.string() });
const schema: z.ZodType<CountBitsStep> = z.strictObject({
  ...{ op: z.literal("count-bits"), kernel: z.string().optional(), buffer: z.string(), at: z.string().optional() },
  ...{ loop: z.string(), operand: z.string(), codes: z.string(), into: names, loops: names },
});

/** Types of the numbers by the codes of a run. */
const wordOf: Readonly<Record<number, "u8" | "u32">> = { 8: "u8", 32: "u32" };

export const countBits: Primitive<CountBitsStep> = {
  op: "count-bits",
  schema,
  apply: (program, step) => {
    const kernel = kernelNamed(program, step.kernel ?? "main");
    const sum = codeSumOf(kernel, step, Object.keys(wordOf).map(Number), "");
    const words = wordsOf(sum, step);
    const rewritten = simplifyKernel({
      ...kernel,
      buffers: [...kernel.buffers, ...undeclared(kernel, [words.operand, words.codes])],
      body: replaceIn(kernel, step.at, (siblings) =>
        siblings.map((s, i) => (i === sum.site.position ? counted(sum, step, words) : s)),
      ).body,
    });
    const { kernels } = withNumbers(
      withKernels(program, (k) => [k === kernel ? rewritten : k]),
      step.op,
      step.codes,
      {
        ...{ buffer: words.codes, span: words.span, stride: sum.stride },
      },
    );
    const maker = kernels.find((k) => k.name === step.into.operand);
    require(maker === undefined || maker.buffers.some((made) => isSame(made, words.operand)), () =>
      `count-bits: ${step.into.operand} holds other numbers; name those of this sum otherwise`);
    const after = kernels.findLastIndex((k) => k.stage === "pack" || k.stage === "prologue");
    const made = maker ? [] : [simplifyKernel(wordsKernel(kernel, sum.x, words))];
    return { ...program, kernels: kernels.toSpliced(after + 1, 0, ...made) };
  },
};

/** The numbers that stand for runs of both operands. */
interface Words {
  /** Codes of a run. */
  readonly span: number;
  /** `[.., k / span, plane]`. */
  readonly operand: Buffer;
  /** `[n, k / span, plane]`, of several terms one after the other. */
  readonly codes: Buffer;
  readonly planes: { readonly operand: number; readonly codes: number };
  /** Whether the operand has negative values: its highest plane weighs less than nothing. */
  readonly isSigned: boolean;
}

function wordsOf({ x, q, bits, site }: CodeSum, step: CountBitsStep): Words {
  const span = extentOf(site.loops.find((l) => l.loop === step.loop) as (typeof site.loops)[number]);
  const scalar = wordOf[span] as "u8" | "u32";
  const [low, high] = x.range as readonly [number, number];
  const isSigned = low < 0;
  const planes = Math.ceil(Math.log2(Math.max(-low, high + 1))) + (isSigned ? 1 : 0);
  require(planes > 0 && bits > 0, () => `count-bits: ${step.operand} and ${step.codes} are always 0`);
  const runs = (of: Buffer): Expr => b.floordiv(of.shape.at(-1) as Expr, span);
  return {
    span,
    operand: b.buffer(step.into.operand, scalar, [...x.shape.slice(0, -1), runs(x), b.constant(planes)], {
      role: "workspace",
    }),
    codes: b.buffer(step.into.codes, scalar, [q.shape[0] as Expr, runs(q), b.constant(bits)], { role: "packed" }),
    planes: { operand: planes, codes: bits },
    isSigned,
  };
}

/** The sum over runs and planes. */
function counted(sum: CodeSum, step: CountBitsStep, { operand: xb, codes: qb, planes, isSigned }: Words): Stmt {
  const { site, operand, codes, run, stride, place } = sum;
  const { reduce, loops } = site;
  const [i, j] = [b.variable(step.loops.operand), b.variable(step.loops.codes)];
  const x = b.load(xb, [...operand.index.slice(0, -1), run, i], operand.mask);
  const q = b.load(qb, [...codes.index.slice(0, -1), b.add(b.mul(run, stride), place), j], codes.mask);
  const common = b.cast("i32", b.op("popcount", b.and(x, q)));
  const highest = b.op("eq", i, planes.operand - 1);
  const weight = isSigned ? b.select(highest, b.constant(-(2 ** (planes.operand - 1))), b.shl(1, i)) : b.shl(1, i);
  const value = b.mul(b.mul(common, weight), b.shl(1, j));
  const over = reduce.over.flatMap((name) => (name === step.loop ? [i.name, j.name] : [name]));
  return loops.reduceRight<Stmt>(
    (s, l) =>
      l.loop === step.loop
        ? b.loop(i.name, planes.operand, [b.loop(j.name, planes.codes, [s])])
        : b.loop(l.loop, l.extent, [s], l.loopKind),
    { ...reduce, value, over },
  );
}

/** The kernel that makes the operand's numbers, named like them. */
function wordsKernel(kernel: Kernel, x: Buffer, { span, operand: words }: Words): Kernel {
  const { name, shape, scalar } = words;
  const axes = shape.map((_, axis) =>
    b.variable(`${name}/${axis === shape.length - 1 ? "plane" : axis === shape.length - 2 ? `k${span}` : axis}`),
  );
  const [run, plane] = axes.slice(-2) as [Expr, Expr];
  const bits = Array.from({ length: span }, (_, ke) => {
    const value = b.cast("i32", b.load(x, [...axes.slice(0, -2), b.add(b.mul(run, span), ke)]));
    return b.shl(b.and(b.shr(value, plane), 1), ke);
  });
  const fill: Stmt = b.store(name, axes, b.cast(scalar, bits.reduce(b.or)));
  const [nest] = axes.reduceRight<readonly Stmt[]>(
    (inner, axis, i) => [b.loop(axis.name, shape[i] as Expr, inner)],
    [fill],
  );
  return b.kernel(name, "prologue", {
    symbols: kernel.symbols.map((s) => b.symbol(s.name)),
    buffers: [x, words],
    body: [nest as Stmt],
  });
}
