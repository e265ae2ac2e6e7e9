/** What an adapter is called, and what a device on it can do: the Device record. */
import type { Device, Feature } from "../../../ir/index.ts";

/** Vendors by the numbers that wgpu gives (of PCI and Khronos), as Dawn calls them. */
const vendors: Readonly<Record<string, string>> = {
  "4098": "amd", // 0x1002
  "4112": "img-tec", // 0x1010
  "4203": "apple", // 0x106b
  "4318": "nvidia", // 0x10de
  "5045": "arm", // 0x13b5
  "5140": "microsoft", // 0x1414
  "5197": "samsung", // 0x144d
  "5348": "broadcom", // 0x14e4
  "6880": "google", // 0x1ae0
  "20803": "qualcomm", // 0x5143
  "32902": "intel", // 0x8086
  "65541": "mesa", // 0x10005
};

/** Adapters that are the processor, by what their names hold. */
const softwareAdapters: readonly (readonly [pattern: RegExp, architecture: string])[] = [
  [/swiftshader/i, "swiftshader"],
  [/llvmpipe|lavapipe/i, "llvmpipe"],
  [/basic render driver|\bwarp\b/i, "warp"],
];

/** What an adapter is called. */
export interface AdapterNames {
  /** For people. */
  readonly label: string;
  /** Vendor, architecture, device, description: all that the engine tells. */
  readonly identity: string;
  readonly architecture: string;
  /** It is the processor: for correctness, its times say nothing about GPUs. */
  readonly software: boolean;
}

/** Which WebGPU feature, or feature of the language, each of ours is. */
export const gpuFeatures: Readonly<Record<"f16" | "subgroups", GPUFeatureName>> = {
  f16: "shader-f16",
  subgroups: "subgroups",
};

const packedDot = "packed_4x8_integer_dot_product";

/** Our features that an adapter, or a device, has under an engine, in a fixed order. */
export function featuresOf(
  { features }: Pick<GPUAdapter, "features">,
  gpu: Partial<Pick<GPU, "wgslLanguageFeatures">>,
): readonly Feature[] {
  const ours = (Object.keys(gpuFeatures) as (keyof typeof gpuFeatures)[]).filter((name) =>
    features.has(gpuFeatures[name]),
  );
  // Engines from before the set existed have none of its features.
  const language = gpu.wgslLanguageFeatures;
  return language?.has(packedDot) ? [...ours, "packed-dot"] : ours;
}

/** What is known of an adapter that tells nothing. */
export const unknownAdapter = { vendor: "", architecture: "", device: "", description: "" } as GPUAdapterInfo;

/** The names in an adapter's info, in one spelling for all engines. */
export function namesOf(info: GPUAdapterInfo): AdapterNames {
  const { device, description } = info;
  const vendor = vendors[info.vendor] ?? info.vendor;
  const all = [vendor, info.architecture, device, description].filter((part) => part !== "");
  const found = softwareAdapters.find(([pattern]) => all.some((part) => pattern.test(part)));
  const architecture = info.architecture || found?.[1] || description || device;
  // wgpu's device is a number; Dawn's and browsers' a name.
  const name = /^\d*$/.test(device) ? description : device.replace(/-+$/, "");
  return {
    label: name || `${vendor} ${architecture}`.trim() || "an adapter without a name",
    identity: all.join(" ") || "unknown adapter",
    architecture: `${vendor} ${architecture}`.trim() || "unknown",
    software: found !== undefined || info.isFallbackAdapter === true,
  };
}

export interface DeviceFacts {
  /** Its name, as records keep it, and for people. */
  readonly engine: { readonly name: string; readonly program: string };
  readonly names: AdapterNames;
  readonly info: GPUAdapterInfo;
  readonly features: readonly Feature[];
  readonly limits: GPUSupportedLimits;
  /** The largest binding to use, where it is to be smaller than the device's. */
  readonly maxBinding?: number | undefined;
}

/** The record of a device: what tuning and templates look at. */
export function describeDevice({ engine, names, info, features, limits, maxBinding }: DeviceFacts): Device {
  const subgroups = features.includes("subgroups");
  return {
    kind: "wgsl",
    label: `${names.label}, ${engine.program}`,
    fingerprint: `${names.identity}, ${engine.name}`,
    architecture: names.architecture,
    engine: engine.name,
    features,
    limits: {
      workgroupMemory: limits.maxComputeWorkgroupStorageSize,
      invocations: limits.maxComputeInvocationsPerWorkgroup,
      localX: limits.maxComputeWorkgroupSizeX,
      localY: limits.maxComputeWorkgroupSizeY,
      localZ: limits.maxComputeWorkgroupSizeZ,
      maxWorkgroups: limits.maxComputeWorkgroupsPerDimension,
      maxBinding: Math.min(limits.maxStorageBufferBindingSize, maxBinding ?? Infinity),
      maxBuffer: limits.maxBufferSize,
      storageBuffers: limits.maxStorageBuffersPerShaderStage,
      ...(names.software && { processor: 1 }),
      // What an engine does not tell is what the language allows.
      ...(subgroups && { subgroupMin: info.subgroupMinSize ?? 4, subgroupMax: info.subgroupMaxSize ?? 128 }),
    },
  };
}
