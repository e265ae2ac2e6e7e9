/** The cache of keys and values on a GPU: what `cache.ts` is in a Wasm memory. */
import type { GpuRuntime, GpuTensor } from "../../backends/index.ts";
import type { TensorArray } from "./arrays.ts";
import { ApiError } from "./errors.ts";
import { GpuCacheTensors } from "./gpu-cache-tensors.ts";
import type { TensorSpec } from "./info.ts";
import type { Sizes } from "./size.ts";

/** The tokens that a run on a GPU is over, in whichever kind of cache: `CachedTokens` of `cache.ts`, but for where tensors are and what waits. */
export interface GpuCachedTokens {
  makeRoom(count: number, first?: number): Promise<void>;
  readonly sizes: Sizes;
  readonly lengths?: readonly number[];
  inputs(tokens: number): Readonly<Record<string, TensorArray>>;
  readonly tensors: ReadonlyMap<string, GpuTensor>;
  grow(count: number): void;
}

/** A growing cache. Tokens that were never appended read as zeros. */
export class GpuKvCache implements GpuCachedTokens {
  readonly #tensors: GpuCacheTensors;
  #tokens = 0;

  private constructor(tensors: GpuCacheTensors) {
    this.#tensors = tensors;
  }

  /** An empty cache with room for `capacity` tokens. Rejects as `reserve` does. */
  static async allocate(specs: readonly TensorSpec[], runtime: GpuRuntime, capacity: number): Promise<GpuKvCache> {
    const cache = new GpuKvCache(new GpuCacheTensors(specs, "T", runtime));
    await cache.reserve(capacity);
    return cache;
  }

  get layout(): readonly string[] {
    return this.#tensors.layout;
  }

  get runtime(): GpuRuntime {
    return this.#tensors.runtime;
  }

  /** Tokens that it holds. */
  get tokens(): number {
    return this.#tokens;
  }

  /** Tokens that it has room for. */
  get capacity(): number {
    return this.#tensors.capacity;
  }

  /** Its tensors: others when it grows. */
  get tensors(): ReadonlyMap<string, GpuTensor> {
    return this.#tensors.tensors;
  }

  /** Bytes that it takes. */
  get byteLength(): number {
    return this.#tensors.byteLength;
  }

  get sizes(): Sizes {
    return { T: this.#tokens };
  }

  /**
   * Makes room for so many tokens. Rejects with an `ApiError` for no number of tokens, with a `GpuError` where a tensor is over what a binding may be or the GPU has no memory
   * left: the cache is as it was then.
   */
  reserve(capacity: number): Promise<void> {
    return this.inTurn(() => this.#tensors.reserve(capacity, "tokens"));
  }

  /** Room for `count` more tokens: twice what there is when it grows, so that appending one by one copies each token a few times only. */
  async makeRoom(count: number, first: number = this.#tokens): Promise<void> {
    const needed = first + count;
    if (needed > this.capacity) await this.#tensors.reserve(Math.max(needed, 2 * this.capacity), "tokens");
  }

  inputs(): Readonly<Record<string, TensorArray>> {
    return {};
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

  /** Runs what uses the cache after what uses it already. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    return this.#tensors.inTurn(work);
  }

  /** Throws an `ApiError` once disposed, a `GpuError` once the device is lost. */
  requireLive(): void {
    this.#tensors.requireLive();
  }

  /** Frees the memory. */
  dispose(): void {
    this.#tensors.dispose();
  }
}
