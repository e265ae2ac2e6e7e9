// Our own WebGPU kernels as contestants: in this process, or in the page that peers run in. Not here: which adapter (the caller's choice).

import type { GpuRuntime } from "../../backends/index.ts";
import { type AttentionWorkload, cacheFormatOf, type Device, type Workload } from "../../ir/index.ts";
import { type Artifact, type CompileOptions, compile, resolveShaders, type WgslArtifact } from "../compile/index.ts";
import type { AttentionFactory } from "./attention.ts";
import { type GpuStepKernels, gpuSteps, stepWorkloads } from "./attention-step.ts";
import { type PagePlan, sessionInPage } from "./browser.ts";
import { BenchError } from "./errors.ts";
import type { Factory } from "./matmul.ts";
import { bytesOf } from "./onnx/model.ts";
import { storedWeights, workloadOf } from "./ours.ts";
import type { Session } from "./peers/index.ts";

type Told = (artifact: Artifact) => void;

/** In this process, on an open GPU; a run is the public API's: x goes up, y comes back. */
export const oursOnGpu =
  (runtime: GpuRuntime, device: Device, db: CompileOptions["db"], told: Told = () => {}): Factory =>
  async (matmul) => {
    const kernel = await compile(workloadOf(matmul), { runtime, device, ...(db !== undefined && { db }) });
    told(kernel.artifact);
    const w = await kernel.pack(storedWeights(matmul.weights));
    const { m } = matmul;
    const x = matmul.given(m);
    let y: Float32Array = new Float32Array(0);
    return {
      run: async () => {
        y = await kernel.run({ m, x, w });
      },
      output: () => y,
      dispose: () => {
        w.dispose();
        kernel.dispose();
      },
    };
  };

/** In a Chromium's page, whose device this is. */
export const oursInPage =
  (device: Device, db: CompileOptions["db"], told: Told = () => {}): Factory =>
  async (matmul) => {
    const { artifact } = await resolveShaders(workloadOf(matmul), device, db);
    told(artifact);
    const weights = Object.entries(storedWeights(matmul.weights)).map(([name, data]) => [name, bytesOf(data)] as const);
    const { m, x } = matmul;
    if (matmul.given(m) instanceof Float32Array === false)
      throw new BenchError(
        `bench: in a page x is f32; take ${matmul.activations.replace(/_q$/, "")}, or another engine`,
      );
    return inPage(
      "src/bench/page/ours",
      device,
      { matmul: artifact },
      {
        args: { m, weights: weights.map(([name]) => name) },
        bytes: { x: bytesOf(x), ...Object.fromEntries(weights.map(([name, bytes]) => [`w.${name}`, bytes])) },
      },
    );
  };

/** In this process, on an open GPU; a run is the public API's: q, k and v go up, y comes back, the cache stays. */
export const ourAttentionOnGpu =
  (runtime: GpuRuntime): AttentionFactory =>
  async ({ workload, given, device, db }) => {
    requireWhole(workload);
    const { append, fill, attend } = stepWorkloads(workload, given.queries);
    const options = { runtime, device, ...(db !== undefined && { db }) };
    const kernels = {
      append: await compile(append, options),
      fill: await compile(fill, options),
      attend: await compile(attend, options),
    };
    return gpuSteps(kernels as unknown as GpuStepKernels, given);
  };

/** In a Chromium's page, whose device it is asked for. */
export const ourAttentionInPage: AttentionFactory = async ({ workload, given, device, db }) => {
  requireWhole(workload);
  const artifacts: Record<string, WgslArtifact> = {};
  for (const [name, one] of Object.entries<Workload>({ ...stepWorkloads(workload, given.queries) }))
    artifacts[name] = (await resolveShaders(one, device, db)).artifact;
  const { sequences, queries, tokens, kvHeads, headSize, inputs } = given;
  return inPage("src/bench/page/ours-attention", device, artifacts, {
    args: { sizes: { sequences, queries, tokens, kvHeads, headSize } },
    bytes: { q: bytesOf(inputs.q), keys: bytesOf(inputs.keys), values: bytesOf(inputs.values) },
  });
};

/** Throws a `BenchError` for a cache whose newest tokens are held as they are. */
function requireWhole({ keys }: AttentionWorkload): void {
  if (cacheFormatOf(keys).tokens > 1)
    throw new BenchError(
      `bench: keys ${keys} have groups of tokens, the newest of which are held as they are: that is for --target wasm`,
    );
}

/** A session of these kernels, as `openKernels` of the page loads them. */
function inPage(
  module: string,
  { features }: Device,
  artifacts: Readonly<Record<string, WgslArtifact>>,
  { args, bytes }: Pick<PagePlan, "args" | "bytes">,
): Promise<Session> {
  const named = Object.entries(artifacts);
  const json = ([name, { code: _, ...info }]: (typeof named)[number]) => [name, JSON.stringify(info)] as const;
  return sessionInPage({
    ...{ who: "qloom", module },
    args: { ...args, kernels: Object.fromEntries(named.map(json)), features: [...features] },
    bytes: { ...bytes, ...Object.fromEntries(named.map(([name, { code }]) => [`code.${name}`, code])) },
  });
}
