// What a decoder layer has beside matmul, through the API on a GPU (SwiftShader, in a process of its own): several inputs and outputs, integers, values out of
// range.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { gpuEnvironment } from "../../../backends/index.ts";

/** The lines of a program that runs on the processor in a GPU's place. */
async function linesOf(name: string): Promise<readonly unknown[]> {
  const child = fileURLToPath(new URL(`./children/${name}.ts`, import.meta.url));
  const { env } = await gpuEnvironment({ software: true });
  const { stdout } = await promisify(execFile)(process.execPath, [child], { env: { ...process.env, ...env } });
  const lines = stdout.trim().split("\n");
  return lines.map((line) => JSON.parse(line) as unknown);
}

test("results are right, held ones too, and what is out of range is refused", { timeout: 120_000 }, async () => {
  const twice = (fault: string): readonly string[] => [fault, fault];
  expect(await linesOf("gpu-operators")).toEqual([
    { op: "rmsnorm", faults: [] },
    { op: "embed", faults: twice("ApiError: ids[3] is 9, outside of 0..8") },
    { op: "rope", faults: twice("ApiError: positions[1] is 33554432, outside of -16777216..16777216") },
    { op: "swiglu", faults: [] },
    {
      held: true,
      faults: [
        "ApiError: gate has 192 values, expected 128 (m = 2)",
        "ApiError: x is held as i32; it has 192 values of f32",
        "ApiError: positions is held where its values are not looked at, and they must be; pass read()",
        "ApiError: the held tensor y is disposed; hold it again",
      ],
    },
  ]);
});

test("attention over a cache on the GPU is the definition's, over pages too; the cache grows, is cut off and turned, and what does not fit is refused", {
  timeout: 240_000,
}, async () => {
  expect(await linesOf("gpu-attention")).toMatchInlineSnapshot(`
    [
      {
        "keys": "i8_row",
        "runs": 8,
        "tokens": 76,
        "values": "int4_row",
        "within": true,
      },
      {
        "keys": "int4_row_zf",
        "runs": 3,
        "tokens": 76,
        "values": "q4_0",
        "within": true,
      },
      {
        "differ": [],
        "keys": "i8_row",
        "values": "int4_row",
      },
      {
        "differ": [],
        "keys": "int4_row_zf",
        "values": "e4m3",
      },
      {
        "differ": [],
        "keys": "kv2_t32_m",
        "values": "f16",
      },
      {
        "differs": true,
        "kept": true,
        "permuted": true,
        "within": true,
      },
      [
        "ApiError: sequences are missing; pass a list of what cache.sequence() gave",
        "ApiError: sequences[1] is sequences[0]: tokens are appended to each once",
        "ApiError: newCache: the kernel's cache has pages; use newPagedCache()",
        "ScheduleError: its 9 tensors are more than the 8 storage buffers of a shader; open the GPU with limits: "adapter" where it has more, have scores in "f32", or leave out zero points or other inputs",
      ],
      {
        "capacity": true,
        "cut": true,
        "grown": true,
        "more": true,
      },
      [
        "ApiError: cache is missing; pass what newCache() gave",
        "ApiError: cache: it holds other formats or heads than the kernel's; make one with this kernel's newCache()",
        "ApiError: k has 128 values, expected 192 (m = 3)",
        "ApiError: capacity = -1: a number of tokens, an integer from 0 up",
        "ApiError: tokens = 151: the cache holds 150",
        "ScheduleError: its 10 tensors are more than the 8 storage buffers of a shader; open the GPU with limits: "adapter" where it has more, or leave out zero points or other inputs",
        "ApiError: the cache is disposed; make another",
      ],
    ]
  `);
});
