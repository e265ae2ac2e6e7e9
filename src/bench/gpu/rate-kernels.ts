/**
 * Multiplying and adding as fast as a GPU can: loops on registers alone, whose operands the compiler can't know. As kernels in grid form, with their inputs and
 * the results that they must give. Not here: running and timing them (limits.ts).
 *
 *     for g < groups workgroup.x: for l < 64 local.x:
 *       for j < chains: acc[j]<lanes> = start[l] + j
 *       for r < rounds: for u < 8, j < chains: acc[j] = acc[j] * factor[l] + term[l]
 *       y[g, l] = sum over j, lanes of acc[j]
 *
 * With integers a product of the sum itself would be no dot product of bytes; there an operand changes instead, by one operation for all chains, so that no
 * product can be computed before the loop:
 *
 *       for r < rounds: for u < 8: a = x[u, l] xor r;  for j < chains: acc[j] += dot4_i32_i8(a, w[j])
 */
import { b, type Expr, type Kernel, type Scalar, type Stmt, type Tensor, tensor, type Var } from "../../../ir/index.ts";

/** What is multiplied and added. */
export type Arithmetic = "f32" | "f16" | "i8";

/** How a loop is laid out. */
export interface RateVariant {
  readonly groups: number;
  /** Sums that do not depend on each other, in each invocation. */
  readonly chains: number;
  /** Lanes of each; of `i8` always 1. */
  readonly lanes: number;
}

/** Invocations of a workgroup. */
export const local = 64;
/** Steps of a round. */
const steps = 8;
/** Rounds up to which every result is exact: those of f16 are integers below 2^11. */
export const mostRounds: number = 2 ** 7;

/** Each multiplication and each addition counts. */
export const operationsOf = (arithmetic: Arithmetic, { groups, chains, lanes }: RateVariant, rounds: number): number =>
  (arithmetic === "i8" ? 8 : 2 * lanes) * chains * steps * rounds * local * groups;

const [g, l, r, u] = ["g", "l", "r", "u"].map((name) => b.variable(name)) as [Var, Var, Var, Var];
const roundsSymbol = b.symbol("rounds", { min: 1, max: mostRounds });

/** The kernel of a variant: one symbol, `rounds`. Inputs are those of `rateInputs`; the output is `y`, f32 or i32 [groups, local]. */
export function rateKernel(arithmetic: Arithmetic, variant: RateVariant): Kernel {
  const { name, buffers, setUp, round, result } =
    arithmetic === "i8" ? dotLoop(variant) : floatLoop(arithmetic, variant);
  const { groups } = variant;
  const y = b.buffer("y", result.type.scalar, [groups, local], { role: "output" });
  const loop = b.loop("r", b.variable("rounds"), round);
  const body = b.loop(
    "g",
    groups,
    [b.loop("l", local, [...setUp, loop, b.store("y", [g, l], result)], "local.x")],
    "workgroup.x",
  );
  return b.kernel(name, "main", { symbols: [roundsSymbol], buffers: [...buffers, y], body: [body] });
}

interface RateLoop {
  readonly name: string;
  readonly buffers: Kernel["buffers"];
  readonly setUp: readonly Stmt[];
  readonly round: readonly Stmt[];
  readonly result: Expr;
}

function floatLoop(scalar: "f32" | "f16", { chains, lanes }: RateVariant): RateLoop {
  const input = (name: string) => b.buffer(name, "f32", [local], { role: "input" });
  const [start, factor, term] = [input("start"), input("factor"), input("term")];
  const shape = lanes > 1 ? [chains, lanes] : [chains];
  const acc = b.buffer("acc", scalar, shape, { scope: "register" });
  const pattern = lanes > 1 ? [b.lanes([lanes], [1])] : [];
  const at = (j: Expr | number) => [j, ...pattern];
  const [i, j] = [b.variable("i"), b.variable("j")];
  const operand = (buffer: typeof start): Expr => b.cast(scalar, b.load(buffer, [l]));
  const [a, c] = [b.variable("a", operand(factor).type), b.variable("c", operand(term).type)];
  const old = b.load(acc, at(j));
  const next = scalar === "f32" ? b.call("madd_f32", old, a, c) : b.add(b.mul(old, a), c);
  return {
    name: `rate.${scalar}`,
    buffers: [start, factor, term, acc],
    setUp: [
      b.bind("a", operand(factor)),
      b.bind("c", operand(term)),
      b.loop("i", chains, [b.store("acc", at(i), b.add(operand(start), b.cast(scalar, i)))], "unroll"),
    ],
    round: [b.loop("u", steps, [b.loop("j", chains, [b.store("acc", at(j), next)], "unroll")], "unroll")],
    result: sumOf(chains, lanes, (chain, lane) =>
      b.cast("f32", b.load(acc, lanes > 1 ? [b.toExpr(chain), b.toExpr(lane)] : [b.toExpr(chain)])),
    ),
  };
}

function dotLoop({ chains }: RateVariant): RateLoop {
  const bytes = b.lanes([4], [1]);
  const x = b.buffer("x", "i8", [steps, local, 4], { role: "input" });
  const w = b.buffer("w", "i8", [chains, 4], { role: "input" });
  const register = (name: string, shape: readonly number[]) => b.buffer(name, "i8", shape, { scope: "register" });
  const [own, change, a] = [register("own", [steps, 4]), register("change", [4]), register("a", [4])];
  const acc = b.buffer("acc", "i32", [chains], { scope: "register" });
  const [i, j, s] = [b.variable("i"), b.variable("j"), b.variable("s")];
  const product = b.call("dot4_i32_i8", b.load(a, [bytes]), b.load(w, [j, bytes]));
  return {
    name: "rate.i8",
    buffers: [x, w, own, change, a, acc],
    setUp: [
      b.loop("s", steps, [b.store("own", [s, bytes], b.load(x, [s, l, bytes]))], "unroll"),
      b.loop("i", chains, [b.store("acc", [i], b.constant(0))], "unroll"),
    ],
    round: [
      b.store("change", [bytes], b.cast("i8", r)),
      b.loop(
        "u",
        steps,
        [
          b.store("a", [bytes], b.op("xor", b.load(own, [u, bytes]), b.load(change, [bytes]))),
          b.loop("j", chains, [b.store("acc", [j], b.add(b.load(acc, [j]), product))], "unroll"),
        ],
        "unroll",
      ),
    ],
    result: sumOf(chains, 1, (chain) => b.load(acc, [chain])),
  };
}

function sumOf(chains: number, lanes: number, term: (chain: number, lane: number) => Expr): Expr {
  const terms = Array.from({ length: chains * lanes }, (_, i) => term(Math.floor(i / lanes), i % lanes));
  return terms.reduce((sum, next) => b.add(sum, next));
}

/** Inputs by name. Factors are 1 and -1, and terms at most 1 in size, so that results are whole and stay small. */
export function rateInputs(arithmetic: Arithmetic, { chains }: RateVariant): Readonly<Record<string, Tensor>> {
  const make = (scalar: Scalar, shape: readonly number[], value: (i: number) => number): Tensor =>
    tensor(
      scalar,
      shape,
      Float64Array.from({ length: shape.reduce((a, c) => a * c, 1) }, (_, i) => value(i)),
    );
  if (arithmetic === "i8") {
    const byte = (i: number, seed: number): number => ((Math.imul(i + seed, 0x9e3779b1) >>> 8) & 0xff) - 128;
    return {
      x: make("i8", [steps, local, 4], (i) => byte(i, 1)),
      w: make("i8", [chains, 4], (i) => byte(i, 10001)),
    };
  }
  return {
    start: make("f32", [local], (i) => i),
    factor: make("f32", [local], (i) => (i % 4 === 3 ? -1 : 1)),
    term: make("f32", [local], (i) => (i % 3) - 1),
  };
}

/** What `rateKernel` must write. */
export function rateResult(
  arithmetic: Arithmetic,
  variant: RateVariant,
  inputs: Readonly<Record<string, Tensor>>,
  rounds: number,
): Float64Array<ArrayBuffer> {
  const perInvocation = Array.from({ length: local }, (_, at) =>
    arithmetic === "i8" ? dotSum(variant, inputs, rounds, at) : floatSum(variant, inputs, rounds, at),
  );
  return Float64Array.from({ length: variant.groups * local }, (_, i) => perInvocation[i % local]!);
}

function floatSum(
  { chains, lanes }: RateVariant,
  inputs: Readonly<Record<string, Tensor>>,
  rounds: number,
  at: number,
): number {
  const [start, factor, term] = ["start", "factor", "term"].map((name) => inputs[name]!.values[at]!) as [
    number,
    number,
    number,
  ];
  let sum = 0;
  for (let j = 0; j < chains; j++) {
    let acc = start + j;
    for (let i = 0; i < rounds * steps; i++) acc = acc * factor + term;
    sum += lanes * acc;
  }
  return sum;
}

function dotSum(
  { chains }: RateVariant,
  { x, w }: Readonly<Record<string, Tensor>>,
  rounds: number,
  at: number,
): number {
  // The sum of all products with the same byte of a.
  const columns = [0, 1, 2, 3].map((byte) => {
    let sum = 0;
    for (let j = 0; j < chains; j++) sum += w!.values[4 * j + byte]!;
    return sum;
  });
  let sum = 0;
  for (let u = 0; u < steps; u++)
    for (let r = 0; r < rounds; r++)
      for (const [byte, factor] of columns.entries()) sum += (x!.values[4 * (u * local + at) + byte]! ^ r) * factor;
  return sum | 0;
}
