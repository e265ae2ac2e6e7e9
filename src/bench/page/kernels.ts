// Our own WebGPU kernels in a page, as the process at the other end published them (../ours-gpu.ts).

import { openGpu } from "../../../backends/index.ts";
import type { Feature } from "../../../ir/index.ts";
import { GpuExecutable, type GpuKernelInfo, gpuKernelOf, type LoadedGpuKernel } from "../../runtime/index.ts";
import { publishedBytes } from "./session.ts";

export interface PublishedKernels {
  /** By name the artifact without its code, as JSON. */
  readonly kernels: Readonly<Record<string, string>>;
  /** What the page's GPU is opened with. */
  readonly features: readonly string[];
  /** Where each kernel's code is published. */
  readonly [code: `code.${string}`]: string;
}

/** Loads them on one GPU, which `dispose` gives back. Throws where the page has no adapter, or the driver refuses a shader. */
export async function openKernels({ kernels, features, ...published }: PublishedKernels): Promise<{
  readonly kernels: Readonly<Record<string, LoadedGpuKernel<never, never, unknown>>>;
  readonly dispose: () => void;
}> {
  const gpu = await openGpu({ features: features as readonly Feature[] });
  const load = async ([name, json]: [string, string]) => {
    const info = JSON.parse(json) as GpuKernelInfo;
    const code = await publishedBytes(published[`code.${name}`] as string);
    return [name, gpuKernelOf<never, never, unknown>(await GpuExecutable.load({ ...info, code }, gpu))] as const;
  };
  const loaded = await Promise.all(Object.entries(kernels).map(load));
  return { kernels: Object.fromEntries(loaded), dispose: () => gpu.dispose() };
}
