// What running an artifact needs of it, and nothing else: what a built module holds. Shaders have a file of their own.

import type { Workload } from "../../ir/index.ts";
import type { Artifact } from "../compile/index.ts";
import type { DispatchInfo, Domain, GpuVariant, KernelInfo, LaunchInfo, TensorSpec } from "../runtime/index.ts";

export function infoOf(artifact: Artifact): KernelInfo | GpuVariant["info"] {
  const { features, layout, caches } = artifact;
  const common = {
    workload: workloadInfo(artifact.workload),
    ...{ features, layout },
    weights: artifact.weights.map(tensor),
    packed: artifact.packed.map(tensor),
    ...(caches && { caches: caches.map(tensor) }),
    inputs: artifact.inputs.map(tensor),
    outputs: artifact.outputs.map(tensor),
    pack: artifact.pack.map(launch),
  };
  return artifact.target === "wasm"
    ? { ...common, parts: partsOf(artifact.parts, launch) }
    : { ...common, parts: partsOf(artifact.parts, dispatch) };
}

const workloadInfo = (workload: Workload): KernelInfo["workload"] => ({
  op: workload.op,
  ...("m" in workload && { m: workload.m }),
  ...("w" in workload && { n: workload.n, k: workload.k, w: workload.w }),
  ...("pages" in workload && workload.pages !== undefined && { pages: workload.pages }),
});

const tensor = ({ name, scalar, shape, bytes, range }: TensorSpec): TensorSpec => ({
  ...{ name, scalar, shape, bytes },
  ...(range && { range }),
});

const domain = ({ name, min, max, modulo, residue }: Domain): Domain => ({ name, min, max, modulo, residue });

const launch = ({ function: called, tensors, symbols, threads }: LaunchInfo): LaunchInfo => ({
  ...{ function: called, tensors, symbols: symbols.map(domain), threads },
});

const dispatch = (of: DispatchInfo): DispatchInfo => {
  const { function: called, tensors, sliced, written, symbols, grid, workgroup } = of;
  return { function: called, tensors, sliced, written, symbols: symbols.map(domain), grid, workgroup };
};

const partsOf = <L>(parts: KernelInfo<L>["parts"], of: (launch: L) => L): KernelInfo<L>["parts"] =>
  parts.map(({ min, max, launches, workspaces, peak }) => ({
    ...{ min, max, launches: launches.map(of), workspaces: workspaces.map(tensor), peak },
  }));
