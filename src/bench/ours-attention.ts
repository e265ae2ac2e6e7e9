// Our own attention as a contestant, through the public API. A run is a step of a model, as it is for peers: the queries' own tokens join the cache, then the queries attend
// over all of it; q, k and v are copied in, y is copied out.

import { WasmMemory } from "../../backends/index.ts";
import type { AttentionWorkload, Device } from "../../ir/index.ts";
import { type CompileOptions, compile } from "../compile/index.ts";
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
export async function ourAttention({ workload, given, device, db }: AttentionRequest): Promise<Session> {
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
