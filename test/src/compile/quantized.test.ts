// Quantized activations between kernels: a matmul whose x comes quantized gives what it gives for x in f32, and a result that is quantized is what `quantize` makes of it, to
// the last bit; by every template, and from kernel to kernel without copies.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type IntegerNumerics,
  type MatmulWorkload,
  type Quantized,
  type QuantizedResult,
  quantizeReference,
  reachOf,
  type Workload,
  WorkloadError,
} from "../../../ir/index.ts";
import { rivalsFor, type Template, templates } from "../../../schedules/index.ts";
import { buildArtifact } from "../../../src/compile/index.ts";
import { ApiError, compile, HeldTensor, WasmRuntime } from "../../../src/index.ts";
import { Executable, kernelOf } from "../../../src/runtime/index.ts";
import { normals } from "../../ir/samples.ts";
import { patience, runs } from "../../schedules/runs.ts";
import { relaxed, strict, unprefixed } from "./harness.ts";
import { activations, storedWeights } from "./tensors.ts";

const runtime = new WasmRuntime();
const options = { db: false, runtime } as const;

type Run = (args: Record<string, unknown>) => Float32Array | (Quantized & { readonly y?: Float32Array });

/** A workload by one template at its default point, run once. */
async function runBy(
  template: Template,
  workload: MatmulWorkload,
  device: typeof strict,
  args: object,
): Promise<ReturnType<Run>> {
  const target = { workload, device: { ...device, kind: "wasm" as const } };
  const point = template.default(target);
  const [min, max] = [workload.m as number, workload.m as number];
  const plan = { name: "all", min, max, template: template.name, point, schedule: template.schedule(target, point) };
  const kernel = kernelOf<unknown, unknown, ReturnType<Run>>(
    await Executable.load(buildArtifact(target, [plan]), runtime),
  );
  const weights = storedWeights(workload.w, workload.n, workload.k, { seed: 3, exact: false });
  const w = kernel.pack(unprefixed(weights));
  try {
    return kernel.run({ ...args, w });
  } finally {
    w.dispose();
    kernel.dispose();
  }
}

const base = { op: "matmul", m: 3, n: 40, bias: false } as const;

describe.each([
  ["int4_g32", 64, {}],
  ["int8_g32", 64, { xGroup: "row" }],
  ["int2_g32", 64, {}],
  ["int2_g32", 64, { tables: "i8" }],
  ["int1_g32_zf", 64, { xBits: 3 }],
  ["q4_K", 256, { xGroup: 64 }],
] as const)("%s, k = %i, %o", (w, k, more) => {
  const numerics: IntegerNumerics = { compute: "i8", xGroup: 32, ...more };
  const group = numerics.xGroup === "row" ? k : numerics.xGroup;
  const reach = reachOf(numerics.xBits);
  const x = activations(base.m, k, group, { seed: 5, exact: false }, reach);
  const given = quantizeReference(x, group, reach);
  const workload: MatmulWorkload = { ...base, w, k, numerics };
  const quantized: MatmulWorkload = { ...workload, numerics: { ...numerics, x: "quantized" } };
  test.each([
    ["relaxed", relaxed],
    ["strict", strict],
  ])("each template that takes x in f32 takes it quantized, %s", async (_, device) => {
    const target = { workload, device };
    const taking = (of: MatmulWorkload): readonly string[] =>
      templates.filter((t) => t.refuses({ workload: of, device }) === undefined).map((t) => t.name);
    expect(taking(quantized)).toEqual(taking(workload));
    for (const template of rivalsFor(target)) {
      const y = await runBy(template, workload, device, { x });
      expect(await runBy(template, quantized, device, { x: given }), template.name).toEqual(y);
    }
  });
});

test("results of matmuls in any numerics, any groups", { timeout: patience }, async () => {
  const tried = fc.record({
    m: fc.constantFrom(1, 2, 5),
    numerics: fc.constantFrom<MatmulWorkload["numerics"][]>(
      { compute: "f32" },
      { compute: "i8", xGroup: 32 },
      { compute: "i8", xGroup: 32, x: "quantized" },
    ),
    epilogue: fc.constantFrom<MatmulWorkload["epilogue"][]>(undefined, ["silu"]),
    quantize: fc.record<QuantizedResult>({
      group: fc.constantFrom<QuantizedResult["group"][]>(8, 16, 32, 96, "row"),
      bits: fc.constantFrom(undefined, 4),
      keep: fc.boolean(),
    }),
    device: fc.constantFrom(relaxed, strict),
    seed: fc.nat(1000),
  });
  await fc.assert(
    fc.asyncProperty(tried, async ({ m, numerics, epilogue, quantize, device, seed }) => {
      const workload = { ...base, m, n: 192, k: 64, w: "int4_g32", ...(epilogue && { epilogue }), numerics } as const;
      const x = normals(m * 64, seed);
      const given = numerics.compute === "i8" && numerics.x !== undefined ? quantizeReference(x, 32) : x;
      const [y, made] = await Promise.all(
        [workload, { ...workload, quantize }].map(async (of) => {
          const kernel = await compile(of as MatmulWorkload, { ...options, device });
          const w = kernel.pack(unprefixed(storedWeights("int4_g32", 192, 64, { seed, exact: false })) as never);
          const result = (kernel.run as Run)({ x: given, w });
          w.dispose();
          kernel.dispose();
          return result;
        }),
      );
      const { q, s } = quantizeReference(
        y as Float32Array,
        quantize.group === "row" ? 192 : quantize.group,
        reachOf(quantize.bits),
      );
      expect(made).toEqual({ q, s, ...(quantize.keep && { y }) });
    }),
    { numRuns: runs(12) },
  );
});

describe("from kernel to kernel", () => {
  const [hidden, n, m] = [64, 96, 5];
  const weights = [1, 2, 3].map(
    (seed) => unprefixed(storedWeights("int4_g32", n, hidden, { seed, exact: false })) as never,
  );
  const norm = { op: "rmsnorm", m, k: hidden, eps: 1e-5, residual: true } as const;
  const matmul = { op: "matmul", m, n, k: hidden, w: "int4_g32", bias: false } as const;
  const i8 = { compute: "i8", xGroup: 32 } as const;
  const [x, residual, weight] = [normals(m * hidden, 1), normals(m * hidden, 2), normals(hidden, 3)];

  test.each([relaxed, strict])(
    "x of q, k and v is quantized once, by the norm, and never leaves the memory",
    async (device) => {
      const kernels = {
        norm: await compile({ ...norm, quantize: { group: 32 } }, { ...options, device }),
        project: await compile({ ...matmul, numerics: { ...i8, x: "quantized" } }, { ...options, device }),
        gated: await compile({ op: "swiglu", m, k: n, quantize: { group: 32 } }, { ...options, device }),
        down: await compile(
          { ...matmul, n: hidden, k: n, epilogue: ["residual"], numerics: { ...i8, x: "quantized" } },
          { ...options, device },
        ),
        apart: {
          norm: await compile(norm, { ...options, device }),
          project: await compile({ ...matmul, numerics: i8 }, { ...options, device }),
          gated: await compile({ op: "swiglu", m, k: n }, { ...options, device }),
          down: await compile(
            { ...matmul, n: hidden, k: n, epilogue: ["residual"], numerics: i8 },
            { ...options, device },
          ),
        },
      };
      const { apart } = kernels;
      const w = weights.map((stored) => kernels.project.pack(stored));
      const last = kernels.down.pack(
        unprefixed(storedWeights("int4_g32", hidden, n, { seed: 4, exact: false })) as never,
      );
      // The packed layout does not depend on how x comes.
      expect([apart.project.layout, apart.down.layout]).toEqual([kernels.project.layout, kernels.down.layout]);

      const { sum, y } = apart.norm.run({ x, residual, weight, m });
      const separate = w.map((packed) => apart.project.run({ x: y, w: packed, m }));
      const activated = apart.gated.run({ gate: separate[0]!, up: separate[1]!, m });
      const wanted = apart.down.run({ x: activated, w: last, residual: sum, m });

      const before = runtime.usedBytes;
      const held = HeldTensor.from(runtime, weight);
      const normed = kernels.norm.hold({ x, residual, weight: held, m });
      const projected = w.map((packed) => kernels.project.hold({ x: normed, w: packed, m }));
      expect(projected.map((tensor) => tensor.read())).toEqual(separate);
      const gated = kernels.gated.hold({ gate: projected[0]!, up: projected[1]!, m });
      expect(kernels.down.run({ x: gated, w: last, residual: normed.sum, m })).toEqual(wanted);
      expect(normed.sum.view()).toEqual(sum);
      for (const tensor of [...Object.values(normed), ...projected, ...Object.values(gated)]) tensor.dispose();
      held.dispose();
      for (const kernel of [kernels.norm, kernels.project, kernels.gated, kernels.down]) kernel.dispose();
      expect(runtime.usedBytes).toBeLessThanOrEqual(before);
      for (const kernel of Object.values(apart)) kernel.dispose();
      for (const packed of [...w, last]) packed.dispose();
    },
  );

  test("what is not right is refused by name", async () => {
    const kernel = await compile({ ...matmul, m: 1, numerics: { ...i8, x: "quantized" } }, options);
    const w = kernel.pack(weights[0]!);
    const run = (args: object) => () => (kernel.run as unknown as Run)({ w, m: 1, ...args });
    const { q, s } = quantizeReference(x.subarray(0, hidden), 32);
    expect(run({ x: { q, s } })).not.toThrow();
    expect(run({ x: x.subarray(0, hidden) })).toThrow("x.q is missing; it has 64 values of i8");
    expect(run({ x: { q } })).toThrow("x.s is missing; it has 2 values of f32");
    expect(run({ x: { q: q.subarray(1), s } })).toThrow("x.q has 63 values, expected 64 (m = 1)");
    expect(run({ x: { q: q.map(() => -128), s } })).toThrow("x.q[0] is -128, outside of -127..127");
    expect(run({ "x.q": q, "x.s": s })).toThrow("x.q: the kernel was compiled without one; it takes x, w, m");
    const held = HeldTensor.from(runtime, q);
    expect(run({ x: { q: held, s } })).not.toThrow();
    expect(run({ x: { q: held, s: held } })).toThrow("x.s is not a Float32Array; it has 2 values of f32");
    held.dispose();
    expect(run({ x: { q: held, s } })).toThrow("the held tensor values is disposed; hold it again");
    const elsewhere = HeldTensor.from(new WasmRuntime(), q);
    expect(run({ x: { q: elsewhere, s } })).toThrow(
      "x.q is held in another memory; give both kernels one to work in, or pass read()",
    );
    expect(() => HeldTensor.from(runtime, new Float64Array(2) as never)).toThrow(ApiError);
    kernel.dispose();
    w.dispose();
  });
});

test("combinations that can't be are refused when they are compiled", async () => {
  const workload = { ...base, k: 64, w: "int4_g32", numerics: { compute: "f32" } } as const;
  const refusal = async (of: object): Promise<string> => {
    const error = await compile(of as Workload & MatmulWorkload, options).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(WorkloadError);
    return (error as Error).message;
  };
  expect(await refusal({ ...workload, numerics: { compute: "f32", x: "quantized" } })).toMatchInlineSnapshot(
    `"numerics: there is no "x" here"`,
  );
  expect(await refusal({ ...workload, numerics: { compute: "i8", xGroup: 32, x: "codes" } })).toMatchInlineSnapshot(
    `"numerics.x: Invalid input: expected "quantized""`,
  );
  expect(await refusal({ ...workload, quantize: { group: 32 } })).toMatchInlineSnapshot(
    `"columns of y: 40 is not a multiple of quantize.group = 32; the nearest are 32 and 64"`,
  );
  expect(await refusal({ ...workload, quantize: { group: 8, bits: 9 } })).toMatchInlineSnapshot(
    `"quantize.bits: 9 is not a number of bits from 2 to 7; for 8 leave it out"`,
  );
  expect(await refusal({ ...workload, quantize: {} })).toMatchInlineSnapshot(
    `"quantize.group: undefined is not a positive integer, nor "row""`,
  );
  expect(await refusal({ op: "swiglu", m: 1, k: 48, quantize: { group: 32 } })).toMatchInlineSnapshot(
    `"columns of y: 48 is not a multiple of quantize.group = 32; the nearest are 32 and 64"`,
  );
  expect(await refusal({ op: "embed", m: 1, n: 4, k: 32, w: "q4_0", quantize: { group: 32 } })).toMatchInlineSnapshot(
    `"workload: there is no "quantize" here"`,
  );
});
