// The peer ort-webgpu: ONNX Runtime's WebGPU execution provider, npm `onnxruntime-web`, in a real Chromium. Not here: what it does in the page
// (../page/ort-webgpu.ts).

import { hasPackage } from "../../web/index.ts";
import { sessionInPage } from "../browser.ts";
import { BenchError, PeerMissingError } from "../errors.ts";
import { matMulNBitsModel } from "../onnx.ts";
import { unsupportedByMatMulNBits } from "./ort.ts";
import type { Peer } from "./peer.ts";

export const ortWebgpu: Peer = {
  name: "ort-webgpu",
  unsupported: ({ weights }) => unsupportedByMatMulNBits(weights),
  prepare: async ({ m, n, k, weights, x, accuracy, threads }) => {
    const reason = unsupportedByMatMulNBits(weights);
    if (weights.kind !== "int" || reason) throw new BenchError(`peer ort-webgpu: ${reason}`);
    if (!hasPackage("onnxruntime-web"))
      throw new PeerMissingError("peer ort-webgpu needs the package onnxruntime-web: npm i -D onnxruntime-web");
    const model = matMulNBitsModel({ n, k, ...weights }, accuracy.accuracyLevel);
    return sessionInPage({
      who: "peer ort-webgpu",
      module: "src/bench/page/ort-webgpu",
      args: { m, k, threads },
      bytes: { model, x: new Uint8Array(x.buffer, x.byteOffset, x.byteLength) },
    });
  },
};
