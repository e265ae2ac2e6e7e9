// Memory: what kernels take and give back, how much packing needs on top, and addresses up to the end of 4 GiB. Large tensors are only reserved: pages that nobody touches cost nothing.

import { describe, expect, test } from "vitest";
import { WasmMemory } from "../../../backends/index.ts";
import { type Device, formatOf, type MatmulWorkload } from "../../../ir/index.ts";
import { compile, resolve } from "../../../src/compile/index.ts";
import { normals, typicalFormats } from "../../ir/samples.ts";
import { guardedKernel, relaxed, strict, unprefixed } from "./harness.ts";
import { activations, storedWeights } from "./tensors.ts";

const base = {
  op: "matmul",
  m: "any",
  n: 35,
  k: 64,
  w: "int4_g32",
  bias: false,
  numerics: { compute: "i8", xGroup: 32 },
} as const satisfies MatmulWorkload;
const options = { db: false, device: relaxed } as const;
const data = { seed: 1, exact: false };

type Stored = { readonly codes: Uint8Array; readonly scales: Uint8Array };
const stored = unprefixed(storedWeights(base.w, base.n, base.k, data)) as Stored;
const x = activations(17, base.k, 32, data);

/** A memory that remembers how much was in use at most. */
class Watched extends WasmMemory {
  peak = 0;
  override allocate(bytes: number): number {
    const address = super.allocate(bytes);
    this.peak = Math.max(this.peak, this.usedBytes);
    return address;
  }
}

describe("packing", () => {
  // Of the integer family those whose stored tensors are the largest beside the packed ones.
  test.each(typicalFormats.filter((name) => !/^int\d_.*(s16|z)/.test(name)))(
    "%s: needs at most the packed size on top",
    async (w) => {
      const runtime = new Watched();
      const { block, codes } = formatOf(w);
      const [n, k] = [64, Math.max(64, block)];
      const numerics = codes === undefined ? ({ compute: "f32" } as const) : ({ compute: "i8", xGroup: 32 } as const);
      const kernel = await compile({ ...base, m: 1, n, k, w, numerics } as MatmulWorkload, { ...options, runtime });
      const packed = kernel.pack(unprefixed(storedWeights(w, n, k, data)) as Parameters<typeof kernel.pack>[0]);
      expect(runtime.usedBytes).toBeLessThan(packed.byteLength + 64 * packed.addresses.size);
      expect(runtime.peak).toBeLessThanOrEqual(2 * packed.byteLength + 64 * packed.addresses.size);
      packed.dispose();
      kernel.dispose();
      expect(runtime.usedBytes).toBe(0);
    },
  );
});

describe("kernels of one memory", () => {
  test("give everything back, whatever ran in between", async () => {
    const runtime = new WasmMemory();
    const kernels = [
      await compile(base, { ...options, runtime }),
      await compile({ ...base, w: "q4_0" }, { ...options, runtime }),
      await compile({ ...base, w: "f32", numerics: { compute: "f32" } }, { ...options, runtime }),
    ] as const;
    const weights = [
      kernels[0].pack(stored),
      kernels[1].pack({ raw: storedWeights("q4_0", base.n, base.k, data)["w.raw"] as Uint8Array }),
      kernels[2].pack({ raw: normals(base.n * base.k, 3) }),
    ];
    const results = kernels.map((kernel, i) => kernel.run({ m: 3, x: x.subarray(0, 3 * base.k), w: weights[i]! }));
    // Workspaces grow with M, and shrink for none: results stay the same in every order.
    for (const m of [17, 1, 9, 3, 16])
      for (const [i, kernel] of kernels.entries()) {
        const y = kernel.run({ m, x: x.subarray(0, m * base.k), w: weights[i]! });
        const rows = Math.min(3, m) * base.n;
        expect(y.subarray(0, rows)).toEqual(results[i]?.subarray(0, rows));
      }
    for (const one of [...weights, ...kernels]) one.dispose();
    expect(runtime.usedBytes).toBe(0);
  });

  test("the memory does not grow from run to run", async () => {
    const runtime = new WasmMemory();
    const kernel = await compile(base, { ...options, runtime });
    const w = kernel.pack(stored);
    kernel.run({ m: 17, x, w });
    const [bytes, used] = [runtime.memory.buffer.byteLength, runtime.usedBytes];
    for (let i = 0; i < 300; i++) {
      kernel.run({ m: 17, x, w });
      kernel.pack(stored).dispose();
    }
    expect(runtime.memory.buffer.byteLength).toBe(bytes);
    expect(runtime.usedBytes).toBe(used);
  });
});

describe("addresses", () => {
  /** A memory in which the next allocation of more than a page lies across `address`. */
  function reservedUpTo(address: number): WasmMemory {
    const runtime = new WasmMemory();
    for (let left = address - 8192; left > 0; left -= 2 ** 30) runtime.allocate(Math.min(left, 2 ** 30) - 64);
    return runtime;
  }

  const workloads: readonly (readonly [MatmulWorkload, Device])[] = [
    [{ ...base, m: 5 }, relaxed],
    [{ ...base, m: 5, w: "q6_K", k: 256 }, strict],
    [{ ...base, m: 5, numerics: { compute: "f32" } }, relaxed],
    [{ ...base, m: 5, w: "int3_row_zf", k: 5, numerics: { compute: "i8", xGroup: "row" } }, strict],
  ];

  test.each(workloads)("results across 2 GiB and at the end of 4 GiB are the same: %o", async (workload, device) => {
    const { n, k, w } = workload;
    const { artifact } = await resolve(workload, device, false);
    const weights = storedWeights(w, n, k, data);
    const rows = activations(5, k, undefined, data);
    const results = [new WasmMemory(), reservedUpTo(2 ** 31), reservedUpTo(2 ** 32 - 2 ** 18)].map((runtime) => {
      const kernel = guardedKernel(artifact, weights, runtime);
      return kernel.run(rows, 5);
    });
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });

  test("the far tensors do lie across the boundary", () => {
    const runtime = reservedUpTo(2 ** 31);
    const address = runtime.allocate(2 ** 16);
    expect(address).toBeLessThan(2 ** 31);
    expect(address + 2 ** 16).toBeGreaterThan(2 ** 31);
  });

  test("weights beyond what the memory may grow to are refused, and nothing is lost", async () => {
    const runtime = new WasmMemory({ maxBytes: 2 ** 17 });
    const kernel = await compile(base, { ...options, runtime });
    const w = kernel.pack(stored);
    const expected = kernel.run({ m: 1, x: x.subarray(0, base.k), w });
    const large = await compile({ ...base, n: 4096 }, { ...options, runtime });
    const weights = unprefixed(storedWeights(base.w, 4096, base.k, data)) as Stored;
    const used = runtime.usedBytes;
    expect(() => large.pack(weights)).toThrowErrorMatchingInlineSnapshot(
      `[WasmRuntimeError: 131072 bytes do not fit: 2304 of at most 131072 bytes are in use: dispose of other kernels' weights, or split the tensors among several runtimes]`,
    );
    expect(runtime.usedBytes).toBe(used);
    // Room for the packed tensor, and not for the stored one beside it.
    const half = await compile({ ...base, n: 2048 }, { ...options, runtime });
    const halfWeights = unprefixed(storedWeights(base.w, 2048, base.k, data)) as Stored;
    expect(() => half.pack(halfWeights)).toThrow("bytes do not fit");
    expect(runtime.usedBytes).toBe(used);
    // Workspaces that don't fit.
    const rows = 2 ** 10;
    expect(() => kernel.run({ m: rows, x: new Float32Array(rows * base.k), w })).toThrow("bytes do not fit");
    expect(kernel.run({ m: 1, x: x.subarray(0, base.k), w })).toEqual(expected);
  });

  test("weights beyond 4 GiB are refused", async () => {
    const [n, k] = [2 ** 17, 2 ** 17];
    const workload = { ...base, m: 1, n, k, w: "int2_row" } as const;
    const kernel = await compile(workload, options);
    const codes = new Uint8Array((n / 4) * k);
    expect(() => kernel.pack({ codes, scales: new Float32Array(n) })).toThrowErrorMatchingInlineSnapshot(
      `[WasmRuntimeError: 4294967296 bytes do not fit: 0 of at most 4294967296 bytes are in use (4 GiB is all that Wasm's 32-bit addresses reach): dispose of other kernels' weights, or split the tensors among several runtimes, or make one of up to 16 GiB (maxBytes) where the engine has memory64]`,
    );
    kernel.dispose();
  });
});
