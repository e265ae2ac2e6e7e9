/** Packed tensors on a GPU: weights in the order in which kernels read them. They carry their layout's hash; a kernel of another layout refuses them. */
import type { AllocateOptions, GpuRuntime, GpuTensor } from "../../backends/index.ts";
import { ApiError } from "./errors.ts";
import { packedFile, type TensorSizes, totalBytes } from "./packed-file.ts";

/** What is uploaded. */
export interface PackedSource {
  readonly layout: string;
  readonly sizes: TensorSizes;
  readonly bytes: (name: string) => Uint8Array;
  /** How each tensor may be cut into buffers. */
  readonly slices: (name: string) => AllocateOptions;
}

/** Packed weights in GPU buffers. */
export class GpuPackedTensors {
  readonly layout: string;
  readonly tensors: ReadonlyMap<string, GpuTensor>;
  readonly runtime: GpuRuntime;
  readonly #sizes: TensorSizes;
  #disposed = false;

  private constructor(
    layout: string,
    tensors: ReadonlyMap<string, GpuTensor>,
    sizes: TensorSizes,
    runtime: GpuRuntime,
  ) {
    this.layout = layout;
    this.tensors = tensors;
    this.runtime = runtime;
    this.#sizes = sizes;
  }

  /** Uploads tensors one after the other. Rejects with a `GpuError` for one over a limit, or where the GPU has no memory left: nothing is kept then. */
  static async upload({ layout, sizes, bytes, slices }: PackedSource, runtime: GpuRuntime): Promise<GpuPackedTensors> {
    const tensors = new Map<string, GpuTensor>();
    try {
      for (const [name, size] of sizes) {
        const tensor = await runtime.allocate(size, { label: name, ...slices(name) });
        tensors.set(name, tensor);
        await runtime.write(tensor, bytes(name));
      }
      return new GpuPackedTensors(layout, tensors, sizes, runtime);
    } catch (error) {
      for (const tensor of tensors.values()) tensor.free();
      throw error;
    }
  }

  /** The tensors as a file. */
  async toBytes(): Promise<Uint8Array<ArrayBuffer>> {
    this.requireLive();
    const { file, places } = packedFile(this.layout, this.#sizes);
    for (const [name, place] of places) place.set(await this.runtime.read(this.tensors.get(name) as GpuTensor));
    return file;
  }

  /** Bytes that the tensors take. */
  get byteLength(): number {
    return totalBytes(this.#sizes);
  }

  /** Throws an `ApiError` once disposed, and a `GpuError` once the device is lost. */
  requireLive(): void {
    if (this.#disposed) throw new ApiError("the packed tensors are disposed; pack the weights again");
    if (this.runtime.error !== undefined) throw this.runtime.error;
  }

  /** Frees the memory. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const tensor of this.tensors.values()) tensor.free();
  }
}
