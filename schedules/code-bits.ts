/**
 * What `lookup` and `count-bits` share: a sum of products of an operand with packed codes, over runs of neighbouring codes; and the numbers made of a run's bits,
 * which take the codes' place in the packed tensor.
 */
import {
  addAffine,
  affineOf,
  type Buffer,
  b,
  type Expr,
  eachStmt,
  exprOf,
  type For,
  type Kernel,
  type Load,
  mapStmts,
  type Program,
  printStatement,
  type Reduce,
  type Stmt,
  type Store,
  scalarRange,
  simplifyKernel,
  substituter,
  type Var,
  variablesOf,
  writes,
} from "../ir/index.ts";
import { accessesIn } from "./elements.ts";
import { require } from "./errors.ts";
import { extentOf, type KernelStep, nestOf, type ReduceSite, reduceSite, withKernels } from "./primitive.ts";
import { conjuncts, loopsIn, sumLoops } from "./two-levels.ts";

/** What such a step names. */
export interface CodeSumStep extends KernelStep {
  readonly op: string;
  /** The sum: a register of i32. */
  readonly buffer: string;
  /** The loop in whose body the sum is a perfect nest; none: the kernel's root. */
  readonly at?: string | undefined;
  /** The loop over the codes of a run. */
  readonly loop: string;
  readonly operand: string;
  readonly codes: string;
}

/** The sum, taken apart: `i32(operand[.., k]) * i32(codes[.., stride * k + place])`. */
export interface CodeSum {
  readonly site: ReduceSite;
  readonly spatial: readonly For[];
  readonly summed: readonly For[];
  readonly operand: Load;
  readonly codes: Load;
  /** The buffers of the two. */
  readonly x: Buffer;
  readonly q: Buffer;
  /** The least number of bits that hold every code. */
  readonly bits: number;
  readonly k: Expr;
  /** Number of the run. */
  readonly run: Expr;
  /** Codes from one k to the next, and which of them is read. */
  readonly stride: number;
  readonly place: number;
}

/** The sum that a step names, whose innermost runs have one of `spans` codes. */
export function codeSumOf(kernel: Kernel, step: CodeSumStep, spans: readonly number[], remedy: string): CodeSum {
  const site = reduceSite(kernel, step.buffer, step.at);
  const { reduce, loops } = site;
  const { op } = step;
  const { spatial, summed } = sumLoops(kernel, site);
  const names = new Set(summed.map((l) => l.loop));
  require(reduce.monoid === "sum" && reduce.over.length > 0 && reduce.over.every((name) => names.has(name)), () =>
    `${op}: ${step.buffer} must be a sum that begins in ${step.at ?? "the root"}; accumulate in a register there`);
  require((reduce.mask ? conjuncts(reduce.mask) : []).every((e) => loopsIn([e], summed).length === 0), () =>
    `${op}: terms of ${step.buffer} are masked; split its loops exactly`);
  const declared = (name: string): Buffer => {
    const found = kernel.buffers.find((buffer) => buffer.name === name);
    require(found !== undefined, () => `${op}: no buffer ${name} in ${kernel.name}; name an operand of the sum`);
    return found;
  };
  const [target, x, q] = [step.buffer, step.operand, step.codes].map(declared) as [Buffer, Buffer, Buffer];
  require(target.scope === "register" && target.scalar === "i32", () =>
    `${op}: ${step.buffer} is not a register of i32; factor the sum first${remedy}`);
  require(x.scalar === "i8" && x.range !== undefined && x.range[0] >= -127, () =>
    `${op}: ${step.operand} must be i8 in -127..127 (its declared range), so that entries fit`);
  require((x.role === "workspace" || x.role === "input") &&
    accessesIn(kernel.body).every((a) => a.kind === "load" || a.buffer !== x.name), () =>
    `${op}: ${step.operand} must be an input, or a workspace that is written before ${kernel.name}`);
  const [low, high] = q.range ?? scalarRange(q.scalar);
  require(q.role === "packed" && low >= 0 && Number.isInteger(high), () =>
    `${op}: ${step.codes} (${q.role} ${q.scalar} in ${low}..${high}) must be packed codes`);
  const loads = operandsOf(reduce.value, x.name, q.name);
  require(loads !== undefined, () =>
    `${op}: ${step.buffer} is not a sum of i32(${step.operand}) * i32(${step.codes}); factor it first`);

  const k = loads.operand.index.at(-1) as Expr;
  const places = placesOf(loads.codes.index.at(-1) as Expr, k, step.loop);
  require(places !== undefined, () =>
    `${op}: ${step.operand} and ${step.codes} must be read at the same k, their last axis`);
  const inner = loops.find((l) => l.loop === step.loop);
  const span = inner && extentOf(inner);
  const run = quotientOf(k, [step.loop], span ?? 1);
  require(span !== undefined && spans.includes(span) && run !== undefined, () =>
    `${op}: ${step.loop} must be a loop over ${spans.join(" or ")} neighbouring codes, from a multiple of ${spans.length > 1 ? "that" : spans[0]}; split one off`);
  const bits = Math.ceil(Math.log2(high + 1));
  return { site, spatial, summed, ...loads, x, q, bits, k, run, ...places };
}

/** `column` as `stride * k + place`, `place` being one of the codes of a k. */
function placesOf(column: Expr, k: Expr, loop: string): Pick<CodeSum, "stride" | "place"> | undefined {
  const steps = (e: Expr): number => affineOf(e).terms.get(b.variable(loop)) ?? 0;
  const stride = steps(column) / steps(k);
  if (!Number.isInteger(stride) || stride < 1) return undefined;
  const { constant: place, terms, lanes } = addAffine(affineOf(column), affineOf(k), -stride);
  return terms.size === 0 && lanes === undefined && place >= 0 && place < stride ? { stride, place } : undefined;
}

/** `k // size`, where the loops count what is left over and all else comes in multiples of it. */
export function quotientOf(k: Expr, loops: readonly string[], size: number): Expr | undefined {
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

/**
 * Numbers made of the bits of runs: `[n, stride * k / span, plane]`, bit ke of a number being bit `plane` of code ke of its run; without planes the lowest bits.
 * Where they are folded, the highest bit says that the others are inverted.
 */
export interface Numbers {
  readonly buffer: Buffer;
  readonly span: number;
  readonly stride: number;
  readonly isFolded?: boolean;
}

/** The program with the numbers packed beside the codes, and without the codes where nobody reads them any more. */
export function withNumbers(program: Program, op: string, codes: string, numbers: Numbers): Program {
  const { name } = numbers.buffer;
  const isRead = program.kernels.some((k) => accessesIn(k.body).some((a) => a.kind === "load" && a.buffer === codes));
  return withKernels(program, (kernel) => {
    const isPacked = kernel.stage === "pack" && kernel.buffers.some((buffer) => buffer.name === codes);
    const isNew = !kernel.buffers.some((buffer) => buffer.name === name);
    const body = !isPacked
      ? kernel.body
      : mapStmts(kernel.body, (s) => {
          const { body: inner } = nestOf(s);
          const [only] = inner;
          if (inner.length !== 1 || only === undefined || !writes(only, codes)) return undefined;
          const made = packNumbers(only, op, numbers);
          require(isNew || hasNest(kernel, made), () =>
            `${op}: ${name} holds other numbers; name those of this sum otherwise`);
          return [...(isRead ? [s] : []), ...(isNew ? [made] : [])];
        });
    const kept = isRead ? kernel.buffers : kernel.buffers.filter((buffer) => buffer.name !== codes);
    const buffers = isPacked && isNew ? [...kept, numbers.buffer] : kept;
    return [simplifyKernel({ ...kernel, body, buffers })];
  });
}

/** Whether a nest stands in the kernel's body. */
function hasNest(kernel: Kernel, nest: Stmt): boolean {
  const texts = (body: readonly Stmt[]): readonly string[] =>
    simplifyKernel({ ...kernel, body }).body.map((s) => {
      const lines: string[] = [];
      eachStmt([s], (inner) => lines.push(printStatement(inner, kernel.buffers)));
      return lines.join("\n");
    });
  return texts(kernel.body).includes(texts([nest])[0] as string);
}

/** Bit p of neighbouring codes as one number, from the nest that packs the codes. */
function packNumbers(s: Store | Reduce, op: string, { buffer, span, stride, isFolded }: Numbers): Stmt {
  const [row, column] = s.index;
  const digits = column === undefined ? [] : [...affineOf(column).terms];
  const digit = (of: number): string | undefined => {
    const atom = digits.find(([, c]) => c === of)?.[0];
    return atom?.kind === "var" ? atom.name : undefined;
  };
  const [k, term] = [digit(stride), stride === 1 ? undefined : digit(1)];
  const isWhole = digits.length === (stride === 1 ? 1 : 2) && k !== undefined && (stride === 1 || term !== undefined);
  require(s.kind === "store" && s.mask === undefined && row?.kind === "var" && isWhole, () =>
    `${op}: the packer of ${s.buffer} is not a store for each n, k; do this before a layout`);
  const { name, shape } = buffer;
  const [rows, columns, planes] = shape as [Expr, Expr, Expr?];
  const [n, run, t, plane] = ["n", `k${span}`, "t", "plane"].map((axis) => b.variable(`${name}/${axis}`)) as Axes;
  const bits = Array.from({ length: span }, (_, ke) => {
    const place = new Map<string, Expr>([
      [row.name, n],
      [k, b.add(b.mul(run, span), ke)],
      ...(term === undefined ? [] : ([[term, t]] as const)),
    ]);
    const code = b.cast("i32", substituter(place)(s.value));
    return b.and(b.shr(code, planes ? plane : 0), 1);
  });
  const folded = bits.map((bit, ke) => (isFolded && ke < span - 1 ? b.op("xor", bit, bits[span - 1] as Expr) : bit));
  const number = folded.map((bit, ke) => b.shl(bit, ke)).reduce(b.or);
  const at = [n, stride === 1 ? run : b.add(b.mul(run, stride), t), ...(planes ? [plane] : [])];
  const fill: Stmt = b.store(name, at, b.cast(buffer.scalar, number));
  const loops: readonly (readonly [Var, Expr])[] = [
    [n, rows],
    [run, b.floordiv(columns, stride)],
    ...(stride === 1 ? [] : ([[t, b.constant(stride)]] as const)),
    ...(planes ? ([[plane, planes]] as const) : []),
  ];
  return loops.reduceRight<Stmt>((inner, [{ name: loop }, extent]) => b.loop(loop, extent, [inner]), fill);
}

type Axes = [Var, Var, Var, Var];

/** Whether two declarations are one. */
export const isSame = (a: Buffer, c: Buffer): boolean =>
  a.name === c.name &&
  a.scalar === c.scalar &&
  a.shape.length === c.shape.length &&
  a.shape.every((extent, axis) => extent === c.shape[axis]) &&
  a.range?.join() === c.range?.join();

/** The buffers that are not declared yet: sums of one kernel share what is made for them. */
export const undeclared = (kernel: Kernel, buffers: readonly Buffer[]): readonly Buffer[] =>
  buffers.filter((buffer) => !kernel.buffers.some((declared) => isSame(declared, buffer)));
