// Our own WebGPU kernel in a page: x goes up and y comes back in every run, as for peers. Not here: which kernel (its artifact is given).

import { openGpu } from "../../../backends/index.ts";
import type { Feature } from "../../../ir/index.ts";
import { GpuExecutable, type GpuKernelInfo, gpuKernelOf, type LoadedGpuKernel } from "../../runtime/index.ts";
import { type PageSession, pageSession, publishedBytes } from "./session.ts";

export interface OurKernel {
  /** The artifact without its code, as JSON; where the code, x (f32 [m, k]) and the stored weights by name are published. */
  readonly artifact: string;
  readonly code: string;
  readonly x: string;
  readonly weights: readonly string[];
  readonly m: number;
  /** What the page's GPU is opened with. */
  readonly features: readonly string[];
  readonly [weight: `w.${string}`]: string;
}

interface Arguments {
  readonly x: Float32Array;
  readonly w: unknown;
  readonly m: number;
}

/** Throws where the page has no adapter, or the driver refuses a shader. */
export async function prepare(kernel: OurKernel): Promise<PageSession> {
  const { m } = kernel;
  const gpu = await openGpu({ features: kernel.features as readonly Feature[] });
  const info = JSON.parse(kernel.artifact) as GpuKernelInfo;
  const executable = await GpuExecutable.load({ ...info, code: await publishedBytes(kernel.code) }, gpu);
  const loaded: LoadedGpuKernel<Record<string, Uint8Array>, Arguments, Float32Array> = gpuKernelOf(executable);
  const stored: Record<string, Uint8Array> = {};
  for (const name of kernel.weights) stored[name] = await publishedBytes(kernel[`w.${name}`] as string);
  const w = await loaded.pack(stored);
  const x = new Float32Array((await publishedBytes(kernel.x)).buffer);
  let y = new Float32Array(0);
  return pageSession({
    run: async () => {
      y = (await loaded.run({ x, w, m })) as typeof y;
    },
    output: () => y,
    dispose: () => gpu.dispose(),
  });
}
