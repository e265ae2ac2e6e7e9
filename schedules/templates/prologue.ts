/** Steps for sums of x, which run before the main kernel. Small next to the product, but for one row of x they would be a tenth of the time in scalar code. */
import { fieldOf } from "../../ir/index.ts";
import type { Schedule } from "../schedule.ts";
import type { Shape } from "./matmul.ts";

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
