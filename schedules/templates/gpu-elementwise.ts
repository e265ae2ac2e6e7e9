/** Template `gpu-elementwise`: operators that go along each row once, on a GPU. One point. */
import type { Workload } from "../../ir/index.ts";
import type { Schedule } from "../schedule.ts";
import { limitOf, quantizeResult } from "./gpu-matmul.ts";
import { gpuQuantizeSteps } from "./gpu-prologue.ts";
import {
  gpuAppendSteps,
  gpuMergeSteps,
  gpuRmsnormSteps,
  gpuRopeSteps,
  gpuRotateSteps,
  gpuValueSteps,
} from "./gpu-rows.ts";
import type { Template } from "./template.ts";

/** The steps of each operator, by the most invocations of a workgroup. */
const steps: {
  readonly [Op in Workload["op"]]?: (of: Extract<Workload, { op: Op }>, invocations: number) => Schedule;
} = {
  quantize: ({ group, k, m }, invocations) => gpuQuantizeSteps("quantize", group === "row" ? k : group, m, invocations),
  dequantize: gpuValueSteps,
  embed: gpuValueSteps,
  swiglu: gpuValueSteps,
  rmsnorm: gpuRmsnormSteps,
  rope: gpuRopeSteps,
  merge: gpuMergeSteps,
  append: gpuAppendSteps,
  rotate: gpuRotateSteps,
};

export const gpuElementwise: Template = {
  name: "gpu-elementwise",
  packing: "gpu-elementwise",
  refuses: ({ workload, device }) => {
    if (device.kind !== "wgsl") return `the device is ${device.kind}`;
    return workload.op in steps ? undefined : `it is a ${workload.op}`;
  },
  space: () => ({ axes: {}, where: [], layout: [] }),
  default: () => ({}),
  schedule: (target): Schedule => {
    const { workload } = target;
    if ("m" in workload && workload.m === 0) return [];
    const stepsOf = steps[workload.op] as (of: Workload, invocations: number) => Schedule;
    const quantized = "k" in workload ? quantizeResult(target, workload.k) : [];
    return [...quantized, ...stepsOf(workload, limitOf(target, "invocations"))];
  },
};
