/**
 * Weights larger than a binding: packed tensors are cut between the rows of w that one workgroup reads, all at the same workgroups, so that a launch on one part of each is a
 * launch on those rows.
 */
import { type AllocateOptions, type SizeLimits, unitsPerSlice } from "../../backends/index.ts";
import type { GpuKernelInfo } from "./info.ts";
import type { TensorSizes } from "./packed-file.ts";

/** How each packed tensor of the kernels is allocated under these limits. One that no kernel reads by workgroups stays whole, and so do all where all fit. */
export function packedSlices(
  { parts }: Pick<GpuKernelInfo, "parts">,
  sizes: TensorSizes,
  limits: SizeLimits,
): (name: string) => AllocateOptions {
  const most = Math.min(limits.maxBinding, limits.maxBuffer);
  if ([...sizes.values()].every((bytes) => bytes <= most)) return () => ({});
  const units = new Map<string, number>();
  for (const [name] of sizes) units.set(name, unitOf(parts, name));
  const sliced = [...units].filter(([, unit]) => unit > 0);
  // Cuts of all kernels fall together where each tensor has the same number of units in a slice.
  const perSlice = Math.min(...sliced.map(([, unit]) => unitsPerSlice(unit, limits)));
  return (name) => {
    const unit = units.get(name) ?? 0;
    return unit > 0 ? { unit, perSlice } : {};
  };
}

/** Bytes of a tensor that stay together: what a workgroup of the kernel with the largest tiles reads; 0 where some kernel reads all of it. */
function unitOf(parts: GpuKernelInfo["parts"], name: string): number {
  const own = parts.flatMap(({ launches }) =>
    launches.flatMap(({ tensors, sliced }) => tensors.flatMap((t, i) => (t === name ? [sliced[i] as number] : []))),
  );
  return own.length === 0 || own.includes(0) ? 0 : own.reduce(leastCommonMultiple);
}

const greatestCommonDivisor = (a: number, b: number): number => (b === 0 ? a : greatestCommonDivisor(b, a % b));
const leastCommonMultiple = (a: number, b: number): number => (a / greatestCommonDivisor(a, b)) * b;
