/** The tensors of a cache, in a memory: how much they have room for, and more where it is asked for. What they hold is known to caches (`cache.ts`, `paged-cache.ts`). */
import type { WasmMemory } from "../../backends/index.ts";
import { ApiError } from "./errors.ts";
import type { TensorSpec } from "./info.ts";
import { evaluate } from "./size.ts";

/** What two kernels must agree on to share a cache: the tensors that both know, a text for each, but for how many blocks of tokens they have. */
export const cacheLayout = (specs: readonly TensorSpec[]): readonly string[] =>
  specs.map(({ name, scalar, shape }) => JSON.stringify([name, scalar, ...shape.slice(1)]));

/** Tensors that grow: what they had room for stays, the rest is zeros. */
export class CacheTensors {
  readonly layout: readonly string[];
  readonly runtime: WasmMemory;
  readonly #specs: readonly TensorSpec[];
  /** The symbol of sizes that says how much there is room for: `T` tokens, `P` pages. */
  readonly #symbol: "T" | "P";
  readonly #addresses = new Map<string, number>();
  #capacity = 0;
  #disposed = false;

  constructor(specs: readonly TensorSpec[], symbol: "T" | "P", runtime: WasmMemory) {
    this.layout = cacheLayout(specs);
    this.runtime = runtime;
    this.#specs = specs;
    this.#symbol = symbol;
    // Without room nothing is there, and nothing is read.
    for (const { name } of specs) this.#addresses.set(name, 0);
  }

  get capacity(): number {
    return this.#capacity;
  }

  /** Addresses by name: they change when it grows. */
  get addresses(): ReadonlyMap<string, number> {
    return this.#addresses;
  }

  get byteLength(): number {
    return this.#specs.reduce((sum, spec) => sum + this.#bytes(spec, this.#capacity), 0);
  }

  /** Makes room. Throws an `ApiError` for no number of `what`, and when the memory is full: all is as it was then. */
  reserve(capacity: number, what: string): void {
    this.requireLive();
    if (!Number.isInteger(capacity) || capacity < 0)
      throw new ApiError(`capacity = ${capacity}: a number of ${what}, an integer from 0 up`);
    if (capacity <= this.#capacity) return;
    const grown = new Map<string, number>();
    try {
      for (const spec of this.#specs) grown.set(spec.name, this.runtime.allocate(this.#bytes(spec, capacity)));
    } catch (error) {
      for (const address of grown.values()) this.runtime.free(address);
      throw error;
    }
    for (const spec of this.#specs) {
      const [to, from] = [grown.get(spec.name) as number, this.#addresses.get(spec.name) as number];
      const bytes = this.#bytes(spec, this.#capacity);
      const target = this.runtime.bytes(to, this.#bytes(spec, capacity));
      target.set(this.runtime.bytes(from, bytes));
      target.fill(0, bytes);
    }
    this.#free();
    for (const [name, address] of grown) this.#addresses.set(name, address);
    this.#capacity = capacity;
  }

  /** Copies what is in one unit of room, a page say, to another. */
  copy(from: number, to: number): void {
    for (const spec of this.#specs) {
      const bytes = this.#bytes(spec, 1);
      const address = this.#addresses.get(spec.name) as number;
      const whole = this.runtime.bytes(address, this.#bytes(spec, this.#capacity));
      whole.copyWithin(to * bytes, from * bytes, (from + 1) * bytes);
    }
  }

  /** Throws an `ApiError` once disposed, or once the memory is. */
  requireLive(): void {
    if (this.#disposed || !this.runtime.live) throw new ApiError("the cache is disposed; make another");
  }

  /** Frees the memory. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#free();
  }

  #free(): void {
    if (this.#capacity > 0) for (const address of this.#addresses.values()) this.runtime.free(address);
  }

  /** Bytes of a tensor: of kernels that append, those of what is there and of what joins. */
  readonly #bytes = ({ bytes }: TensorSpec, capacity: number): number =>
    evaluate(bytes, { [this.#symbol]: capacity, M: 0 });
}
