// Our own attention as a contestant, through the public API. A run is a step of a model, as it is for peers: the queries' own tokens join the cache, then the queries attend
// over all of it; q, k and v are copied in, y is copied out.

import { WasmMemory } from "../../backends/index.ts";
import { type AppendWorkload, type AttentionWorkload, cacheFormatOf, type Device } from "../../ir/index.ts";
import { type CompiledKernel, type CompileOptions, compile, compileResidual } from "../compile/index.ts";
import type { AttentionCase } from "./attention-case.ts";
import { joined, type StepData, stepData, stepWorkloads } from "./attention-step.ts";
import type { Session } from "./peers/index.ts";

/** What our attention is made ready for. */
export interface AttentionRequest {
  /** With the formats that the cache is to have. */
  readonly workload: AttentionWorkload;
  readonly given: AttentionCase;
  readonly device: Device;
  readonly db?: CompileOptions["db"];
}

/** Makes our attention ready for a case, on Wasm: compiled, and the tokens before the queries' own in a cache for each sequence, or in pages of one. */
export const ourAttention = (request: AttentionRequest): Promise<Session> =>
  cacheFormatOf(request.workload.keys).tokens > 1 ? heldNewest(request) : wholeCache(request);

/** Over a cache whose newest tokens are held as they are, one for each sequence. */
async function heldNewest({ workload, given, device, db }: AttentionRequest): Promise<Session> {
  const { past, own, q } = stepData(given);
  const kernel = await compileResidual(workload, { device, ...(db !== undefined && { db }) });
  const caches = Array.from({ length: given.sequences }, () => kernel.newCache());
  for (const cache of caches) cache.append(past);
  let results: readonly Float32Array[] = [];
  return {
    run: () => {
      results = caches.map((cache) => {
        cache.truncate(past.m);
        cache.append(own);
        return cache.run({ q, m: own.m }) as Float32Array;
      });
    },
    output: () => joined(results),
    dispose: () => {
      for (const part of [...caches, kernel]) part.dispose();
    },
  };
}

async function wholeCache({ workload, given, device, db }: AttentionRequest): Promise<Session> {
  const runtime = new WasmMemory({ shared: (device.threads ?? 1) > 1 });
  const options = { device, runtime, ...(db !== undefined && { db }) };
  const workloads = stepWorkloads(workload, given.queries);
  const kernels: Kernels = {
    append: await compile(workloads.append, options),
    fill: await compile(workloads.fill, options),
    attend: await compile(workloads.attend, options),
  };
  const data = stepData(given);
  const step = workload.pages === undefined ? inCaches(kernels, given, data) : inPages(kernels, given, data);
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

interface Kernels {
  readonly append: CompiledKernel<AppendWorkload>;
  readonly fill: CompiledKernel<AppendWorkload>;
  readonly attend: CompiledKernel<AttentionWorkload>;
}

/** A step of every sequence; gives what each run gave. */
type Step = () => readonly Float32Array[];

/** A cache for each sequence, and runs for each. */
function inCaches(
  { append, fill, attend }: Kernels,
  { sequences, tokens, queries }: AttentionCase,
  data: StepData,
): Step {
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
function inPages(
  { append, fill, attend }: Kernels,
  { sequences: count, queries }: AttentionCase,
  data: StepData,
): Step {
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
