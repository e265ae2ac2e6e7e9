/** What kernels are granted of a device: features that they may use, threads that share them. */
import type { WasmMemory } from "../../backends/index.ts";
import type { Device, Feature } from "../../ir/index.ts";
import { ApiError, onThreads, type ShareKernels } from "../runtime/index.ts";

/** What the kernels of each kind of device may use; on Wasm a shared memory too, where there are threads to share it. */
const usable: Readonly<Record<Device["kind"], readonly Feature[]>> = {
  wasm: ["relaxed-simd"],
  wgsl: ["f16", "subgroups", "packed-dot"],
  reference: [],
};

/** What the kernels may use on a device; `shared` says whether the memory that they work in is. */
export const kernelFeatures = (
  { kind, features, threads = 1 }: Device,
  shared: boolean = threads > 1,
): readonly Feature[] => [
  ...features.filter((f) => usable[kind].includes(f)),
  ...(shared ? (["shared-memory"] as const) : []),
];

/** The device with the threads that it is granted. Throws an `ApiError` where it can't have them. */
export function withThreads(
  device: Device,
  { threads = device.threads ?? 1, runtime }: { readonly threads?: number; readonly runtime?: WasmMemory },
): Device {
  const granted = { ...device, threads };
  sharedAmong(granted);
  if (threads > 1 && runtime?.shared === false)
    throw new ApiError(`threads = ${threads}: the runtime's memory is not shared; make one with {"shared":true}`);
  return granted;
}

/** What shares kernels among a device's threads; nothing where there is one. */
export const sharedAmong = ({ threads = 1 }: Device): ShareKernels | undefined =>
  threads === 1 ? undefined : onThreads(threads);
