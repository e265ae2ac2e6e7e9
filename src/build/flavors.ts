// What a build's module says otherwise for modules of Wasm and for shaders: the names of what its runtime has, and how they are called.

export interface Flavor {
  /** What of the runtime its users see, and whether it is a type only. */
  readonly exports: Readonly<Record<string, boolean>>;
  /** Types of a loaded kernel, of its variants, of packed weights and of a cache. */
  readonly kernel: string;
  readonly variant: string;
  readonly packed: string;
  readonly cache: string;
  /** Whether inputs may be tensors that stay in the memory. */
  readonly isHeld: boolean;
  /** Whether all kernels have something in common that loading needs. */
  readonly hasCommon: boolean;
  /** The variants, of which the best is loaded, in words. */
  readonly what: string;
  readonly options: { readonly type: string; readonly initializer?: string };
  /** The call that loads one of the variants of a list. */
  readonly load: (list: string) => string;
}

const [value, type] = [false, true];

export const flavors: Readonly<Record<"wasm" | "wgsl", Flavor>> = {
  wasm: {
    exports: {
      ...{ ApiError: value, HeldTensor: value, LoadedKernel: type, LoadOptions: type, PackedTensors: value },
      ...{ QloomError: value, release: value, WasmMemory: value },
    },
    ...{ kernel: "LoadedKernel", variant: "Variant", packed: "PackedTensors", cache: "KvCache" },
    ...{ isHeld: true, hasCommon: true },
    what: "modules that this engine runs",
    options: { type: "runtime.LoadOptions", initializer: "{}" },
    load: (list) => `runtime.loadVariant(${list}, built, options)`,
  },
  wgsl: {
    exports: {
      ...{ ApiError: value, GpuError: value, GpuKvCache: value, GpuLoadOptions: type, GpuPackedTensors: value },
      ...{ LoadedGpuKernel: type, QloomError: value },
    },
    ...{ kernel: "LoadedGpuKernel", variant: "GpuVariant", packed: "GpuPackedTensors", cache: "GpuKvCache" },
    ...{ isHeld: false, hasCommon: false },
    what: "shaders that the device has the features for",
    options: { type: "runtime.GpuLoadOptions" },
    load: (list) => `runtime.loadGpuVariant(${list}, options)`,
  },
};
