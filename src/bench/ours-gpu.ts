// Our own WebGPU kernels as contestants: in this process, or in the page that peers run in. Not here: which adapter (the caller's choice).

import type { GpuRuntime } from "../../backends/index.ts";
import type { Device } from "../../ir/index.ts";
import { type Artifact, type CompileOptions, compile, resolveShaders } from "../compile/index.ts";
import { sessionInPage } from "./browser.ts";
import { BenchError } from "./errors.ts";
import type { Factory } from "./matmul.ts";
import { storedWeights, workloadOf } from "./ours.ts";

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
    const { code, ...info } = artifact;
    const weights = Object.entries(storedWeights(matmul.weights)).map(
      ([name, data]) => [name, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)] as const,
    );
    const { m, x } = matmul;
    if (matmul.given(m) instanceof Float32Array === false)
      throw new BenchError(
        `bench: in a page x is f32; take ${matmul.activations.replace(/_q$/, "")}, or another engine`,
      );
    return sessionInPage({
      who: "qloom",
      module: "src/bench/page/ours",
      args: {
        m,
        artifact: JSON.stringify(info),
        weights: weights.map(([name]) => name),
        features: [...device.features],
      },
      bytes: {
        code,
        x: new Uint8Array(x.buffer, x.byteOffset, x.byteLength),
        ...Object.fromEntries(weights.map(([name, bytes]) => [`w.${name}`, bytes])),
      },
    });
  };
