/** What is measured, in full and in small: sizes, workloads, how long. */
import type { MatmulWorkload, Numerics } from "../../../ir/index.ts";

export interface Plan {
  /** Bytes that are read again and again to measure memory, and that copies of weights fill: several times the last-level cache. */
  readonly readBytes: number;
  /** N and K of the matmuls that memory and arithmetic are measured by. */
  readonly size: number;
  readonly numerics: readonly Numerics[];
  /** Rows of x: up to so many one by one, and of prefill. */
  readonly mostRows: number;
  readonly prefillRows: number;
  readonly shapes: readonly { readonly name: string; readonly workload: MatmulWorkload }[];
  /** Points of a reduced space. */
  readonly reduced: number;
  /** Rows that the first of these are tuned for; with `any` a single row and many. */
  readonly tunedRows: number | "any";
  /** Seconds for tuning, all of it; and points of each workload at most. */
  readonly tuneSeconds: number;
  readonly trials: number | undefined;
  /** Time for the samples of what is timed side by side, and how many each gets at least. */
  readonly seconds: number;
  readonly minSamples: number;
}

const weights = "int4_g32";
const i8: Numerics = { compute: "i8", xGroup: 32 };
const f32: Numerics = { compute: "f32" };

export const matmulOf = (m: number | "any", n: number, k: number, numerics: Numerics): MatmulWorkload => ({
  op: "matmul",
  m,
  n,
  k,
  w: weights,
  bias: false,
  numerics,
});

/** The matmuls of Llama-3.2-1B: hidden size 2048, key and value heads of 512 together, feed-forward 8192, vocabulary 128256. */
const llama: readonly (readonly [name: string, n: number, k: number])[] = [
  ["attn_q_o", 2048, 2048],
  ["attn_k_v", 512, 2048],
  ["ffn_gate_up", 8192, 2048],
  ["ffn_down", 2048, 8192],
  ["lm_head", 128256, 2048],
];

const shape = (name: string, n: number, k: number, m = 1): Plan["shapes"][number] => ({
  name: m === 1 ? name : `${name}, ${m} rows`,
  workload: matmulOf(m, n, k, i8),
});

/** What a GPU is measured by. */
export const fullPlan: Plan = {
  readBytes: 2 ** 29,
  size: 8192,
  numerics: [i8, f32],
  mostRows: 8,
  prefillRows: 512,
  // The last one's prefill is never computed but for one row.
  shapes: llama.flatMap(([name, n, k]) =>
    name === "lm_head" ? [shape(name, n, k)] : [shape(name, n, k), shape(name, n, k, 128)],
  ),
  reduced: 48,
  tunedRows: "any",
  tuneSeconds: 900,
  trials: undefined,
  seconds: 0.5,
  minSamples: 9,
};

/** To try the program: the same in small, good enough for a processor in a GPU's place. */
export const quickPlan: Plan = {
  readBytes: 2 ** 17,
  size: 128,
  numerics: [i8],
  mostRows: 2,
  prefillRows: 16,
  shapes: [shape("small", 64, 128)],
  reduced: 2,
  tunedRows: 1,
  tuneSeconds: 60,
  trials: 2,
  seconds: 0,
  minSamples: 3,
};
