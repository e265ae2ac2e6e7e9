// ONNX Runtime's WebGPU execution provider, in a page: x goes up and y comes back in every run. Not here: the model (../onnx).

import { type PageSession, pageSession, publishedBytes } from "./session.ts";

export interface OrtModel {
  /** Where the model and x (f32 [m, k]) are published. */
  readonly model: string;
  readonly x: string;
  readonly m: number;
  readonly k: number;
  readonly threads: number;
}

/** Throws where the page has no adapter, or the provider does not run the whole of the model. */
export async function prepare({ model, x, m, k, threads }: OrtModel): Promise<PageSession> {
  if ((await navigator.gpu?.requestAdapter()) == null) throw new Error("this browser offers no WebGPU adapter");
  const ort = await import("onnxruntime-web/webgpu");
  ort.env.wasm.numThreads = threads;
  const session = await ort.InferenceSession.create(await publishedBytes(model), {
    executionProviders: ["webgpu"],
    graphOptimizationLevel: "all",
    logSeverityLevel: 3,
    // Without this, what the provider can't run would be run on the CPU, silently.
    extra: { session: { disable_cpu_ep_fallback: "1" } },
  });
  const feeds = { x: new ort.Tensor("float32", new Float32Array((await publishedBytes(x)).buffer), [m, k]) };
  let y = new Float32Array(0);
  return pageSession({
    run: async () => {
      y = (await session.run(feeds))["y"]!.data as typeof y;
    },
    output: () => y,
    dispose: () => session.release(),
  });
}
