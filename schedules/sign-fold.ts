/**
 * The encoding `sign-fold` of `recode`: in a sum of products the sign of one 8-bit operand moves into the other, and its magnitude fits 7 bits.
 *
 *     sum x*w = sum |x| * (w xor o) + sum over x < 0 of |x|            o = -1 where x < 0, else 0
 *
 * Proof: for x < 0, x * w = |x| * (-w) = |x| * ((w xor -1) + 1).
 */
import {
  type Buffer,
  b,
  type Expr,
  type For,
  type Kernel,
  type Load,
  mapExprs,
  mapStmts,
  type Program,
  type Reduce,
  rewriter,
  type Stmt,
  simplifyKernel,
  writes,
} from "../ir/index.ts";
import { accessesIn } from "./elements.ts";
import { require } from "./errors.ts";
import { extentOf, nestOf } from "./primitive.ts";
import { loopsIn, nest, renamed, sumLoops } from "./two-levels.ts";

export interface SignFold {
  /** The integer sum whose operand is folded. */
  readonly buffer: string;
  readonly operand: string;
  /** Names of the magnitudes, the signs and the correction. */
  readonly into: readonly [string, string, string];
}

/** The program with the operand of a sum in `kernel` folded. The two encodings are written by a kernel of the prologue, which all sums share. */
export function signFold(program: Program, kernel: Kernel, step: SignFold): Program {
  const operand = kernel.buffers.find((buffer) => buffer.name === step.operand);
  require(operand !== undefined, () =>
    `recode: no buffer ${step.operand} in ${kernel.name}; name an operand of the sum`);
  require(operand.scalar === "i8" && operand.range !== undefined && operand.range[0] >= -127, () =>
    `recode: ${step.operand} must be i8 in -127..127 (its declared range), so that its magnitude fits 7 bits`);
  require((operand.role === "workspace" || operand.role === "input") &&
    accessesIn(kernel.body).every((a) => a.kind === "load" || a.buffer !== operand.name), () =>
    `recode: ${step.operand} must be an input, or a workspace that is written before ${kernel.name}; fission what writes it first`);
  const encoded = (name: string, range: readonly [number, number]): Buffer =>
    b.buffer(name, "i8", operand.shape, { role: "workspace", range });
  const [abs, sign] = [encoded(step.into[0], [0, 127]), encoded(step.into[1], [-1, 0])];
  const folded = foldSum(kernel, step, abs, sign);
  const kernels = program.kernels.map((k) => (k === kernel ? folded : k));
  const isMade = kernels.some((k) => accessesIn(k.body).some((a) => a.kind === "store" && a.buffer === abs.name));
  if (isMade) return { ...program, kernels };
  const after = kernels.findLastIndex((k) => k.stage === "pack" || k.stage === "prologue");
  return { ...program, kernels: kernels.toSpliced(after + 1, 0, encoder(kernel, operand, abs, sign)) };
}

/** The kernel that writes both encodings of every element. */
function encoder(kernel: Kernel, operand: Buffer, abs: Buffer, sign: Buffer): Kernel {
  const axes = operand.shape.map((_, axis) => `${abs.name}/${axis}`);
  const at = axes.map((name) => b.variable(name));
  const x = b.load(operand, at);
  const stores: readonly Stmt[] = [
    b.store(abs.name, at, b.op("abs", x)),
    b.store(sign.name, at, b.select(isNegative(x), b.constant(-1, "i8"), b.constant(0, "i8"))),
  ];
  return b.kernel(abs.name, "prologue", {
    symbols: kernel.symbols.map(({ name }) => b.symbol(name)),
    buffers: [operand, abs, sign],
    body: axes.reduceRight((inner, name, axis) => [b.loop(name, operand.shape[axis] as Expr, inner)], stores),
  });
}

const isNegative = (x: Expr): Expr => b.lt(x, b.constant(0, "i8"));

/** The sum over encoded operands, the correction after it, and both where the sum was read. */
function foldSum(kernel: Kernel, step: SignFold, abs: Buffer, sign: Buffer): Kernel {
  const sum = kernel.buffers.find((buffer) => buffer.name === step.buffer);
  require(sum?.scope === "register", () =>
    `recode: ${step.buffer} is not a register buffer; accumulate in one, so that the correction can be added where it is read`);
  const sites: { readonly s: Stmt; readonly loops: readonly For[]; readonly reduce: Reduce }[] = [];
  const search = (body: readonly Stmt[]): void => {
    for (const s of body) {
      const { loops, body: inner } = nestOf(s);
      const [only] = inner;
      if (inner.length === 1 && only?.kind === "reduce" && only.buffer === step.buffer)
        sites.push({ s, loops, reduce: only });
      else if (s.kind === "for" || s.kind === "if") search(s.body);
      else if (writes(s, step.buffer))
        require(false, () => `recode: ${step.buffer} is also stored, not only summed; fold before its sum is changed`);
    }
  };
  search(kernel.body);
  const [site] = sites;
  require(site !== undefined && sites.length === 1, () =>
    `recode: ${step.buffer} must be summed by one perfect nest, there are ${sites.length}; fold before peeling`);
  const { reduce, loops } = site;
  require(reduce.mask === undefined && reduce.over.length > 0, () =>
    `recode: the sum into ${step.buffer} is masked or goes on from another; fold the sign before splitting with a tail`);
  const product = foldedProduct(reduce.value, step.operand);
  require(product !== undefined, () =>
    `recode: ${step.buffer} is not a sum of i32(${step.operand}) * i32(an i8); factor it first, or recode the other operand to i8`);
  const { load, other } = product;
  const { spatial, summed } = sumLoops(kernel, { siblings: [], position: 0, loops, reduce });
  const axes = loopsIn(load.index, spatial);
  const places = axes.map((l) => reduce.index.indexOf(b.variable(l.loop)));
  require(!places.includes(-1), () =>
    `recode: ${axes.map((l) => l.loop).join(", ")} must be axes of ${step.buffer}, so that the correction is found where it is read`);

  const fold = b.buffer(step.into[2], "i32", axes.map(extentOf), { scope: "register" });
  const encodings = [abs, sign].map((buffer) => b.load(buffer, load.index, load.mask)) as [Load, Load];
  const value = b.mul(b.cast("i32", encodings[0]), b.cast("i32", b.op("xor", other, encodings[1])));
  const magnitude = b.select(isNegative(load), b.op("neg", b.cast("i32", load)), b.constant(0));
  const at = axes.map((l) => b.variable(l.loop));
  const correction = nest(
    loops.filter((l) => axes.includes(l) || summed.includes(l)),
    b.reduce(fold.name, at, magnitude, reduce.over),
  );
  const update = renamed(correction, (name) => `${fold.name}/${name}`);
  const reads = rewriter((e) =>
    e.kind === "load" && e.buffer === step.buffer
      ? b.add(
          e,
          b.load(
            fold,
            places.map((axis) => e.index[axis] as Expr),
          ),
        )
      : e,
  );
  const body = mapStmts(kernel.body, (s) => (s === site.s ? [nest(loops, { ...reduce, value }), update] : undefined));
  return simplifyKernel({
    ...kernel,
    buffers: [...kernel.buffers, abs, sign, fold],
    body: body.map((s) => mapExprs(s, reads)),
  });
}

function foldedProduct(e: Expr, operand: string): { readonly load: Load; readonly other: Expr } | undefined {
  if (e.kind !== "op" || e.op !== "mul") return undefined;
  const narrow = e.args.map((arg) => (arg.kind === "cast" && arg.type.scalar === "i32" ? arg.arg : undefined));
  for (const [i, load] of narrow.entries()) {
    const other = narrow[1 - i];
    if (load?.kind === "load" && load.buffer === operand && other?.type.scalar === "i8") return { load, other };
  }
  return undefined;
}
