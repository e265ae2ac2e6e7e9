/** What a report says of the machine and its GPU. Node only. */
import { readFileSync } from "node:fs";
import { cpus, platform, release, totalmem } from "node:os";
import type { GpuRuntime } from "../../../backends/index.ts";
import { generatorHash } from "../../compile/index.ts";
import { version } from "../../version.ts";
import type { DeviceReport, GpuReport } from "./report.ts";

/** Programs and compiler by version, and the computer. */
export const describeMachine = (): Pick<GpuReport, "versions" | "system"> => ({
  versions: { qloom: version, compiler: generatorHash("wgsl"), node: process.versions.node },
  system: {
    platform: `${platform()} ${process.arch}`,
    release: release(),
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    memoryGiB: Math.round((10 * totalmem()) / 2 ** 30) / 10,
  },
});

export async function describeRuntime(runtime: GpuRuntime): Promise<DeviceReport> {
  const { label, fingerprint, architecture, engine, features, limits } = runtime.device;
  const { vendor, architecture: chip, device, description } = runtime.gpu.adapterInfo;
  const { clock, why, quantumMs, overheadMs } = (await runtime.timer()).facts;
  return {
    ...{ label, fingerprint, architecture, engine, features, limits },
    adapter: { vendor, architecture: chip, device, description },
    driver: nvidiaDriver(),
    clock: { clock, why, quantumMs, overheadMs },
  };
}

/** What NVIDIA's kernel module says of itself; others' versions are in what the engine says. */
function nvidiaDriver(): string {
  try {
    return readFileSync("/proc/driver/nvidia/version", "utf8").split("\n")[0]!.trim();
  } catch {
    return "";
  }
}
