/**
 * Kernels for Wasm in every engine: each case is built, run and judged in the engine itself, and is right there. What ran is told. `QLOOM_MATRIX=all npx vitest run
 * test/engines` runs every format with every template.
 */
import { afterAll, describe, expect, test } from "vitest";
import { enginesFor, hostsOf } from "../../src/tuner/index.ts";
import { casesFor } from "./cases.ts";
import { EngineRunner } from "./runner.ts";

const runners = await Promise.all(
  enginesFor("wasm").map(async (engine) => [engine, await EngineRunner.start(hostsOf(engine), "wasm")] as const),
);

describe.each(runners)("%s", (engine, runner) => {
  const { device } = runner;
  const features = device.features.filter((f) => f === "relaxed-simd");
  const cases = casesFor({ ...device, features });
  let ran = 0;
  afterAll(() => {
    runner.close();
    console.warn(`${engine}: ${ran} of ${cases.length} kernels on ${device.label}`);
  });

  test.each(cases.map((c) => [c.name, c] as const))("%s", async (_, c) => {
    expect(await runner.run(c)).toMatchObject({ maxError: expect.any(Number) });
    ran++;
  });
});
