/** The tokens that a run is over, from its arguments: a cache, and of a paged one sequences. What does not fit the kernel is refused. */
import type { WasmMemory } from "../../backends/index.ts";
import type { RunInputs } from "./arguments.ts";
import type { CachedTokens, KvCache } from "./cache.ts";
import { cacheLayout } from "./cache-tensors.ts";
import { ApiError } from "./errors.ts";
import type { KernelInfo } from "./info.ts";
import { type PagedCache, type Sequence, SequenceBatch } from "./paged-cache.ts";

/** A cache in any memory, as far as what it belongs to is concerned. */
interface AnyCache {
  readonly layout: readonly string[];
  readonly runtime: unknown;
  requireLive(): void;
}

/** The cache of a run's arguments. Throws an `ApiError` unless it is a live one of the kernel's layout in the memory that the kernel works in. */
export function requireCache<C extends AnyCache>(
  { workload, caches = [] }: Pick<KernelInfo, "workload" | "caches">,
  given: unknown,
  runtime: C["runtime"],
): C {
  const make = workload.pages === undefined ? "newCache()" : "newPagedCache()";
  // Not instanceof: kernels of two builds share caches where layout and memory are the same.
  const cache = given as C | undefined;
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
  return cache;
}

/**
 * Throws an `ApiError` unless `cache` is a live one of the kernel's layout in the memory that the kernel works in, with pages of its size where it has pages, and `sequences`
 * are live ones of it: each once where tokens are written.
 */
export function cachedTokens(
  info: Pick<KernelInfo, "workload" | "caches">,
  args: RunInputs,
  runtime: WasmMemory,
): CachedTokens {
  const cache = requireCache<KvCache | PagedCache>(info, args["cache"], runtime);
  return "pageTokens" in cache ? batchOf(cache, args["sequences"], info.workload.op) : cache;
}

/** What is done to tokens, by the operators that write them. */
const written: Readonly<Record<string, string>> = {
  append: "tokens are appended to each",
  rotate: "tokens of each are turned",
};

function batchOf(cache: PagedCache, given: unknown, op: string): SequenceBatch {
  if (!Array.isArray(given)) throw new ApiError("sequences are missing; pass a list of what cache.sequence() gave");
  const sequences = given as readonly (Sequence | undefined)[];
  const own = sequences.map((sequence, i) => {
    if (sequence?.cache === undefined)
      throw new ApiError(`sequences[${i}] is no sequence; pass what cache.sequence() gave`);
    if (sequence.cache !== cache) throw new ApiError(`sequences[${i}] is of another cache than the one that is passed`);
    sequence.requireLive();
    const first = sequences.indexOf(sequence);
    if (op in written && first < i) throw new ApiError(`sequences[${i}] is sequences[${first}]: ${written[op]} once`);
    return sequence;
  });
  return new SequenceBatch(cache, own);
}
