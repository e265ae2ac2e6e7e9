import { describe, expect, test } from "vitest";
import {
  type Expr,
  eachNode,
  eachStmt,
  emptyTensor,
  exprsOf,
  type Form,
  interpretKernel,
  type Kernel,
  loopsOf,
  lower,
  type Tensor,
  tensor,
  verifyKernel,
} from "../../../../ir/index.ts";
import {
  type Arithmetic,
  local,
  mostRounds,
  operationsOf,
  type RateVariant,
  rateInputs,
  rateKernel,
  rateResult,
} from "../../../../src/bench/gpu/rate-kernels.ts";
import { fillKernel, type ReadVariant, readKernel, readResult } from "../../../../src/bench/gpu/read-kernel.ts";

/** Runs a kernel on tensors of its global buffers; gives the one asked for. */
function run(
  kernel: Kernel,
  tensors: Readonly<Record<string, Tensor>>,
  of: string,
  symbols: Record<string, number> = {},
  form: Form = "grid",
) {
  verifyKernel(kernel, form);
  const buffers = new Map(Object.entries(tensors));
  interpretKernel(kernel, { symbols, buffers });
  return buffers.get(of)!.values;
}

const filled = (bytes: number): Tensor => {
  const x = emptyTensor("i32", [bytes / 4]);
  return tensor("i32", [bytes / 4], run(fillKernel(bytes), { x }, "x"));
};

/** The same words in the shape that a kernel declares. */
const shaped = (kernel: Kernel, { scalar, values }: Tensor, name: string): Tensor => {
  const { shape } = kernel.buffers.find((buffer) => buffer.name === name)!;
  return tensor(
    scalar,
    shape.map((size) => (size.kind === "const" ? size.value : Number.NaN)),
    values,
  );
};

describe("read", () => {
  const bytes = 2 ** 13;
  const words = filled(bytes);
  const variants: readonly ReadVariant[] = [
    { groups: 4, local: 16, unrolled: 2, order: "swept" },
    { groups: 2, local: 32, unrolled: 4, order: "apart" },
    { groups: 8, local: 64, unrolled: 1, order: "swept" },
  ];

  test.each(variants)("every word is added once: $groups x $local x $unrolled $order", (variant) => {
    const kernel = readKernel(bytes, variant);
    const y = run(
      kernel,
      { x: shaped(kernel, words, "x"), y: emptyTensor("i32", [variant.groups, variant.local]) },
      "y",
    );
    expect([...y]).toEqual([...readResult(bytes, variant)]);
    const whole = words.values.reduce((sum, word) => (sum + word) | 0, 0);
    expect(y.reduce((sum, part) => (sum + part) | 0, 0)).toBe(whole);
  });
});

describe("rates", () => {
  const cases: readonly (readonly [Arithmetic, RateVariant])[] = [
    ["f32", { groups: 2, chains: 3, lanes: 1 }],
    ["f32", { groups: 1, chains: 2, lanes: 4 }],
    ["f16", { groups: 1, chains: 2, lanes: 2 }],
    ["i8", { groups: 2, chains: 4, lanes: 1 }],
  ];

  test.each(cases)("%s %o: before and after lowering as computed by hand", (arithmetic, variant) => {
    const kernel = rateKernel(arithmetic, variant);
    const lowered = lower(kernel, "wgsl");
    const inputs = rateInputs(arithmetic, variant);
    const { scalar } = kernel.buffers.find(({ name }) => name === "y")!;
    for (const [form, of] of [
      ["grid", kernel],
      ["invocation", lowered],
    ] as const)
      for (const rounds of [1, 5]) {
        const y = run(of, { ...inputs, y: emptyTensor(scalar, [variant.groups, local]) }, "y", { rounds }, form);
        expect([...y]).toEqual([...rateResult(arithmetic, variant, inputs, rounds)]);
      }
  });

  test("results of the most rounds are exact in f16", () => {
    const variant = { groups: 1, chains: 16, lanes: 2 };
    const values = rateResult("f16", { ...variant, chains: 1, lanes: 1 }, rateInputs("f16", variant), mostRounds);
    expect(Math.max(...values.map(Math.abs)) + variant.chains).toBeLessThan(2 ** 11);
  });

  test("operations are the multiplications and additions of the lowered loop", () => {
    for (const [arithmetic, variant] of cases) {
      const loop = loopsOf(lower(rateKernel(arithmetic, variant), "wgsl").body).find((s) => s.loop === "r")!;
      let operations = 0;
      const see = (e: Expr): void => {
        if (e.kind === "call") operations += arithmetic === "i8" ? 8 : 2 * variant.lanes;
        else if (e.kind === "op" && e.type.scalar === "f16") operations += variant.lanes;
      };
      eachStmt(loop.body, (s) => {
        for (const e of exprsOf(s)) eachNode(e, see);
      });
      expect(operations * local * variant.groups * 7).toBe(operationsOf(arithmetic, variant, 7));
    }
  });
});
