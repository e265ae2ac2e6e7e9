/**
 * Template `elementwise`: quantize and dequantize workloads. One point: vectors where groups allow them.
 */
import type { Schedule } from "../schedule.ts";
import { quantizeSteps } from "./prologue.ts";
import type { Template } from "./template.ts";

export const elementwise: Template = {
  name: "elementwise",
  packing: "elementwise",
  refuses: ({ workload, device }) => {
    if (device.kind === "wgsl") return "the device is wgsl";
    return workload.op === "matmul" ? "it is a matmul" : undefined;
  },
  space: () => ({ axes: {}, where: [], layout: [] }),
  default: () => ({}),
  schedule: ({ workload }): Schedule =>
    workload.op === "quantize"
      ? quantizeSteps("quantize", workload.group === "row" ? workload.k : workload.group, workload.m)
      : [],
};
