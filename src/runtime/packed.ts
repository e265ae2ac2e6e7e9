/** Packed tensors: weights in a memory, in the order in which kernels read them. They carry their layout's hash; a kernel of another layout refuses them. */
import type { WasmMemory } from "../../backends/index.ts";
import { ApiError } from "./errors.ts";
import type { TensorSpec } from "./info.ts";
import { packedFile, packedSizes, type TensorSizes, tensorsInFile, totalBytes } from "./packed-file.ts";

/** Packed weights in a memory. */
export class PackedTensors {
  readonly layout: string;
  readonly addresses: ReadonlyMap<string, number>;
  readonly #sizes: TensorSizes;
  readonly runtime: WasmMemory;
  #disposed = false;

  private constructor(layout: string, addresses: ReadonlyMap<string, number>, sizes: TensorSizes, runtime: WasmMemory) {
    this.layout = layout;
    this.addresses = addresses;
    this.#sizes = sizes;
    this.runtime = runtime;
  }

  /** Memory for packed tensors, not filled yet. */
  static allocate(layout: string, specs: readonly TensorSpec[], runtime: WasmMemory): PackedTensors {
    const sizes = packedSizes(specs);
    const addresses = new Map<string, number>();
    try {
      for (const [name, bytes] of sizes) addresses.set(name, runtime.allocate(bytes));
    } catch (error) {
      for (const address of addresses.values()) runtime.free(address);
      throw error;
    }
    return new PackedTensors(layout, addresses, sizes, runtime);
  }

  /** Reads what `toBytes` gave. Throws an `ApiError` for what is no such file (see `tensorsInFile`). */
  static fromBytes(file: Uint8Array, layout: string, specs: readonly TensorSpec[], runtime: WasmMemory): PackedTensors {
    const tensors = tensorsInFile(file, layout, packedSizes(specs));
    const packed = PackedTensors.allocate(layout, specs, runtime);
    for (const [name, bytes] of tensors) runtime.write(packed.addresses.get(name) as number, bytes);
    return packed;
  }

  /** The tensors as a file. */
  toBytes(): Uint8Array<ArrayBuffer> {
    const { file, places } = packedFile(this.layout, this.#sizes);
    for (const [name, place] of places) place.set(this.bytes(name));
    return file;
  }

  /** The bytes of one tensor, in place. */
  bytes(name: string): Uint8Array {
    this.requireLive();
    return this.runtime.bytes(this.addresses.get(name) as number, this.#sizes.get(name) as number);
  }

  /** Bytes that the tensors take. */
  get byteLength(): number {
    return totalBytes(this.#sizes);
  }

  /** Throws an `ApiError` once disposed, or once the memory is. */
  requireLive(): void {
    if (this.#disposed || !this.runtime.live)
      throw new ApiError("the packed tensors are disposed; pack the weights again");
  }

  /** Frees the memory. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const address of this.addresses.values()) this.runtime.free(address);
  }
}
