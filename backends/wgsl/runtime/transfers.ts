/** Data into tensors and out of them, in chunks: however large a tensor, no second copy of it is made on the way. */
import { gpuError } from "./errors.ts";
import type { LiveDevice } from "./live.ts";
import { allocated, type GpuTensor } from "./tensor.ts";
import { mapModeRead, usage } from "./usage.ts";

/** Bytes that one call copies. */
const chunkBytes = 8 * 2 ** 20;
/** Bytes on their way to the device at a time: the driver keeps a copy of each until it has arrived. */
const flightBytes = 4 * chunkBytes;
/** Bytes of staging buffers that are kept for the next read. */
const pooledBytes = 2 * chunkBytes;

/** A stretch of a tensor within one slice. */
interface Span {
  readonly buffer: GPUBuffer;
  /** Byte in the buffer, and byte in the tensor, where it begins. */
  readonly offset: number;
  readonly at: number;
  readonly bytes: number;
}

/** The data of a stretch on its way out: recorded in a command encoder, fetched after the submission. */
export interface PendingRead {
  fetch(): Promise<Uint8Array<ArrayBuffer>>;
}

const isShared = (view: ArrayBufferView): boolean =>
  typeof SharedArrayBuffer !== "undefined" && view.buffer instanceof SharedArrayBuffer;

export class Transfers {
  readonly #live: LiveDevice;
  /** Free staging buffers, by size. */
  readonly #free: GPUBuffer[] = [];

  constructor(live: LiveDevice) {
    this.#live = live;
  }

  /**
   * Writes data to a tensor from byte `at` on, a multiple of 4; so is the length, unless the tensor ends there. Up to 8 MiB are taken in
   * order with later launches even if nobody waits; the data of a longer write must stay as it is until it is done.
   */
  async write(tensor: GpuTensor, data: ArrayBufferView, at = 0): Promise<void> {
    tensor.requireOf(this.#live);
    this.#live.requireLive();
    const { byteLength } = data;
    const end = at + byteLength;
    if (!(Number.isInteger(at) && at >= 0 && at % 4 === 0 && end <= tensor.bytes))
      throw gpuError("call", {
        reason: `write of ${byteLength} bytes at byte ${at} of ${tensor.label}, which has ${tensor.bytes}: stay within it, at a multiple of 4`,
      });
    if (byteLength % 4 !== 0 && end !== tensor.bytes)
      throw gpuError("call", {
        reason: `write of ${byteLength} bytes within ${tensor.label}: write a multiple of 4 bytes, or up to its end`,
      });
    let flying = 0;
    for (const span of spansOf(tensor, at, byteLength)) {
      if (flying + span.bytes > flightBytes) {
        await this.#land(tensor);
        flying = 0;
      }
      this.#writeSpan(span, new Uint8Array(data.buffer, data.byteOffset + span.at - at, span.bytes));
      flying += span.bytes;
    }
    if (byteLength > chunkBytes) await this.#land(tensor);
  }

  /** Waits until what was written has arrived; memory that the driver needed for it is free then. */
  async #land(tensor: GpuTensor): Promise<void> {
    tensor.requireOf(this.#live);
    const { queue } = this.#live.gpu;
    queue.submit([]);
    await this.#live.wait(`writing ${tensor.label}`, queue.onSubmittedWorkDone());
    tensor.requireOf(this.#live);
  }

  #writeSpan({ buffer, offset, bytes }: Span, data: Uint8Array): void {
    const { queue } = this.#live.gpu;
    const whole = bytes - (bytes % 4);
    // Not every engine takes shared memory.
    const source = isShared(data) ? data.slice() : data;
    if (whole > 0) queue.writeBuffer(buffer, offset, source as Uint8Array<ArrayBuffer>, 0, whole);
    if (whole === bytes) return;
    const tail = new Uint8Array(4);
    tail.set(source.subarray(whole));
    queue.writeBuffer(buffer, offset + whole, tail);
  }

  /** Copies all of a tensor to the beginning of another, in order with launches; neither is in slices. */
  copy(from: GpuTensor, to: GpuTensor): void {
    this.#live.requireLive();
    const [source, target] = [this.#whole(from), this.#whole(to)];
    if (from.bytes > to.bytes)
      throw gpuError("call", { reason: `copy of ${from.bytes} bytes to ${to.label}, which has ${to.bytes}` });
    const encoder = this.#live.gpu.createCommandEncoder();
    // Buffers are whole words.
    encoder.copyBufferToBuffer(source.buffer, 0, target.buffer, 0, Math.ceil(from.bytes / 4) * 4);
    this.#live.gpu.queue.submit([encoder.finish()]);
  }

  /** Copies bytes of a tensor, whole words that begin at one, to elsewhere in it, in order with launches; it is not in slices. */
  copyWithin(tensor: GpuTensor, from: number, to: number, bytes: number): void {
    this.#live.requireLive();
    const { buffer } = this.#whole(tensor);
    if ([from, to, bytes].some((n) => n % 4 !== 0 || n < 0) || Math.max(from, to) + bytes > tensor.bytes)
      throw gpuError("call", {
        reason: `copy of ${bytes} bytes at byte ${from} of ${tensor.label}, which has ${tensor.bytes}, to byte ${to}: copy whole words within it`,
      });
    // A buffer is not copied to itself.
    const between = this.#live.gpu.createBuffer({ size: bytes, usage: usage.copySource | usage.copyTarget });
    const encoder = this.#live.gpu.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, from, between, 0, bytes);
    encoder.copyBufferToBuffer(between, 0, buffer, to, bytes);
    this.#live.gpu.queue.submit([encoder.finish()]);
    between.destroy();
  }

  /** The bytes `begin`..`begin + bytes` of a tensor, after everything launched before. */
  async read(tensor: GpuTensor, begin = 0, bytes: number = tensor.bytes - begin): Promise<Uint8Array<ArrayBuffer>> {
    const result = new Uint8Array(Math.max(0, bytes));
    let at = 0;
    // Two at a time: one is copied out while the next is on its way.
    const flying: { readonly pending: Promise<Uint8Array>; readonly at: number }[] = [];
    const land = async (): Promise<void> => {
      const { pending, at: to } = flying.shift()!;
      result.set(await pending, to);
    };
    try {
      do {
        const count = Math.min(chunkBytes, bytes - at);
        if (flying.length === 2) await land();
        flying.push({ pending: this.#readChunk(tensor, begin + at, count), at });
        at += count;
      } while (at < bytes);
      while (flying.length > 0) await land();
    } catch (error) {
      for (const { pending } of flying) pending.catch(() => {});
      throw error;
    }
    return result;
  }

  async #readChunk(tensor: GpuTensor, begin: number, bytes: number): Promise<Uint8Array<ArrayBuffer>> {
    const { gpu } = this.#live;
    const { value, accepted } = this.#live.captured(`reading ${tensor.label}`, () => {
      const encoder = gpu.createCommandEncoder();
      const read = this.record(encoder, tensor, begin, bytes);
      gpu.queue.submit([encoder.finish()]);
      return read;
    });
    const [data] = await Promise.all([value.fetch(), accepted]);
    return data;
  }

  /** The only slice of a tensor that is not in slices. */
  #whole(tensor: GpuTensor): GpuTensor["slices"][number] {
    tensor.requireOf(this.#live);
    const [first, ...others] = tensor.slices;
    if (first === undefined || others.length > 0)
      throw gpuError("call", {
        reason: `${tensor.label} is in ${tensor.slices.length} slices: copy it by reading and writing`,
      });
    return first;
  }

  /** Records the copy of a stretch of at most one chunk to where it can be fetched from after the submission. */
  record(encoder: GPUCommandEncoder, tensor: GpuTensor, begin: number, bytes: number): PendingRead {
    tensor.requireOf(this.#live);
    if (
      !(Number.isInteger(begin) && Number.isInteger(bytes) && begin >= 0 && bytes >= 0 && begin + bytes <= tensor.bytes)
    )
      throw gpuError("call", {
        reason: `read of ${bytes} bytes at byte ${begin} of ${tensor.label}, which has ${tensor.bytes}: stay within it`,
      });
    // Copies are of whole words.
    const from = begin - (begin % 4);
    const staging = this.#staging(begin + bytes - from);
    for (const span of spansOf(tensor, from, begin + bytes - from)) {
      const to = span.at - from;
      encoder.copyBufferToBuffer(span.buffer, span.offset, staging, to, Math.ceil(span.bytes / 4) * 4);
    }
    return { fetch: () => this.#fetch(staging, tensor.label, begin - from, bytes) };
  }

  async #fetch(staging: GPUBuffer, label: string, skip: number, bytes: number): Promise<Uint8Array<ArrayBuffer>> {
    const mapped = allocated(skip + bytes);
    try {
      await this.#live.wait(`reading ${label}`, staging.mapAsync(mapModeRead, 0, mapped));
      const data = new Uint8Array(staging.getMappedRange(0, mapped), skip, bytes).slice();
      staging.unmap();
      this.#recycle(staging);
      return data;
    } catch (error) {
      staging.destroy();
      throw error;
    }
  }

  #staging(bytes: number): GPUBuffer {
    const size = Math.max(256, 2 ** Math.ceil(Math.log2(Math.max(1, bytes))));
    const at = this.#free.findIndex((buffer) => buffer.size === size);
    const [known] = at < 0 ? [] : this.#free.splice(at, 1);
    return known ?? this.#live.gpu.createBuffer({ label: "staging", size, usage: usage.mapRead | usage.copyTarget });
  }

  #recycle(staging: GPUBuffer): void {
    this.#free.push(staging);
    let pooled = this.#free.reduce((sum, { size }) => sum + size, 0);
    while (pooled > pooledBytes) {
      const oldest = this.#free.shift()!;
      pooled -= oldest.size;
      oldest.destroy();
    }
  }
}

/** The most bytes that one `record` takes. */
export const maxRecorded: number = chunkBytes;

/** A stretch of a tensor, cut at its slices and into chunks. */
function spansOf(tensor: GpuTensor, begin: number, bytes: number): readonly Span[] {
  return tensor.slices.flatMap((slice) => {
    const start = slice.begin * tensor.unit;
    const from = Math.max(begin, start);
    const end = Math.min(begin + bytes, start + slice.bytes);
    return Array.from({ length: Math.ceil(Math.max(0, end - from) / chunkBytes) }, (_, i) => {
      const at = from + i * chunkBytes;
      return { buffer: slice.buffer, offset: at - start, at, bytes: Math.min(chunkBytes, end - at) };
    });
  });
}
