/**
 * Template `fallback`: takes every workload on every device. The naive loops, with sums kept in a register and rows of w outermost, so that threads can share
 * them as they share every other kernel.
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
    return [
      { op: "reorder", kernel: "main", loops: ["n", "m"] },
      { op: "accumulate-in", buffer: resultOf(shape), at: "m", into: "acc" },
      ...fuseBias(shape, "main"),
      { op: "bind", kernel: "main", loop: "n", to: "thread" },
    ];
  },
};
