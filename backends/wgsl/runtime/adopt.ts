/** Runtimes on devices that their user opened, for pages and programs that use WebGPU for other things, too. */
import { describeDevice, featuresOf, namesOf, unknownAdapter } from "./adapter.ts";
import { gpuError } from "./errors.ts";
import { GpuRuntime } from "./runtime.ts";

/** The engine's own object, `navigator.gpu`, as far as it says which features its WGSL has. */
export type GpuLanguage = Partial<Pick<GPU, "wgslLanguageFeatures">>;

const adopted = new WeakMap<GPUDevice, GpuRuntime>();

/**
 * The runtime of a device, the same each time, so that kernels on one device share tensors. Kernels may use those of their features that it was requested with. It is
 * its user's to destroy; `dispose` does that, too.
 *
 * @param language `navigator.gpu` unless given: in Node, what `create` of npm's `webgpu` gave
 */
export function runtimeOn(
  device: GPUDevice,
  language: GpuLanguage = (globalThis.navigator as { readonly gpu?: GPU } | undefined)?.gpu ?? {},
): GpuRuntime {
  const known = adopted.get(device);
  if (known !== undefined) return known;
  const info = (device.adapterInfo as GPUAdapterInfo | undefined) ?? unknownAdapter;
  const names = namesOf(info);
  const engine = { name: "its user's", program: "opened by its user" };
  const runtime = new GpuRuntime({
    gpu: device,
    software: names.software,
    device: describeDevice({ engine, names, info, features: featuresOf(device, language), limits: device.limits }),
    reopen: async () => {
      throw gpuError("call", {
        reason: `${names.label} was opened by its user: open it again and load the kernels on it`,
      });
    },
  });
  adopted.set(device, runtime);
  return runtime;
}
