/**
 * Which Vulkan driver a process is to use, as environment variables: a real GPU's where there is one, else one that runs on the processor.
 * A Vulkan loader reads them when the process starts, so they are for a child process (again.ts). Linux only; elsewhere the system knows.
 */
import { nodeFs } from "./node.ts";
import { findSwiftShader, type SwiftShader } from "./swiftshader.ts";

export interface GpuEnvironment {
  /** Variables to set; empty where the process can run as it is. */
  readonly env: Readonly<Record<string, string>>;
  /** What was found, in words. */
  readonly why: string;
}

/** What the choice depends on; tests give their own. */
export interface VulkanHost {
  readonly platform: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Names in a folder; none where it is not there. */
  readonly list: (folder: string) => Promise<readonly string[]>;
  /** Text of a file; empty where it is not there. */
  readonly read: (path: string) => Promise<string>;
  readonly swiftShader: () => Promise<SwiftShader | undefined>;
}

export interface EnvironmentOptions {
  /** A driver that runs on the processor even where there is a GPU: for tests that must give the same anywhere. */
  readonly software?: boolean;
}

/** GPU vendors by the number that the kernel gives their devices, and how their drivers' files are called. */
const vendors: Readonly<Record<string, { readonly name: string; readonly icd: RegExp }>> = {
  "0x10de": { name: "NVIDIA", icd: /nvidia|nouveau/i },
  "0x1002": { name: "AMD", icd: /radeon|amd/i },
  "0x8086": { name: "Intel", icd: /intel/i },
};

/** Where drivers tell a Vulkan loader of themselves; container runtimes put NVIDIA's into a folder of its own. */
const icdFolders = [
  "/etc/vulkan/icd.d",
  "/usr/local/etc/vulkan/icd.d",
  "/usr/share/vulkan/icd.d",
  "/usr/local/share/vulkan/icd.d",
  "/usr/local/nvidia/share/vulkan/icd.d",
];

/** Where a Vulkan loader is installed. */
const loaderFolders = [
  "/usr/lib/x86_64-linux-gnu",
  "/usr/lib/aarch64-linux-gnu",
  "/usr/lib64",
  "/usr/lib",
  "/lib64",
  "/usr/local/lib",
  "/usr/local/nvidia/lib64",
];
const loader = "libvulkan.so.1";

/** The environment in which this machine's GPU, or a processor in its place, is found. */
export async function gpuEnvironment(
  { software = false }: EnvironmentOptions = {},
  host: VulkanHost = thisHost(),
): Promise<GpuEnvironment> {
  if (host.platform !== "linux") return { env: {}, why: "the system's own GPU driver" };
  if (software) return processor(host);
  for (const name of ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"])
    if (host.env[name]) return { env: {}, why: `${name} is set to ${host.env[name]}` };
  return (await realGpu(host)) ?? (await processor(host));
}

/** Whether this machine has a GPU with a driver; taken for granted where the system can't be asked. */
export async function hasGpu(host: VulkanHost = thisHost()): Promise<boolean> {
  return host.platform !== "linux" || (await realGpu(host)) !== undefined;
}

async function realGpu(host: VulkanHost): Promise<GpuEnvironment | undefined> {
  const present = await gpusOf(host);
  const drivers = (await icdFiles(host)).filter(({ name }) => present.some(({ icd }) => icd.test(name)));
  if (drivers.length === 0) return undefined;
  const found = present.filter(({ icd }) => drivers.some(({ name }) => icd.test(name)));
  const env = driverFiles(drivers.map(({ path }) => path).join(":"));
  const why = `a GPU of ${found.map(({ name }) => name).join(" and ")}`;
  if (await hasLoader(host)) return { env, why };
  const other = await host.swiftShader();
  if (other === undefined) return { env, why: `${why}, but no Vulkan loader: install the package libvulkan1` };
  return {
    env: { ...env, ...libraryPath(host, other.folder) },
    why: `${why}, with the Vulkan loader of ${other.source}`,
  };
}

async function processor(host: VulkanHost): Promise<GpuEnvironment> {
  const swiftShader = await host.swiftShader();
  if (swiftShader !== undefined)
    return {
      env: { ...driverFiles(swiftShader.icd), ...libraryPath(host, swiftShader.folder) },
      why: `SwiftShader of ${swiftShader.source}`,
    };
  const llvmpipe = (await icdFiles(host)).find(({ name }) => /^lvp_/.test(name));
  if (llvmpipe !== undefined) return { env: driverFiles(llvmpipe.path), why: "llvmpipe of the system" };
  return {
    env: {},
    why: "no GPU with a Vulkan driver, and nothing in its place: npm install @sparticuz/chromium has SwiftShader",
  };
}

/** The vendors of the GPUs that this process may use. */
async function gpusOf(host: VulkanHost): Promise<readonly { readonly name: string; readonly icd: RegExp }[]> {
  const nodes = (await host.list("/dev/dri")).filter((name) => name.startsWith("renderD"));
  const ids = await Promise.all(nodes.map((node) => host.read(`/sys/class/drm/${node}/device/vendor`)));
  // NVIDIA's own driver has devices of its own, and containers often those only.
  const nvidia = (await host.list("/dev")).some((name) => /^nvidia\d+$/.test(name));
  const present = new Set([...ids.map((id) => id.trim()), ...(nvidia ? ["0x10de"] : [])]);
  return Object.entries(vendors).flatMap(([id, vendor]) => (present.has(id) ? [vendor] : []));
}

async function icdFiles(host: VulkanHost): Promise<readonly { readonly name: string; readonly path: string }[]> {
  const lists = await Promise.all(
    icdFolders.map(async (folder) => {
      const names = (await host.list(folder)).filter((name) => name.endsWith(".json"));
      return [...names].sort().map((name) => ({ name, path: `${folder}/${name}` }));
    }),
  );
  return lists.flat();
}

async function hasLoader(host: VulkanHost): Promise<boolean> {
  const named = host.env["LD_LIBRARY_PATH"]?.split(":").filter((folder) => folder !== "") ?? [];
  const lists = await Promise.all([...named, ...loaderFolders].map((folder) => host.list(folder)));
  return lists.some((names) => names.includes(loader));
}

/** By the name that every Vulkan loader knows, and by the one that newer ones prefer. */
function driverFiles(files: string): Readonly<Record<string, string>> {
  return { VK_ICD_FILENAMES: files, VK_DRIVER_FILES: files };
}

function libraryPath(host: VulkanHost, folder: string): { readonly LD_LIBRARY_PATH: string } {
  const before = host.env["LD_LIBRARY_PATH"]?.split(":").filter((other) => other !== "" && other !== folder) ?? [];
  return { LD_LIBRARY_PATH: [folder, ...before].join(":") };
}

function thisHost(): VulkanHost {
  return {
    platform: process.platform,
    env: process.env,
    list: (folder) =>
      nodeFs()
        .readdir(folder)
        .catch(() => []),
    read: (path) =>
      nodeFs()
        .readFile(path, "utf8")
        .catch(() => ""),
    swiftShader: () => findSwiftShader(),
  };
}
