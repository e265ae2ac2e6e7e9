/**
 * Template `gpu-elementwise`: quantize and dequantize workloads on a GPU. One point: an invocation per group, or per 4 neighbouring weights.
 */
import type { DequantizeWorkload } from "../../ir/index.ts";
import type { Schedule } from "../schedule.ts";
import { limitOf } from "./gpu-matmul.ts";
import { gpuQuantizeSteps } from "./gpu-prologue.ts";
import type { Template } from "./template.ts";

/** Weights that an invocation decodes. */
const together = 4;

export const gpuElementwise: Template = {
  name: "gpu-elementwise",
  packing: "gpu-elementwise",
  refuses: ({ workload, device }) => {
    if (device.kind !== "wgsl") return `the device is ${device.kind}`;
    return workload.op === "matmul" ? "it is a matmul" : undefined;
  },
  space: () => ({ axes: {}, where: [], layout: [] }),
  default: () => ({}),
  schedule: (target): Schedule => {
    const { workload } = target;
    switch (workload.op) {
      case "quantize": {
        const group = workload.group === "row" ? workload.k : workload.group;
        return gpuQuantizeSteps("quantize", group, workload.m, limitOf(target, "invocations"));
      }
      case "dequantize":
        return dequantizeSteps(workload);
      case "matmul":
        return [];
    }
  },
};

function dequantizeSteps({ k }: DequantizeWorkload): Schedule {
  const kernel = "main";
  const isWhole = k % together === 0;
  return [
    ...(isWhole
      ? [
          { op: "split", kernel, loop: "k", factor: together, into: ["kw", "kq"] } as const,
          { op: "vectorize", kernel, loops: ["kq"] } as const,
        ]
      : []),
    { op: "fuse", kernel, loops: ["n", isWhole ? "kw" : "k"], into: "value" },
    { op: "bind", kernel, loop: "value", to: "thread" },
  ];
}
