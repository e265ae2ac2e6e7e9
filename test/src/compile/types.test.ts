// What does not type-check: wrong formats, shapes and arguments. The compiler holds these lines (`npm run typecheck`); nothing here runs.

import { expect, expectTypeOf, test } from "vitest";
import { type CompiledKernel, compile, type PackedTensors } from "../../../src/compile/index.ts";

const fixed = {
  op: "matmul",
  m: 1,
  n: 4,
  k: 32,
  w: "int4_g32",
  bias: false,
  numerics: { compute: "i8", xGroup: 32 },
} as const;
const any = { ...fixed, m: "any", bias: true, w: "int4_g32_z" } as const;
const gated = { ...fixed, epilogue: ["silu", "gate"] } as const;
const gguf = { ...fixed, w: "q4_K", k: 256 } as const;
const binary = { ...fixed, w: "bcq2_g32_o" } as const;
const dequantize = { op: "dequantize", n: 4, k: 32, w: "q4_0" } as const;
const quantize = { op: "quantize", m: "any", k: 32, group: 32 } as const;

const floats = new Float32Array();
const bytes = new Uint8Array();

test("what kernels of each workload take and give", () => {
  expectTypeOf<ReturnType<CompiledKernel<typeof fixed>["run"]>>().toEqualTypeOf<Float32Array>();
  expectTypeOf<ReturnType<CompiledKernel<typeof dequantize>["run"]>>().toEqualTypeOf<Float32Array>();
  expectTypeOf<ReturnType<CompiledKernel<typeof quantize>["run"]>>().toEqualTypeOf<{
    readonly q: Int8Array;
    readonly s: Float32Array;
  }>();
});

const neverCalled = {
  run(
    w: PackedTensors,
    one: CompiledKernel<typeof fixed>,
    many: CompiledKernel<typeof any>,
    fused: CompiledKernel<typeof gated>,
  ): void {
    one.run({ x: floats, w });
    fused.run({ x: floats, w, gate: floats });
    // @ts-expect-error gate is missing
    fused.run({ x: floats, w });
    one.run({ x: floats, w, m: 1 });
    many.run({ x: floats, w, m: 3, bias: floats });
    // @ts-expect-error w is missing
    one.run({ x: floats });
    // @ts-expect-error x is not f32
    one.run({ x: bytes, w });
    // @ts-expect-error it has no bias
    one.run({ x: floats, w, bias: floats });
    // @ts-expect-error the bias is missing
    many.run({ x: floats, w, m: 3 });
    // @ts-expect-error m is known at run time only
    many.run({ x: floats, w, bias: floats });
  },
  pack(
    one: CompiledKernel<typeof fixed>,
    zeros: CompiledKernel<typeof any>,
    blocks: CompiledKernel<typeof gguf>,
    planes: CompiledKernel<typeof binary>,
  ): void {
    one.pack({ codes: bytes, scales: floats });
    zeros.pack({ codes: bytes, scales: floats, zeros: bytes });
    blocks.pack({ raw: bytes }, { check: false });
    planes.pack({ codes: bytes, scales: floats, offsets: floats });
    // @ts-expect-error offsets are missing
    planes.pack({ codes: bytes, scales: floats });
    // @ts-expect-error scales are missing
    one.pack({ codes: bytes });
    // @ts-expect-error zero points are missing
    zeros.pack({ codes: bytes, scales: floats });
    // @ts-expect-error the format has no zero points
    one.pack({ codes: bytes, scales: floats, zeros: bytes });
    // @ts-expect-error GGUF's blocks are one tensor
    blocks.pack({ codes: bytes, scales: floats });
  },
  async compile(): Promise<void> {
    // @ts-expect-error there is no such format
    await compile({ ...fixed, w: "int7_g32" });
    // @ts-expect-error the numerics miss their group
    await compile({ ...fixed, numerics: { compute: "i8" } });
    // @ts-expect-error quantize has no weights to pack
    (await compile(quantize)).pack({ raw: bytes });
  },
} as const;

test("what does not type-check stands in functions that are not called", () => {
  expect(Object.keys(neverCalled)).toEqual(["run", "pack", "compile"]);
});
