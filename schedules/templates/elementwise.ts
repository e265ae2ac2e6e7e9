/**
 * Template `elementwise`: operators that go along each row once. The space is the length of their vectors; quantize has one point.
 */
import type { Workload } from "../../ir/index.ts";
import type { Schedule } from "../schedule.ts";
import { quantizeSteps } from "./prologue.ts";
import { decodeSteps, rmsnormSteps, ropeSteps, swigluSteps } from "./rows.ts";
import { numberAt, type Point, type Template } from "./template.ts";

/** The steps of each operator, by the most lanes of a vector. */
const steps: { readonly [Op in Workload["op"]]?: (of: Extract<Workload, { op: Op }>, lanes: number) => Schedule } = {
  quantize: ({ group, k, m }) => quantizeSteps("quantize", group === "row" ? k : group, m),
  dequantize: decodeSteps,
  embed: decodeSteps,
  swiglu: swigluSteps,
  rmsnorm: rmsnormSteps,
  rope: ropeSteps,
};

const hasLanes = ({ op }: Workload): boolean => op !== "quantize";
const longest = 16;

export const elementwise: Template = {
  name: "elementwise",
  packing: "elementwise",
  refuses: ({ workload, device }) => {
    if (device.kind === "wgsl") return "the device is wgsl";
    return workload.op in steps ? undefined : `it is a ${workload.op}`;
  },
  space: ({ workload }) => ({ axes: hasLanes(workload) ? { lanes: [4, 8, 16, 32] } : {}, where: [], layout: [] }),
  default: ({ workload }): Point => (hasLanes(workload) ? { lanes: longest } : {}),
  schedule: ({ workload }, point): Schedule => {
    if ("m" in workload && workload.m === 0) return [];
    const stepsOf = steps[workload.op] as (of: Workload, lanes: number) => Schedule;
    return stepsOf(workload, hasLanes(workload) ? numberAt(point, "lanes") : longest);
  },
};
