// The probe: what this engine has, and that the record is stable and says who it is about.
import { expect, test } from "vitest";
import { probeWasm } from "../../../backends/wasm/index.ts";
import { hostFacts } from "../../../backends/wasm/runtime/host.ts";
import { dotModule } from "../../../backends/wasm/runtime/probe-relaxed.ts";
import { relaxedDotAgrees } from "../../../backends/wasm/runtime/relaxed-dot.ts";

test("this machine", async () => {
  const device = await probeWasm();
  expect(device.kind).toBe("wasm");
  expect(device.engine).toMatch(/^v8 \d+\.\d+/);
  expect(device.features).toContain("relaxed-simd");
  expect(device.features).toContain("shared-memory");
  expect(device.limits).toMatchObject({ maxMemory: 2 ** 32 });
  expect(device.limits["cores"]).toBeGreaterThan(0);
  expect(device.fingerprint).toContain(device.engine);
  expect(device.label).toContain(`Node ${process.versions.node}`);
  expect(await probeWasm()).toEqual(device);
});

test("relaxed SIMD can be left out, and nothing else changes", async () => {
  const [full, strict] = [await probeWasm(), await probeWasm({ relaxedSimd: false })];
  expect(strict).toEqual({ ...full, features: full.features.filter((f) => f !== "relaxed-simd") });
  expect(await relaxedDotAgrees(dotModule())).toBe(true);
});

test("other hosts have other fingerprints", async () => {
  const host = { ...hostFacts(), cpu: "Some CPU", family: "arm64", cpuFeatures: ["dotprod", "neon"], engine: "v8 1.2" };
  const device = await probeWasm({ host: { ...host, caches: { l2: 1024 } } });
  expect(device.fingerprint).toBe("Some CPU, dotprod, neon, v8 1.2");
  expect(device.architecture).toBe("arm64 dotprod");
  expect(device.limits["l2"]).toBe(1024);
});
