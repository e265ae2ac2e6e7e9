/** The tensors of a cache on a GPU: what `cache-tensors.ts` is in a Wasm memory. What waits for the GPU is a promise, and what uses them goes in turns. */
import type { GpuRuntime, GpuTensor } from "../../backends/index.ts";
import { cacheLayout } from "./cache-tensors.ts";
import { ApiError } from "./errors.ts";
import type { TensorSpec } from "./info.ts";
import { evaluate } from "./size.ts";

/** Tensors that grow: what they had room for stays, the rest is zeros. */
export class GpuCacheTensors {
  readonly layout: readonly string[];
  readonly runtime: GpuRuntime;
  readonly #specs: readonly TensorSpec[];
  /** The symbol of sizes that says how much there is room for: `T` tokens, `P` pages. */
  readonly #symbol: "T" | "P";
  #tensors: ReadonlyMap<string, GpuTensor> = new Map();
  #capacity = 0;
  #disposed = false;
  #last: Promise<unknown> = Promise.resolve();

  constructor(specs: readonly TensorSpec[], symbol: "T" | "P", runtime: GpuRuntime) {
    this.layout = cacheLayout(specs);
    this.runtime = runtime;
    this.#specs = specs;
    this.#symbol = symbol;
  }

  get capacity(): number {
    return this.#capacity;
  }

  /** By name: others when it grows. */
  get tensors(): ReadonlyMap<string, GpuTensor> {
    return this.#tensors;
  }

  get byteLength(): number {
    return this.#specs.reduce((sum, spec) => sum + this.#bytes(spec, this.#capacity), 0);
  }

  /** Makes room. Rejects with an `ApiError` for no number of `what`, with a `GpuError` where a tensor is over what a binding may be or the GPU has no memory left: all is as it was then. */
  async reserve(capacity: number, what: string): Promise<void> {
    this.requireLive();
    if (!Number.isInteger(capacity) || capacity < 0)
      throw new ApiError(`capacity = ${capacity}: a number of ${what}, an integer from 0 up`);
    if (capacity <= this.#capacity && this.#tensors.size > 0) return;
    const grown = new Map<string, GpuTensor>();
    try {
      for (const spec of this.#specs)
        grown.set(spec.name, await this.runtime.allocate(this.#bytes(spec, capacity), { label: spec.name }));
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

  /** Copies what is in one unit of room, a page say, to another, in order with launches. */
  copy(from: number, to: number): void {
    for (const spec of this.#specs) {
      const bytes = this.#bytes(spec, 1);
      this.runtime.copyWithin(this.#tensors.get(spec.name) as GpuTensor, from * bytes, to * bytes, bytes);
    }
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

  /** Bytes of a tensor: of kernels that append, those of what is there and of what joins. */
  readonly #bytes = ({ bytes }: TensorSpec, capacity: number): number =>
    evaluate(bytes, { [this.#symbol]: capacity, M: 0 });
}
