// ONNX Runtime's native build on the CPU, npm `onnxruntime-node`.

import { cpuBuild, type Ort, type OrtBuild } from "./ort.ts";
import { importPeer } from "./peer.ts";

export const ortNode: OrtBuild = cpuBuild({
  name: "ort-node",
  provider: "cpu",
  fillsTensors: true,
  load: async () => {
    const module = await importPeer("ort-node", "onnxruntime-node", () => import("onnxruntime-node"));
    return module as unknown as Ort;
  },
});
