// Kernels on several threads: a row's result is the same on any number of them, at every M, in memory that kernels share. How threads take part is test/src/runtime's.

import { describe, expect, test } from "vitest";
import { WasmMemory } from "../../../backends/index.ts";
import type { Device, MatmulWorkload, Numerics } from "../../../ir/index.ts";
import { templateNamed } from "../../../schedules/index.ts";
import {
  buildArtifact,
  compile,
  Executable,
  kernelFeatures,
  onThreads,
  planPart,
  rangesOf,
  resolve,
  type WasmArtifact,
  withThreads,
} from "../../../src/compile/index.ts";
import { normals } from "../../ir/samples.ts";
import { relaxed, strict } from "./harness.ts";
import { groupOfX } from "./product.ts";
import { activations, storedWeights } from "./tensors.ts";

const f32: Numerics = { compute: "f32" };
const i8 = (xGroup: number | "row"): Numerics => ({ compute: "i8", xGroup });

/** Kernels of every template; more blocks of rows than threads have chunks, and a rest. */
const kernels: readonly (readonly [w: string, k: number, numerics: Numerics, device: Device])[] = [
  ["int4_g32", 64, i8(32), relaxed],
  ["q4_K", 256, i8(32), strict],
  ["int5_row", 5, i8("row"), relaxed],
  ["int4_g32_zf", 64, f32, relaxed],
];

test.each(kernels)("%s, K = %i, %o: equal on every number of threads", async (w, k, numerics, device) => {
  const n = 403;
  const workload: MatmulWorkload = { op: "matmul", m: "any", n, k, w, bias: true, numerics };
  const weights = storedWeights(w, n, k, { seed: 3, exact: false });
  const inputs = {
    x: activations(17, k, groupOfX(workload), { seed: 4, exact: false }),
    bias: normals(n, 5),
    y: new Float32Array(17 * n),
  };
  /** y for each M, by a number of threads. */
  const [alone, shared] = await Promise.all(
    [1, 2].map((threads) => resolve(workload, withThreads(device, { threads }), false)),
  );
  expect([alone, shared].map((r) => r!.artifact.features.includes("shared-memory"))).toEqual([false, true]);
  const results = async (threads: number): Promise<readonly Float32Array[]> => {
    const { artifact } = (threads === 1 ? alone : shared)!;
    const share = threads === 1 ? undefined : onThreads(threads, { leastWork: 0 });
    const executable = await Executable.load(artifact, undefined, share);
    const memory = executable.runtime;
    const at = new Map(executable.pack(weights).addresses);
    for (const [name, values] of Object.entries(inputs)) {
      at.set(name, memory.allocate(values.byteLength));
      memory.write(at.get(name) as number, values);
    }
    const ys = [1, 2, 4, 6, 8, 9, 17, 1, 17].map((m) => {
      const y = at.get("y") as number;
      memory.bytes(y, 4 * 17 * n).fill(0xff);
      executable.launch({ M: m }, at);
      return memory.readF32(y, 17 * n);
    });
    executable.dispose();
    return ys;
  };
  const one = await results(1);
  for (const threads of [2, 3, 4]) expect(await results(threads), `${threads} threads`).toEqual(one);
  // A row's is the same in every batch, and no value is left out.
  for (const y of one) expect(y.subarray(0, n)).toEqual(one[0]!.subarray(0, n));
  expect(one.at(-1)!.every(Number.isFinite)).toBe(true);
});

test("tables that each panel makes for itself: equal on every number of threads", async () => {
  const [m, n, k] = [5, 403, 128];
  const workload: MatmulWorkload = { op: "matmul", m, n, k, w: "int2_g32", bias: false, numerics: i8(32) };
  const weights = storedWeights(workload.w, n, k, { seed: 3, exact: false });
  const x = activations(m, k, 32, { seed: 4, exact: false });
  const template = templateNamed("table-lookup")!;
  const results = async (tables: string, threads: number): Promise<Float32Array> => {
    const device = withThreads(relaxed, { threads });
    const target = { workload, device: { ...device, features: kernelFeatures(device) } };
    const point = { ...template.default(target), tables, panel: 1, rows: 2, vectors: 1, tile: 1 };
    const plans = rangesOf(workload).map((range) => ({
      ...planPart(target, range, point),
      ...{ template: template.name, point, schedule: template.schedule(target, point) },
    }));
    const artifact = buildArtifact({ ...target, device: { ...target.device, kind: "wasm" } }, plans) as WasmArtifact;
    const share = threads === 1 ? undefined : onThreads(threads, { leastWork: 0 });
    const executable = await Executable.load(artifact, undefined, share);
    const memory = executable.runtime;
    const at = new Map(executable.pack(weights).addresses);
    for (const [name, values] of [
      ["x", x],
      ["y", new Float32Array(m * n)],
    ] as const) {
      at.set(name, memory.allocate(values.byteLength));
      memory.write(at.get(name) as number, values);
    }
    executable.launch({ M: m }, at);
    const y = memory.readF32(at.get("y") as number, m * n);
    executable.dispose();
    return y;
  };
  const wanted = await results("kernel", 1);
  for (const threads of [1, 2, 4]) expect(await results("loop", threads), `${threads} threads`).toEqual(wanted);
});

describe("compile", () => {
  const workload = {
    ...{ op: "matmul", m: 1, n: 1024, k: 512, w: "int4_g32", bias: false },
    numerics: { compute: "i8", xGroup: 32 },
  } as const satisfies MatmulWorkload;
  const stored = storedWeights(workload.w, workload.n, workload.k, { seed: 1, exact: false });
  const weights = { codes: stored["w.codes"]!, scales: stored["w.scales"]! };
  const x = normals(workload.k, 2);
  const options = { db: false } as const;

  test("kernels of one memory share packed tensors, whatever their threads", async () => {
    const runtime = new WasmMemory({ shared: true, maxBytes: 2 ** 26 });
    using two = await compile(workload, { ...options, runtime, threads: 2 });
    using one = await compile(workload, { ...options, runtime });
    using alone = await compile(workload, options);
    const w = two.pack(weights);
    const y = two.run({ x, w });
    expect(one.run({ x, w })).toEqual(y);
    expect(alone.run({ x, w: alone.pack(weights) })).toEqual(y);
    expect([two, one, alone].map(({ artifact }) => artifact.features.includes("shared-memory"))).toEqual([
      true,
      true,
      false,
    ]);
  });

  test("after dispose the kernel refuses to run", async () => {
    const kernel = await compile(workload, { ...options, threads: 2 });
    const w = kernel.pack(weights);
    kernel[Symbol.dispose]();
    kernel.dispose();
    expect(() => kernel.run({ x, w })).toThrow("the kernel is disposed; compile it again");
  });
});
