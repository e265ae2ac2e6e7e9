/**
 * The cache of keys and values of one sequence: what append kernels write and attention kernels read. It knows how many tokens it holds, and grows; which formats it has
 * is its kernels' affair.
 */
import type { WasmMemory } from "../../backends/index.ts";
import type { TensorArray } from "./arrays.ts";
import { CacheTensors } from "./cache-tensors.ts";
import { ApiError } from "./errors.ts";
import type { TensorSpec } from "./info.ts";
import type { Sizes } from "./size.ts";

/** The tokens that a run is over, in whichever kind of cache. */
export interface CachedTokens {
  /**
   * Sees to it that so many tokens (of each sequence) can be written, from the `first` on, or after all that there are. Throws an `ApiError` when the memory is full: nothing has
   * changed then.
   */
  makeRoom(count: number, first?: number): void;
  /** What it says of the sizes of a run. */
  readonly sizes: Sizes;
  /** Tokens of each sequence, where it is over several. */
  readonly lengths?: readonly number[];
  /** Inputs of a run that say where so many tokens (of each sequence) lie. */
  inputs(tokens: number): Readonly<Record<string, TensorArray>>;
  readonly addresses: ReadonlyMap<string, number>;
  /** Says that so many tokens have joined. */
  grow(count: number): void;
}

/** A growing cache. Tokens that were never appended read as zeros. */
export class KvCache implements CachedTokens {
  readonly #tensors: CacheTensors;
  #tokens = 0;

  /** An empty cache with room for `capacity` tokens. */
  constructor(specs: readonly TensorSpec[], runtime: WasmMemory, capacity: number) {
    this.#tensors = new CacheTensors(specs, "T", runtime);
    this.reserve(capacity);
  }

  get layout(): readonly string[] {
    return this.#tensors.layout;
  }

  get runtime(): WasmMemory {
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

  /** Addresses of its tensors: they change when it grows. */
  get addresses(): ReadonlyMap<string, number> {
    return this.#tensors.addresses;
  }

  /** Bytes that it takes. */
  get byteLength(): number {
    return this.#tensors.byteLength;
  }

  get sizes(): Sizes {
    return { T: this.#tokens };
  }

  /** Makes room for so many tokens. Throws an `ApiError` for no number of tokens, and when the memory is full: the cache is as it was then. */
  reserve(capacity: number): void {
    this.#tensors.reserve(capacity, "tokens");
  }

  /** Room for `count` more tokens: twice what there is when it grows, so that appending one by one copies each token a few times only. */
  makeRoom(count: number, first: number = this.#tokens): void {
    const needed = first + count;
    if (needed > this.capacity) this.reserve(Math.max(needed, 2 * this.capacity));
  }

  inputs(): Readonly<Record<string, TensorArray>> {
    return {};
  }

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
    this.#tensors.requireLive();
  }

  /** Frees the memory. */
  dispose(): void {
    this.#tensors.dispose();
  }
}
