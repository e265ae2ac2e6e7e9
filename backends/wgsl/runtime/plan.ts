/**
 * How the workgroups of a kernel become dispatches: no more per dimension than the device allows, and none across two slices of a tensor.
 * Plain arithmetic; not here: encoding them (recorder.ts).
 */
import { gpuError } from "./errors.ts";
import type { LaunchShader } from "./shader.ts";
import { allocated } from "./tensor.ts";

/** What planning has to know of a tensor. */
export interface TensorShape {
  readonly label: string;
  /** Bytes of a unit; 0 where the tensor is one buffer. */
  readonly unit: number;
  readonly slices: readonly { readonly begin: number; readonly count: number; readonly bytes: number }[];
}

export interface PlanLimits {
  readonly maxWorkgroups: number;
  readonly maxBinding: number;
  /** Offsets of bindings are multiples of this many bytes. */
  readonly offsetAlignment: number;
}

/** A range of a slice, as a binding takes it: offset and size in bytes. */
export interface Range {
  readonly slice: number;
  readonly offset: number;
  readonly size: number;
}

/** Workgroups `begin`..`begin + groups[0]` along x, and all of y and z; one range per binding of the shader. */
export interface Dispatch {
  readonly begin: number;
  readonly groups: readonly [x: number, y: number, z: number];
  readonly ranges: readonly Range[];
}

/** The dispatches of a launch, in order of `begin`; none where a dimension is empty. `tensors` in the order of the shader's bindings. */
export function planDispatches(
  shader: LaunchShader,
  tensors: readonly TensorShape[],
  [x, y, z]: readonly [number, number, number],
  limits: PlanLimits,
): readonly Dispatch[] {
  if (x === 0 || y === 0 || z === 0) return [];
  for (const [dimension, count] of [
    ["y", y],
    ["z", z],
  ] as const)
    if (count > limits.maxWorkgroups)
      throw gpuError("limit", {
        what: `kernel ${shader.name}: ${count} workgroups along ${dimension}`,
        limit: String(limits.maxWorkgroups),
        remedy: "run fewer rows at a time",
      });
  const most = longestDispatch(shader, limits);
  const cuts = cutsOf(shader, tensors, x);
  return cuts.slice(1).flatMap((end, i) => {
    const begin = cuts[i]!;
    return Array.from({ length: Math.ceil((end - begin) / most) }, (_, part) => {
      const from = begin + part * most;
      const count = Math.min(most, end - from);
      const ranges = tensors.map((tensor, at) => rangeOf(shader, at, tensor, from, count, limits));
      return { begin: from, groups: [count, y, z] as const, ranges };
    });
  });
}

/** The most workgroups along x of one dispatch: where the next one begins, the sliced bindings are aligned again. */
function longestDispatch(shader: LaunchShader, limits: PlanLimits): number {
  const steps = shader.bindings.map(({ sliced }) => limits.offsetAlignment / gcd(limits.offsetAlignment, sliced));
  const step = steps.reduce((all, s) => (all * s) / gcd(all, s), 1);
  return Math.floor(limits.maxWorkgroups / step) * step;
}

/** Workgroups along x at which a slice of a tensor ends, from 0 to `x`. */
function cutsOf(shader: LaunchShader, tensors: readonly TensorShape[], x: number): readonly number[] {
  const cuts = new Set([0, x]);
  for (const [i, { label, unit, slices }] of tensors.entries()) {
    if (slices.length < 2) continue;
    const { buffer, sliced } = shader.bindings[i]!;
    if (sliced === 0)
      throw gpuError("limit", {
        what: `kernel ${shader.name}: ${label} (${buffer}), which every workgroup reads as a whole, in ${slices.length} slices,`,
        limit: "one binding",
        remedy: "allocate it without a unit, or run a kernel whose workgroups read a part each",
      });
    for (const { begin } of slices) {
      const cut = (begin * unit) / sliced;
      if (!Number.isInteger(cut))
        throw gpuError("call", {
          reason: `kernel ${shader.name}: ${label} is cut at byte ${begin * unit}, within the ${sliced} bytes of a workgroup: allocate it in units that are a multiple of that`,
        });
      if (cut < x) cuts.add(cut);
    }
  }
  return [...cuts].sort((a, b) => a - b);
}

function rangeOf(
  shader: LaunchShader,
  at: number,
  { label, unit, slices }: TensorShape,
  begin: number,
  count: number,
  limits: PlanLimits,
): Range {
  const { buffer, sliced } = shader.bindings[at]!;
  const first = begin * sliced;
  const slice = slices.findLastIndex((s) => s.begin * unit <= first);
  const { begin: start, bytes } = slices[slice]!;
  const offset = first - start * unit;
  const left = allocated(bytes) - offset;
  const size = sliced === 0 ? left : Math.min(left, allocated(count * sliced));
  if (offset % limits.offsetAlignment !== 0)
    throw gpuError("call", {
      reason: `kernel ${shader.name}: a dispatch at workgroup ${begin} needs ${label} (${buffer}) from byte ${first}, which is not aligned to ${limits.offsetAlignment}: cut the tensors at the same workgroups (perSlice)`,
    });
  if (size <= 0)
    throw gpuError("call", {
      reason: `kernel ${shader.name}: ${label} (${buffer}) ends before workgroup ${begin}, which reads from byte ${first}: it was allocated too small`,
    });
  return { slice, offset, size };
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
