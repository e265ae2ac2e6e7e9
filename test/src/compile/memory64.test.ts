// Memory beyond 4 GiB: kernels with addresses of 64 bits give the bits that those of 32 give, wherever their tensors are. What is not touched takes no memory here.

import { describe, expect, test } from "vitest";
import { WasmMemory, WasmRuntime } from "../../../backends/index.ts";
import type { Device, MatmulWorkload } from "../../../ir/index.ts";
import { ownMemory } from "../../../src/compile/granted.ts";
import { compile, resolve, type WasmArtifact } from "../../../src/compile/index.ts";
import { guardedKernel, relaxed, strict, unprefixed } from "./harness.ts";
import { casesOf, rows } from "./matrix.ts";
import { groupOfX } from "./product.ts";
import { activations, storedWeights } from "./tensors.ts";

const gib = 2 ** 30;
const most = rows.at(-1) as number;
const noMany = (m: MatmulWorkload["m"]): number => (m === "any" ? most : m);

/** A memory of which all below `bytes` is taken. */
function filled(bytes: number, options: { readonly shared?: boolean } = {}): WasmRuntime {
  const runtime = new WasmRuntime({ maxBytes: 6 * gib, ...options });
  for (let at = 64; at < bytes; at += gib) runtime.allocate(Math.min(gib, bytes - at));
  return runtime;
}

const narrow = new WasmMemory();
// The first tensors lie before the 32-bit limit, the others behind it.
const wide = filled(4 * gib - 4096);

describe("the same bits as with 32", () => {
  test.each(casesOf("1").map((c) => [`${c.workload.w} ${c.workload.numerics.compute} (seed ${c.seed})`, c] as const))(
    "%s",
    async (_, c) => {
      const { workload } = c;
      const { m, n, k, w } = workload;
      const device = c.relaxed ? relaxed : strict;
      const weights = storedWeights(w, n, k, c);
      const x = activations(noMany(m), k, groupOfX(workload), c);
      const bias = workload.bias ? Float32Array.from({ length: n }, (_, i) => i / 7) : undefined;
      const results = await Promise.all(
        [narrow, wide].map(async (memory) => {
          const { artifact } = await resolve(workload, device, false, memory);
          expect(artifact.features.includes("memory64")).toBe(memory === wide);
          const kernel = guardedKernel(artifact, weights, memory);
          const y = kernel.run(x, noMany(m), bias);
          const { packed } = kernel;
          kernel.free();
          return { y, packed, layout: artifact.layout };
        }),
      );
      expect(results[1]).toEqual(results[0]);
    },
  );

  test("nothing is left behind", () => {
    expect(narrow.usedBytes).toBe(0);
    expect(wide.usedBytes).toBe(4 * gib - 4096 - 64);
  });
});

const workload: MatmulWorkload & { readonly quantize?: undefined } = {
  op: "matmul",
  m: "any",
  n: 1024,
  k: 512,
  w: "int4_g32",
  bias: false,
  numerics: { compute: "i8", xGroup: 32 },
};
const stored = unprefixed(storedWeights(workload.w, 1024, 512, { seed: 1, exact: false })) as {
  codes: Uint8Array;
  scales: Uint8Array;
};
const x = activations(9, 512, 32, { seed: 2, exact: false });

async function product(options: Parameters<typeof compile>[1] = {}): Promise<Float32Array> {
  using kernel = await compile(workload, { db: false, ...options });
  return kernel.run({ x, w: kernel.pack(stored), m: 9 });
}

describe("through the API", () => {
  test("the runtime's memory decides, on threads too", async () => {
    const y = await product();
    expect(await product({ runtime: filled(4 * gib) })).toEqual(y);
    expect(await product({ runtime: filled(4 * gib, { shared: true }), threads: 2 })).toEqual(y);
    expect(await product({ runtime: filled(4 * gib, { shared: true }) })).toEqual(y);
  });

  test("packed files are of both", async () => {
    const runtime = filled(4 * gib);
    using one = await compile(workload, { db: false });
    using other = await compile(workload, { db: false, runtime });
    const w = other.loadPacked(one.pack(stored).toBytes());
    expect(Math.min(...w.addresses.values())).toBeGreaterThanOrEqual(4 * gib);
    expect(other.run({ x, w, m: 9 })).toEqual(one.run({ x, w: one.pack(stored), m: 9 }));
  });

  test("a kernel of its own takes such a memory where its weights need it, and the engine has it", () => {
    const device: Device = { ...relaxed, features: ["relaxed-simd", "memory64"] };
    const sized = (n: number): MatmulWorkload => ({ ...workload, n, k: 16384 });
    expect(ownMemory(sized(2 ** 17), device)).toEqual({ shared: false, address: "i32" });
    expect(ownMemory(sized(2 ** 18), device)).toEqual({ shared: false, address: "i64" });
    expect(ownMemory(sized(2 ** 18), relaxed)).toEqual({ shared: false, address: "i32" });
    expect(ownMemory({ op: "quantize", m: "any", k: 64, group: 32 }, device).address).toBe("i32");
  });

  test("kernels and memories of different kinds refuse each other", async () => {
    const { artifact } = await resolve(workload, relaxed, false, { address: "i64" });
    await expect(load(artifact, new WasmMemory())).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ApiError: runtime: its memory has addresses of 32 bits, the kernel was compiled for 64; make one of more than 4 GiB (maxBytes), or compile the kernel for it]`,
    );
    const { artifact: other } = await resolve(workload, relaxed, false);
    await expect(load(other, filled(64))).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ApiError: runtime: its memory has addresses of 64 bits, the kernel was compiled for 32; make one of at most 4 GiB (maxBytes), or compile the kernel for it]`,
    );
  });
});

async function load(artifact: WasmArtifact, memory: WasmMemory): Promise<unknown> {
  const { Executable } = await import("../../../src/compile/index.ts");
  return Executable.load(artifact, memory);
}
