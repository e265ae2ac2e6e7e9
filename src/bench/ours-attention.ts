// Our own attention as a contestant, through the public API. A run is a step of a model, as it is for peers: the queries' own tokens join the cache, then the queries attend
// over all of it; q, k and v are copied in, y is copied out.

import { WasmMemory } from "../../backends/index.ts";
import { type AppendWorkload, type AttentionWorkload, cacheFormatOf, type Device } from "../../ir/index.ts";
import { type CompiledKernel, type CompileOptions, compile, compileResidual } from "../compile/index.ts";
import type { AttentionCase } from "./attention-case.ts";
import type { Session } from "./peers/index.ts";

/** What our attention is made ready for. */
export interface AttentionRequest {
  /** With the formats that the cache is to have. */
  readonly workload: AttentionWorkload;
  readonly given: AttentionCase;
  readonly device: Device;
  readonly db?: CompileOptions["db"];
}

/** Makes our attention ready for a case: compiled, and the tokens before the queries' own in a cache for each sequence, or in pages of one. */
export const ourAttention = (request: AttentionRequest): Promise<Session> =>
  cacheFormatOf(request.workload.keys).tokens > 1 ? heldNewest(request) : wholeCache(request);

/** Over a cache whose newest tokens are held as they are, one for each sequence. */
async function heldNewest({ workload, given, device, db }: AttentionRequest): Promise<Session> {
  const { queries, tokens, kvHeads, headSize, inputs } = given;
  const { keys: k, values: v, q } = inputs;
  const kernel = await compileResidual(workload, { device, ...(db !== undefined && { db }) });
  const caches = Array.from({ length: given.sequences }, () => kernel.newCache());
  const past = tokens - queries;
  const size = past * kvHeads * headSize;
  for (const cache of caches) cache.append({ k: k.subarray(0, size), v: v.subarray(0, size), m: past });
  const own = { k: k.subarray(size), v: v.subarray(size), m: queries };
  let results: readonly Float32Array[] = [];
  return {
    run: () => {
      results = caches.map((cache) => {
        cache.truncate(past);
        cache.append(own);
        return cache.run({ q, m: queries }) as Float32Array;
      });
    },
    output: () => joined(results),
    dispose: () => {
      for (const part of [...caches, kernel]) part.dispose();
    },
  };
}

async function wholeCache({ workload, given, device, db }: AttentionRequest): Promise<Session> {
  const { queries, tokens, kvHeads, headSize, inputs } = given;
  const runtime = new WasmMemory({ shared: (device.threads ?? 1) > 1 });
  const options = { device, runtime, ...(db !== undefined && { db }) };
  const { keys, values, pages } = workload;
  const shape = { op: "append", kvHeads, headSize, keys, values, ...(pages !== undefined && { pages }) } as const;
  const kernels: Kernels = {
    append: (await compile({ ...shape, m: queries }, options)) as Append,
    fill: (await compile({ ...shape, m: "any" }, options)) as Append,
    attend: (await compile(workload, options)) as Attend,
  };
  const past = tokens - queries;
  const row = kvHeads * headSize;
  const data: Data = {
    past: { k: inputs.keys.subarray(0, past * row), v: inputs.values.subarray(0, past * row), m: past },
    own: { k: inputs.keys.subarray(past * row), v: inputs.values.subarray(past * row), m: queries },
    q: inputs.q,
  };
  const step = pages === undefined ? inCaches(kernels, given, data) : inPages(kernels, given, data);
  let results: readonly Float32Array[] = [];
  return {
    run: () => {
      results = step();
    },
    output: () => joined(results),
    dispose: () => {
      for (const part of [...Object.values(kernels), runtime]) part.dispose();
    },
  };
}

type Attend = CompiledKernel<AttentionWorkload>;
type Append = CompiledKernel<AppendWorkload>;

interface Kernels {
  /** Of the queries' tokens, and of any number. */
  readonly append: Append;
  readonly fill: Append;
  readonly attend: Attend;
}

/** Tokens before the queries' own, theirs, and the queries, of each sequence. */
interface Data {
  readonly past: AppendedTokens;
  readonly own: AppendedTokens;
  readonly q: Float32Array;
}

interface AppendedTokens {
  readonly k: Float32Array;
  readonly v: Float32Array;
  readonly m: number;
}

/** A step of every sequence; gives what each run gave. */
type Step = () => readonly Float32Array[];

/** A cache for each sequence, and runs for each. */
function inCaches({ append, fill, attend }: Kernels, { sequences, tokens, queries }: AttentionCase, data: Data): Step {
  const caches = Array.from({ length: sequences }, () => attend.newCache(tokens));
  for (const cache of caches) fill.run({ cache, ...data.past });
  return () =>
    caches.map((cache) => {
      cache.truncate(data.past.m);
      append.run({ cache, ...data.own });
      return attend.run({ cache, q: data.q, m: queries }) as Float32Array;
    });
}

/** Pages of one cache, and runs over all sequences. */
function inPages({ append, fill, attend }: Kernels, { sequences: count, queries }: AttentionCase, data: Data): Step {
  const cache = attend.newPagedCache();
  const sequences = Array.from({ length: count }, () => cache.sequence());
  for (const sequence of sequences) fill.run({ cache, sequences: [sequence], ...data.past });
  const ofAll = (of: Float32Array): Float32Array => joined(sequences.map(() => of));
  const own = { k: ofAll(data.own.k), v: ofAll(data.own.v), m: queries };
  const q = ofAll(data.q);
  return () => {
    for (const sequence of sequences) sequence.truncate(data.past.m);
    append.run({ cache, sequences, ...own });
    return [attend.run({ cache, sequences, q, m: queries }) as Float32Array];
  };
}

/** Arrays one after the other. */
function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
