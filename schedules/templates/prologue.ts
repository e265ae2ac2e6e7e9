/**
 * Steps for what runs before the main kernel: quantizing activations and summing them; and for quantizing results, which is the same. Small next to the product, but for
 * one row of x it would be a tenth of the time in scalar code.
 */
import { fieldOf, quantizedResultOf, type Rows, type Workload } from "../../ir/index.ts";
import type { AnyStep } from "../primitives/index.ts";
import type { Schedule } from "../schedule.ts";
import type { Shape } from "./matmul.ts";

/** Values of x that one step takes. */
export const lanes = 16;

/** The names in a nest that quantizes (see `ir/ops/quantize.ts`): of the greatest magnitude, of the loops over rows, groups and codes, and what those of its own begin with. */
export interface QuantizeNames {
  readonly amax: string;
  readonly row: string;
  readonly group: string;
  readonly code: string;
  readonly own: string;
}

/** Of activations, and of a result. */
export const namesOfX: QuantizeNames = { amax: "x.amax", row: "m", group: "g", code: "i", own: "" };
export const namesOfY: QuantizeNames = { amax: "y.amax", row: "y.q/m", group: "y.q/g", code: "y.q/i", own: "y." };

/** The kernel that quantizes x in groups of `group`, its rows shared among threads. Groups that 16 does not divide stay scalar; without rows there is nothing to do. */
export function quantizeSteps(kernel: string, group: number, rows: Rows, names: QuantizeNames = namesOfX): Schedule {
  if (group % lanes !== 0 || rows === 0) return [];
  return [...quantizeGroups(kernel, group, names), { op: "bind", kernel, loop: names.row, to: "thread" }];
}

/** Groups that 16 divides: the greatest magnitude in vectors of 4 (rfactor), codes in vectors of 16. */
export function quantizeGroups(kernel: string, group: number, { amax, group: at, code, own }: QuantizeNames): Schedule {
  const whole = group / lanes;
  const o = (loop: string): string => `${own}${loop}`;
  return [
    { op: "split", kernel, loop: `${amax}/i`, factor: lanes, into: [o("ao"), o("av")] },
    { op: "split", kernel, loop: o("av"), factor: 4, into: [o("ai"), o("al")] },
    { op: "rfactor", kernel, buffer: amax, at, loop: o("al"), into: `${amax}4` },
    { op: "split", kernel, loop: code, factor: lanes, into: [o("io"), o("il")] },
    { op: "vectorize", kernel, loops: [o("al")] },
    { op: "vectorize", kernel, loops: [o("il")] },
    { op: "unroll", kernel, loops: [o("ai"), `${amax}4/${o("al")}`, ...(whole <= 16 ? [o("ao"), o("io")] : [])] },
  ];
}

/** The kernel before a matmul that quantizes its x, where there is one. */
export const quantizeActivations = ({ workload: { numerics, m }, xGroup }: Shape): Schedule =>
  numerics.compute === "i8" && numerics.x === undefined ? quantizeSteps("quantize", xGroup, m) : [];

/** Values of a result of n columns that share a scale; undefined where it is not quantized. */
export function resultGroup(workload: Workload, n: number): number | undefined {
  const { group } = quantizedResultOf(workload) ?? {};
  return group === "row" ? n : group;
}

/** The kernel that quantizes a result after the one that computes it. */
export const resultKernel = "y.q";

/** A result's quantization as a kernel of its own: the first of a schedule's steps. */
export const quantizeApart: AnyStep = {
  op: "fission",
  kernel: "main",
  buffer: "y.q",
  into: resultKernel,
  stage: "merge",
};

/** A matmul's result quantized by a kernel of its own; nothing where it stays f32. */
export function quantizeResult({ workload, n, m }: Shape): Schedule {
  const group = resultGroup(workload, n);
  return group === undefined ? [] : [quantizeApart, ...quantizeSteps(resultKernel, group, m, namesOfY)];
}

/**
 * A kernel that sums x over its groups, hoisted out of a main kernel as `name`: partial sums in lanes of neighbouring k. `outer` names its loops over k
 * outside, `keep` the innermost ones, which become the lanes.
 */
export function sumSteps(name: string, outer: readonly string[], keep: readonly string[]): Schedule {
  const own = (loops: readonly string[]): string[] => loops.map((l) => `${name}/${l}`);
  const partial = `${name}.lanes`;
  return [
    { op: "reorder", kernel: name, loops: own(["mo", "kg", "mi", ...outer, ...keep]) },
    { op: "accumulate-in", kernel: name, buffer: name, at: `${name}/mi`, into: partial, keep: own(keep) },
    { op: "vectorize", kernel: name, loops: own(keep) },
    { op: "unroll", kernel: name, loops: own(keep).map((l) => `${partial}/${l}`) },
    { op: "bind", kernel: name, loop: `${name}/mo`, to: "thread" },
  ];
}

/**
 * Names of the sums of x alone that leave a group's integer sum: by the constant zero point of codes (stored less `offset`), by stored zero points and offsets. A
 * zero point of 1 needs no sum of its own.
 */
export function sumsOfX({ format }: Shape, suffix: string, offset = 0): readonly string[] {
  const zero = (format.codes?.zero ?? 0) - offset;
  const alone = fieldOf(format, "z") !== undefined || fieldOf(format, "o") !== undefined;
  const constant = zero !== 0 && !(alone && Math.abs(zero) === 1);
  return [...(constant ? [`x.zero${suffix}`] : []), ...(alone ? [`x.sum${suffix}`] : [])];
}

/** A sum that no row of w takes part in is computed before the kernel; `outer` and `keep` as for `sumSteps`. */
export const hoistSum = (
  kernel: string,
  buffer: string,
  outer: readonly string[],
  keep: readonly string[],
): Schedule => [
  { op: "hoist", kernel, buffer },
  { op: "fission", kernel, buffer, into: buffer, stage: "prologue" },
  ...sumSteps(buffer, outer, keep),
];
