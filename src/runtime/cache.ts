/**
 * The cache of keys and values in a memory: what append kernels write and attention kernels read. It knows how many tokens it holds, and grows; which formats it has
 * is its kernels' affair.
 */
import type { WasmMemory } from "../../backends/index.ts";
import { ApiError } from "./errors.ts";
import type { TensorSpec } from "./info.ts";
import { evaluate } from "./size.ts";

/** What two kernels must agree on to share a cache: the tensors that both know, a text for each, but for how many blocks of tokens they have. */
export const cacheLayout = (specs: readonly TensorSpec[]): readonly string[] =>
  specs.map(({ name, scalar, shape }) => JSON.stringify([name, scalar, ...shape.slice(1)]));

/** A growing cache. Tokens that were never appended read as zeros. */
export class KvCache {
  readonly layout: readonly string[];
  readonly runtime: WasmMemory;
  readonly #specs: readonly TensorSpec[];
  readonly #addresses = new Map<string, number>();
  #tokens = 0;
  #capacity = 0;
  #disposed = false;

  /** An empty cache with room for `capacity` tokens. */
  constructor(specs: readonly TensorSpec[], runtime: WasmMemory, capacity: number) {
    this.layout = cacheLayout(specs);
    this.runtime = runtime;
    this.#specs = specs;
    this.reserve(capacity);
  }

  /** Tokens that it holds. */
  get tokens(): number {
    return this.#tokens;
  }

  /** Tokens that it has room for. */
  get capacity(): number {
    return this.#capacity;
  }

  /** Addresses of its tensors: they change when it grows. */
  get addresses(): ReadonlyMap<string, number> {
    return this.#addresses;
  }

  /** Bytes that it takes. */
  get byteLength(): number {
    return this.#specs.reduce((sum, spec) => sum + bytesFor(spec, this.#capacity), 0);
  }

  /** Makes room for so many tokens. Throws an `ApiError` for no number of tokens, and when the memory is full: the cache is as it was then. */
  reserve(capacity: number): void {
    this.requireLive();
    if (!Number.isInteger(capacity) || capacity < 0)
      throw new ApiError(`capacity = ${capacity}: a number of tokens, an integer from 0 up`);
    if (capacity <= this.#capacity) return;
    const grown = new Map<string, number>();
    try {
      for (const spec of this.#specs) grown.set(spec.name, this.runtime.allocate(bytesFor(spec, capacity)));
    } catch (error) {
      for (const address of grown.values()) this.runtime.free(address);
      throw error;
    }
    for (const spec of this.#specs) {
      const [to, from] = [grown.get(spec.name) as number, this.#addresses.get(spec.name)];
      const bytes = bytesFor(spec, this.#capacity);
      const target = this.runtime.bytes(to, bytesFor(spec, capacity));
      if (from !== undefined) {
        target.set(this.runtime.bytes(from, bytes));
        this.runtime.free(from);
      }
      target.fill(0, bytes);
      this.#addresses.set(spec.name, to);
    }
    this.#capacity = capacity;
  }

  /** Room for `count` more tokens: twice what there is when it grows, so that appending one by one copies each token a few times only. */
  makeRoom(count: number): void {
    const needed = this.#tokens + count;
    if (needed > this.#capacity) this.reserve(Math.max(needed, 2 * this.#capacity));
  }

  /** Says that so many tokens have joined. */
  grow(count: number): void {
    this.#tokens += count;
  }

  /** Forgets all tokens but the first `tokens` (speculative decoding takes back what was not accepted). Throws an `ApiError` when there are not so many. */
  truncate(tokens: number): void {
    this.requireLive();
    if (!Number.isInteger(tokens) || tokens < 0 || tokens > this.#tokens)
      throw new ApiError(`tokens = ${tokens}: the cache holds ${this.#tokens}`);
    this.#tokens = tokens;
  }

  /** Throws an `ApiError` once disposed, or once the memory is. */
  requireLive(): void {
    if (this.#disposed || !this.runtime.live) throw new ApiError("the cache is disposed; make another");
  }

  /** Frees the memory. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const address of this.#addresses.values()) this.runtime.free(address);
  }
}

/** Bytes of a tensor for so many tokens: of kernels that append, those that are there and those that join. */
const bytesFor = ({ bytes }: TensorSpec, tokens: number): number => evaluate(bytes, { T: tokens, M: 0 });

/** Throws an `ApiError` unless this is a live cache of the kernel's layout in the memory that the kernel works in. */
export function requireCache(specs: readonly TensorSpec[], given: unknown, runtime: WasmMemory): KvCache {
  const cache = given as KvCache | undefined;
  if (cache?.layout === undefined) throw new ApiError("cache is missing; pass what newCache() gave");
  cache.requireLive();
  if (!cacheLayout(specs).every((tensor) => cache.layout.includes(tensor)))
    throw new ApiError(
      "cache: it holds other formats or heads than the kernel's; make one with this kernel's newCache()",
    );
  if (cache.runtime !== runtime)
    throw new ApiError("cache: it is in another memory; give both kernels one memory to work in");
  return cache;
}
