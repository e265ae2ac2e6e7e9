/**
 * Template `elementwise`: quantize and dequantize workloads. One point: what there is to choose is left to lowering.
 */
import type { Schedule } from "../schedule.ts";
import type { Template } from "./template.ts";

export const elementwise: Template = {
  name: "elementwise",
  refuses: ({ workload }) => (workload.op === "matmul" ? "it is a matmul" : undefined),
  space: () => ({ axes: {}, where: [], layout: [] }),
  default: () => ({}),
  schedule: (): Schedule => [],
};
