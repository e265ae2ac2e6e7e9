/**
 * A module that is loaded: packs weights, runs the launches of the part that M falls in. Memory comes from a `WasmMemory`, which kernels may share.
 */
import { WasmMemory } from "../../backends/index.ts";
import { KvCache } from "./cache.ts";
import { ApiError } from "./errors.ts";
import type { Domain, KernelInfo, LaunchInfo, PartInfo, TensorSpec } from "./info.ts";
import { PackedTensors } from "./packed.ts";
import { PagedCache } from "./paged-cache.ts";
import type { SharedKernels, ShareKernels } from "./shared-kernels.ts";
import { evaluate, type Sizes } from "./size.ts";

type KernelFunction = (...args: readonly number[]) => void;

/** Addresses of tensors by name. */
export type Addresses = ReadonlyMap<string, number>;

/** Bytes of stored tensors by buffer name. */
export type StoredTensors = Readonly<Record<string, Uint8Array>>;

/** Bytes of a kernel's own memory where that must pass 4 GiB. */
const mostWide = 2 ** 34;

/** A module on a memory, described by `A`. */
export class Executable<A extends KernelInfo = KernelInfo> {
  readonly artifact: A;
  readonly runtime: WasmMemory;
  readonly #functions: Readonly<Record<string, KernelFunction>>;
  /** The same functions where threads share them. */
  readonly #shared: SharedKernels | undefined;
  /** Workspaces of each part, and their bytes: the most of each so far. */
  readonly #workspaces = new Map<PartInfo, Map<string, { address: number; bytes: number }>>();
  readonly #ownsRuntime: boolean;
  #disposed = false;

  private constructor(
    artifact: A,
    runtime: WasmMemory,
    instance: WebAssembly.Instance,
    shared: SharedKernels | undefined,
    ownsRuntime: boolean,
  ) {
    this.artifact = artifact;
    this.runtime = runtime;
    this.#functions = instance.exports as Record<string, KernelFunction>;
    this.#shared = shared;
    this.#ownsRuntime = ownsRuntime;
  }

  /**
   * Compiles an artifact's code and instantiates it on a runtime's memory; without one on a memory of its own. With `share`, thread loops of kernels that run (not of those
   * that pack) are shared among threads; the memory must be shared then.
   */
  static async load<A extends KernelInfo & { readonly code: BufferSource }>(
    artifact: A,
    runtime?: WasmMemory,
    share?: ShareKernels,
  ): Promise<Executable<A>> {
    return Executable.instantiate(artifact, await WebAssembly.compile(artifact.code), runtime, share);
  }

  /** Instantiates a module that is compiled already. */
  static async instantiate<A extends KernelInfo>(
    artifact: A,
    module: WebAssembly.Module,
    runtime?: WasmMemory,
    share?: ShareKernels,
  ): Promise<Executable<A>> {
    const shared = artifact.features.includes("shared-memory");
    const isWide = artifact.features.includes("memory64");
    const memory = runtime ?? new WasmMemory({ shared, ...(isWide && { maxBytes: mostWide }) });
    if (memory.shared !== shared)
      throw new ApiError(
        `runtime: its memory is ${memory.shared ? "shared" : "not shared"}, the kernel was compiled for one that is ${shared ? "shared" : "not"}; make one with {"shared":${shared}}`,
      );
    if ((memory.address === "i64") !== isWide)
      throw new ApiError(
        `runtime: its memory has addresses of ${isWide ? 32 : 64} bits, the kernel was compiled for ${isWide ? 64 : 32}; make one of ${isWide ? "more than" : "at most"} 4 GiB (maxBytes), or compile the kernel for it`,
      );
    const instance = await WebAssembly.instantiate(module, { env: { memory: memory.memory } });
    const kernels = await share?.(module, instance, memory.memory);
    return new Executable(artifact, memory, instance, kernels, runtime === undefined);
  }

  /**
   * Packs weights as they stand in the file, by buffer name (`w.raw`, or `w.codes`, `w.scales`, ..). The stored bytes are freed before this returns: at most
   * one copy of them is held besides the packed tensor. `check` sees tensors of the right lengths. Throws an `ApiError` for a missing tensor, one that has no
   * place, or a wrong length.
   */
  pack(stored: StoredTensors, check: (stored: StoredTensors) => void = () => {}): PackedTensors {
    this.requireLive();
    const { artifact, runtime } = this;
    requireStored(artifact, stored);
    check(stored);
    const packed = PackedTensors.allocate(artifact.layout, artifact.packed, runtime);
    const raw = new Map<string, number>();
    try {
      for (const { name } of artifact.weights) {
        const data = stored[name] as Uint8Array;
        const address = runtime.allocate(data.byteLength);
        raw.set(name, address);
        runtime.write(address, data);
      }
      const at = new Map([...raw, ...packed.addresses]);
      for (const launch of artifact.pack) this.#call(launch, at, {});
      return packed;
    } catch (error) {
      packed.dispose();
      throw error;
    } finally {
      for (const address of raw.values()) runtime.free(address);
    }
  }

  /** Packed tensors that were packed before (see `PackedTensors.toBytes`), checked to be of this layout. */
  loadPacked(bytes: Uint8Array): PackedTensors {
    this.requireLive();
    return PackedTensors.fromBytes(bytes, this.artifact.layout, this.artifact.packed, this.runtime);
  }

  /** An empty cache with room for `capacity` tokens. Throws an `ApiError` where the kernel uses none. */
  newCache(capacity = 0): KvCache {
    this.requireLive();
    const { caches, workload } = this.artifact;
    if (caches === undefined) throw new ApiError(`newCache: a ${workload.op} has no cache`);
    if (workload.pages !== undefined) throw new ApiError("newCache: the kernel's cache has pages; use newPagedCache()");
    requireWhole("newCache", this.artifact);
    return new KvCache(caches, this.runtime, capacity);
  }

  /** An empty paged cache with room for `capacity` pages. Throws an `ApiError` where the kernel uses none. */
  newPagedCache(capacity = 0): PagedCache {
    this.requireLive();
    const { caches, workload } = this.artifact;
    if (caches === undefined) throw new ApiError(`newPagedCache: a ${workload.op} has no cache`);
    if (workload.pages === undefined)
      throw new ApiError("newPagedCache: the kernel's cache has no pages; use newCache(), or compile with pages");
    requireWhole("newPagedCache", this.artifact);
    return new PagedCache(caches, workload.pages, this.runtime, capacity);
  }

  /**
   * Runs the launches for these sizes on tensors that stand in the memory already, whose values are in the ranges that they declare: nothing looks at them. Workspaces among
   * the addresses are used where they are; without them the kernel has its own.
   */
  launch(sizes: Sizes, addresses: Addresses): void {
    this.requireLive();
    const part = this.partFor(sizes);
    const given = part.workspaces.every(({ name }) => addresses.has(name));
    const at = given ? addresses : new Map([...addresses, ...this.#workspacesFor(part, sizes)]);
    for (const launch of part.launches)
      if (inDomain(launch.symbols, sizes))
        this.#call(launch, at, sizes, this.#shared && this.#work(launch, part, sizes));
  }

  /** The part that runs for these sizes. */
  partFor(sizes: Sizes): PartInfo {
    return partFor(this.artifact.parts, sizes);
  }

  /** Lets go of workspaces, and of the memory where it is the kernel's own. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const part of this.artifact.parts) this.#freeWorkspaces(part);
    this.#shared?.dispose();
    if (this.#ownsRuntime) this.runtime.dispose();
  }

  /** Throws an `ApiError` once disposed. */
  requireLive(): void {
    if (this.#disposed) throw new ApiError("the kernel is disposed; compile it again");
  }

  #workspacesFor(part: PartInfo, sizes: Sizes): Addresses {
    const own = this.#workspaces.get(part) ?? new Map<string, { address: number; bytes: number }>();
    this.#workspaces.set(part, own);
    for (const { name, bytes: size } of part.workspaces) {
      const [bytes, known] = [evaluate(size, sizes), own.get(name)];
      if (known !== undefined && known.bytes >= bytes) continue;
      if (known !== undefined) this.runtime.free(known.address);
      own.delete(name);
      own.set(name, { address: this.runtime.allocate(bytes), bytes });
    }
    return new Map([...own].map(([name, { address }]) => [name, address]));
  }

  #freeWorkspaces(part: PartInfo): void {
    for (const { address } of this.#workspaces.get(part)?.values() ?? []) this.runtime.free(address);
    this.#workspaces.delete(part);
  }

  /** `work` is that of a launch which threads may share; packers run alone. */
  #call(launch: LaunchInfo, at: Addresses, symbols: Sizes, work?: number): void {
    const address = (name: string): number => {
      const found = at.get(name);
      if (found === undefined) throw new ApiError(`${launch.function}: tensor ${name} has no address`);
      return found;
    };
    const iterations = evaluate(launch.threads, symbols);
    const args = [...launch.tensors.map(address), ...launch.symbols.map((s) => symbols[s.name] as number)];
    if (work === undefined) (this.#functions[launch.function] as KernelFunction)(...args, 0, iterations);
    else this.#shared?.run(launch.function, args, iterations, work);
  }

  /** Bytes of what a launch reads and writes, weights once for each row of x: a measure of its time. */
  #work({ tensors }: LaunchInfo, { workspaces }: PartInfo, sizes: Sizes): number {
    const { packed, caches = [], inputs, outputs } = this.artifact;
    const bytesOf = (specs: readonly TensorSpec[]): number =>
      specs.reduce((sum, { name, bytes }) => sum + (tensors.includes(name) ? evaluate(bytes, sizes) : 0), 0);
    return Math.max(1, sizes["M"] ?? 1) * bytesOf(packed) + bytesOf([...caches, ...inputs, ...outputs, ...workspaces]);
  }
}

/** Throws an `ApiError` unless the kernel knows keys and values. */
function requireWhole(call: string, { caches = [], workload }: Pick<KernelInfo, "caches" | "workload">): void {
  if (!caches.some(({ name }) => name.startsWith("v.")))
    throw new ApiError(`${call}: a ${workload.op} knows keys alone; take what append's or attention's ${call}() gives`);
}

/** Throws an `ApiError` unless these are the stored tensors that are packed, each of the right length. */
export function requireStored(
  { weights, workload }: Pick<KernelInfo, "weights" | "workload">,
  stored: StoredTensors,
): void {
  const format = workload.w === undefined ? workload.op : `${workload.w} of ${workload.n} x ${workload.k}`;
  const described = `${format} is ${weights.map((s) => `${s.name}: ${evaluate(s.bytes, {})} bytes`).join(", ")}`;
  for (const name of Object.keys(stored))
    if (!weights.some((spec) => spec.name === name))
      throw new ApiError(`weights: ${name} is no part of it; ${described}`);
  for (const { name, bytes } of weights) {
    const data = stored[name];
    const expected = evaluate(bytes, {});
    if (data === undefined) throw new ApiError(`weights: ${name} is missing; ${described}`);
    if (data.byteLength !== expected)
      throw new ApiError(`weights: ${name} has ${data.byteLength} bytes, expected ${expected}; ${described}`);
  }
}

/** The part that runs for so many rows. Throws an `ApiError` where the kernel was not compiled for them. */
export function partFor<P extends { readonly min: number; readonly max: number }>(
  parts: readonly P[],
  { M: m = 0 }: Sizes,
): P {
  const part = parts.find((p) => m >= p.min && m <= p.max);
  if (part === undefined)
    throw new ApiError(`m = ${m}: the kernel was compiled for ${parts.map((p) => `${p.min}..${p.max}`).join(", ")}`);
  return part;
}

/** Whether a kernel runs for these sizes. */
export const inDomain = (symbols: readonly Domain[], sizes: Sizes): boolean =>
  symbols.every(({ name, min, max, modulo, residue }) => {
    const size = sizes[name] as number;
    return size >= min && size <= max && size % modulo === residue;
  });
