/** Packed tensors on a GPU: weights in the order in which kernels read them. They carry their layout's hash; a kernel of another layout refuses them. */
import type { GpuRuntime, GpuTensor } from "../../backends/index.ts";
import { ApiError } from "./errors.ts";
import { packedFile, type TensorSizes, totalBytes } from "./packed-file.ts";

/** Packed weights in GPU buffers. */
export class GpuPackedTensors {
  readonly layout: string;
  readonly tensors: ReadonlyMap<string, GpuTensor>;
  readonly #sizes: TensorSizes;
  readonly runtime: GpuRuntime;
  #disposed = false;

  private constructor(
    layout: string,
    tensors: ReadonlyMap<string, GpuTensor>,
    sizes: TensorSizes,
    runtime: GpuRuntime,
  ) {
    this.layout = layout;
    this.tensors = tensors;
    this.#sizes = sizes;
    this.runtime = runtime;
  }

  /**
   * Uploads tensors one after the other. `units` gives the bytes that every slice of a tensor is a multiple of, where it may be bound in slices. Rejects with
   * a `GpuError` for a tensor that is larger than a binding and can't be sliced, and where the memory does not suffice: nothing is kept then.
   */
  static async upload(
    layout: string,
    sizes: TensorSizes,
    bytesOf: (name: string) => Uint8Array,
    units: ReadonlyMap<string, number>,
    runtime: GpuRuntime,
  ): Promise<GpuPackedTensors> {
    const tensors = new Map<string, GpuTensor>();
    try {
      for (const [name, bytes] of sizes) {
        const tensor = await runtime.allocate(bytes, { label: name, unit: units.get(name) ?? 0 });
        tensors.set(name, tensor);
        await runtime.write(tensor, bytesOf(name));
      }
      return new GpuPackedTensors(layout, tensors, sizes, runtime);
    } catch (error) {
      for (const tensor of tensors.values()) runtime.free(tensor);
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

  /** Throws an `ApiError` once disposed. */
  requireLive(): void {
    if (this.#disposed) throw new ApiError("the packed tensors are disposed; pack the weights again");
  }

  /** Frees the memory. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const tensor of this.tensors.values()) this.runtime.free(tensor);
  }
}
