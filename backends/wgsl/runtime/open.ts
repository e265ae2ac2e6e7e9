/** Opens a GPU: finds the engine and the adapter, asks for a device with what qloom uses of it. */
import type { Device, Feature } from "../../../ir/index.ts";
import { describeDevice, featuresOf, gpuFeatures, namesOf, unknownAdapter } from "./adapter.ts";
import { type Engine, findEngine } from "./engine.ts";
import { gpuError, reasonOf } from "./errors.ts";
import { GpuRuntime } from "./runtime.ts";

export interface OpenOptions {
  /** The adapter to use. By default ("any") a real GPU where there is one, else the processor. */
  readonly adapter?: GPUAdapter | "any";
  /** What may be used of f16, subgroups and packed-dot: exactly these, which must be there. By default all that are. */
  readonly features?: readonly Feature[];
  /**
   * `default`: what every WebGPU device has, so that what runs here runs everywhere. `adapter`: bindings, buffers and workgroup memory as
   * large as the adapter has them. @default "default"
   */
  readonly limits?: "default" | "adapter";
  /** Bytes that a binding may have at most, where that is to be less than the device allows: a multiple of 256. */
  readonly maxBinding?: number;
  /** @default "high-performance" */
  readonly powerPreference?: GPUPowerPreference;
  /** Only an adapter that is the processor. */
  readonly software?: boolean;
  /** Flags for npm's `webgpu` in Node: "backend=null" validates everything and runs nothing. */
  readonly dawn?: readonly string[];
}

/** Limits that `limits: "adapter"` raises. */
const raised = ["maxStorageBufferBindingSize", "maxBufferSize", "maxComputeWorkgroupStorageSize"] as const;

/**
 * A GPU to run kernels on.
 *
 * @throws GpuError where there is no WebGPU, no adapter or not the features asked for; each message says what to do
 */
export async function openGpu(options: OpenOptions = {}): Promise<GpuRuntime> {
  const { maxBinding } = options;
  if (maxBinding !== undefined && !(Number.isInteger(maxBinding) && maxBinding > 0 && maxBinding % 256 === 0))
    throw gpuError("call", { reason: `maxBinding ${maxBinding} is no multiple of 256` });
  const engine = await findEngine(options.dawn);
  return openOn(engine, options);
}

/** As {@link openGpu}, on an engine that was found. */
export async function openOn(engine: Engine, options: OpenOptions): Promise<GpuRuntime> {
  const adapter = await chooseAdapter(engine, options);
  // Chrome has it from version 127 on.
  const info = (adapter.info as GPUAdapterInfo | undefined) ?? unknownAdapter;
  const names = namesOf(info);
  const has = featuresOf(adapter, engine.gpu);
  const features = options.features ?? has;
  for (const wanted of features)
    if (!has.includes(wanted)) throw gpuError("feature", { wanted, adapter: names.label, has });
  const gpu = await requestDevice(adapter, features, options, names.label);
  const { limits } = gpu;
  const device = describeDevice({ engine, names, info, features, limits, maxBinding: options.maxBinding });
  return new GpuRuntime({
    gpu,
    software: names.software,
    device,
    reopen: () => reopenOn(engine, { ...options, features }, device),
  });
}

/** Opens the adapter of `before` once more: kernels were chosen for it. An adapter gives one device only, so another is asked for. */
async function reopenOn(engine: Engine, options: OpenOptions, before: Device): Promise<GpuRuntime> {
  const again = await openOn(engine, { ...options, adapter: "any" });
  if (again.device.fingerprint === before.fingerprint) return again;
  again.dispose();
  throw gpuError("no-adapter", {
    engine: engine.program,
    tried: [before.label],
    remedy: `there is ${again.device.label} instead: open it by openGpu() and choose kernels for it`,
  });
}

/** What to do where no adapter is found. */
const remedies: Readonly<Record<Engine["place"], string>> = {
  browser:
    "see what chrome://gpu (about:support in Firefox) says of WebGPU, update browser and driver; Chromium on Linux may need --enable-unsafe-webgpu --enable-features=Vulkan",
  linux:
    "install the GPU's Vulkan driver; without a GPU, npm install @sparticuz/chromium has SwiftShader, and gpuEnvironment() gives the variables to start with",
  system: "update the GPU's driver",
};

/** How adapters are asked for, in order, and what that is called. */
function requestsOf({
  powerPreference = "high-performance",
  software = false,
}: OpenOptions): readonly (readonly [what: string, request: GPURequestAdapterOptions])[] {
  const processor = ["the processor as one", { forceFallbackAdapter: true }] as const;
  return software ? [processor] : [[`a ${powerPreference} one`, { powerPreference }], processor];
}

async function chooseAdapter(engine: Engine, options: OpenOptions): Promise<GPUAdapter> {
  if (options.adapter !== undefined && options.adapter !== "any") return options.adapter;
  const tried: string[] = [];
  for (const [what, request] of requestsOf(options)) {
    let reason = "";
    try {
      const adapter = await engine.gpu.requestAdapter(request);
      if (adapter !== null) return adapter;
    } catch (error) {
      reason = `: ${reasonOf(error)}`;
    }
    tried.push(what + reason);
  }
  throw gpuError("no-adapter", { engine: engine.program, tried, remedy: remedies[engine.place] });
}

async function requestDevice(
  adapter: GPUAdapter,
  features: readonly Feature[],
  options: OpenOptions,
  label: string,
): Promise<GPUDevice> {
  const wanted: GPUFeatureName[] = Object.entries(gpuFeatures).flatMap(([ours, name]) =>
    features.includes(ours as Feature) ? [name] : [],
  );
  // Timing uses them where they are; kernels are the same without.
  if (adapter.features.has("timestamp-query")) wanted.push("timestamp-query");
  const requiredLimits =
    options.limits === "adapter" ? Object.fromEntries(raised.map((l) => [l, adapter.limits[l]])) : {};
  try {
    return await adapter.requestDevice({ label: "qloom", requiredFeatures: wanted, requiredLimits });
  } catch (error) {
    throw gpuError("driver", { what: `opening ${label}`, reason: reasonOf(error) });
  }
}
