/** Where WebGPU comes from: the browser's or Deno's own, or npm's `webgpu` in Node. Loads everywhere: the package is asked for when needed. */
import { gpuError, reasonOf } from "./errors.ts";

/** An implementation of WebGPU. */
export interface Engine {
  readonly gpu: GPU;
  /** Name with version, as records keep it: "dawn (npm webgpu 0.6.2)". */
  readonly name: string;
  /** For people: "Dawn in Node 24". */
  readonly program: string;
  /** What decides which GPUs there are: a browser's settings, the Vulkan drivers that a process on Linux is pointed to, or the system. */
  readonly place: "browser" | "linux" | "system";
}

/** What finding an engine asks the host; tests give their own. */
export interface EngineHost {
  /** `navigator.gpu`. */
  readonly own?: GPU | undefined;
  readonly userAgent: string;
  /** Where pages run: "Linux", "Windows". */
  readonly platform?: string | undefined;
  /** False on pages that browsers hide WebGPU from. */
  readonly secure: boolean;
  /** Versions of the host programs that there are: node, deno. */
  readonly versions: Readonly<Record<string, string | undefined>>;
  /** The system of a host program: "linux". */
  readonly system?: string | undefined;
  readonly load: () => Promise<{ readonly create: (flags: string[]) => GPU }>;
  /** Version of the npm package. */
  readonly packageVersion: () => string;
}

/** Programs by what their user agents say; the first that matches counts, as many name others too. */
const programs: readonly (readonly [pattern: RegExp, name: string, implementation: string])[] = [
  [/Deno\/([\d.]+)/, "Deno", " wgpu"],
  [/Firefox\/(\d+)/, "Firefox", " wgpu"],
  [/Edg\/(\d+)/, "Edge", ""],
  [/Chrom(?:e|ium)\/(\d+)/, "Chromium", ""],
  [/Version\/([\d.]+).*Safari/, "Safari", ""],
];

/** This process or page. */
export function engineHost(): EngineHost {
  const { navigator } = globalThis as { navigator?: Navigator & { userAgentData?: { platform?: string } } };
  const { process: program } = globalThis as { process?: { versions?: Record<string, string>; platform?: string } };
  return {
    own: navigator?.gpu,
    userAgent: navigator?.userAgent ?? "this engine",
    platform: navigator?.userAgentData?.platform || /\((?:X11; )?(\w+)/.exec(navigator?.userAgent ?? "")?.[1],
    secure: (globalThis as { isSecureContext?: boolean }).isSecureContext !== false,
    versions: program?.versions ?? {},
    system: program?.platform,
    load: async () => {
      const { create } = await import("webgpu");
      return { create: (flags) => keep(flags, create) };
    },
    packageVersion: () => {
      const { createRequire } = process.getBuiltinModule("node:module");
      return (createRequire(import.meta.url)("webgpu/package.json") as { version: string }).version;
    },
  };
}

/** Instances of npm's `webgpu` by their flags: one that is collected before what it made takes the process down with it. */
const instances = new Map<string, GPU>();

function keep(flags: string[], create: (flags: string[]) => GPU): GPU {
  const key = flags.join("\n");
  const gpu = instances.get(key) ?? create(flags);
  instances.set(key, gpu);
  return gpu;
}

/** Timestamps that Dawn would round to 65 536 ns, as browsers must: a program of one's own need not. */
const nodeFlags = ["disable-dawn-features=timestamp_quantization"];

/**
 * The WebGPU of this process or page.
 *
 * @param flags for npm's `webgpu`, which is then taken even where there is another: "backend=null"
 * @throws GpuError where there is none
 */
export async function findEngine(flags?: readonly string[], host: EngineHost = engineHost()): Promise<Engine> {
  if (host.own !== undefined && flags === undefined) return ownEngine(host, host.own);
  if (host.versions["node"] !== undefined && host.versions["deno"] === undefined) return nodeEngine(host, flags ?? []);
  if (host.own !== undefined)
    throw gpuError("call", {
      reason: `the flags ${flags?.join(" ")} are for npm's webgpu in Node: leave them out here`,
    });
  throw gpuError("no-webgpu", { engine: programOf(host).program, secure: host.secure });
}

function programOf({ userAgent, platform }: EngineHost): { readonly name: string; readonly program: string } {
  for (const [pattern, name, implementation] of programs) {
    const version = pattern.exec(userAgent)?.[1];
    if (version === undefined) continue;
    const where = name === "Deno" || platform === undefined ? "" : ` on ${platform}`;
    return { name: `${name} ${version}${implementation}${where}`, program: `${name} ${version}${where}` };
  }
  return { name: userAgent, program: userAgent };
}

const placeOf = ({ system }: EngineHost): Engine["place"] => (system === "linux" ? "linux" : "system");

function ownEngine(host: EngineHost, gpu: GPU): Engine {
  const { name, program } = programOf(host);
  return { gpu, name, program, place: host.versions["deno"] === undefined ? "browser" : placeOf(host) };
}

async function nodeEngine(host: EngineHost, flags: readonly string[]): Promise<Engine> {
  try {
    const { create } = await host.load();
    return {
      gpu: create([...nodeFlags, ...flags]),
      name: `dawn (npm webgpu ${host.packageVersion()})`,
      program: `Dawn in Node ${host.versions["node"]?.split(".")[0]}`,
      place: placeOf(host),
    };
  } catch (error) {
    const missing = (error as { code?: string }).code === "ERR_MODULE_NOT_FOUND";
    throw gpuError("no-package", missing ? {} : { cause: reasonOf(error) });
  }
}
