/**
 * Template `fallback`: takes every workload on every device, but for attention on a GPU that has no room for its tensors or no template for its numerics. The naive loops,
 * with sums kept in a register and rows outermost, so that threads and invocations can share them as they share every other kernel.
 */
import { type Kernel, programOf, quantizedResultOf, type Workload } from "../../ir/index.ts";
import type { AnyStep } from "../primitives/index.ts";
import type { Schedule } from "../schedule.ts";
import { attentionFault } from "./gpu-attention.ts";
import { fuseEpilogue, resultOf, shapeOf } from "./matmul.ts";
import { namesOfY, quantizeApart, resultKernel } from "./quantize.ts";
import type { Target, Template } from "./template.ts";

export const fallback: Template = {
  name: "fallback",
  packing: "fallback",
  refuses: (target) =>
    target.workload.op === "attention" && target.device.kind === "wgsl" ? attentionFault(target) : undefined,
  space: () => ({ axes: {}, where: [], layout: [] }),
  default: () => ({}),
  schedule: (target: Target): Schedule => {
    const { workload } = target;
    if ("m" in workload && workload.m === 0) return [];
    const quantized: Schedule =
      quantizedResultOf(workload) === undefined ? [] : [quantizeApart, bindRows(resultKernel, namesOfY.row)];
    if (workload.op !== "matmul") {
      const { kernels } = programOf({ ...workload, quantize: undefined } as Workload);
      return [...quantized, ...kernels.flatMap(bindOutermost)];
    }
    const shape = shapeOf(target);
    const { numerics } = workload;
    return [
      ...quantized,
      ...(numerics.compute === "i8" && numerics.x === undefined ? [bindRows("quantize", "m")] : []),
      { op: "reorder", kernel: "main", loops: ["n", "m"] },
      { op: "accumulate-in", buffer: resultOf(shape), at: "m", into: "acc" },
      ...fuseEpilogue(shape, "main"),
      bindRows("main", "n"),
    ];
  },
};

/** The rows of a kernel that runs are its outermost loop. */
function bindOutermost({ name, stage, body: [outermost, ...others] }: Kernel): Schedule {
  return stage === "pack" || outermost?.kind !== "for" || others.length > 0 ? [] : [bindRows(name, outermost.loop)];
}

const bindRows = (kernel: string, loop: string): AnyStep => ({ op: "bind", kernel, loop, to: "thread" });
