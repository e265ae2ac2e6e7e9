// ONNX Runtime's WebGPU execution provider, npm `onnxruntime-web`, in a real Chromium. Not here: what it does in the page (../page/ort-webgpu.ts).

import { hasPackage } from "../../web/index.ts";
import { sessionInPage } from "../browser.ts";
import { PeerMissingError } from "../errors.ts";
import { bytesOf } from "../onnx/model.ts";
import type { OrtBuild } from "./ort.ts";

export const ortWebgpu: OrtBuild = {
  name: "ort-webgpu",
  async session(model, { feeds, results }, threads) {
    if (!hasPackage("onnxruntime-web"))
      throw new PeerMissingError("peer ort-webgpu needs the package onnxruntime-web: npm i -D onnxruntime-web");
    const tensors = [...new Set([...feeds.values(), ...results.values()])];
    const named = (of: typeof feeds) =>
      Object.fromEntries([...of].map(([name, feed]) => [name, tensors.indexOf(feed)]));
    return sessionInPage({
      who: "peer ort-webgpu",
      module: "src/bench/page/ort-webgpu",
      args: {
        tensors: tensors.map(({ type, dims, stays = false }) => ({ type, dims, stays })),
        ...{ feeds: named(feeds), results: named(results), threads },
      },
      bytes: { model, ...Object.fromEntries(tensors.map(({ data }, i) => [`tensor.${i}`, bytesOf(data)])) },
    });
  },
};
