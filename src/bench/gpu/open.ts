/**
 * Opens a real GPU where there is one, whatever the machine lacks: NVIDIA's driver is often there without the file that tells a Vulkan loader of it, and in containers
 * that file names a library that needs a window system. Node on Linux only; elsewhere the system knows. Not here: which driver files there are (backends/wgsl/runtime).
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GpuError, type GpuRuntime, openGpu } from "../../../backends/index.ts";
import type { GpuSelection } from "../../tuner/index.ts";

/** NVIDIA's libraries that are Vulkan drivers: the usual one, and the one that needs no window system. */
const nvidiaLibraries = ["libGLX_nvidia.so.0", "libEGL_nvidia.so.0"];
const variable = "VK_ICD_FILENAMES";

/** What the search looks at; tests give their own. */
export interface DriverHost {
  readonly platform: string;
  readonly env: Record<string, string | undefined>;
  /** Whether the user chose a driver: none other is tried then. */
  readonly chosen: boolean;
  readonly exists: (path: string) => boolean;
  readonly open: () => Promise<GpuRuntime>;
}

const thisHost = (selection: GpuSelection, chosen: boolean): DriverHost => ({
  ...{ platform: process.platform, env: process.env, chosen, exists: existsSync },
  open: () => openGpu(selection),
});

/**
 * Opens the GPU of the driver that the environment names, and, should that be none or the processor, NVIDIA's by files written for it. The environment then
 * names the driver that was opened, for this process and those that it starts.
 *
 * @throws GpuError where there is no adapter at all
 */
export async function openRealGpu(
  selection: GpuSelection,
  chosen: boolean,
  host: DriverHost = thisHost(selection, chosen),
): Promise<{ readonly runtime: GpuRuntime; readonly dispose: () => void }> {
  const first = await attempt(host);
  const nvidia = host.platform === "linux" && ["/dev/nvidia0", "/proc/driver/nvidia/version"].some(host.exists);
  const keep = { dispose: (): void => {} };
  if (host.chosen || !nvidia || (first.runtime !== undefined && !first.runtime.software)) return settled(first, keep);
  const before = host.env[variable];
  const folder = mkdtempSync(join(tmpdir(), "qloom-vulkan-"));
  const dispose = (): void => rmSync(folder, { recursive: true, force: true });
  for (const library of nvidiaLibraries) {
    const file = join(folder, `${library}.json`);
    const driver = { file_format_version: "1.0.0", ICD: { library_path: library, api_version: "1.3.0" } };
    writeFileSync(file, JSON.stringify(driver));
    host.env[variable] = file;
    const { runtime } = await attempt(host);
    if (runtime !== undefined && !runtime.software) {
      first.runtime?.dispose();
      return { runtime, dispose };
    }
    runtime?.dispose();
  }
  dispose();
  if (before === undefined) delete host.env[variable];
  else host.env[variable] = before;
  return settled(first, keep);
}

interface Attempt {
  readonly runtime?: GpuRuntime;
  readonly error?: GpuError;
}

async function attempt({ open }: DriverHost): Promise<Attempt> {
  try {
    return { runtime: await open() };
  } catch (error) {
    if (error instanceof GpuError && error.fault === "no-adapter") return { error };
    throw error;
  }
}

function settled({ runtime, error }: Attempt, keep: { readonly dispose: () => void }) {
  if (runtime === undefined) throw error!;
  return { runtime, ...keep };
}
