/** The engines that measure, and how each is started. What only Node has is loaded when an engine is chosen: a page's tuner never does. */
import { gpuEnvironment } from "../../../backends/index.ts";
import type { Device } from "../../../ir/index.ts";
import { TunerError } from "../errors.ts";
import { type Connect, MeasuringHost } from "../host.ts";
import type { GpuSelection } from "../protocol.ts";
import type { EngineOptions } from "./options.ts";
import type { ProgramName } from "./spawned.ts";

/** Where candidates are built, run and timed. */
export type EngineName = "node" | "deno" | "bun" | "chromium";

interface Engine {
  /** What it runs kernels on. */
  readonly kinds: readonly Device["kind"][];
  readonly open: (options: EngineOptions) => Promise<Connect>;
}

const spawned =
  (name: ProgramName): Engine["open"] =>
  async (options) =>
    (await import("./spawned.ts")).connectSpawned(name, await withGpu(options));

const engines: Readonly<Record<EngineName, Engine>> = {
  node: {
    kinds: ["wasm", "wgsl"],
    open: async (options) => (await import("./node.ts")).connectNode(await withGpu(options)),
  },
  deno: { kinds: ["wasm", "wgsl"], open: spawned("deno") },
  // JavaScriptCore, and no WebGPU.
  bun: { kinds: ["wasm"], open: spawned("bun") },
  chromium: {
    kinds: ["wasm", "wgsl"],
    open: async (options) => (await import("./chromium.ts")).openChromium(options),
  },
};

/** A process finds its GPU by variables that it is started with. */
async function withGpu(options: EngineOptions): Promise<EngineOptions> {
  if (options.gpu === undefined) return options;
  const { env } = await gpuEnvironment({ software: options.gpu === "software" });
  return { ...options, env: { ...env, ...options.env } };
}

/** The engines that run kernels of a kind. */
export const enginesFor = (kind: Device["kind"]): readonly EngineName[] =>
  (Object.keys(engines) as EngineName[]).filter((name) => engines[name].kinds.includes(kind));

/** Deno's program and the arguments that run a file: the npm package's where that is installed, else the PATH's. */
export const denoCommandLine = async (): Promise<{ readonly command: string; readonly args: readonly string[] }> =>
  (await import("./spawned.ts")).commandLine("deno");

/** Starts a measuring process; a new one each time. */
export type StartHost = () => Promise<MeasuringHost>;

/** What starts measuring processes in an engine. */
export const hostsOf =
  (engine: EngineName, options: EngineOptions = {}): StartHost =>
  async () =>
    new MeasuringHost(await engines[engine].open(options));

/** Long enough for a browser to start on a busy machine. */
const probeMs = 120_000;

export interface ProbeOptions {
  /** How a GPU is chosen, for the kind `wgsl`. */
  readonly gpu?: GpuSelection | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The device that an engine's measuring process has, by its own probe. Throws a `TunerError` where it has none, or does not start. */
export async function probeDevice(
  startHost: StartHost,
  kind: Device["kind"],
  { gpu, signal }: ProbeOptions = {},
): Promise<Device> {
  const host = await startHost();
  try {
    const answer = await host.ask({ op: "probe", kind, gpu }, probeMs, signal);
    if (answer.failure === undefined) return answer.value;
    throw new TunerError(`the engine's device is not known: ${answer.failure.reason}`);
  } finally {
    host.kill();
  }
}
