// A real device that can be told that it is lost.

import { findEngine } from "../../../../backends/wgsl/runtime/engine.ts";
import { type GpuRuntime, openGpu } from "../../../../backends/wgsl/runtime/index.ts";

/** The thing with some properties replaced; its methods keep working on the thing itself. */
function replaced<T extends object>(thing: T, properties: Partial<T>): T {
  return new Proxy(thing, {
    get: (target, name) => {
      if (name in properties) return properties[name as keyof T];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

export async function openInjected(): Promise<{ readonly gpu: GpuRuntime; lose(message: string): void }> {
  const adapter = await (await findEngine()).gpu.requestAdapter({ powerPreference: "high-performance" });
  const { promise, resolve } = Promise.withResolvers<GPUDeviceLostInfo>();
  const requestDevice: GPUAdapter["requestDevice"] = async (descriptor) =>
    replaced(await adapter!.requestDevice(descriptor), { lost: promise });
  const gpu = await openGpu({ adapter: replaced(adapter!, { requestDevice }) });
  return { gpu, lose: (message) => resolve({ message, reason: "unknown" } as GPUDeviceLostInfo) };
}
