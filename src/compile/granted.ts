/** What kernels are granted of a device: features that they may use, threads that share them. */
import type { WasmMemory } from "../../backends/index.ts";
import { containerBytes, type Device, type Feature, formatOf, type Workload } from "../../ir/index.ts";
import { ApiError, onThreads, type ShareKernels } from "../runtime/index.ts";

/** What the kernels of each kind of device may use; on Wasm a shared memory too, where there are threads to share it. */
const usable: Readonly<Record<Device["kind"], readonly Feature[]>> = {
  wasm: ["relaxed-simd"],
  wgsl: ["f16", "subgroups", "packed-dot"],
  reference: [],
};

/** What the memory is that kernels work in: shared among threads or not, with addresses of 32 or 64 bits. */
export type MemoryKind = Pick<WasmMemory, "shared" | "address">;

/** What the kernels may use on a device, in a memory of the kind. */
export const kernelFeatures = (
  { kind, features, threads = 1 }: Device,
  { shared = threads > 1, address = "i32" }: Partial<MemoryKind> = {},
): readonly Feature[] => [
  ...features.filter((f) => usable[kind].includes(f)),
  ...(shared ? (["shared-memory"] as const) : []),
  ...(address === "i64" ? (["memory64"] as const) : []),
];

/** What a kernel needs besides its weights while it packs them: x, y and workspaces, roughly. */
const besides = 2 ** 28;

/** The kind of memory that a kernel of its own needs: more than 4 GiB for weights as stored and as packed take addresses of 64 bits, where the engine has them. */
export function ownMemory(workload: Workload, { threads = 1, features }: Device): MemoryKind {
  const stored = "w" in workload ? containerBytes(formatOf(workload.w), workload.n, workload.k) : {};
  const bytes = Object.values(stored).reduce((sum, size) => sum + size, 0);
  const isWide = 2 * bytes + besides > 2 ** 32 && features.includes("memory64");
  return { shared: threads > 1, address: isWide ? "i64" : "i32" };
}

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
