/**
 * Packed tensors: weights in the order in which kernels read them, in memory or in a file. They carry their layout's hash; a kernel of another layout refuses them.
 *
 * File: the 8 bytes `qlpack01`, a u32 header length, the header (JSON: layout, tensors with name and byte length), padding to 64 bytes, then the tensors' bytes in
 * order, each padded to 64. Little-endian.
 */
import type { WasmMemory } from "../../backends/index.ts";
import { ApiError } from "./errors.ts";
import type { TensorSpec } from "./info.ts";
import { evaluate } from "./size.ts";

const magic = new TextEncoder().encode("qlpack01");
const align = (bytes: number): number => Math.ceil(bytes / 64) * 64;

/** Packed weights in a memory. */
export class PackedTensors {
  readonly layout: string;
  readonly addresses: ReadonlyMap<string, number>;
  readonly #sizes: ReadonlyMap<string, number>;
  readonly runtime: WasmMemory;
  #disposed = false;

  private constructor(
    layout: string,
    addresses: ReadonlyMap<string, number>,
    sizes: ReadonlyMap<string, number>,
    runtime: WasmMemory,
  ) {
    this.layout = layout;
    this.addresses = addresses;
    this.#sizes = sizes;
    this.runtime = runtime;
  }

  /** Memory for packed tensors, not filled yet. */
  static allocate(layout: string, specs: readonly TensorSpec[], runtime: WasmMemory): PackedTensors {
    const sizes = new Map(specs.map((s) => [s.name, evaluate(s.bytes, {})]));
    const addresses = new Map<string, number>();
    try {
      for (const [name, bytes] of sizes) addresses.set(name, runtime.allocate(bytes));
    } catch (error) {
      for (const address of addresses.values()) runtime.free(address);
      throw error;
    }
    return new PackedTensors(layout, addresses, sizes, runtime);
  }

  /** Reads what `toBytes` gave. Throws an `ApiError` for another file, another layout, a header or sizes that are damaged; the bytes of
   * the tensors themselves carry no checksum. */
  static fromBytes(file: Uint8Array, layout: string, specs: readonly TensorSpec[], runtime: WasmMemory): PackedTensors {
    const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
    const known = file.byteLength >= 12 && magic.every((byte, i) => file[i] === byte);
    if (!known) throw new ApiError("packed tensors: the bytes do not begin with qlpack01; pass what toBytes() gave");
    const headerEnd = 12 + view.getUint32(8, true);
    if (headerEnd > file.byteLength) throw new ApiError("packed tensors: the file ends inside its header; pack again");
    const header = new TextDecoder().decode(file.subarray(12, headerEnd));
    const found = layoutIn(header);
    if (found !== layout)
      throw new ApiError(
        `packed tensors: layout ${found.slice(0, 12)} is not the kernel's ${layout.slice(0, 12)}; pack again with this kernel`,
      );
    const packed = PackedTensors.allocate(layout, specs, runtime);
    const end = align(headerEnd) + packed.#fileBytes();
    const fault =
      header !== packed.#header()
        ? "the header does not list the tensors of its layout"
        : file.byteLength !== end
          ? `${file.byteLength} bytes are not the ${end} of this layout`
          : undefined;
    if (fault !== undefined) {
      packed.dispose();
      throw new ApiError(`packed tensors: ${fault}; the file is damaged, pack again`);
    }
    let at = align(headerEnd);
    for (const [name, bytes] of packed.#sizes) {
      runtime.write(packed.addresses.get(name) as number, file.subarray(at, at + bytes));
      at += align(bytes);
    }
    return packed;
  }

  /** The tensors as a file. */
  toBytes(): Uint8Array<ArrayBuffer> {
    this.requireLive();
    const header = new TextEncoder().encode(this.#header());
    const start = align(12 + header.length);
    const file = new Uint8Array(start + this.#fileBytes());
    file.set(magic);
    new DataView(file.buffer).setUint32(8, header.length, true);
    file.set(header, 12);
    let at = start;
    for (const [name, bytes] of this.#sizes) {
      file.set(this.runtime.bytes(this.addresses.get(name) as number, bytes), at);
      at += align(bytes);
    }
    return file;
  }

  #header(): string {
    const tensors = [...this.#sizes].map(([name, bytes]) => ({ name, bytes }));
    return JSON.stringify({ layout: this.layout, tensors });
  }

  /** Bytes of the tensors in a file. */
  #fileBytes(): number {
    return [...this.#sizes.values()].reduce((sum, bytes) => sum + align(bytes), 0);
  }

  /** Bytes that the tensors take. */
  get byteLength(): number {
    return [...this.#sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
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

/** The layout that a file's header names. */
function layoutIn(header: string): string {
  let value: unknown;
  try {
    value = JSON.parse(header);
  } catch {}
  if (typeof value === "object" && value !== null && "layout" in value && typeof value.layout === "string")
    return value.layout;
  throw new ApiError("packed tensors: the header is not readable; the file is damaged, pack again");
}
