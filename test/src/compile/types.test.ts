// What does not type-check: wrong formats, shapes and arguments. The compiler holds these lines (`npm run typecheck`); nothing here runs.

import { expect, expectTypeOf, test } from "vitest";
import type { AppendWorkload } from "../../../ir/index.ts";
import { type CompiledKernel, compile, type PackedTensors } from "../../../src/compile/index.ts";
import type { HeldTensor, KvCache, PagedCache } from "../../../src/runtime/index.ts";

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
const norm = { op: "rmsnorm", m: 1, k: 32, eps: 1e-5, residual: false } as const;
const added = { ...norm, residual: true } as const;
const codes = { ...fixed, numerics: { ...fixed.numerics, x: "quantized" } } as const;
const feeding = { ...norm, quantize: { group: 32 } } as const;
const both = { ...added, quantize: { group: 32, keep: true } } as const;
const embed = { op: "embed", m: "any", n: 4, k: 32, w: "q4_0" } as const;
const joining = {
  op: "append",
  m: 1,
  kvHeads: 1,
  headSize: 2,
  keys: "f32",
  values: "f32",
  rope: { rotary: 2, pairing: "neox", scale: 1 },
} as const;
const rotate = { op: "rotate", m: 1, kvHeads: 1, headSize: 2, keys: "f32", rotary: 2, pairing: "neox" } as const;
const rope = { op: "rope", m: 1, heads: 1, d: 2, rotary: 2, pairing: "neox", scale: 1 } as const;

const append = { op: "append", m: 1, kvHeads: 1, headSize: 4, keys: "f32", values: "f32" } as const;
const paged = { ...append, pages: 64 } as const;

const floats = new Float32Array();
const bytes = new Uint8Array();

test("what kernels of each workload take and give", () => {
  expectTypeOf<ReturnType<CompiledKernel<typeof fixed>["run"]>>().toEqualTypeOf<Float32Array>();
  expectTypeOf<ReturnType<CompiledKernel<typeof dequantize>["run"]>>().toEqualTypeOf<Float32Array>();
  expectTypeOf<ReturnType<CompiledKernel<typeof quantize>["run"]>>().toEqualTypeOf<{
    readonly q: Int8Array;
    readonly s: Float32Array;
  }>();
  expectTypeOf<ReturnType<CompiledKernel<typeof norm>["run"]>>().toEqualTypeOf<Float32Array>();
  expectTypeOf<ReturnType<CompiledKernel<typeof feeding>["run"]>>().toEqualTypeOf<{
    readonly q: Int8Array;
    readonly s: Float32Array;
  }>();
  expectTypeOf<keyof ReturnType<CompiledKernel<typeof both>["run"]>>().toEqualTypeOf<"sum" | "y" | "q" | "s">();
  expectTypeOf<ReturnType<CompiledKernel<typeof fixed>["hold"]>>().toEqualTypeOf<HeldTensor<Float32Array>>();
  expectTypeOf<ReturnType<CompiledKernel<typeof feeding>["hold"]>["q"]>().toEqualTypeOf<HeldTensor<Int8Array>>();
  expectTypeOf<ReturnType<CompiledKernel<typeof embed>["run"]>>().toEqualTypeOf<Float32Array>();
  expectTypeOf<ReturnType<CompiledKernel<typeof added>["run"]>>().toEqualTypeOf<{
    readonly sum: Float32Array;
    readonly y: Float32Array;
  }>();
});

const neverCalled = {
  run(
    w: PackedTensors,
    one: CompiledKernel<typeof fixed>,
    many: CompiledKernel<typeof any>,
    fused: CompiledKernel<typeof gated>,
    taking: CompiledKernel<typeof codes>,
    giving: CompiledKernel<typeof feeding>,
  ): void {
    taking.run({ x: giving.run({ x: floats, weight: floats }), w });
    taking.run({ x: giving.hold({ x: one.hold({ x: floats, w }), weight: floats }), w });
    // @ts-expect-error x is given quantized
    taking.run({ x: floats, w });
    // @ts-expect-error x is f32
    one.run({ x: giving.run({ x: floats, weight: floats }), w });
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
  operators(
    w: PackedTensors,
    plain: CompiledKernel<typeof norm>,
    withSum: CompiledKernel<typeof added>,
    rows: CompiledKernel<typeof embed>,
    turned: CompiledKernel<typeof rope>,
    cache: KvCache,
    turning: CompiledKernel<typeof joining>,
    moved: CompiledKernel<typeof rotate>,
  ): void {
    turning.run({ k: floats, v: floats, positions: new Int32Array(1), frequencies: floats, cache });
    moved.run({ first: 0, deltas: new Int32Array(1), frequencies: floats, cache });
    // @ts-expect-error its keys are turned
    turning.run({ k: floats, v: floats, cache });
    // @ts-expect-error first is missing
    moved.run({ deltas: new Int32Array(1), frequencies: floats, cache });
    plain.run({ x: floats, weight: floats });
    withSum.run({ x: floats, weight: floats, residual: floats, m: 1 });
    rows.run({ ids: new Int32Array(2), w, m: 2 });
    turned.run({ x: floats, positions: new Int32Array(1), frequencies: floats });
    // @ts-expect-error it adds nothing before
    plain.run({ x: floats, weight: floats, residual: floats });
    // @ts-expect-error the residual is missing
    withSum.run({ x: floats, weight: floats });
    // @ts-expect-error ids are i32
    rows.run({ ids: floats, w, m: 2 });
    // @ts-expect-error w is missing
    rows.run({ ids: new Int32Array(2), m: 2 });
    // @ts-expect-error positions are missing
    turned.run({ x: floats, frequencies: floats });
    // @ts-expect-error it has no weights to pack
    turned.run({ x: floats, positions: new Int32Array(1), frequencies: floats, w });
  },
  caches(
    one: CompiledKernel<typeof append>,
    many: CompiledKernel<typeof paged>,
    either: CompiledKernel<AppendWorkload>,
    cache: KvCache,
    pool: PagedCache,
  ): void {
    const [k, v] = [floats, floats];
    const sequences = [pool.sequence()];
    one.run({ k, v, cache });
    many.run({ k, v, cache: pool, sequences });
    either.run({ k, v, cache, m: 1 });
    either.run({ k, v, cache: pool, sequences, m: 1 });
    // @ts-expect-error its cache has no pages
    one.run({ k, v, cache: pool });
    // @ts-expect-error its cache has pages
    many.run({ k, v, cache, sequences });
    // @ts-expect-error sequences are missing
    many.run({ k, v, cache: pool });
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
  expect(Object.keys(neverCalled)).toEqual(["run", "operators", "caches", "pack", "compile"]);
});
