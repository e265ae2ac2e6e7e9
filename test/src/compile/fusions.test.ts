// The fusions of a decoder layer: q, k and v in one kernel, silu(gate) * up and the residual where sums are stored.
import { describe, expect, test } from "vitest";
import { type MatmulWorkload, matmulBounds, referenceMatmul } from "../../../ir/index.ts";
import { compile, type WasmArtifact } from "../../../src/compile/index.ts";
import { nmse, normals } from "../../ir/samples.ts";
import { relaxed, strict, unprefixed } from "./harness.ts";
import { storedWeights } from "./tensors.ts";

const [k, rows] = [64, 5];
const x = normals(rows * k, 1);
const base = { op: "matmul", m: "any", k, w: "int4_g32", bias: false } as const;
const options = { db: false } as const;

const kernelsOf = ({ parts }: WasmArtifact): readonly string[] =>
  parts.flatMap(({ launches }) => launches.map((launch) => launch.function));

describe.each([
  [{ compute: "i8", xGroup: 32 } as const, relaxed],
  [{ compute: "i8", xGroup: 32 } as const, strict],
  [{ compute: "f32" } as const, relaxed],
])("%o %o", (numerics, device) => {
  test("q, k and v are one kernel of their rows, one below the other", async () => {
    const sizes = [32, 8, 9];
    const parts = sizes.map((n, i) => storedWeights("int4_g32", n, k, { seed: i, exact: false }));
    const together = await compile({ ...base, n: 49, numerics }, { ...options, device });
    const all = (name: string) => parts.map((part) => part[name] as Uint8Array);
    const y = together.run({ x, m: rows, w: together.pack({ codes: all("w.codes"), scales: all("w.scales") }) });
    let from = 0;
    for (const [i, n] of sizes.entries()) {
      const alone = await compile({ ...base, n, numerics }, { ...options, device });
      const own = alone.run({ x, m: rows, w: alone.pack(unprefixed(parts[i]!) as never) });
      const stacked = Float32Array.from(own, (_, at) => y[Math.floor(at / n) * 49 + from + (at % n)] as number);
      expect(stacked).toEqual(own);
      from += n;
      alone.dispose();
    }
    together.dispose();
  });

  test("residual + down . (silu(gate . x) * (up . x)), each step where its sums are stored", async () => {
    const [n, hidden] = [k, 96];
    const [gate, up] = [7, 8].map((seed) => storedWeights("int4_g32", hidden, k, { seed, exact: false })) as [
      never,
      never,
    ];
    const down = storedWeights("int4_g32", n, hidden, { seed: 9, exact: false });
    const residual = normals(rows * n, 2);
    const workloads = {
      gate: { ...base, n: hidden, numerics, epilogue: ["silu"] },
      up: { ...base, n: hidden, numerics, epilogue: ["gate"] },
      down: { ...base, n, k: hidden, numerics, epilogue: ["residual"] },
    } as const;

    const first = await compile(workloads.gate, { ...options, device });
    const second = await compile(workloads.up, { ...options, device });
    const third = await compile(workloads.down, { ...options, device });
    const gated = first.run({ x, m: rows, w: first.pack(unprefixed(gate) as never) });
    const h = second.run({ x, m: rows, gate: gated, w: second.pack(unprefixed(up) as never) });
    const y = third.run({ x: h, m: rows, residual, w: third.pack(unprefixed(down) as never) });

    const exactly = (of: MatmulWorkload, a: Float32Array, w: typeof down, operands = {}) =>
      referenceMatmul(of, a, w, operands).y;
    const bound = matmulBounds[numerics.compute];
    expect(nmse(gated, exactly(workloads.gate, x, gate))).toBeLessThan(bound);
    expect(nmse(h, exactly(workloads.up, x, up, { gate: gated }))).toBeLessThan(bound);
    expect(nmse(y, exactly(workloads.down, h, down, { residual }))).toBeLessThan(bound);

    // No kernel of its own, no place for sums in memory.
    const plain = await compile({ ...base, n: hidden, numerics }, { ...options, device });
    expect(kernelsOf(first.artifact)).toEqual(kernelsOf(plain.artifact));
    const spaces = ({ parts }: WasmArtifact) => parts.map(({ workspaces }) => workspaces.map(({ name }) => name));
    expect(spaces(first.artifact)).toEqual(spaces(plain.artifact));
    for (const kernel of [first, second, third, plain]) kernel.dispose();
  });
});

describe("what does not fit", () => {
  test("an input of a step that the kernel does not have, and one that is missing", async () => {
    const kernel = await compile({ ...base, n: 4, numerics: { compute: "f32" }, epilogue: ["gate"] }, options);
    const w = kernel.pack(unprefixed(storedWeights("int4_g32", 4, k, { seed: 1, exact: false })) as never);
    const gate = new Float32Array(4);
    const run = (args: object) => () => kernel.run({ x: x.subarray(0, k), m: 1, w, ...args } as never);
    expect(run({ gate, residual: gate })).toThrow(
      "residual: the kernel was compiled without one; it takes x, gate, w, m",
    );
    expect(run({})).toThrow("gate is missing; it has 4 values of f32");
    expect(run({ gate: new Float32Array(3) })).toThrow("gate has 3 values, expected 4 (m = 1)");
    kernel.dispose();
  });

  test.each([
    [[], "epilogue: [] is not a step; leave it out"],
    [["silu", "silu"], "epilogue: a step is there twice"],
    [["relu"], "epilogue.0"],
  ])("epilogue %j", async (epilogue, message) => {
    const workload = { ...base, n: 4, numerics: { compute: "f32" }, epilogue } as never;
    await expect(compile(workload, options)).rejects.toThrow(message);
  });
});
