/**
 * Template `elementwise`: operators that go along each row once. The space is the length of their vectors; quantize has one point.
 */
import type { Workload } from "../../ir/index.ts";
import type { Schedule } from "../schedule.ts";
import { appendSteps, rotateSteps } from "./cache-rows.ts";
import { quantizeSteps } from "./quantize.ts";
import { decodeSteps, lengthDecoded, mergeSteps, rmsnormSteps, ropeSteps, swigluSteps } from "./rows.ts";
import type { Point, Template } from "./template.ts";

interface Row<W> {
  /** Values that follow each other, which vectors of any length divide; undefined where there is nothing to choose. */
  readonly along?: (of: W) => number | undefined;
  /** `lanes` is the most that a vector has. */
  readonly steps: (of: W, lanes: number) => Schedule;
}

const rows: { readonly [Op in Workload["op"]]?: Row<Extract<Workload, { op: Op }>> } = {
  quantize: { steps: ({ group, k, m }) => quantizeSteps("quantize", group === "row" ? k : group, m) },
  dequantize: { along: lengthDecoded, steps: decodeSteps },
  embed: { along: lengthDecoded, steps: decodeSteps },
  swiglu: { along: ({ k }) => k, steps: swigluSteps },
  rmsnorm: { along: ({ k }) => k, steps: rmsnormSteps },
  rope: { along: ({ pairing, rotary }) => (pairing === "neox" ? rotary / 2 : rotary), steps: ropeSteps },
  append: { along: ({ headSize }) => headSize, steps: appendSteps },
  rotate: { along: ({ headSize }) => headSize, steps: rotateSteps },
  merge: { along: ({ headSize }) => headSize, steps: mergeSteps },
};

const rowOf = (workload: Workload): Row<Workload> | undefined => rows[workload.op] as Row<Workload> | undefined;

/** Lengths of vectors to choose from; none where only one is possible. */
function choicesFor(workload: Workload): readonly number[] {
  const length = rowOf(workload)?.along?.(workload) ?? 1;
  const lengths = [4, 8, 16, 32].filter((lanes) => length % lanes === 0);
  return lengths.length > 1 ? lengths : [];
}

/** The most lanes unless told. */
const usual = 16;

export const elementwise: Template = {
  name: "elementwise",
  packing: "elementwise",
  refuses: ({ workload, device }) => {
    if (device.kind === "wgsl") return "the device is wgsl";
    return rowOf(workload) === undefined ? `it is a ${workload.op}` : undefined;
  },
  space: ({ workload }) => {
    const lanes = choicesFor(workload);
    return { axes: lanes.length > 0 ? { lanes } : {}, where: [], layout: [] };
  },
  default: ({ workload }): Point => {
    const lanes = choicesFor(workload).filter((choice) => choice <= usual);
    return lanes.length > 0 ? { lanes: Math.max(...lanes) } : {};
  },
  schedule: ({ workload }, point): Schedule => {
    if ("m" in workload && workload.m === 0) return [];
    const { lanes = usual } = point;
    return rowOf(workload)?.steps(workload, Number(lanes)) ?? [];
  },
};
