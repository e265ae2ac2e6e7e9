/**
 * Random well-formed kernels with data to run them on, for property tests: nests with sums, epilogues, lanes, masks, guards, lets and a
 * symbolic size. A kernel grows out of a tape of decisions, so that it shrinks towards the plainest one.
 */
import fc from "fast-check";
import {
  type Buffer,
  b,
  bytesOfTensor,
  type Expr,
  emptyTensor,
  interpretKernel,
  type Kernel,
  type LoopKind,
  printKernel,
  type Scalar,
  type Stmt,
  scalarRange,
  sizeOf,
  type Tensor,
  tensor,
} from "../../ir/index.ts";

/** A kernel with values of its symbols and tensors of its inputs. */
export interface Sample {
  readonly kernel: Kernel;
  readonly symbols: Readonly<Record<string, number>>;
  readonly inputs: ReadonlyMap<string, Tensor>;
}

export interface KernelOptions {
  /** Data of small integers and power-of-two scales, for which every order of summation gives the same value. Default true. */
  readonly exact?: boolean;
  /** Vector indices and values. Default true. */
  readonly vectors?: boolean;
  /** Masked loads, stores and sums, and statements inside an `if`. Default true. */
  readonly masks?: boolean;
  /** The outermost loop's extent may be a symbol. Default true. */
  readonly symbolic?: boolean;
  /** Loops of other kinds than serial. Default true. */
  readonly kinds?: boolean;
  /** A second nest that works on what the first computed, and lets. Default true; without it the kernel is one perfect nest. */
  readonly epilogue?: boolean;
  /** Nests that write an element more than once, so that the order of their loops matters. Default false. */
  readonly repeats?: boolean;
}

/** Random kernels: sums or plain stores under up to five loops of up to 6 iterations. Output `y`; loops `m`, `n`, `p` are its axes, `k` and `j` summed over. */
export function arbitraryKernel(options: KernelOptions = {}): fc.Arbitrary<Sample> {
  const tape = fc.array(fc.nat(2 ** 20), { minLength: 80, maxLength: 80 });
  return tape.map((decisions) => {
    const sample = grow(decisions, options);
    return { ...sample, [fc.toStringMethod]: () => `${JSON.stringify(sample.symbols)}\n${printKernel(sample.kernel)}` };
  });
}

/** What a kernel computes from a sample's inputs: the bytes and the written flags of every other global buffer (another kernel must declare the same). */
export function run(sample: Sample, kernel: Kernel = sample.kernel): Map<string, readonly number[]> {
  const made = new Map<string, Tensor>();
  for (const buffer of kernel.buffers) {
    if (buffer.scope !== "global" || sample.inputs.has(buffer.name)) continue;
    const shape = buffer.shape.map((size) => sizeOf(size, sample.symbols));
    made.set(buffer.name, emptyTensor(buffer.scalar, shape));
  }
  interpretKernel(kernel, { symbols: sample.symbols, buffers: new Map([...sample.inputs, ...made]) });
  return new Map([...made].map(([name, t]) => [name, [...bytesOfTensor(t), ...(t.written ?? [])]]));
}

/** A loop while the kernel grows: its variable and the largest value that it takes. */
interface Axis {
  readonly name: string;
  readonly variable: Expr;
  readonly extent: Expr;
  readonly last: number;
}

interface Growth {
  /** A decision among `n`; the first when the tape has run out. */
  readonly pick: (n: number) => number;
  readonly chance: (outOf: number) => boolean;
  readonly options: Required<KernelOptions>;
  readonly buffers: Buffer[];
  readonly data: Map<string, (count: number) => number[]>;
  /** What the first nest wrote, as a load at these variables; undefined where it may not have written everything. */
  written: ((variables: readonly Expr[]) => Expr) | undefined;
  /** Lane shape of the statement that grows; empty for scalars. */
  lanes: readonly number[];
  /** The type that is computed in. */
  readonly scalar: Scalar;
}

const maxSymbol = 6;

function grow(decisions: readonly number[], given: KernelOptions): Sample {
  const all = { exact: true, vectors: true, masks: true, symbolic: true, kinds: true, epilogue: true, repeats: false };
  const options = { ...all, ...given };
  let at = 0;
  const pick = (n: number): number => (decisions[at++] ?? 0) % n;
  // Zero, towards which decisions shrink, says no.
  const chance = (outOf: number): boolean => pick(outOf) === outOf - 1;
  const scalar = (["f32", "f32", "i32"] as const)[pick(3)] as Scalar;
  const g: Growth = { pick, chance, options, buffers: [], data: new Map(), written: undefined, lanes: [], scalar };
  const symbolic = options.symbolic && chance(3);
  const axis = (name: string, first: boolean): Axis => {
    const size = pick(5) + 1;
    return first && symbolic
      ? { name, variable: b.variable(name), extent: b.variable("M"), last: maxSymbol - 1 }
      : { name, variable: b.variable(name), extent: b.toExpr(size), last: size - 1 };
  };
  const outer = ["m", "n", "p"].slice(0, 1 + pick(3)).map((name, i) => axis(name, i === 0));
  const summed = ["k", "j"].slice(0, pick(3)).map((name) => axis(name, false));
  if (options.vectors && chance(3)) g.lanes = ([[4], [2, 2], [2]] as const)[pick(3)] as readonly number[];

  const body = [nest(g, outer, summed, "y")];
  if (options.epilogue && chance(3)) body.push(epilogue(g, outer));
  const symbols = symbolic ? [b.symbol("M", { max: maxSymbol })] : [];
  const kernel = b.kernel("random", "main", { symbols, buffers: g.buffers, body });
  const values = symbolic ? { M: pick(maxSymbol + 1) } : {};
  const inputs = new Map<string, Tensor>();
  for (const { name, scalar: type, shape, role } of g.buffers) {
    if (role !== "input") continue;
    const sizes = shape.map((size) => sizeOf(size, values));
    const count = sizes.reduce((product, size) => product * size, 1);
    inputs.set(name, tensor(type, sizes, (g.data.get(name) as (count: number) => number[])(count)));
  }
  return { kernel, symbols: values, inputs };
}

/** A perfect nest that sums into (or, with nothing to sum over, stores to) a new buffer indexed by the outer axes. */
function nest(g: Growth, outer: readonly Axis[], summed: readonly Axis[], name: string): Stmt {
  const { chance, options } = g;
  const axes = [...outer, ...summed];
  const reversed = chance(2);
  const width = g.lanes.reduce((product, size) => product * size, 1);
  const repeated = options.repeats && outer.length > 1 && chance(2);
  const place = (items: readonly Expr[]): Expr[] => {
    // The second axis is left out of the element, or added to the third.
    const [first, second, third] = items as [Expr, Expr, Expr?];
    const used = repeated ? [first, ...(third ? [b.add(second, third)] : [])] : items;
    const placed = reversed ? [...used].reverse() : [...used];
    if (width > 1) placed.push(b.mul(placed.pop() as Expr, width));
    return placed;
  };
  const index = place(outer.map(({ variable }) => variable));
  if (width > 1) index.push(b.add(index.pop() as Expr, pattern(g.lanes)));
  const buffer = b.buffer(name, g.scalar, place(outer.map(({ extent }) => extent)), { role: "output" });
  g.buffers.push(buffer);
  const mask = options.masks && chance(4) ? condition(g, outer, index.at(-1) as Expr) : undefined;
  let value = sum(g, axes);
  const before: Stmt[] = [];
  if (options.epilogue && chance(4)) {
    before.push(b.bind("t", value));
    value = b.variable("t", value.type);
  }
  const over = summed.map((axis) => axis.name);
  const write = over.length === 0 ? b.store(name, index, value, mask) : b.reduce(name, index, value, over, "sum", mask);
  let body: readonly Stmt[] = [...before, write];
  const guarded = options.masks && options.epilogue && chance(5);
  if (guarded) body = [b.when(condition(g, outer, outer[0]?.variable as Expr), body)];
  g.written = guarded || mask ? undefined : (variables) => b.load(buffer, place(variables));
  return wrapped(g, shuffled(g, axes), body, outer[0]?.name as string);
}

/** Another nest, with loops of its own, over the same axes: the first one's result, if it wrote everything, plus a term, into `z`. */
function epilogue(g: Growth, outer: readonly Axis[]): Stmt {
  g.lanes = [];
  const axes = outer.map((axis) => ({ ...axis, name: `z/${axis.name}`, variable: b.variable(`z/${axis.name}`) }));
  const index = axes.map(({ variable }) => variable);
  g.buffers.push(
    b.buffer(
      "z",
      g.scalar,
      axes.map(({ extent }) => extent),
      { role: "output" },
    ),
  );
  const term = sum(g, axes);
  return wrapped(
    g,
    axes,
    [b.store("z", index, g.written ? b.add(g.written(index), term) : term)],
    axes[0]?.name as string,
  );
}

function wrapped(g: Growth, axes: readonly Axis[], body: readonly Stmt[], parallel: string): Stmt {
  const kinds: LoopKind[] = axes.map((axis, i) => {
    if (!g.options.kinds || !g.chance(3)) return "serial";
    return i === 0 && axis.name === parallel ? "thread" : axis.extent.kind === "const" ? "unroll" : "serial";
  });
  return axes.reduceRight<readonly Stmt[]>(
    (inner, { name, extent }, i) => [b.loop(name, extent, inner, kinds[i])],
    body,
  )[0] as Stmt;
}

function shuffled<T>(g: Growth, items: readonly T[]): T[] {
  const rest = [...items];
  // The first decision, 0, keeps the order.
  return items.map(() => rest.splice(g.pick(rest.length), 1)[0] as T);
}

/** Lanes that count up. */
function pattern(sizes: readonly number[]): Expr {
  return b.lanes(
    sizes,
    sizes.map((_, i) => sizes.slice(i + 1).reduce((product, size) => product * size, 1)),
  );
}

const choose = <T>(g: Growth, ...items: readonly T[]): T => items[g.pick(items.length)] as T;

/** A condition that holds for some iterations. */
function condition(g: Growth, axes: readonly Axis[], e: Expr): Expr {
  const simple = b.lt(e, g.pick(6) + 1);
  if (!g.chance(3)) return simple;
  const other = choose(g, ...axes).variable;
  return b.and(simple, b.op(choose(g, "eq", "ne", "le"), b.mod(other, 2), g.pick(2)));
}

/** An index with its largest value (the smallest is 0). */
function indexOf(g: Growth, axes: readonly Axis[]): { at: Expr; last: number; extent: Expr | undefined } {
  const { variable, last, extent } = choose(g, ...axes);
  const other = choose(g, ...axes);
  const by = g.pick(3) + 1;
  const all = [
    () => ({ at: variable, last, extent }),
    () => ({ at: b.add(b.mul(variable, by), other.variable), last: last * by + other.last, extent: undefined }),
    () => ({ at: b.floordiv(variable, by), last: Math.floor(last / by), extent: undefined }),
    () => ({ at: b.mod(variable, by), last: by - 1, extent: undefined }),
    () => ({ at: b.add(variable, by), last: last + by, extent: undefined }),
    () => ({ at: b.sub(last, variable), last, extent: undefined }),
  ];
  return choose(g, ...all)();
}

const inputTypes: readonly Scalar[] = ["f32", "i8", "u4", "i32", "u8", "f16", "u2", "i16", "bf16", "u3"];

/** A load from a new input buffer, in the type that is computed in. */
function load(g: Growth, axes: readonly Axis[]): Expr {
  const rank = g.pick(3) + 1;
  const type = choose(g, ...inputTypes);
  const parts = Array.from({ length: rank }, () => indexOf(g, axes));
  const index = parts.map(({ at }) => at);
  let mask: Expr | undefined;
  const shape = parts.map(({ last, extent }) => (extent?.kind === "var" ? extent : b.toExpr(last + 1)));
  if (g.lanes.length > 0 && g.chance(2)) {
    const strides = g.lanes.map(() => g.pick(3));
    const reach = strides.reduce((total, stride, i) => total + stride * ((g.lanes[i] as number) - 1), 0);
    index[rank - 1] = b.add(index[rank - 1] as Expr, b.lanes(g.lanes, strides));
    shape[rank - 1] = b.add(shape[rank - 1] as Expr, reach);
  } else if (g.options.masks && g.chance(5)) {
    // Shifted out of the buffer, and masked to what is inside.
    const shifted = b.add(index[0] as Expr, g.pick(2) + 1);
    mask = b.lt(shifted, shape[0] as Expr);
    index[0] = shifted;
  }
  const range = g.chance(3) ? ([0, 3] as const) : undefined;
  const buffer = b.buffer(`x${g.buffers.length}`, type, shape, { role: "input", ...(range && { range }) });
  g.buffers.push(buffer);
  const [low, high] = range ?? [Math.max(-8, scalarRange(type)[0]), Math.min(8, scalarRange(type)[1])];
  const seed = g.pick(2 ** 20);
  const fraction = !g.options.exact && type === "f32" ? 1 / 3 : 1;
  g.data.set(buffer.name, (count) =>
    numbers(seed, count).map((v) => Math.fround((low + (v % (high - low + 1))) * fraction)),
  );
  return b.cast(g.scalar, b.load(buffer, index, mask));
}

/** Numbers from 0 up that look random. */
function numbers(seed: number, count: number): number[] {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 16;
  });
}

/** Up to two terms. Every factor is at most 11 in size, so that sums stay far below 2^24 in units of the smallest scale. */
function sum(g: Growth, axes: readonly Axis[]): Expr {
  const first = product(g, axes);
  return g.chance(2) ? b.op(choose(g, "add", "sub"), first, product(g, axes)) : first;
}

function product(g: Growth, axes: readonly Axis[]): Expr {
  let result = factor(g, axes);
  for (let i = g.pick(3); i > 0; i--) result = b.mul(result, factor(g, axes));
  return result;
}

function factor(g: Growth, axes: readonly Axis[]): Expr {
  const number = (value: number): Expr => b.constant(value, g.scalar);
  const all = [
    () => load(g, axes),
    () => b.sub(load(g, axes), number(g.pick(3) + 1)),
    () => b.op(choose(g, "neg", "abs"), load(g, axes)),
    () => b.op(choose(g, "min", "max"), load(g, axes), number(g.pick(5))),
    () => b.cast(g.scalar, b.mod(choose(g, ...axes).variable, 4)),
    () => b.select(condition(g, axes, choose(g, ...axes).variable), load(g, axes), number(g.pick(3))),
    () => number(g.scalar === "f32" ? 2 ** (g.pick(3) - 1) : g.pick(3) + 1),
  ];
  return choose(g, ...all)();
}
