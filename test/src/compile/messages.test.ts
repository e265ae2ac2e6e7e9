// What a user of the API sees when an argument is wrong: each message names the argument, what it is and what it should be. Nothing is lost: the kernel works afterwards.

import { describe, expect, test } from "vitest";
import { WasmMemory } from "../../../backends/index.ts";
import type { MatmulWorkload, Workload } from "../../../ir/index.ts";
import { compile, Executable } from "../../../src/compile/index.ts";
import { bytesOf, normals } from "../../ir/samples.ts";
import { relaxed } from "./harness.ts";

const base = {
  op: "matmul",
  m: "any",
  n: 3,
  k: 64,
  w: "int4_g32_z",
  bias: true,
  numerics: { compute: "i8", xGroup: 32 },
} as const satisfies MatmulWorkload;
const options = { db: false, device: relaxed } as const;

const stored = { codes: bytesOf(96, 1), scales: normals(6, 2), zeros: new Uint8Array(6).fill(7) };
const bias = new Float32Array(3);
const x = normals(128, 3);

/** The error's name and message; arguments that do not type-check are passed as if from JavaScript. */
function message(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
  return "nothing was thrown";
}

const kernel = await compile(base, options);
const w = kernel.pack(stored);
const run = (args: Record<string, unknown>): string =>
  message(() => kernel.run(args as Parameters<typeof kernel.run>[0]));
const pack = (weights: unknown): string => message(() => kernel.pack(weights as typeof stored));

describe("run", () => {
  test("x", () => {
    expect(run({ m: 2, w, bias })).toMatchInlineSnapshot(`"ApiError: x is missing; it has 128 values of f32"`);
    expect(run({ m: 2, w, bias, x: [...x] })).toMatchInlineSnapshot(
      `"ApiError: x is not a Float32Array; it has 128 values of f32"`,
    );
    expect(run({ m: 2, w, bias, x: new Float64Array(128) })).toMatchInlineSnapshot(
      `"ApiError: x is not a Float32Array; it has 128 values of f32"`,
    );
    expect(run({ m: 2, w, bias, x: x.subarray(1) })).toMatchInlineSnapshot(
      `"ApiError: x has 127 values, expected 128 (m = 2)"`,
    );
    expect(run({ m: 1, w, bias, x })).toMatchInlineSnapshot(`"ApiError: x has 128 values, expected 64 (m = 1)"`);
    expect(run({ m: 0, w, bias, x })).toMatchInlineSnapshot(`"ApiError: x has 128 values, expected 0 (m = 0)"`);
  });
  test("bias", async () => {
    expect(run({ m: 2, w, x })).toMatchInlineSnapshot(`"ApiError: bias is missing; it has 3 values of f32"`);
    expect(run({ m: 2, w, x, bias: x })).toMatchInlineSnapshot(`"ApiError: bias has 128 values, expected 3 (m = 2)"`);
    const without = await compile({ ...base, bias: false }, options);
    const args = { m: 2, w: without.pack(stored), x, bias };
    // @ts-expect-error a kernel without bias takes none
    expect(message(() => without.run(args))).toMatchInlineSnapshot(
      `"ApiError: bias: the kernel was compiled without one; it takes x, w, m"`,
    );
    without.dispose();
  });
  test("w", () => {
    expect(run({ m: 2, x, bias })).toMatchInlineSnapshot(`"ApiError: w is missing; pass what pack() gave"`);
    expect(run({ m: 2, x, bias, w: stored })).toMatchInlineSnapshot(`"ApiError: w is missing; pass what pack() gave"`);
  });
  test("m", async () => {
    expect([undefined, -1, 1.5, Number.NaN, "2", 2 ** 53].map((m) => run({ m, x, w, bias }))).toMatchInlineSnapshot(`
      [
        "ApiError: m = undefined: the number of rows of x, an integer from 0 up",
        "ApiError: m = -1: the number of rows of x, an integer from 0 up",
        "ApiError: m = 1.5: the number of rows of x, an integer from 0 up",
        "ApiError: m = NaN: the number of rows of x, an integer from 0 up",
        "ApiError: m = 2: the number of rows of x, an integer from 0 up",
        "ApiError: x has 128 values, expected 576460752303423500 (m = 9007199254740992)",
      ]
    `);
    expect(run({ m: 2 ** 31, x, w, bias })).toMatchInlineSnapshot(
      `"ApiError: x has 128 values, expected 137438953472 (m = 2147483648)"`,
    );
    const one = await compile({ ...base, m: 1 }, options);
    expect(message(() => one.run({ m: 2, x, w: one.pack(stored), bias }))).toMatchInlineSnapshot(
      `"ApiError: m = 2: the kernel was compiled for m = 1; compile with m: "any""`,
    );
    one.dispose();
  });
  test("m beyond what the kernel was compiled for", async () => {
    const executable = await Executable.load(kernel.artifact);
    expect(message(() => executable.launch({ M: 2 ** 31 }, new Map()))).toMatchInlineSnapshot(
      `"ApiError: m = 2147483648: the kernel was compiled for 0..8, 9..2147483647"`,
    );
    expect(message(() => executable.launch({ M: 1 }, new Map()))).toMatchInlineSnapshot(
      `"ApiError: decode/quantize: tensor x has no address"`,
    );
    executable.dispose();
  });
  test("afterwards the kernel works", () => {
    expect(kernel.run({ m: 2, x, w, bias }).every(Number.isFinite)).toBe(true);
    expect(kernel.run({ m: 0, x: new Float32Array(), w, bias })).toEqual(new Float32Array());
  });
});

describe("pack", () => {
  test("tensors that are missing, of another length, or of another name", async () => {
    const { codes, scales, zeros } = stored;
    expect(pack({ codes, scales })).toMatchInlineSnapshot(
      `"ApiError: weights: w.zeros is missing; int4_g32_z of 3 x 64 is w.codes: 96 bytes, w.scales: 24 bytes, w.zeros: 6 bytes"`,
    );
    expect(pack({ codes: codes.subarray(1), scales, zeros })).toMatchInlineSnapshot(
      `"ApiError: weights: w.codes has 95 bytes, expected 96; int4_g32_z of 3 x 64 is w.codes: 96 bytes, w.scales: 24 bytes, w.zeros: 6 bytes"`,
    );
    expect(pack({ codes, scales: new Uint8Array(12), zeros })).toMatchInlineSnapshot(
      `"ApiError: weights: w.scales has 12 bytes, expected 24; int4_g32_z of 3 x 64 is w.codes: 96 bytes, w.scales: 24 bytes, w.zeros: 6 bytes"`,
    );
    expect(pack({ codes, scales: [...scales], zeros })).toMatchInlineSnapshot(
      `"ApiError: weights: scales is not a typed array, nor a list of such"`,
    );
    expect(pack({ codes, scales, zeros, raw: codes })).toMatchInlineSnapshot(
      `"ApiError: weights: w.raw is no part of it; int4_g32_z of 3 x 64 is w.codes: 96 bytes, w.scales: 24 bytes, w.zeros: 6 bytes"`,
    );
    expect(pack(undefined)).toMatchInlineSnapshot(`"ApiError: weights are missing; pass the stored tensors by name"`);
    const symmetric = await compile({ ...base, w: "int4_g32" }, options);
    // Zero points that a format has no place for would otherwise be lost silently.
    expect(message(() => symmetric.pack(stored))).toMatchInlineSnapshot(
      `"ApiError: weights: w.zeros is no part of it; int4_g32 of 3 x 64 is w.codes: 96 bytes, w.scales: 24 bytes"`,
    );
    symmetric.dispose();
    const gguf = await compile({ ...base, k: 256, w: "q4_K" }, options);
    expect(message(() => gguf.pack({ raw: new Uint8Array(144 * 3 - 1) }))).toMatchInlineSnapshot(
      `"ApiError: weights: w.raw has 431 bytes, expected 432; q4_K of 3 x 256 is w.raw: 432 bytes"`,
    );
    gguf.dispose();
  });
});

describe("compile", () => {
  const refusal = async (workload: unknown): Promise<string> => {
    try {
      await compile(workload as Workload, options);
    } catch (error) {
      return `${(error as Error).name}: ${(error as Error).message}`;
    }
    return "nothing was thrown";
  };

  test("sizes", async () => {
    expect(await refusal({ ...base, n: 0 })).toMatchInlineSnapshot(`"WorkloadError: n: 0 is not a positive integer"`);
    expect(await refusal({ ...base, n: Number.NaN })).toMatchInlineSnapshot(
      `"WorkloadError: n: NaN is not a positive integer"`,
    );
    expect(await refusal({ ...base, n: "64" })).toMatchInlineSnapshot(
      `"WorkloadError: n: "64" is not a positive integer"`,
    );
    expect(await refusal({ ...base, n: undefined })).toMatchInlineSnapshot(
      `"WorkloadError: n: undefined is not a positive integer"`,
    );
    expect(await refusal({ ...base, n: 2 ** 31 })).toMatchInlineSnapshot(
      `"WorkloadError: n: 2147483648 is not at most 2147483647"`,
    );
    expect(await refusal({ ...base, k: 2 ** 31 })).toMatchInlineSnapshot(
      `"WorkloadError: k: 2147483648 is not at most 2147483647"`,
    );
    expect(await refusal({ ...base, m: 2 ** 31 })).toMatchInlineSnapshot(
      `"WorkloadError: m: 2147483648 is not at most 2147483647"`,
    );
    expect(await refusal({ ...base, m: "all" })).toMatchInlineSnapshot(
      `"WorkloadError: m: "all" is not a number of rows from 0 up, nor "any""`,
    );
    expect(await refusal({ ...base, k: 0 })).toMatchInlineSnapshot(`"WorkloadError: k: 0 is not a positive integer"`);
    expect(await refusal({ ...base, m: -1 })).toMatchInlineSnapshot(
      `"WorkloadError: m: -1 is not a number of rows from 0 up, nor "any""`,
    );
    expect(await refusal({ ...base, m: 1.5 })).toMatchInlineSnapshot(
      `"WorkloadError: m: 1.5 is not a number of rows from 0 up, nor "any""`,
    );
    expect(await refusal({ ...base, k: 48 })).toMatchInlineSnapshot(
      `"WorkloadError: k: 48 is not a multiple of int4_g32_z's block of 32; the nearest are 32 and 64"`,
    );
    expect(await refusal({ ...base, k: 16 })).toMatchInlineSnapshot(
      `"WorkloadError: k: 16 is not a multiple of int4_g32_z's block of 32; the nearest is 32"`,
    );
    expect(await refusal({ ...base, w: "q6_K", k: 640 })).toMatchInlineSnapshot(
      `"WorkloadError: k: 640 is not a multiple of q6_K's block of 256; the nearest are 512 and 768"`,
    );
    expect(await refusal({ op: "quantize", m: 1, k: 48, group: 32 })).toMatchInlineSnapshot(
      `"WorkloadError: k: 48 is not a multiple of group = 32; the nearest are 32 and 64"`,
    );
    expect(await refusal({ op: "quantize", m: 1, k: 0, group: "row" })).toMatchInlineSnapshot(
      `"WorkloadError: k: 0 is not a positive integer"`,
    );
    expect(await refusal({ op: "dequantize", n: 1, k: 33, w: "q4_0" })).toMatchInlineSnapshot(
      `"WorkloadError: k: 33 is not a multiple of q4_0's block of 32; the nearest are 32 and 64"`,
    );
    expect(await refusal({ op: "dequantize", n: 0, k: 32, w: "q4_0" })).toMatchInlineSnapshot(
      `"WorkloadError: n: 0 is not a positive integer"`,
    );
  });
  test("formats and numerics", async () => {
    expect(await refusal({ ...base, w: "int4_g33" })).toMatchInlineSnapshot(
      `"WorkloadError: unknown format "int4_g33"; near it are int4_g32, int2_g32, int3_g32, int4_g16"`,
    );
    expect(await refusal({ ...base, w: "Q4_K_M" })).toMatchInlineSnapshot(
      `"WorkloadError: unknown format "Q4_K_M"; near it are q4_K, q4_0, q4_1, q2_K"`,
    );
    expect(await refusal({ ...base, w: "" })).toMatchInlineSnapshot(
      `"WorkloadError: unknown format ""; near it are f32, f16, bf16, e4m3"`,
    );
    expect(await refusal({ ...base, w: 4 })).toMatchInlineSnapshot(`"WorkloadError: w: is 4, not a string"`);
    expect(await refusal({ ...base, w: "f16" })).toMatchInlineSnapshot(
      `"WorkloadError: numerics.compute: i8 multiplies integer codes and f16 has none; use {"compute":"f32"} or a format with codes"`,
    );
    expect(
      await refusal({ ...base, w: "int4_g64", k: 192, numerics: { compute: "i8", xGroup: 48 } }),
    ).toMatchInlineSnapshot(
      `"WorkloadError: numerics.xGroup: neither of 48 and int4_g64's group of 64 divides the other; use a multiple or a divisor of 64, or "row""`,
    );
    expect(await refusal({ ...base, numerics: { compute: "i8", xGroup: 24 } })).toMatchInlineSnapshot(
      `"WorkloadError: k: 64 is not a multiple of numerics.xGroup = 24; the nearest are 48 and 72"`,
    );
    expect(await refusal({ ...base, numerics: { compute: "i4" } })).toMatchInlineSnapshot(
      `"WorkloadError: numerics.compute: Invalid discriminator value. Expected 'f32' | 'f16' | 'i8'"`,
    );
    expect(await refusal({ ...base, numerics: { compute: "i8" } })).toMatchInlineSnapshot(
      `"WorkloadError: numerics.xGroup: undefined is not a positive integer, nor "row""`,
    );
    expect(
      await refusal({ ...base, w: "int8_row", k: 2 ** 17, numerics: { compute: "i8", xGroup: "row" } }),
    ).toMatchInlineSnapshot(
      `"WorkloadError: numerics.xGroup: a sum of 131072 products up to 127 x 255 can leave i32; use groups of at most 66311"`,
    );
  });
  test("what is no workload", async () => {
    expect(await refusal({ ...base, op: "convolution" })).toMatchInlineSnapshot(
      `"WorkloadError: op: Invalid discriminator value. Expected 'matmul' | 'quantize' | 'dequantize' | 'rmsnorm' | 'embed' | 'rope' | 'swiglu' | 'attention' | 'append' | 'rotate' | 'merge'"`,
    );
    expect(await refusal({ ...base, transpose: true })).toMatchInlineSnapshot(
      `"WorkloadError: workload: there is no "transpose" here"`,
    );
    expect(await refusal(undefined)).toMatchInlineSnapshot(`"WorkloadError: workload: is missing"`);
    const { bias: _, ...incomplete } = base;
    expect(await refusal(incomplete)).toMatchInlineSnapshot(`"WorkloadError: bias: is missing"`);
  });
  test("a memory of the other kind", async () => {
    const runtime = new WasmMemory({ shared: true, maxBytes: 2 ** 20 });
    await expect(Executable.load(kernel.artifact, runtime)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ApiError: runtime: its memory is shared, the kernel was compiled for one that is not; make one with {"shared":false}]`,
    );
    await expect(
      compile(base, { ...options, runtime: new WasmMemory(), threads: 2 }),
    ).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ApiError: threads = 2: the runtime's memory is not shared; make one with {"shared":true}]`,
    );
  });
  test("threads that can't be", async () => {
    for (const threads of [0, 65])
      await expect(compile(base, { ...options, threads })).rejects.toThrow(
        `threads = ${threads}: a number from 1 to 64`,
      );
  });
});
