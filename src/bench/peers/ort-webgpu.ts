// The peer ort-webgpu: ONNX Runtime's WebGPU execution provider, npm `onnxruntime-web`, in a real Chromium. Not here: what it does in the page
// (../page/ort-webgpu.ts).

import { hasPackage } from "../../web/index.ts";
import { sessionInPage } from "../browser.ts";
import type { MatmulCase } from "../case.ts";
import { PeerMissingError } from "../errors.ts";
import { matMulNBitsModel } from "../onnx/matmul.ts";
import { integers, unsupportedByMatMulNBits } from "./matmul.ts";
import type { Peer } from "./peer.ts";

export const ortWebgpu: Peer<MatmulCase> = {
  name: "ort-webgpu",
  unsupported: ({ weights }) => unsupportedByMatMulNBits(weights),
  prepare: async ({ m, n, k, weights, x, accuracy, threads }) => {
    const taken = integers("ort-webgpu", weights);
    if (!hasPackage("onnxruntime-web"))
      throw new PeerMissingError("peer ort-webgpu needs the package onnxruntime-web: npm i -D onnxruntime-web");
    const model = matMulNBitsModel({ n, k, ...taken }, accuracy.accuracyLevel);
    return sessionInPage({
      who: "peer ort-webgpu",
      module: "src/bench/page/ort-webgpu",
      args: { m, k, threads },
      bytes: { model, x: new Uint8Array(x.buffer, x.byteOffset, x.byteLength) },
    });
  },
};
