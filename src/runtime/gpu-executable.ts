/**
 * Shaders that are loaded: packs weights on the CPU and uploads them, launches the part that M falls in. Memory comes from a `GpuRuntime`, which kernels may share.
 */
import { type GpuRuntime, type GpuTensor, type LaunchShader, unitsPerSlice } from "../../backends/index.ts";
import { ApiError } from "./errors.ts";
import { Executable, inDomain, partFor, type StoredTensors } from "./executable.ts";
import { GpuPackedTensors } from "./gpu-packed.ts";
import type { DispatchInfo, GpuKernelInfo, PartInfo, TensorSpec } from "./info.ts";
import { packedSizes, type TensorSizes, tensorsInFile } from "./packed-file.ts";
import { evaluate } from "./size.ts";

/** Tensors by name. */
export type GpuTensors = ReadonlyMap<string, GpuTensor>;

/** Shaders on a GPU, described by `A`. */
export class GpuExecutable<A extends GpuKernelInfo & { readonly code: BufferSource } = GpuKernelInfo & { readonly code: BufferSource }> {
  readonly artifact: A;
  readonly runtime: GpuRuntime;
  readonly #shaders: ReadonlyMap<string, LaunchShader>;
  /** Workspaces of each part, for the largest M so far. */
  readonly #workspaces = new Map<PartInfo<DispatchInfo>, { m: number; tensors: Map<string, GpuTensor> }>();
  #disposed = false;
}
