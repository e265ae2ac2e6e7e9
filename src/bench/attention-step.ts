// A step of attention, as a model makes it: the queries' own tokens join the cache, then the queries attend over all of it. What each of ours is given of a case, and the step on
// a GPU; the one on Wasm is in ours-attention.ts. Loads in browsers.

import type { AppendWorkload, AttentionWorkload } from "../../ir/index.ts";
import type { GpuKvCache, LoadedGpuKernel } from "../runtime/index.ts";
import type { AttentionCase } from "./attention-case.ts";
import type { Session } from "./peers/peer.ts";

/** Tokens before the queries' own, theirs, and the queries, of each sequence. */
export interface StepData {
  readonly past: AppendedTokens;
  readonly own: AppendedTokens;
  readonly q: Float32Array;
}

interface AppendedTokens {
  readonly k: Float32Array;
  readonly v: Float32Array;
  readonly m: number;
}

/** What of a case says what a step is. */
export type StepCase = Pick<AttentionCase, "sequences" | "queries" | "tokens" | "kvHeads" | "headSize" | "inputs">;

export function stepData({ queries, tokens, kvHeads, headSize, inputs: { q, keys, values } }: StepCase): StepData {
  const past = tokens - queries;
  const size = past * kvHeads * headSize;
  return {
    past: { k: keys.subarray(0, size), v: values.subarray(0, size), m: past },
    own: { k: keys.subarray(size), v: values.subarray(size), m: queries },
    q,
  };
}

/** The kernels of a step, by name: appends of the queries' tokens, and of any number before the first step; attention. */
export interface StepWorkloads {
  readonly append: AppendWorkload;
  readonly fill: AppendWorkload;
  readonly attend: AttentionWorkload;
}

export function stepWorkloads(attend: AttentionWorkload, queries: number): StepWorkloads {
  const { kvHeads, headSize, keys, values, pages } = attend;
  const append = { op: "append", kvHeads, headSize, keys, values, ...(pages !== undefined && { pages }) } as const;
  return { append: { ...append, m: queries }, fill: { ...append, m: "any" }, attend };
}

type Append = LoadedGpuKernel<never, { readonly cache: GpuKvCache } & AppendedTokens, unknown>;
type Attend = LoadedGpuKernel<
  never,
  { readonly cache: GpuKvCache; readonly q: Float32Array; readonly m: number },
  Float32Array
>;

/** The same, loaded on a GPU. */
export interface GpuStepKernels {
  readonly append: Append;
  readonly fill: Append;
  readonly attend: Attend;
}

/** Steps on a GPU, with a cache for each sequence: q, k and v go up and y comes back in every run, the cache stays. */
export async function gpuSteps({ append, fill, attend }: GpuStepKernels, given: StepCase): Promise<Session> {
  const { past, own, q } = stepData(given);
  const caches: GpuKvCache[] = [];
  for (let i = 0; i < given.sequences; i++) {
    const cache = await attend.newCache(given.tokens);
    caches.push(cache);
    await fill.run({ cache, ...past });
  }
  const step = async (cache: GpuKvCache): Promise<Float32Array> => {
    cache.truncate(past.m);
    const [, y] = await Promise.all([append.run({ cache, ...own }), attend.run({ cache, q, m: own.m })]);
    return y;
  };
  let results: readonly Float32Array[] = [];
  return {
    run: async () => {
      results = await Promise.all(caches.map(step));
    },
    output: () => joined(results),
    dispose: () => {
      for (const part of [...caches, append, fill, attend]) part.dispose();
    },
  };
}

/** Arrays one after the other. */
export function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
