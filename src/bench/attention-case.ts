// The numbers of one attention benchmark, the same for every contestant: queries, and keys and values as they were before a cache stored them. Not here: which
// caches (the contestants'), or running anything.

import type { AttentionInputs, AttentionWorkload } from "../../ir/index.ts";

/** `queries` at the end of `tokens`, whose keys and values are f32: what peers compute. */
export interface AttentionCase {
  /** Its cache is f32. */
  readonly workload: AttentionWorkload;
  readonly queries: number;
  readonly tokens: number;
  readonly inputs: Record<"q" | "keys" | "values", Float32Array> & AttentionInputs;
  readonly threads: number;
}
