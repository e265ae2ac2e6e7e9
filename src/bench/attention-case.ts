// The numbers of one attention benchmark, the same for every contestant, and what its results should be. Not here: running anything.

import {
  type AttentionWorkload,
  attentionBounds,
  cacheFormatOf,
  quantizeReference,
  referenceAttention,
  storedRows,
} from "../../ir/index.ts";
import { normal, splitmix32 } from "../timing/index.ts";
import { BenchError } from "./errors.ts";

/** Sizes of an attention benchmark, all positive integers: the queries are the last tokens, and see what is before them. */
export interface AttentionSizes {
  /** Sequences, each with a cache of the same tokens and asked by the same queries. */
  readonly sequences: number;
  readonly queries: number;
  readonly tokens: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
}

/** What every contestant is given. */
export interface AttentionCase extends AttentionSizes {
  /** Over a cache of f32, which is the one that peers have. */
  readonly workload: AttentionWorkload;
  /** f32, row-major: `q` [queries, heads, headSize], `keys` and `values` [tokens, kvHeads, headSize]. */
  readonly inputs: Readonly<Record<"q" | "keys" | "values", Float32Array>>;
  readonly threads: number;
}

/** Draws the numbers, of a sequence. Throws a `BenchError` where the sizes can't be. */
export function attentionCase(sizes: AttentionSizes, threads: number, seed: number): AttentionCase {
  const { queries, tokens, heads, kvHeads, headSize } = sizes;
  for (const [name, size] of Object.entries(sizes))
    if (!Number.isSafeInteger(size) || size < 1) throw new BenchError(`bench: ${name} = ${size}; it must be 1 or more`);
  if (tokens < queries)
    throw new BenchError(`bench: tokens = ${tokens} are fewer than the ${queries} queries, which are the last of them`);
  const random = splitmix32(seed);
  const draw = (count: number): Float32Array => Float32Array.from({ length: count }, () => normal(random));
  return {
    ...sizes,
    threads,
    workload: {
      ...{ op: "attention", m: queries, heads, kvHeads, headSize, keys: "f32", values: "f32", causal: true },
      numerics: { scores: "f32", weights: "f32" },
    },
    inputs: {
      q: draw(queries * heads * headSize),
      keys: draw(tokens * kvHeads * headSize),
      values: draw(tokens * kvHeads * headSize),
    },
  };
}

/** What a cache in a format has of rows of a head each. */
export interface Stored {
  readonly bytes: number;
  /** What it decodes to. */
  readonly decoded: Float32Array;
}

/** Stores tokens, the first `count` of them, and holds the others as they are. Throws a `WorkloadError` where they can't have the format. */
export function stored(
  format: string,
  values: Float32Array,
  shape: Pick<AttentionSizes, "kvHeads" | "headSize">,
  count: number,
): Stored {
  const size = count * shape.kvHeads * shape.headSize;
  const held = values.subarray(size);
  if (count === 0) return { bytes: held.byteLength, decoded: values };
  const { containers, decoded } = storedRows(format, values.subarray(0, size), shape);
  const bytes = Object.values(containers).reduce((sum, { byteLength }) => sum + byteLength, held.byteLength);
  return {
    bytes,
    decoded: Float32Array.from({ length: values.length }, (_, i) => decoded[i] ?? (values[i] as number)),
  };
}

/** The newest tokens that are held as they are where keys have groups along tokens. */
const residual = 128;

/** How many tokens are stored when the queries attend: all, or by the rules of `ResidualCache` those that they make of what was there before. */
export function storedTokens(
  { keys }: AttentionWorkload,
  { tokens, queries }: AttentionSizes,
): Readonly<Record<"keys" | "values", number>> {
  if (cacheFormatOf(keys).tokens === 1) return { keys: tokens, values: tokens };
  const past = tokens - queries;
  return { keys: Math.floor(past / residual) * residual, values: Math.max(0, past - residual) };
}

/** Float64 results of some queries. */
export interface AttentionReference {
  readonly queries: readonly number[];
  /** [queries.length, heads, headSize] */
  readonly y: Float64Array;
  readonly rowSize: number;
}

/** Multiply-adds that fit well inside a second. */
const budget = 2 ** 26;

/** The float64 results over keys and values as a cache has them: of all queries where that takes under a second, else of some, the first and the last among them. */
export function attentionReference(
  workload: AttentionWorkload,
  { inputs: { q }, queries, tokens, heads, headSize }: AttentionCase,
  keys: Float32Array,
  values: Float32Array,
): AttentionReference {
  const rowSize = heads * headSize;
  const count = Math.min(queries, Math.max(2, Math.floor(budget / (2 * rowSize * tokens))));
  const chosen = Array.from({ length: count }, (_, i) => Math.round((i * (queries - 1)) / Math.max(1, count - 1)));
  const rows = Float64Array.from(chosen.flatMap((i) => [...q.subarray(i * rowSize, (i + 1) * rowSize)]));
  const { y } = referenceAttention(
    { ...workload, positions: "given" },
    {
      q: workload.numerics.scores === "i8" ? asQuantized(Float32Array.from(rows), headSize) : rows,
      ...{ keys, values, positions: chosen.map((i) => tokens - queries + i) },
    },
  );
  return { queries: chosen, y, rowSize };
}

/** Queries as their 8-bit codes have them. */
function asQuantized(q: Float32Array, headSize: number): Float64Array {
  const { q: codes, s } = quantizeReference(q, headSize);
  return Float64Array.from(codes, (code, i) => code * (s[Math.floor(i / headSize)] as number));
}

/** Mean of squared errors over mean of squares of a result, on the reference's queries. */
export function nmseOf(y: Float32Array, { queries, y: wanted, rowSize }: AttentionReference): number {
  let [error, power] = [0, 0];
  for (const [i, query] of queries.entries())
    for (let at = 0; at < rowSize; at++) {
      const value = wanted[i * rowSize + at] as number;
      error += ((y[query * rowSize + at] as number) - value) ** 2;
      power += value ** 2;
    }
  return power === 0 ? error : error / power;
}

/** The error of a result, of the sequence where it is largest. Throws a `BenchError` that names `who` where its size, a value that isn't finite, or the error says that it is wrong. */
export function checkAttention(
  who: string,
  y: Float32Array,
  { weights }: AttentionWorkload["numerics"],
  { inputs: { q }, sequences }: AttentionCase,
  reference: AttentionReference,
): number {
  const expected = sequences * q.length;
  if (y.length !== expected) throw new BenchError(`bench: ${who} gave ${y.length} values instead of ${expected}`);
  const wild = y.findIndex((value) => !Number.isFinite(value));
  if (wild >= 0) throw new BenchError(`bench: ${who} gave ${y[wild]} at ${wild}; no time is reported for it`);
  const each = Array.from({ length: sequences }, (_, b) => y.subarray(b * q.length, (b + 1) * q.length));
  const nmse = Math.max(...each.map((own) => nmseOf(own, reference)));
  const bound = attentionBounds[weights];
  if (nmse <= bound) return nmse;
  throw new BenchError(
    `bench: ${who} disagrees with the float64 reference: NMSE ${nmse.toExponential(1)} (${bound} is allowed); no time is reported for it`,
  );
}
