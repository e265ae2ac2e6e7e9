/**
 * Shaders that are loaded: packs weights on the CPU and uploads them, launches the part that M falls in. Tensors are those of a `GpuRuntime`, which kernels may share.
 */

import type { GpuLaunch, GpuRuntime, GpuTensor, LaunchShader } from "../../backends/index.ts";
import type { Feature } from "../../ir/index.ts";
import { ApiError } from "./errors.ts";
import { contiguous, Executable, inDomain, paged, partFor, type StoredTensors } from "./executable.ts";
import { GpuKvCache } from "./gpu-cache.ts";
import { GpuPackedTensors } from "./gpu-packed.ts";
import { GpuPagedCache } from "./gpu-paged-cache.ts";
import { packedSlices } from "./gpu-slices.ts";
import type { DispatchInfo, GpuKernelInfo, KernelInfo, PartInfo } from "./info.ts";
import { packedSizes, tensorsInFile } from "./packed-file.ts";
import { evaluate, type Sizes } from "./size.ts";

/** Tensors on the GPU by name. */
export type GpuTensors = ReadonlyMap<string, GpuTensor>;

type GpuArtifact = GpuKernelInfo & { readonly code: BufferSource };

/** Shaders on a GPU, described by `A`. */
export class GpuExecutable<A extends GpuArtifact = GpuArtifact> {
  readonly artifact: A;
  readonly runtime: GpuRuntime;
  /** Workspaces of each part: the largest of each so far. */
  readonly #workspaces = new Map<PartInfo<DispatchInfo>, Map<string, GpuTensor>>();
  #disposed = false;

  private constructor(artifact: A, runtime: GpuRuntime) {
    this.artifact = artifact;
    this.runtime = runtime;
  }

  /** Compiles the shaders, in parallel. Rejects with a `GpuError` where one is refused. */
  static async load<A extends GpuArtifact>(artifact: A, runtime: GpuRuntime): Promise<GpuExecutable<A>> {
    await runtime.compile(shadersOf(artifact));
    return new GpuExecutable(artifact, runtime);
  }

  /**
   * Packs weights as they stand in the file, by buffer name, and uploads them tensor by tensor. The GPU holds the packed tensors only; on the CPU the stored bytes
   * and the packed ones are copied once each, and freed before this settles. Rejects as `Executable.pack` throws, and with a `GpuError` where the GPU has no
   * room.
   */
  async pack(stored: StoredTensors, check?: (stored: StoredTensors) => void): Promise<GpuPackedTensors> {
    this.requireLive();
    const { layout, packed: specs } = this.artifact;
    const packer = await Executable.load({ ...packerOf(this.artifact), code: this.artifact.code });
    try {
      const packed = packer.pack(stored, check);
      const slices = packedSlices(this.artifact, packedSizes(specs), this.runtime.sizeLimits);
      const source = { layout, sizes: packedSizes(specs), bytes: (name: string) => packed.bytes(name), slices };
      return await GpuPackedTensors.upload(source, this.runtime);
    } finally {
      packer.dispose();
    }
  }

  /** Packed tensors that were packed before, on any backend (see `toBytes`), checked to be of this layout. */
  async loadPacked(file: Uint8Array): Promise<GpuPackedTensors> {
    this.requireLive();
    const { layout, packed } = this.artifact;
    const sizes = packedSizes(packed);
    const tensors = tensorsInFile(file, layout, sizes);
    const slices = packedSlices(this.artifact, sizes, this.runtime.sizeLimits);
    return GpuPackedTensors.upload(
      { layout, sizes, bytes: (name) => tensors.get(name) as Uint8Array, slices },
      this.runtime,
    );
  }

  /** An empty cache with room for `capacity` tokens. Rejects with an `ApiError` where the kernel uses none, and as `GpuKvCache.reserve` does. */
  async newCache(capacity = 0): Promise<GpuKvCache> {
    this.requireLive();
    return GpuKvCache.allocate(contiguous(this.artifact), this.runtime, capacity);
  }

  /** An empty paged cache with room for `capacity` pages. Rejects with an `ApiError` where the kernel uses none, and as `GpuPagedCache.reserve` does. */
  async newPagedCache(capacity = 0): Promise<GpuPagedCache> {
    this.requireLive();
    const { caches, pages } = paged(this.artifact);
    return GpuPagedCache.allocate(caches, pages, this.runtime, capacity);
  }

  /** The launches for these sizes on tensors that stand on the GPU already. Workspaces among them are used where they are; without them the kernel has its own. */
  async launches(sizes: Sizes, tensors: GpuTensors): Promise<readonly GpuLaunch[]> {
    this.requireLive();
    const part = partFor(this.artifact.parts, sizes);
    const given = part.workspaces.every(({ name }) => tensors.has(name));
    const all = given ? tensors : new Map([...tensors, ...(await this.#workspacesFor(part, sizes))]);
    return part.launches
      .filter((launch) => inDomain(launch.symbols, sizes))
      .map((launch) => ({
        shader: shaderOf(this.artifact, launch, sizes),
        buffers: Object.fromEntries(
          launch.tensors.map((name) => {
            const tensor = all.get(name);
            if (tensor === undefined) throw new ApiError(`${launch.function}: tensor ${name} is not given`);
            return [name, tensor];
          }),
        ),
        symbols: sizes,
      }));
  }

  /** Lets go of workspaces. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const part of this.artifact.parts) this.#freeWorkspaces(part);
  }

  /** Throws an `ApiError` once disposed, a `GpuError` once the device is lost. */
  requireLive(): void {
    if (this.#disposed) throw new ApiError("the kernel is disposed; compile it again");
    if (this.runtime.error !== undefined) throw this.runtime.error;
  }

  async #workspacesFor(part: PartInfo<DispatchInfo>, sizes: Sizes): Promise<GpuTensors> {
    const own = this.#workspaces.get(part) ?? new Map<string, GpuTensor>();
    this.#workspaces.set(part, own);
    for (const { name, bytes: size } of part.workspaces) {
      const [bytes, known] = [evaluate(size, sizes), own.get(name)];
      if (known !== undefined && known.bytes >= bytes) continue;
      known?.free();
      own.delete(name);
      own.set(name, await this.runtime.allocate(bytes, { label: name }));
    }
    return own;
  }

  #freeWorkspaces(part: PartInfo<DispatchInfo>): void {
    for (const tensor of this.#workspaces.get(part)?.values() ?? []) tensor.free();
    this.#workspaces.delete(part);
  }
}

/** The Wasm module that packs, as a kernel of its own. */
export const packerOf = ({ workload, layout, weights, packed, pack }: GpuKernelInfo): KernelInfo => ({
  ...{ workload, layout, weights, packed, pack },
  features: [],
  inputs: [],
  outputs: [],
  parts: [],
});

/** A launch's shader, its grid worked out. */
function shaderOf(
  { shaders, features }: GpuKernelInfo,
  { function: name, tensors, sliced, written, symbols, grid, workgroup }: DispatchInfo,
  values: Sizes,
): LaunchShader {
  const [x, y, z] = grid.map((size) => evaluate(size, values)) as [number, number, number];
  return {
    name,
    code: shaders[name] as string,
    grid: [x, y, z],
    workgroupSize: workgroup,
    bindings: tensors.map((buffer, i) => ({
      buffer,
      access: written.includes(buffer) ? "read_write" : "read",
      sliced: sliced[i] as number,
    })),
    symbols,
    features: features as readonly Feature[],
  };
}

/** Every shader, for compiling it. */
export const shadersOf = (info: GpuKernelInfo): readonly LaunchShader[] =>
  info.parts.flatMap(({ launches, min }) => launches.map((launch) => shaderOf(info, launch, { M: min })));
