// What a row's result may not depend on: how many rows there are, which part of the rows of w a call computes, and, up to the rounding of f32 sums, relaxed SIMD.

import { describe, expect, test } from "vitest";
import type { Device, MatmulWorkload, Numerics } from "../../../ir/index.ts";
import { compile, Executable, resolve, type WasmArtifact } from "../../../src/compile/index.ts";
import type { ShareKernels } from "../../../src/runtime/index.ts";
import { bytesOf, normals } from "../../ir/samples.ts";
import { guardedKernel, poisonedRuntime, relaxed, strict } from "./harness.ts";
import { groupOfX } from "./product.ts";
import { activations, storedWeights } from "./tensors.ts";

const runtime = poisonedRuntime(2 ** 22);
const f32: Numerics = { compute: "f32" };
const i8 = (xGroup: number | "row"): Numerics => ({ compute: "i8", xGroup });

const artifactOf = async (workload: MatmulWorkload, device: Device): Promise<WasmArtifact> =>
  (await resolve(workload, device, false)).artifact;

/** Kernels that take every way through the templates; more than 7 blocks of rows, and a rest. */
const kernels: readonly (readonly [w: string, k: number, numerics: Numerics, device: Device])[] = [
  ["int4_g32", 64, i8(32), relaxed],
  ["int4_g32", 64, i8("row"), strict],
  ["int2_g64_z", 128, i8(64), relaxed],
  ["int3_row_zf", 48, i8("row"), relaxed],
  ["q4_K", 256, i8(32), relaxed],
  ["q6_K", 256, i8(32), strict],
  ["int5_row", 5, i8("row"), relaxed], // the fallback: no vector fits a row of 5
  ["int4_g32_zf", 64, f32, relaxed],
  ["bf16", 33, f32, relaxed],
];

describe.each(kernels)("%s, K = %i, %o", (w, k, numerics, device) => {
  const n = 147;
  const workload: MatmulWorkload = { op: "matmul", m: "any", n, k, w, bias: true, numerics };
  const weights = storedWeights(w, n, k, { seed: 3, exact: false });
  const x = activations(17, k, groupOfX(workload), { seed: 4, exact: false });
  const bias = normals(n, 5);

  const compiled = artifactOf(workload, device);

  test("a row's result is the same at every M and in every place", async () => {
    const kernel = guardedKernel(await compiled, weights, runtime);
    const all = kernel.run(x, 17, bias);
    for (let m = 1; m < 17; m++) {
      expect(kernel.run(x.subarray(0, m * k), m, bias), `M = ${m}`).toEqual(all.subarray(0, m * n));
      const from = 17 - m;
      expect(kernel.run(x.subarray(from * k), m, bias), `the last ${m} rows`).toEqual(all.subarray(from * n));
    }
    kernel.free();
  });

  test("parts of the rows of w add up to the whole, each value written once", async () => {
    let part = { index: 0, of: 1 };
    const share: ShareKernels = async (_, { exports }) => ({
      threads: 1,
      run: (kernel, args, iterations) => {
        const bound = (i: number): number => Math.floor((iterations * i) / part.of);
        // Kernels without a thread loop run whole.
        (exports[kernel] as (...args: number[]) => void)(...args, bound(part.index), bound(part.index + 1));
      },
      dispose: () => {},
    });
    const executable = await Executable.load(await compiled, undefined, share);
    const memory = executable.runtime;
    const at = new Map(executable.pack(weights).addresses);
    for (const [name, values] of Object.entries({ x, bias, y: new Float32Array(17 * n) })) {
      at.set(name, memory.allocate(values.byteLength));
      memory.write(at.get(name) as number, values);
    }
    const y = at.get("y") as number;
    const run = (m: number, index: number, of: number): Float32Array => {
      part = { index, of };
      memory.bytes(y, 4 * m * n).fill(0xff);
      executable.launch({ M: m }, at);
      return memory.readF32(y, m * n);
    };
    for (const m of [1, 4, 6, 17]) {
      const whole = run(m, 0, 1);
      for (const of of [1, 2, 3, 7]) {
        const joined = new Float32Array(m * n);
        const written = new Uint8Array(m * n);
        for (let index = 0; index < of; index++)
          run(m, index, of).forEach((value, i) => {
            if (Number.isNaN(value)) return;
            joined[i] = value;
            written[i] = (written[i] as number) + 1;
          });
        expect(joined, `${of} parts of M = ${m}`).toEqual(whole);
        expect(Math.min(...written), "times that a value is written").toBe(1);
        expect(Math.max(...written), "times that a value is written").toBe(1);
      }
    }
    executable.dispose();
  });
});

describe("relaxed and plain SIMD", () => {
  const both = async (workload: MatmulWorkload, seed: number, exact: boolean): Promise<readonly Float32Array[]> => {
    const { m, n, k, w } = workload;
    const weights = storedWeights(w, n, k, { seed, exact });
    const x = activations(m as number, k, groupOfX(workload), { seed, exact });
    const results: Float32Array[] = [];
    for (const device of [relaxed, strict]) {
      const artifact = await artifactOf(workload, device);
      expect(artifact.features).toEqual(device.features);
      const kernel = guardedKernel(artifact, weights, runtime);
      results.push(kernel.run(x, m as number));
      kernel.free();
    }
    return results;
  };
  const shape = { op: "matmul", m: 3, n: 37, bias: false } as const;

  // Sums of integers are equal; where the f32 sums over groups are exact too, so is the result.
  test.each(["int2_g32", "int3_g32", "int4_g32", "int6_g32", "int8_g16", "q8_0", "int4_g32_z", "int4_g64_zf"])(
    "%s: equal sums of integers",
    async (w) => {
      const [left, right] = await both({ ...shape, k: 64, w, numerics: i8(w.length % 2 === 0 ? 16 : 32) }, 1, true);
      expect(left).toEqual(right);
    },
  );

  // With one group, and no offset to add, nothing is summed in f32: one rounded product each, of anything.
  test.each(["int2_g256", "int3_g128", "int4_g64", "int6_g16", "q8_0"])("%s: equal results of one group", async (w) => {
    const k = Number(/\d+$/.exec(w)?.[0] ?? 32) || 32;
    const [left, right] = await both({ ...shape, k, w, numerics: i8("row") }, 2, false);
    expect(left).toEqual(right);
  });

  test("quantized activations are equal", async () => {
    const x = normals(6 * 64, 9);
    const results = [];
    for (const device of [relaxed, strict]) {
      const kernel = await compile({ op: "quantize", m: 6, k: 64, group: 32 }, { db: false, device });
      results.push(kernel.run({ x }));
      kernel.dispose();
    }
    expect(results[0]).toEqual(results[1]);
  });

  test("dequantized weights are equal", async () => {
    const results = [];
    for (const device of [relaxed, strict]) {
      const kernel = await compile({ op: "dequantize", n: 5, k: 64, w: "int4_g32_zf" }, { db: false, device });
      const weights = { codes: bytesOf(160, 1), scales: normals(10, 2), zeros: normals(10, 3) };
      results.push(kernel.run({ w: kernel.pack(weights) }));
      kernel.dispose();
    }
    expect(results[0]).toEqual(results[1]);
  });
});
