// Our own attention as a contestant, through the public API. A run is a step of a model, as it is for peers: the queries' own tokens join the cache, then the queries attend
// over all of it; q, k and v are copied in, y is copied out.

import { WasmMemory } from "../../backends/index.ts";
import { type AttentionWorkload, cacheFormatOf, type Device } from "../../ir/index.ts";
import { type CompileOptions, compile, compileResidual } from "../compile/index.ts";
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

/** Makes our attention ready for a case: compiled, and the tokens before the queries' own in a cache. */
export const ourAttention = (request: AttentionRequest): Promise<Session> =>
  cacheFormatOf(request.workload.keys).tokens > 1 ? heldNewest(request) : wholeCache(request);

/** Over a cache whose newest tokens are held as they are. */
async function heldNewest({ workload, given, device, db }: AttentionRequest): Promise<Session> {
  const { queries, tokens, kvHeads, headSize, inputs } = given;
  const { keys: k, values: v, q } = inputs;
  const kernel = await compileResidual(workload, { device, ...(db !== undefined && { db }) });
  const cache = kernel.newCache();
  const past = tokens - queries;
  const size = past * kvHeads * headSize;
  cache.append({ k: k.subarray(0, size), v: v.subarray(0, size), m: past });
  const own = { k: k.subarray(size), v: v.subarray(size), m: queries };
  let y = new Float32Array(0);
  return {
    run: () => {
      cache.truncate(past);
      cache.append(own);
      y = cache.run({ q, m: queries }) as typeof y;
    },
    output: () => y,
    dispose: () => {
      for (const part of [cache, kernel]) part.dispose();
    },
  };
}

async function wholeCache({ workload, given, device, db }: AttentionRequest): Promise<Session> {
  const { queries, tokens, kvHeads, headSize, inputs } = given;
  const runtime = new WasmMemory({ shared: (device.threads ?? 1) > 1 });
  const options = { device, runtime, ...(db !== undefined && { db }) };
  const { keys, values } = workload;
  const shape = { op: "append", kvHeads, headSize, keys, values } as const;
  const append = await compile({ ...shape, m: queries }, options);
  const fill = await compile({ ...shape, m: "any" }, options);
  const attend = await compile(workload, options);
  const past = tokens - queries;
  const row = kvHeads * headSize;
  const [k, v] = [inputs.keys, inputs.values];
  const cache = attend.newCache(tokens);
  fill.run({ cache, k: k.subarray(0, past * row), v: v.subarray(0, past * row), m: past });
  fill.dispose();
  const own = { k: k.subarray(past * row), v: v.subarray(past * row) };
  let y = new Float32Array(0);
  return {
    run: () => {
      cache.truncate(past);
      append.run({ cache, ...own, m: queries });
      y = attend.run({ cache, q: inputs.q, m: queries }) as typeof y;
    },
    output: () => y,
    dispose: () => {
      for (const part of [append, attend, cache, runtime]) part.dispose();
    },
  };
}
