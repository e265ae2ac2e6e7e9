/**
 * What runs a compiled kernel. Without dependencies, Node's builtins or the compiler: it loads in browsers, and builds carry it along
 * (`src/build`).
 */
export { argumentOf, argumentsOf, shortName, sizesFor } from "./arguments.ts";
export { arrayOf, type TensorArray } from "./arrays.ts";
export { KvCache } from "./cache.ts";
export { cacheLayout } from "./cache-tensors.ts";
export { ApiError } from "./errors.ts";
export { type Addresses, Executable, type StoredTensors } from "./executable.ts";
export { GpuKvCache } from "./gpu-cache.ts";
export { GpuExecutable, type GpuTensors, packerOf, shadersOf } from "./gpu-executable.ts";
export { gpuKernelOf, type LoadedGpuKernel } from "./gpu-kernel.ts";
export { type GpuLoadOptions, type GpuVariant, loadGpuVariant } from "./gpu-load.ts";
export { GpuPackedTensors } from "./gpu-packed.ts";
export { packedSlices } from "./gpu-slices.ts";
export { type Held, HeldTensor, type Holding, release } from "./held.ts";
export type {
  DispatchInfo,
  Domain,
  GpuKernelInfo,
  KernelInfo,
  LaunchInfo,
  PartInfo,
  TensorSpec,
  WorkloadInfo,
} from "./info.ts";
export { kernelOf, type LoadedKernel, type StoredArrays, storedBytes } from "./kernel.ts";
export { type Built, type LoadOptions, loadVariant, type ModuleSource, type Variant } from "./load.ts";
export { PackedTensors } from "./packed.ts";
export { packedSizes } from "./packed-file.ts";
export { PagedCache, pagedInputs, Sequence } from "./paged-cache.ts";
export { shaderFile } from "./shader-file.ts";
export type { SharedKernels, ShareKernels } from "./shared-kernels.ts";
export { evaluate, type Size, type Sizes } from "./size.ts";
export { mostThreads } from "./threads/control.ts";
export { onThreads, type ThreadOptions } from "./threads/pool.ts";
