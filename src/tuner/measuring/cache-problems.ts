/**
 * Problems over a cache. Attention reads one and is judged by its reference. Append and rotate change one: what it should hold then the interpreter knows, from the naive program and to the
 * bit, for they do too little for that to take long.
 */
import {
  type AppendWorkload,
  type AttentionWorkload,
  buffersWithRole,
  type CachedName,
  type CacheShape,
  cacheBlock,
  cacheBytes,
  cachedTensor,
  decodeReference,
  encode,
  errorBoundOf,
  fieldReader,
  interpretProgram,
  programOf,
  type RotateWorkload,
  referenceOf,
  sizeOf,
  storedRows,
  type Tensor,
  tensor,
  tensorOfBytes,
  typicalSizes,
} from "../../../ir/index.ts";
import type { Sizes, TensorArray } from "../../runtime/index.ts";
import { normal, type Random, uniform } from "../../timing/index.ts";
import { judgeEqual, judgeRows, together } from "./judge.ts";
import { elementsOf, type Problem, poolRows, randomValues } from "./numbers.ts";

/** Keys or values of so many tokens. */
interface CachedNumbers {
  /** The cache's tensors, in its order. */
  readonly bytes: Readonly<Record<string, Uint8Array<ArrayBuffer>>>;
  /** What they decode to, row by row. */
  readonly decoded: Float32Array;
}

/** Random rows, each one of a pool: `rowOf` says which, for every token and head. */
function cachedNumbers(name: CachedName, shape: CacheShape, rowOf: readonly number[], random: Random): CachedNumbers {
  const { kvHeads, headSize } = shape;
  const tokens = rowOf.length / kvHeads;
  const of = cachedTensor(name, shape);
  if (of.tokens > 1) {
    // Groups along tokens have no rows that a pool could hold.
    const all = Float32Array.from({ length: tokens * kvHeads * headSize }, () => normal(random));
    const { read, decoded } = storedRows(shape.keys, all, shape);
    return { bytes: cacheBytes(of, shape, tokens, read), decoded };
  }
  const values = Float32Array.from({ length: poolRows * headSize }, () => normal(random));
  const containers = encode(of.format, values, poolRows, headSize);
  const readers = new Map(
    of.format.fields.map((field) => [field, fieldReader(of.format, field, containers, headSize)]),
  );
  const bytes = cacheBytes(of, shape, tokens, (field, row, entry) => readers.get(field)!(rowOf[row]!, entry));
  const pool = decodeReference(of.format, containers, poolRows, headSize);
  const decoded = new Float32Array(rowOf.length * headSize);
  rowOf.forEach((from, row) => {
    decoded.set(pool.subarray(from * headSize, (from + 1) * headSize), row * headSize);
  });
  return { bytes, decoded };
}

const rowsOf = (tokens: number, { kvHeads }: CacheShape, random: Random): readonly number[] =>
  Array.from({ length: tokens * kvHeads }, () => Math.floor(uniform(random) * poolRows));

/**
 * A cache of random rows; its tensors are inputs here. With pages there are sequences of any lengths, in any pages of as many as they could fill.
 */
export function attentionProblem(workload: AttentionWorkload, random: Random): Problem {
  const { headSize, heads, pages } = workload;
  const m = workload.m as number;
  const { T, P = 0 } = typicalSizes(workload);
  const sizes = { M: m, ...typicalSizes(workload) };
  const rowOf = rowsOf(pages === undefined ? T : P * pages, workload, random);
  const [k, v] = (["k", "v"] as const).map((name) => cachedNumbers(name, workload, rowOf, random)) as [
    CachedNumbers,
    CachedNumbers,
  ];
  const inputs = randomInputs(workload, sizes, random);
  const reference = referenceOf(workload, { ...inputs, keys: k.decoded, values: v.decoded }, {});
  const bound = errorBoundOf(workload);
  return {
    workload,
    sizes,
    weights: {},
    inputs: { ...inputs, ...k.bytes, ...v.bytes },
    judge: (output) => {
      const row = heads * headSize;
      const y = new Float32Array(output("y").buffer);
      return judgeRows("y", y, row, bound, (i, at) => reference["y"]![i * row + at]!);
    },
  };
}

const randomInputs = (
  workload: AttentionWorkload | AppendWorkload | RotateWorkload,
  sizes: Sizes,
  random: Random,
): Readonly<Record<string, TensorArray>> =>
  Object.fromEntries(
    buffersWithRole(programOf(workload), "input").map((input) => [input.name, randomValues(input, random, sizes)]),
  );

/** A cache full of random rows, those among them that a run is to replace. With pages every sequence has its own, and all of them are somebody's. */
export function changedCacheProblem(workload: AppendWorkload | RotateWorkload, random: Random): Problem {
  const { pages, keys } = workload;
  const m = workload.m as number;
  const sizes: Sizes = { M: m, ...typicalSizes(workload) };
  const { T = 0, F = T, P = 0 } = sizes;
  const program = programOf(workload);
  const shape: CacheShape = { values: keys, ...workload };
  const tokens = pages === undefined ? Math.ceil((F + m) / cacheBlock) * cacheBlock : P * pages;
  const rowOf = rowsOf(tokens, shape, random);
  const names: readonly CachedName[] = workload.op === "append" ? ["k", "v"] : ["k"];
  const changed = Object.assign({}, ...names.map((name) => cachedNumbers(name, shape, rowOf, random).bytes));
  const inputs: Readonly<Record<string, TensorArray>> = {
    ...randomInputs(workload, sizes, random),
    ...(pages !== undefined && { pageTable: shuffled(P, random) }),
  };
  const tensors = new Map<string, Tensor>();
  for (const of of [...buffersWithRole(program, "input"), ...buffersWithRole(program, "cache")]) {
    const extents = of.shape.map((size) => sizeOf(size, sizes));
    const given = inputs[of.name];
    tensors.set(
      of.name,
      given === undefined ? tensorOfBytes(of.scalar, extents, changed[of.name]) : tensor(of.scalar, extents, given),
    );
  }
  const made = interpretProgram(program, sizes, tensors, { run: () => true });
  const judged = [...buffersWithRole(program, "cache"), ...buffersWithRole(program, "output")];
  const bound = errorBoundOf(workload);
  return {
    workload,
    sizes,
    weights: {},
    inputs,
    changed,
    judge: (output) =>
      together(
        judged.map((of) => {
          const { values: wanted, shape: extents } = (made.get(of.name) ?? tensors.get(of.name))!;
          const { values } = tensorOfBytes(of.scalar, extents, output(of.name));
          const row = elementsOf(of, sizes) / extents[0]!;
          const expected = (i: number, at: number): number => wanted[i * row + at]!;
          return bound === 0
            ? judgeEqual(of.name, values, row, expected)
            : judgeRows(of.name, values, row, bound, expected);
        }),
      ),
  };
}

/** The numbers below `count`, in any order. */
function shuffled(count: number, random: Random): Int32Array {
  const numbers = Int32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const other = Math.floor(uniform(random) * (i + 1));
    [numbers[i], numbers[other]] = [numbers[other]!, numbers[i]!];
  }
  return numbers;
}
