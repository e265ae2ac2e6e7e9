/** A cache of many sequences on a GPU: what `paged-cache.ts` is in a Wasm memory, with the same pages and sequences. */
import type { GpuRuntime, GpuTensor } from "../../backends/index.ts";
import type { GpuCachedTokens } from "./gpu-cache.ts";
import { GpuCacheTensors } from "./gpu-cache-tensors.ts";
import type { TensorSpec } from "./info.ts";
import { PagePool, type SequenceBatch } from "./paged-cache.ts";

/** A pool of pages that grows. */
export class GpuPagedCache extends PagePool {
  readonly #tensors: GpuCacheTensors;

  private constructor(tensors: GpuCacheTensors, pageTokens: number) {
    super(pageTokens);
    this.#tensors = tensors;
  }

  /** An empty pool with room for `capacity` pages. Rejects as `reserve` does. */
  static async allocate(
    specs: readonly TensorSpec[],
    pageTokens: number,
    runtime: GpuRuntime,
    capacity: number,
  ): Promise<GpuPagedCache> {
    const cache = new GpuPagedCache(new GpuCacheTensors(specs, "P", runtime), pageTokens);
    await cache.reserve(capacity);
    return cache;
  }

  get layout(): readonly string[] {
    return this.#tensors.layout;
  }

  get runtime(): GpuRuntime {
    return this.#tensors.runtime;
  }

  override get capacity(): number {
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

  /** Makes room for so many pages. Rejects as `GpuKvCache.reserve` does: the pool is as it was then. */
  reserve(capacity: number): Promise<void> {
    return this.inTurn(() => this.#reserve(capacity));
  }

  /** The tokens of a run: room for more is made before sequences take it. */
  tokensOf(batch: SequenceBatch): GpuCachedTokens {
    const pool = this;
    return {
      get sizes() {
        return batch.sizes;
      },
      get tensors() {
        return pool.tensors;
      },
      get lengths() {
        return batch.lengths;
      },
      inputs: (tokens) => batch.inputs(tokens),
      makeRoom: async (count, first) => {
        const wanted = this.capacityFor(batch.missing(count, first));
        if (wanted > this.capacity) await this.#reserve(wanted);
        batch.makeRoom(count, first);
      },
      grow: (count) => batch.grow(count),
    };
  }

  /** Runs what uses the cache after what uses it already. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    return this.#tensors.inTurn(work);
  }

  override requireLive(): void {
    this.#tensors.requireLive();
  }

  /** Frees the memory; its sequences are gone with it. */
  dispose(): void {
    this.#tensors.dispose();
  }

  async #reserve(capacity: number): Promise<void> {
    await this.#tensors.reserve(capacity, "pages");
    this.added();
  }

  protected override copyPage(from: number, to: number): void {
    this.#tensors.copy(from, to);
  }
}
