// Our own attention on WebGPU in a page: q, k and v go up and y comes back in every run, the cache stays on the GPU, as for peers. Not here: which kernels (their artifacts are given).

import { type GpuStepKernels, gpuSteps, type StepCase } from "../attention-step.ts";
import { openKernels, type PublishedKernels } from "./kernels.ts";
import { type PageSession, pageSession, publishedBytes } from "./session.ts";

type Input = keyof StepCase["inputs"];

/** With the paths where the inputs are published. */
export interface OurAttention extends PublishedKernels, Readonly<Record<Input, string>> {
  readonly sizes: Omit<StepCase, "inputs">;
}

/** Throws as `openKernels` does. */
export async function prepare(given: OurAttention): Promise<PageSession> {
  const { kernels, dispose } = await openKernels(given);
  const input = async (name: Input): Promise<Float32Array> =>
    new Float32Array((await publishedBytes(given[name])).buffer);
  const inputs = { q: await input("q"), keys: await input("keys"), values: await input("values") };
  const steps = await gpuSteps(kernels as unknown as GpuStepKernels, { ...given.sizes, inputs });
  return pageSession({ ...steps, dispose });
}
