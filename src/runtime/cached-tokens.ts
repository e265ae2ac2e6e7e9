/** The tokens that a run is over, from its arguments: a cache, and of a paged one sequences. What does not fit the kernel is refused. */
import type { WasmMemory } from "../../backends/index.ts";
import type { RunInputs } from "./arguments.ts";
import type { CachedTokens, KvCache } from "./cache.ts";
import { cacheLayout } from "./cache-tensors.ts";
import { ApiError } from "./errors.ts";
import type { KernelInfo } from "./info.ts";
import { type PagedCache, type Sequence, SequenceBatch } from "./paged-cache.ts";

/**
 * Throws an `ApiError` unless `cache` is a live one of the kernel's layout in the memory that the kernel works in, with pages of its size where it has pages, and `sequences`
 * are live ones of it: each once where tokens are appended.
 */
export function cachedTokens(
  { workload, caches = [] }: Pick<KernelInfo, "workload" | "caches">,
  args: RunInputs,
  runtime: WasmMemory,
): CachedTokens {
  const make = workload.pages === undefined ? "newCache()" : "newPagedCache()";
  // Not instanceof: kernels of two builds share caches where layout and memory are the same.
  const cache = args["cache"] as KvCache | PagedCache | undefined;
  if (cache?.layout === undefined) throw new ApiError(`cache is missing; pass what ${make} gave`);
  cache.requireLive();
  if (!cacheLayout(caches).every((tensor) => cache.layout.includes(tensor)))
    throw new ApiError(`cache: it holds other formats or heads than the kernel's; make one with this kernel's ${make}`);
  const pages = "pageTokens" in cache ? cache.pageTokens : undefined;
  if (pages !== workload.pages)
    throw new ApiError(
      `cache: it has ${pages === undefined ? "no pages" : `pages of ${pages} tokens`}, the kernel's ${workload.pages === undefined ? "has none" : `of ${workload.pages}`}; make one with this kernel's ${make}`,
    );
  if (cache.runtime !== runtime)
    throw new ApiError("cache: it is in another memory; give both kernels one memory to work in");
  return "pageTokens" in cache ? batchOf(cache, args["sequences"], workload.op === "append") : cache;
}

function batchOf(cache: PagedCache, given: unknown, isWritten: boolean): SequenceBatch {
  if (!Array.isArray(given)) throw new ApiError("sequences are missing; pass a list of what cache.sequence() gave");
  const sequences = given as readonly (Sequence | undefined)[];
  const own = sequences.map((sequence, i) => {
    if (sequence?.cache === undefined)
      throw new ApiError(`sequences[${i}] is no sequence; pass what cache.sequence() gave`);
    if (sequence.cache !== cache) throw new ApiError(`sequences[${i}] is of another cache than the one that is passed`);
    sequence.requireLive();
    const first = sequences.indexOf(sequence);
    if (isWritten && first < i)
      throw new ApiError(`sequences[${i}] is sequences[${first}]: tokens are appended to each once`);
    return sequence;
  });
  return new SequenceBatch(cache, own);
}
