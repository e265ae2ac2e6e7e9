/**
 * The numbers that candidates of a workload are run on, and the oracle that judges their results. Real sizes: the rows of w are drawn from a small pool of distinct
 * random rows, so that making them, and knowing every value of y in float64, takes the pool's time and not the tensor's. A candidate that reads a wrong row is
 * seen unless both rows happen to be the same one of the pool. Not here: running anything.
 */
import {
  boundOf,
  buffersWithRole,
  type Containers,
  containerBytes,
  type DequantizeWorkload,
  decodeReference,
  encode,
  errorBoundOf,
  exactResult,
  formatOf,
  givenActivations,
  type MatmulWorkload,
  type Operands,
  operandsOf,
  programOf,
  type QuantizeWorkload,
  quantizedResultOf,
  quantizeReference,
  reachOf,
  referenceMatmul,
  referenceOf,
  sizeOf,
  type Workload,
} from "../../../ir/index.ts";
import { arrayOf } from "../../runtime/index.ts";
import { normal, type Random, splitmix32 } from "../../timing/index.ts";
import { TunerError } from "../errors.ts";
import { attentionProblem, changedCacheProblem } from "./cache-problems.ts";
import { judgeEqual, judgeQuantized, judgeRows, together, type Verdict } from "./judge.ts";
import { elementsOf, type Problem, poolRows, randomValues } from "./numbers.ts";

export type { Problem } from "./numbers.ts";

/** Operators whose numbers are chosen to try what they are prone to, or whose every value would take too long to know. */
const makers: {
  readonly [Op in Workload["op"]]?: (workload: Extract<Workload, { op: Op }>, random: Random) => Problem;
} = {
  matmul: matmulProblem,
  quantize: quantizeProblem,
  dequantize: dequantizeProblem,
  attention: attentionProblem,
  append: changedCacheProblem,
  rotate: changedCacheProblem,
};

/** The problem of a workload with a fixed M, the same for equal seeds. Throws a `TunerError` where there is nothing to run. */
export function makeProblem(workload: Workload, seed: number): Problem {
  if ("m" in workload && (workload.m === "any" || workload.m === 0))
    throw new TunerError(`m = ${workload.m} has nothing to measure; tune a number of rows from 1 up`);
  const make = (makers[workload.op] ?? anyProblem) as (workload: Workload, random: Random) => Problem;
  return make(workload, splitmix32(seed));
}

/** Inputs by what their buffers say, and the operator's own reference. */
function anyProblem(workload: Workload, random: Random): Problem {
  const program = programOf(workload);
  const weights = "w" in workload ? pooledWeights(workload.w, workload.n, workload.k, random).weights : {};
  const inputs = Object.fromEntries(
    buffersWithRole(program, "input").map((input) => [input.name, randomValues(input, random)]),
  );
  const reference = referenceOf(workload, inputs, weights);
  const bound = errorBoundOf(workload);
  const isQuantized = quantizedResultOf(workload) !== undefined;
  // Codes and scales are judged together.
  const outputs = buffersWithRole(program, "output").filter(({ name }) => !isQuantized || !["y", "y.s"].includes(name));
  return {
    workload,
    sizes: { M: "m" in workload ? (workload.m as number) : 0 },
    weights,
    inputs,
    judge: (output) =>
      together(
        outputs.map((of) => {
          const row = elementsOf(of) / sizeOf(of.shape[0]!, {});
          if (of.name === "y.q")
            return judgeResult(workload, row, bound, output, (m, i) => reference["y"]![m * row + i]!);
          const values = new (arrayOf(of))(output(of.name).buffer);
          const expected = (m: number, i: number): number => reference[of.name]![m * row + i]!;
          return bound === 0
            ? judgeEqual(of.name, values, row, expected)
            : judgeRows(of.name, values, row, bound, expected);
        }),
      ),
  };
}

/** Judges a result y of rows of n: in f32, its codes and scales, or all of them. */
function judgeResult(
  workload: Workload,
  n: number,
  bound: number,
  output: Parameters<Problem["judge"]>[0],
  expected: (row: number, column: number) => number,
): Verdict {
  const result = quantizedResultOf(workload);
  const y = (): Verdict => judgeRows("y", new Float32Array(output("y").buffer), n, bound, expected);
  if (result === undefined) return y();
  const made = { q: new Int8Array(output("y.q").buffer), s: new Float32Array(output("y.s").buffer) };
  const codes = judgeQuantized("y.q", made, n, reachOf(result.bits), bound, expected);
  return result.keep ? together([y(), codes]) : codes;
}

function matmulProblem(workload: MatmulWorkload, random: Random): Problem {
  const { n, k, w } = workload;
  const m = workload.m as number;
  const { weights, pool, rowOf } = pooledWeights(w, n, k, random);
  const x = activations(m, k, random);
  const operands = randomOperands(workload, m, random);
  const distinct = rowOf.reduce((most, row) => Math.max(most, row + 1), 0);
  const { y: sums } = referenceMatmul({ ...workload, n: distinct, bias: false, epilogue: undefined }, x, pool);
  const expected = (row: number, column: number): number =>
    exactResult(workload, operands, sums[row * distinct + rowOf[column]!]!, row, column);
  const given = givenActivations(workload.numerics, x, k);
  return {
    workload,
    sizes: { M: m },
    weights,
    inputs: { ...("q" in given ? { "x.q": given.q, "x.s": given.s } : { x }), ...operands },
    judge: (output) => judgeResult(workload, n, boundOf(workload.numerics), output, expected),
  };
}

/** Normal values for the inputs of a matmul's epilogue. */
export const randomOperands = (workload: MatmulWorkload, m: number, random: Random): Operands =>
  Object.fromEntries(
    operandsOf(workload).map(({ name, per }) => {
      const length = per === "column" ? workload.n : m * workload.n;
      return [name, Float32Array.from({ length }, () => normal(random))];
    }),
  );

function dequantizeProblem(workload: DequantizeWorkload, random: Random): Problem {
  const { n, k, w } = workload;
  const { weights, pool, rowOf } = pooledWeights(w, n, k, random);
  const values = decodeReference(formatOf(w), pool, Math.min(n, poolRows), k);
  const expected = (row: number, column: number): number => values[rowOf[row]! * k + column]!;
  return {
    workload,
    sizes: { M: 0 },
    weights,
    inputs: {},
    judge: (output) => judgeEqual("y", new Float32Array(output("y").buffer), k, expected),
  };
}

function quantizeProblem(workload: QuantizeWorkload, random: Random): Problem {
  const { k } = workload;
  const m = workload.m as number;
  const x = activations(m, k, random);
  const group = workload.group === "row" ? k : workload.group;
  const { q, s } = quantizeReference(x, group, reachOf(workload.bits));
  return {
    workload,
    sizes: { M: m },
    weights: {},
    inputs: { x },
    judge: (output) => {
      const codes = judgeEqual("x.q", new Int8Array(output("x.q").buffer), k, (row, i) => q[row * k + i]!);
      if (codes.fault !== undefined) return codes;
      const scales = new Float32Array(output("x.s").buffer);
      return judgeEqual("x.s", scales, k / group, (row, g) => s[row * (k / group) + g]!);
    },
  };
}

// ------------------------------------------------------------------------------------------------------------- numbers

interface PooledWeights {
  /** The whole tensor. */
  readonly weights: Containers;
  /** Its distinct rows. */
  readonly pool: Containers;
  /** Which of them each row is. */
  readonly rowOf: Uint8Array;
}

function pooledWeights(name: string, n: number, k: number, random: Random): PooledWeights {
  const format = formatOf(name);
  const rows = Math.min(n, poolRows);
  const pool = encode(format, rowsOfWeights(rows, k, random), rows, k);
  // Every row of the pool once, then any.
  const rowOf = Uint8Array.from({ length: n }, (_, i) => (i < rows ? i : random() % rows));
  const weights = Object.fromEntries(
    Object.entries(containerBytes(format, n, k)).map(([container, bytes]) => {
      const whole = new Uint8Array(bytes);
      const length = bytes / n;
      const source = pool[container]!;
      rowOf.forEach((row, i) => {
        whole.set(source.subarray(row * length, (row + 1) * length), i * length);
      });
      return [container, whole];
    }),
  );
  return { weights, pool, rowOf };
}

/**
 * Normal rows of different sizes, and three of extreme codes throughout: sums that are proven to fit their type only just do, and a type that is too
 * narrow shows. Few, since their results are the largest and the bound is on the whole row of y.
 */
function rowsOfWeights(rows: number, k: number, random: Random): Float32Array {
  const unit = 1 / Math.sqrt(k);
  const values = new Float32Array(rows * k);
  for (let row = 0; row < rows; row++) {
    const scale = unit * (0.5 + (row % 8) / 8);
    for (let i = 0; i < k; i++) {
      const drawn = normal(random);
      values[row * k + i] = scale * (row === 1 ? 1 : row === 2 ? -1 : row === 3 ? evenCodes(i) : drawn);
    }
  }
  return values;
}

/** Of formats whose extreme value becomes the lowest code: that one once in a group, the highest code elsewhere. */
const evenCodes = (i: number): number => (i % 16 === 0 ? -1.15 : 1);

/** Normal activations; rows begin with 64 of the greatest code, and zeros (whose scale is 0) follow where the row is long. */
function activations(m: number, k: number, random: Random): Float32Array {
  return Float32Array.from({ length: m * k }, (_, at) => {
    const i = at % k;
    const drawn = normal(random);
    if (i < 64) return 2;
    return k >= 512 && i < 128 ? 0 : drawn;
  });
}
