/** Loads a kernel that was built ahead of time for GPUs on a device of its user's: what `load.ts` is for Wasm. */
import { type GpuLanguage, runtimeOn } from "../../backends/index.ts";
import { type FileBeside, readBeside } from "./beside.ts";
import { ApiError } from "./errors.ts";
import { GpuExecutable } from "./gpu-executable.ts";
import { gpuKernelOf, type LoadedGpuKernel } from "./gpu-kernel.ts";
import type { GpuKernelInfo } from "./info.ts";
import { shadersInFile } from "./shader-file.ts";

/** The shaders of a built kernel for devices with some features; the file holds them. */
export interface GpuVariant extends FileBeside {
  readonly info: Omit<GpuKernelInfo, "shaders">;
  /** The Wasm module that packs weights, of kernels that have such. */
  readonly packer?: FileBeside;
}

export interface GpuLoadOptions {
  /** What the kernel runs on: kernels on one device share packed tensors and caches. It stays its user's, who destroys it. */
  readonly device: GPUDevice;
  /** Says which features WGSL has here; `navigator.gpu` unless given. In Node what `create` of npm's `webgpu` gave. */
  readonly gpu?: GpuLanguage;
  /** Gives the bytes of a file, by its name; by default the file beside the generated module is read. */
  readonly files?: (file: string) => BufferSource | Promise<BufferSource>;
}

/** A Wasm module with nothing in it. */
const emptyModule = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

/**
 * Loads the first of the variants whose features the device was requested with.
 *
 * @throws ApiError where there is no device, or a file can't be read, GpuError where the driver refuses a shader
 */
export async function loadGpuVariant<Weights, Arguments, Result>(
  variants: readonly GpuVariant[],
  { device, gpu, files }: GpuLoadOptions,
): Promise<LoadedGpuKernel<Weights, Arguments, Result>> {
  // A JavaScript caller may have forgotten it.
  if ((device as GPUDevice | undefined)?.queue === undefined)
    throw new ApiError("device is missing; pass a GPUDevice: await adapter.requestDevice()");
  const runtime = runtimeOn(device, gpu);
  const found: readonly string[] = runtime.device.features;
  const variant = variants.find(({ info }) => info.features.every((feature) => found.includes(feature)));
  if (variant === undefined)
    throw new ApiError(
      `none of ${variants.map(({ file, info }) => `${file} (${info.features.join(", ")})`).join(", ")} runs on this device; request it with these features`,
    );
  const read = (beside: FileBeside): BufferSource | Promise<BufferSource> =>
    files === undefined ? readBeside(beside, "files") : files(beside.file);
  const { file, info, packer } = variant;
  const shaders = shadersInFile(file, new TextDecoder().decode(await read(variant)));
  const code = packer === undefined ? emptyModule : await read(packer);
  return gpuKernelOf(await GpuExecutable.load({ ...info, shaders, code }, runtime));
}
