// ONNX Runtime's Wasm SIMD build, npm `onnxruntime-web`. Under Node the package loads the same .wasm
// that browsers run, from beside itself, with Node's workers as threads.

import { BenchError } from "../errors.ts";
import { cpuBuild, type Ort, type OrtBuild } from "./ort.ts";
import { importPeer } from "./peer.ts";

/** The thread count that the module was started with: it keeps the first one. */
let startedWith: number | undefined;

export const ortWeb: OrtBuild = cpuBuild({
  name: "ort-web",
  provider: "wasm",
  fillsTensors: false,
  load: async (threads) => {
    const module = await importPeer("ort-web", "onnxruntime-web", () => import("onnxruntime-web"));
    startedWith ??= threads;
    if (threads !== startedWith) {
      throw new BenchError(
        `peer ort-web: one process runs one thread count (${startedWith}, not ${threads}); start another`,
      );
    }
    module.env.wasm.numThreads = threads;
    return module as unknown as Ort;
  },
});
