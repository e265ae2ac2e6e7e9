/**
 * The numbers that candidates of a workload are run on, and the oracle that judges their results. Real sizes: the rows of w are drawn from a small pool of distinct
 * random rows, so that making them, and knowing every value of y in float64, takes the pool's time and not the tensor's. A candidate that reads a wrong row is
 * seen unless both rows happen to be the same one of the pool. Not here: running anything.
 */
import {
  boundOf,
  type Containers,
  containerBytes,
  type DequantizeWorkload,
  decodeReference,
  encode,
  exactResult,
  formatOf,
  type MatmulWorkload,
  type Operands,
  operandsOf,
  type QuantizeWorkload,
  quantizeReference,
  referenceMatmul,
  type Workload,
} from "../../../ir/index.ts";
import { normal, type Random, splitmix32 } from "../../timing/index.ts";
import { TunerError } from "../errors.ts";

/** What a result came to. */
export interface Verdict {
  /** max |y - reference| / max |reference|. */
  readonly maxError: number;
  /** What is wrong, in one line; undefined when the result is within the workload's bound. */
  readonly fault: string | undefined;
}

/** One instance of a workload. Tensors go by their buffers' names. */
export interface Problem {
  readonly workload: Workload;
  /** Rows of x. */
  readonly m: number;
  /** Weights as stored in a file. */
  readonly weights: Containers;
  readonly inputs: Readonly<Record<string, Float32Array>>;
  /** Judges the bytes of the outputs. */
  readonly judge: (output: (name: string) => Uint8Array<ArrayBuffer>) => Verdict;
}

/** Distinct rows of w. */
const poolRows = 64;

const makers = {
  matmul: matmulProblem,
  quantize: quantizeProblem,
  dequantize: dequantizeProblem,
} satisfies { readonly [Op in Workload["op"]]: (workload: Extract<Workload, { op: Op }>, random: Random) => Problem };

/** The problem of a workload with a fixed M, the same for equal seeds. Throws a `TunerError` where there is nothing to run. */
export function makeProblem(workload: Workload, seed: number): Problem {
  if ("m" in workload && (workload.m === "any" || workload.m === 0))
    throw new TunerError(`m = ${workload.m} has nothing to measure; tune a number of rows from 1 up`);
  return (makers[workload.op] as (workload: Workload, random: Random) => Problem)(workload, splitmix32(seed));
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
  return {
    workload,
    m,
    weights,
    inputs: { x, ...operands },
    judge: (output) => judgeRows(new Float32Array(output("y").buffer), m, n, boundOf(workload.numerics), expected),
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
    m: 0,
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
  const { q, s } = quantizeReference(x, group);
  return {
    workload,
    m,
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

// ------------------------------------------------------------------------------------------------------------- judging

/** Judges every row of y: its mean of squared errors over its mean of squares is at most `bound`. */
function judgeRows(
  y: Float32Array,
  m: number,
  n: number,
  bound: number,
  expected: (row: number, column: number) => number,
): Verdict {
  let [largest, worst, fault] = [0, 0, undefined as string | undefined];
  for (let row = 0; row < m; row++) {
    let [squares, errors, rowWorst, at] = [0, 0, -1, 0];
    for (let column = 0; column < n; column++) {
      const reference = expected(row, column);
      const value = y[row * n + column]!;
      if (!Number.isFinite(value)) {
        const place = `y[${row},${column}]`;
        return { maxError: Number.NaN, fault: `${place} is ${value}: it was not written, or read what is not there` };
      }
      const off = Math.abs(value - reference);
      squares += reference * reference;
      errors += off * off;
      largest = Math.max(largest, Math.abs(reference));
      if (off > rowWorst) [rowWorst, at] = [off, column];
    }
    worst = Math.max(worst, rowWorst);
    if (errors > bound * squares)
      fault ??= `row ${row} of y is off by NMSE ${(errors / squares).toExponential(1)}, ${bound} is allowed; most at y[${row},${at}] = ${y[row * n + at]}, which should be ${expected(row, at)}`;
  }
  return { maxError: worst === 0 ? 0 : worst / largest, fault };
}

function judgeEqual(
  name: string,
  values: Float32Array | Int8Array,
  columns: number,
  expected: (row: number, column: number) => number,
): Verdict {
  for (let at = 0; at < values.length; at++) {
    const [row, column] = [Math.floor(at / columns), at % columns];
    const reference = expected(row, column);
    if (!Object.is(values[at], reference) && values[at] !== reference)
      return {
        maxError: Number.NaN,
        fault: `${name}[${row},${column}] is ${values[at]}, which should be ${reference}`,
      };
  }
  return { maxError: 0, fault: undefined };
}
