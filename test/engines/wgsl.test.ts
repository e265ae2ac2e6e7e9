/**
 * Kernels for WebGPU in three implementations of it: Dawn in Node, Chromium's, and wgpu in Deno. Each case is built, run and judged in the engine itself, and is right there.
 * Real GPUs are used where they are, else the processor; an engine that finds neither fails. What ran where is told. `QLOOM_MATRIX=all npx vitest run test/engines` runs every
 * format with every template.
 */
import { afterAll, describe, expect, test } from "vitest";
import { casesFor } from "./cases.ts";
import { gpus } from "./gpus.ts";
import { EngineRunner } from "./runner.ts";

const runners = await Promise.all(
  gpus.map(async ([name, startHost]) => [name, await EngineRunner.start(startHost, "wgsl")] as const),
);

describe.each(runners)("%s", (engine, runner) => {
  const { device } = runner;
  const cases = casesFor(device);
  let ran = 0;
  afterAll(() => {
    runner.close();
    console.warn(`${engine}: ${ran} of ${cases.length} kernels on ${device.label} with ${device.features.join(", ")}`);
  });

  test.each(cases.map((c) => [c.name, c] as const))(
    "%s",
    async (_, c) => {
      expect(await runner.run(c)).toMatchObject({ maxError: expect.any(Number) });
      ran++;
    },
    120_000,
  );
});
