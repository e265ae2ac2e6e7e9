// The peer ort-node: ONNX Runtime's native build on the CPU, npm `onnxruntime-node`.

import { type Ort, ortPeer } from "./ort.ts";
import { importPeer, type Peer } from "./peer.ts";

export const ortNode: Peer = ortPeer("ort-node", "cpu", async () => {
  const module = await importPeer("ort-node", "onnxruntime-node", () => import("onnxruntime-node"));
  return module as unknown as Ort;
});
