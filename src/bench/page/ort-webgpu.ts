// ONNX Runtime's WebGPU execution provider, in a page: feeds go up and y comes back in every run; a cache stays in buffers of the GPU. Not here: the model
// (../onnx).

import type { InferenceSession, Tensor } from "onnxruntime-web/webgpu";
import { type PageSession, pageSession, publishedBytes } from "./session.ts";

/** A tensor, without its data. */
interface TensorShape {
  readonly type: "float32" | "int32";
  readonly dims: readonly number[];
  /** Whether it is kept in a buffer of the GPU. */
  readonly stays: boolean;
}

export interface OrtModel {
  /** Where the model is published. */
  readonly model: string;
  readonly tensors: readonly TensorShape[];
  /** Which tensor each input is, and each output but y: by their places in `tensors`. One that is both is written in place. */
  readonly feeds: Readonly<Record<string, number>>;
  readonly results: Readonly<Record<string, number>>;
  readonly threads: number;
  /** Where each tensor's elements are published. */
  readonly [tensor: `tensor.${number}`]: string;
}

const arrays = { float32: Float32Array, int32: Int32Array } as const;

/** Throws where the page has no adapter, or the provider does not run the whole of the model. */
export async function prepare(plan: OrtModel): Promise<PageSession> {
  if ((await navigator.gpu?.requestAdapter()) == null) throw new Error("this browser offers no WebGPU adapter");
  const ort = await import("onnxruntime-web/webgpu");
  ort.env.wasm.numThreads = plan.threads;
  const session = await ort.InferenceSession.create(await publishedBytes(plan.model), {
    executionProviders: ["webgpu"],
    graphOptimizationLevel: "all",
    logSeverityLevel: 3,
    // Without this, what the provider can't run would be run on the CPU, silently.
    extra: { session: { disable_cpu_ep_fallback: "1" } },
  });
  const device = (await ort.env.webgpu.device) as unknown as GPUDevice;
  const buffers: GPUBuffer[] = [];
  /** In a buffer of the provider's own device. */
  const onGpu = ({ type, dims }: TensorShape, data: Uint8Array<ArrayBuffer>): Tensor => {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const buffer = device.createBuffer({ size: 16 * Math.ceil(data.byteLength / 16), usage });
    buffers.push(buffer);
    device.queue.writeBuffer(buffer, 0, data);
    return ort.Tensor.fromGpuBuffer(buffer as never, { dataType: type, dims });
  };
  const tensors: Tensor[] = [];
  for (const [i, shape] of plan.tensors.entries()) {
    const data = await publishedBytes(plan[`tensor.${i}`] as string);
    const { type, dims, stays } = shape;
    tensors.push(stays ? onGpu(shape, data) : new ort.Tensor(type, new arrays[type](data.buffer) as never, dims));
  }
  const named = (of: OrtModel["feeds"]): Record<string, Tensor> =>
    Object.fromEntries(Object.entries(of).map(([name, i]) => [name, tensors[i] as Tensor]));
  const feeds = named(plan.feeds);
  const fetches: InferenceSession.FetchesType = { ...named(plan.results), y: null };
  let y = new Float32Array(0);
  return pageSession({
    run: async () => {
      y = (await session.run(feeds, fetches))["y"]!.data as typeof y;
    },
    output: () => y,
    dispose: async () => {
      await session.release();
      for (const buffer of buffers) buffer.destroy();
    },
  });
}
