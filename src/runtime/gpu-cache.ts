/** The cache of keys and values on a GPU: what `cache.ts` is in a Wasm memory. What waits for the GPU is a promise. */
import type { GpuRuntime, GpuTensor } from "../../backends/index.ts";
import { cacheLayout } from "./cache-tensors.ts";
import { ApiError } from "./errors.ts";
import type { TensorSpec } from "./info.ts";
import { evaluate } from "./size.ts";

/** A growing cache. Tokens that were never appended read as zeros. */
export class GpuKvCache {
  readonly layout: readonly string[];
  readonly runtime: GpuRuntime;
  readonly #specs: readonly TensorSpec[];
  #tensors: ReadonlyMap<string, GpuTensor> = new Map();
  #tokens = 0;
  #capacity = 0;
  #disposed = false;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(specs: readonly TensorSpec[], runtime: GpuRuntime) {
    this.layout = cacheLayout(specs);
    this.runtime = runtime;
    this.#specs = specs;
  }

  /** An empty cache with room for `capacity` tokens. Rejects as `reserve` does. */
  static async allocate(specs: readonly TensorSpec[], runtime: GpuRuntime, capacity: number): Promise<GpuKvCache> {
    const cache = new GpuKvCache(specs, runtime);
    requireCapacity(capacity);
    await cache.#resize(capacity);
    return cache;
  }

  /** Tokens that it holds. */
  get tokens(): number {
    return this.#tokens;
  }

  /** Tokens that it has room for. */
  get capacity(): number {
    return this.#capacity;
  }

  /** Its tensors: others when it grows. */
  get tensors(): ReadonlyMap<string, GpuTensor> {
    return this.#tensors;
  }

  /** Bytes that it takes. */
  get byteLength(): number {
    return this.#specs.reduce((sum, spec) => sum + bytesFor(spec, this.#capacity), 0);
  }

  /**
   * Makes room for so many tokens. Rejects with an `ApiError` for no number of tokens, with a `GpuError` where a tensor is over what a binding may be or the GPU has no memory
   * left: the cache is as it was then.
   */
  reserve(capacity: number): Promise<void> {
    return this.inTurn(async () => {
      this.requireLive();
      requireCapacity(capacity);
      if (capacity > this.#capacity) await this.#resize(capacity);
    });
  }

  /** Room for `count` more tokens: twice what there is when it grows, so that appending one by one copies each token a few times only. */
  async makeRoom(count: number): Promise<void> {
    const needed = this.#tokens + count;
    if (needed > this.#capacity) await this.#resize(Math.max(needed, 2 * this.#capacity));
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

  /** Runs what uses the cache after what uses it already: kernels that append and attend see each other's tokens in the order of the calls. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work, work);
    this.#last = result.catch(() => {});
    return result;
  }

  /** Throws an `ApiError` once disposed, a `GpuError` once the device is lost. */
  requireLive(): void {
    if (this.#disposed) throw new ApiError("the cache is disposed; make another");
    if (this.runtime.error !== undefined) throw this.runtime.error;
  }

  /** Frees the memory. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const tensor of this.#tensors.values()) tensor.free();
  }

  async #resize(capacity: number): Promise<void> {
    const grown = new Map<string, GpuTensor>();
    try {
      for (const spec of this.#specs)
        grown.set(spec.name, await this.runtime.allocate(bytesFor(spec, capacity), { label: spec.name }));
      // What was there is copied where it is; queues keep the order of copies and launches.
      for (const [name, tensor] of this.#tensors) this.runtime.copy(tensor, grown.get(name) as GpuTensor);
    } catch (error) {
      for (const tensor of grown.values()) tensor.free();
      throw error;
    }
    for (const tensor of this.#tensors.values()) tensor.free();
    this.#tensors = grown;
    this.#capacity = capacity;
  }
}

function requireCapacity(capacity: number): void {
  if (!Number.isInteger(capacity) || capacity < 0)
    throw new ApiError(`capacity = ${capacity}: a number of tokens, an integer from 0 up`);
}

/** Bytes of a tensor for so many tokens: of kernels that append, those that are there and those that join. */
const bytesFor = ({ bytes }: TensorSpec, tokens: number): number => evaluate(bytes, { T: tokens, M: 0 });
