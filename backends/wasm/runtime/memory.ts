/**
 * The memory that modules work in: hands out addresses, moves data in and out. Browser-safe, and without imports beyond this folder and the
 * base of all errors: builds carry it along. Not here: loading modules (runtime.ts).
 */
import { Allocator } from "./allocator.ts";
import { WasmRuntimeError } from "./errors.ts";

const pageBytes = 65536;
/** The most that addresses of 32 bits reach, and the most that engines give with 64. */
const addressable = { i32: 2 ** 32, i64: 2 ** 34 } as const;
const firstAddress = 64;
/** Growing is cheap and pages that are not touched cost nothing, but it makes views of the memory stale: not for every small tensor. */
const growthStep = 2 ** 20;

export interface RuntimeOptions {
  /** The memory can be given to workers; modules must be compiled with the feature `shared-memory`. */
  readonly shared?: boolean;
  /**
   * Bytes that the memory may grow to, by default all that 32-bit addresses reach, 4 GiB. More, up to 16 GiB, takes addresses of 64 bits (the feature `memory64`), with which kernels
   * are somewhat slower: modules must be compiled for them.
   */
  readonly maxBytes?: number;
}

const narrowMemory = (maximum: number, shared: boolean): WebAssembly.Memory =>
  new WebAssembly.Memory({ initial: 1, maximum, shared });

/** The API takes sizes of such memories as bigints; what TypeScript knows of it does not have them yet. */
function wideMemory(maximum: number, shared: boolean): WebAssembly.Memory {
  const limits = { address: "i64", initial: 1n, maximum: BigInt(maximum), shared };
  try {
    return new WebAssembly.Memory(limits as unknown as WebAssembly.MemoryDescriptor);
  } catch (cause) {
    throw new WasmRuntimeError(
      `maxBytes ${maximum * pageBytes} is over 4 GiB, which takes memory64: this engine has none, or not so much; use Node 24, or a browser of 2025 or newer, or at most 4 GiB in each of several runtimes`,
      { cause },
    );
  }
}

/** A memory, and what is allocated in it. */
export class WasmMemory {
  readonly #maxPages: number;
  /** Whether workers may be given the memory. */
  readonly shared: boolean;
  /** The type of its addresses in modules; here they are numbers. */
  readonly address: "i32" | "i64";
  #memory: WebAssembly.Memory | undefined;
  #allocator: Allocator;

  constructor(options: RuntimeOptions = {}) {
    const { maxBytes = addressable.i32, shared = false } = options;
    if (!(maxBytes >= pageBytes && maxBytes <= addressable.i64))
      throw new WasmRuntimeError(`maxBytes ${maxBytes} is not between one page (65536) and 16 GiB (17179869184)`);
    this.#maxPages = Math.floor(maxBytes / pageBytes);
    this.shared = shared;
    this.address = maxBytes > addressable.i32 ? "i64" : "i32";
    this.#memory = this.address === "i64" ? wideMemory(this.#maxPages, shared) : narrowMemory(this.#maxPages, shared);
    this.#allocator = new Allocator(firstAddress, pageBytes);
  }

  /** The memory, e.g. for a worker. Its `buffer` changes with every growth. */
  get memory(): WebAssembly.Memory {
    this.requireLive();
    return this.#memory as WebAssembly.Memory;
  }

  /** Bytes allocated now. */
  get usedBytes(): number {
    return this.#allocator.used;
  }

  /**
   * The address of `bytes` bytes, a multiple of 64; the content is anything. Views made before may be stale afterwards.
   *
   * @throws WasmRuntimeError where the limit would be passed, the machine has no memory left, or one tensor is larger than its indices reach (4 GiB)
   */
  allocate(bytes: number): number {
    if (!Number.isSafeInteger(bytes) || bytes < 0) throw new WasmRuntimeError(`allocate of ${bytes} bytes`);
    if (this.address === "i64" && bytes > addressable.i32)
      throw new WasmRuntimeError(
        `${bytes} bytes: one tensor has at most 4 GiB, whatever the memory has; split it by its rows among several`,
      );
    const address = this.#allocator.allocate(bytes) ?? this.#grow(bytes).allocate(bytes);
    if (address === undefined) throw new WasmRuntimeError(`allocate of ${bytes} bytes: the memory grew by too little`);
    return address;
  }

  #grow(bytes: number): Allocator {
    const { memory } = this;
    const pages = memory.buffer.byteLength / pageBytes;
    const needed = Math.ceil(this.#allocator.missing(bytes) / pageBytes);
    const isAllOf32 = this.#maxPages === addressable.i32 / pageBytes;
    if (pages + needed > this.#maxPages)
      throw new WasmRuntimeError(
        `${bytes} bytes do not fit: ${this.usedBytes} of at most ${this.#maxPages * pageBytes} bytes are in use` +
          `${isAllOf32 ? " (4 GiB is all that Wasm's 32-bit addresses reach)" : ""}: ` +
          "dispose of other kernels' weights, or split the tensors among several runtimes" +
          `${isAllOf32 ? ", or make one of up to 16 GiB (maxBytes) where the engine has memory64" : ""}`,
      );
    const step = Math.min(Math.max(needed, growthStep / pageBytes), this.#maxPages - pages);
    try {
      if (this.address === "i64") (memory.grow as unknown as (pages: bigint) => bigint).call(memory, BigInt(step));
      else memory.grow(step);
    } catch (cause) {
      throw new WasmRuntimeError(
        `the memory could not grow from ${pages * pageBytes} to ${(pages + step) * pageBytes} bytes: the machine or its limits refused; free memory, or use smaller tensors`,
        { cause },
      );
    }
    this.#allocator.extend(memory.buffer.byteLength);
    return this.#allocator;
  }

  /** Gives an allocation back; what a disposed memory held is given back already. */
  free(address: number): void {
    if (this.#memory !== undefined) this.#allocator.free(address);
  }

  /** The bytes at an address, in place: valid until the next `allocate`. */
  bytes(address: number, length: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, address, length);
  }

  /** Copies data to an address. */
  write(address: number, data: ArrayBufferView): void {
    this.bytes(address, data.byteLength).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }

  /** A copy of the bytes at an address. */
  read(address: number, length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.bytes(address, length));
  }

  /** A copy of `count` f32 values at an address. */
  readF32(address: number, count: number): Float32Array<ArrayBuffer> {
    return new Float32Array(this.read(address, 4 * count).buffer);
  }

  /** False once disposed. */
  get live(): boolean {
    return this.#memory !== undefined;
  }

  /** @throws WasmRuntimeError once disposed */
  requireLive(): void {
    if (this.#memory === undefined) throw new WasmRuntimeError("the runtime is disposed: make a new one");
  }

  /** Lets go of the memory. Loaded modules keep it until they are dropped too. */
  dispose(): void {
    this.#memory = undefined;
    this.#allocator = new Allocator(0, 0);
  }
}
