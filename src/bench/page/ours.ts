// Our own matmul on WebGPU in a page: x goes up and y comes back in every run, as for peers. Not here: which kernel (its artifact is given).

import type { LoadedGpuKernel } from "../../runtime/index.ts";
import { openKernels, type PublishedKernels } from "./kernels.ts";
import { type PageSession, pageSession, publishedBytes } from "./session.ts";

export interface OurMatmul extends PublishedKernels {
  /** Where x (f32 [m, k]) and the stored weights by name are published. */
  readonly x: string;
  readonly weights: readonly string[];
  readonly m: number;
  readonly [weight: `w.${string}`]: string;
}

interface Arguments {
  readonly x: Float32Array;
  readonly w: unknown;
  readonly m: number;
}

/** Throws as `openKernels` does. */
export async function prepare(given: OurMatmul): Promise<PageSession> {
  const { m } = given;
  const { kernels, dispose } = await openKernels(given);
  const matmul = kernels["matmul"] as LoadedGpuKernel<Record<string, Uint8Array>, Arguments, Float32Array>;
  const stored: Record<string, Uint8Array> = {};
  for (const name of given.weights) stored[name] = await publishedBytes(given[`w.${name}`] as string);
  const w = await matmul.pack(stored);
  const x = new Float32Array((await publishedBytes(given.x)).buffer);
  let y: Float32Array = new Float32Array(0);
  return pageSession({
    run: async () => {
      y = await matmul.run({ x, w, m });
    },
    output: () => y,
    dispose,
  });
}
