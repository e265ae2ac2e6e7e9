/**
 * Template `fallback`: takes every workload on every device. The naive loops, with sums kept in a register.
 */
import type { Schedule } from "../schedule.ts";
import { fuseBias, resultOf, shapeOf } from "./matmul.ts";
import type { Target, Template } from "./template.ts";

export const fallback: Template = {
  name: "fallback",
  refuses: () => undefined,
  space: () => ({ axes: {}, where: [], layout: [] }),
  default: () => ({}),
  schedule: (target: Target): Schedule => {
    if (target.workload.op !== "matmul") return [];
    const shape = shapeOf(target);
    if (shape.m === 0) return [];
    return [{ op: "accumulate-in", buffer: resultOf(shape), at: "n", into: "acc" }, ...fuseBias(shape, "main")];
  },
};
