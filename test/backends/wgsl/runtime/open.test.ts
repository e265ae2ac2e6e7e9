// How a GPU is asked for, and what is said where the answer is no. The engines are played.

import { expect, test } from "vitest";
import { GpuError } from "../../../../backends/wgsl/runtime/errors.ts";
import { type OpenOptions, openGpu, openOn } from "../../../../backends/wgsl/runtime/open.ts";
import { fakeAdapter, fakeDevice, fakeEngine } from "./fakes.ts";

async function refusal(opening: Promise<unknown>): Promise<GpuError> {
  const error = await opening.catch((e: unknown) => e);
  expect(error).toBeInstanceOf(GpuError);
  return error as GpuError;
}

test("the fast adapter first, then the processor; what was tried is told", async () => {
  const { engine, asked } = fakeEngine([null, new Error("blocked\nby policy")]);
  const error = await refusal(openOn(engine, {}));
  expect(asked).toEqual([{ powerPreference: "high-performance" }, { forceFallbackAdapter: true }]);
  expect(error.message).toMatchInlineSnapshot(
    `"Fake 1 finds no GPU (tried a high-performance one, then the processor as one: blocked): install the GPU's Vulkan driver; without a GPU, npm install @sparticuz/chromium has SwiftShader, and gpuEnvironment() gives the variables to start with; kernels for Wasm run without a GPU"`,
  );
  const browser = { ...fakeEngine([]).engine, place: "browser" as const };
  expect((await refusal(openOn(browser, {}))).message).toContain("chrome://gpu");
  const system = { ...fakeEngine([]).engine, place: "system" as const };
  expect((await refusal(openOn(system, {}))).message).toContain("update the GPU's driver");
});

test("only the processor where that is asked for", async () => {
  const { engine, asked } = fakeEngine([null]);
  expect((await refusal(openOn(engine, { software: true }))).fault).toBe("no-adapter");
  expect(asked).toEqual([{ forceFallbackAdapter: true }]);
});

test("the device gets the features that are used and nothing else, with default limits", async () => {
  const { adapter, asked } = fakeAdapter({
    features: ["shader-f16", "subgroups", "timestamp-query", "dual-source-blending"],
  });
  const runtime = await openOn(fakeEngine([adapter], ["packed_4x8_integer_dot_product"]).engine, {});
  expect(runtime.device.features).toEqual(["f16", "subgroups", "packed-dot"]);
  expect(asked).toEqual([
    { label: "qloom", requiredFeatures: ["shader-f16", "subgroups", "timestamp-query"], requiredLimits: {} },
  ]);
});

test.each<[OpenOptions, readonly string[], readonly string[]]>([
  [{ features: [] }, [], []],
  [{ features: ["subgroups"] }, ["subgroups"], ["subgroups"]],
  [{ features: ["packed-dot"] }, ["packed-dot"], []],
])("a part of the features: %o", async (options, record, required) => {
  const { adapter, asked } = fakeAdapter({ features: ["shader-f16", "subgroups"] });
  const runtime = await openOn(fakeEngine([adapter], ["packed_4x8_integer_dot_product"]).engine, options);
  expect(runtime.device.features).toEqual(record);
  expect(asked[0]!.requiredFeatures).toEqual(required);
});

test("a feature that is missing", async () => {
  const { adapter } = fakeAdapter({ features: ["subgroups"] });
  const error = await refusal(openOn(fakeEngine([adapter]).engine, { features: ["subgroups", "f16"] }));
  expect(error.message).toMatchInlineSnapshot(
    `"feature f16 was asked for, but acme gen1 has only subgroups: leave it out, every kernel has a form without it"`,
  );
});

test("limits are raised when asked, bindings lowered", async () => {
  const limits = {
    maxStorageBufferBindingSize: 2 ** 30,
    maxBufferSize: 2 ** 32,
    maxComputeWorkgroupStorageSize: 49152,
  };
  const { adapter, asked } = fakeAdapter({ limits });
  const raised = await openOn(fakeEngine([adapter]).engine, { limits: "adapter" });
  expect(asked[0]!.requiredLimits).toEqual(limits);
  expect(raised.device.limits).toMatchObject({ maxBinding: 2 ** 30, maxBuffer: 2 ** 32, workgroupMemory: 49152 });
  const lowered = await openOn(fakeEngine([fakeAdapter().adapter]).engine, { maxBinding: 4096 });
  expect(lowered.sizeLimits).toEqual({ maxBinding: 4096, maxBuffer: 2 ** 28 });
  expect((await refusal(openGpu({ maxBinding: 1000 }))).fault).toBe("call");
});

test("an adapter that is given is used, and one that refuses is told", async () => {
  const { engine, asked } = fakeEngine([]);
  const { adapter } = fakeAdapter();
  expect((await openOn(engine, { adapter })).device.label).toBe("acme gen1, Fake 1");
  expect(asked).toEqual([]);
  const refuses = () => {
    throw new Error("out of devices");
  };
  const error = await refusal(openOn(engine, { adapter: fakeAdapter({ device: refuses }).adapter }));
  expect(error.message).toContain("opening acme gen1: out of devices");
});

test("a lost device is opened again, with the same features, on the same adapter only", async () => {
  const first = fakeDevice();
  const adapters = [
    fakeAdapter({ features: ["subgroups"], device: () => first.gpu }),
    fakeAdapter({ features: ["subgroups"] }),
    fakeAdapter({ info: { architecture: "gen2" } }),
  ];
  const { engine } = fakeEngine(adapters.map(({ adapter }) => adapter));
  const runtime = await openOn(engine, { features: [] });
  first.lose("the driver was updated");
  expect((await runtime.lost).message).toContain("the driver was updated");
  await expect(runtime.allocate(4)).rejects.toThrow("the driver was updated");
  const again = await runtime.reopen();
  expect(again.device).toEqual(runtime.device);
  expect((await again.allocate(4)).bytes).toBe(4);
  expect((await refusal(again.reopen())).message).toMatchInlineSnapshot(
    `"Fake 1 finds no GPU (tried acme gen1, Fake 1): there is acme gen2, Fake 1 instead: open it by openGpu() and choose kernels for it; kernels for Wasm run without a GPU"`,
  );
  expect((await refusal(again.reopen())).fault).toBe("no-adapter");
});
