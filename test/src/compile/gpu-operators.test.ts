// What a decoder layer has beside matmul and attention, through the API on a GPU (SwiftShader, in a process of its own): several inputs and outputs, integers, values out of
// range.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { gpuEnvironment } from "../../../backends/index.ts";

const child = fileURLToPath(new URL("./children/gpu-operators.ts", import.meta.url));

test("results are right, and what is out of range is refused", { timeout: 120_000 }, async () => {
  const { env } = await gpuEnvironment({ software: true });
  const { stdout } = await promisify(execFile)(process.execPath, [child], { env: { ...process.env, ...env } });
  const lines = stdout.trim().split("\n");
  const twice = (fault: string): readonly string[] => [fault, fault];
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    { op: "rmsnorm", faults: [] },
    { op: "embed", faults: twice("ApiError: ids[3] is 9, outside of 0..8") },
    { op: "rope", faults: twice("ApiError: positions[1] is 33554432, outside of -16777216..16777216") },
    { op: "swiglu", faults: [] },
  ]);
});
