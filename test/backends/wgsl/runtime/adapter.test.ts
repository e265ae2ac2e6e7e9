// How adapters are called, in each engine's spelling.

import { expect, test } from "vitest";
import { describeDevice, featuresOf, namesOf } from "../../../../backends/wgsl/runtime/adapter.ts";
import { defaultLimits, fakeAdapter, fakeEngine } from "./fakes.ts";

const info = (
  vendor: string,
  architecture: string,
  device = "",
  description = "",
  more: Partial<GPUAdapterInfo> = {},
) => ({ vendor, architecture, device, description, ...more }) as GPUAdapterInfo;

const swiftShaders = [
  info("google", "swiftshader", "swiftshader-device-subzero-", "SwiftShader driver 5.0.0"),
  info("google", "swiftshader"),
  info("6880", "", "49374", "SwiftShader Device (Subzero)"),
];
const others = [
  info("65541", "", "0", "llvmpipe (LLVM 15.0.6, 256 bits)"),
  info("nvidia", "hopper", "nvidia-h200", "NVIDIA: 570.1"),
  info("4318", "", "9013", "NVIDIA H200"),
  info("intel", "xe-lpg"),
  info("", ""),
];

test("names in one spelling", () => {
  expect([...swiftShaders, ...others].map((i) => Object.values(namesOf(i)))).toMatchInlineSnapshot(`
    [
      [
        "swiftshader-device-subzero",
        "google swiftshader swiftshader-device-subzero- SwiftShader driver 5.0.0",
        "google swiftshader",
        true,
      ],
      [
        "google swiftshader",
        "google swiftshader",
        "google swiftshader",
        true,
      ],
      [
        "SwiftShader Device (Subzero)",
        "google 49374 SwiftShader Device (Subzero)",
        "google swiftshader",
        true,
      ],
      [
        "llvmpipe (LLVM 15.0.6, 256 bits)",
        "mesa 0 llvmpipe (LLVM 15.0.6, 256 bits)",
        "mesa llvmpipe",
        true,
      ],
      [
        "nvidia-h200",
        "nvidia hopper nvidia-h200 NVIDIA: 570.1",
        "nvidia hopper",
        false,
      ],
      [
        "NVIDIA H200",
        "nvidia 9013 NVIDIA H200",
        "nvidia NVIDIA H200",
        false,
      ],
      [
        "intel xe-lpg",
        "intel xe-lpg",
        "intel xe-lpg",
        false,
      ],
      [
        "an adapter without a name",
        "unknown adapter",
        "unknown",
        false,
      ],
    ]
  `);
});

test("an adapter that says that it is a fallback is the processor", () => {
  expect(namesOf(info("acme", "x", "", "", { isFallbackAdapter: true })).software).toBe(true);
});

test("fingerprints tell adapters and engines apart", () => {
  const records = [...swiftShaders, ...others].flatMap((i) =>
    ["Chromium 153 on Linux", "Deno 2.9.6 wgpu"].map((name) =>
      describeDevice({
        engine: { ...fakeEngine([]).engine, name },
        names: namesOf(i),
        info: i,
        features: [],
        limits: defaultLimits as unknown as GPUSupportedLimits,
      }),
    ),
  );
  expect(new Set(records.map((r) => r.fingerprint)).size).toBe(records.length);
  expect(records.every((r) => r.kind === "wgsl" && r.fingerprint.endsWith(r.engine))).toBe(true);
});

test("a record has the limits that templates go by, subgroup sizes only where subgroups are used", () => {
  const facts = {
    engine: fakeEngine([]).engine,
    names: namesOf(others[1]!),
    info: { ...others[1]!, subgroupMinSize: 32, subgroupMaxSize: 32 } as GPUAdapterInfo,
    limits: defaultLimits as unknown as GPUSupportedLimits,
  };
  expect(describeDevice({ ...facts, features: [], maxBinding: 4096 }).limits).toMatchInlineSnapshot(`
    {
      "invocations": 256,
      "localX": 256,
      "localY": 256,
      "localZ": 64,
      "maxBinding": 4096,
      "maxBuffer": 268435456,
      "maxWorkgroups": 65535,
      "storageBuffers": 8,
      "workgroupMemory": 16384,
    }
  `);
  expect(describeDevice({ ...facts, features: ["subgroups"] }).limits).toMatchObject({
    subgroupMin: 32,
    subgroupMax: 32,
  });
  expect(describeDevice({ ...facts, info: others[0]!, features: ["subgroups"] }).limits).toMatchObject({
    subgroupMin: 4,
    subgroupMax: 128,
  });
});

test("features of the adapter and of the language", () => {
  const { adapter } = fakeAdapter({ features: ["subgroups", "shader-f16", "depth-clip-control"] });
  expect(featuresOf(adapter, fakeEngine([], ["packed_4x8_integer_dot_product"]).engine.gpu)).toEqual([
    "f16",
    "subgroups",
    "packed-dot",
  ]);
  expect(featuresOf(fakeAdapter().adapter, {} as GPU)).toEqual([]);
});
