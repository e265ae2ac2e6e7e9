// Real tensors, written by ggml, through compiled kernels: its dequantization to the last bit, its products, its 8-bit codes.

import { describe, expect, test } from "vitest";
import { formatNames, type Numerics, quantizeReference } from "../../../ir/index.ts";
import { compile } from "../../../src/compile/index.ts";
import { bitsOf, nmse, normals } from "../../ir/samples.ts";
import { hasVector, vectorBytes, vectorShape, vectorValues } from "../../ir/vectors.ts";
import { relaxed, strict } from "./harness.ts";

const { m, n, k } = vectorShape;
const types = formatNames().filter((name) => hasVector(`y.${name}`));
/** What rounding x to 8 bits costs here: 3e-5, ours and ggml's alike. */
const quantizedX = 1e-4;

test("the types that ggml's tensors are there for", () => {
  expect(types.join(" ")).toBe(
    "f16 bf16 q4_0 q4_1 q5_0 q5_1 q8_0 q2_K q3_K q4_K q5_K q6_K iq4_nl iq4_xs tq1_0 mxfp4 nvfp4 tq2_0",
  );
});

describe.each(types)("%s", (w) => {
  const raw = vectorBytes(`w.${w}`);

  test("dequantized to the last bit", async () => {
    const kernel = await compile({ op: "dequantize", n, k, w }, { db: false });
    expect(bitsOf(kernel.run({ w: kernel.pack({ raw }) }))).toEqual(bitsOf(vectorValues(`deq.${w}`)));
    kernel.dispose();
  });

  test.each([relaxed, strict])("products with f32 activations (features: $features)", async (device) => {
    const kernel = await compile(
      { op: "matmul", m, n, k, w, bias: false, numerics: { compute: "f32" } },
      { db: false, device },
    );
    const y = kernel.run({ x: vectorValues("a"), w: kernel.pack({ raw }) });
    expect(nmse(y, vectorValues(`y.${w}`))).toBeLessThan(1e-10);
    kernel.dispose();
  });
});

describe.each(types.filter((w) => !w.endsWith("f16")))("%s", (w) => {
  test("products with 8-bit activations, beside ggml's own", async () => {
    const numerics: Numerics = { compute: "i8", xGroup: 32 };
    const kernel = await compile({ op: "matmul", m, n, k, w, bias: false, numerics }, { db: false });
    const y = kernel.run({ x: vectorValues("a"), w: kernel.pack({ raw: vectorBytes(`w.${w}`) }) });
    expect(nmse(y, vectorValues(`y.${w}`))).toBeLessThan(quantizedX);
    expect(nmse(y, vectorValues(`yq.${w}`))).toBeLessThan(quantizedX);
    kernel.dispose();
  });
});

describe("quantize", () => {
  test("ggml's codes of q8_0", async () => {
    const kernel = await compile({ op: "quantize", m: n, k, group: 32 }, { db: false });
    const { q, s } = kernel.run({ x: vectorValues("w.f32") });
    const blocks = vectorBytes("w.q8_0");
    const view = new DataView(blocks.buffer);
    const codes = Array.from(s, (_, i) => new Int8Array(blocks.buffer, 34 * i + 2, 32));
    expect([...q]).toEqual(codes.flatMap((block) => [...block]));
    expect([...s].map(Math.f16round)).toEqual(Array.from(s, (_, i) => view.getFloat16(34 * i, true)));
    kernel.dispose();
  });

  test.each([16, 32, 64, "row"] as const)("codes and scales of groups of %s, to the last bit", async (group) => {
    const kernel = await compile({ op: "quantize", m: "any", k, group }, { db: false });
    // Rows of every size of number: subnormal scales, halves between two codes.
    const x = normals(17 * k, 5).map((value, i) => value * 2 ** (((i >> 5) % 260) - 140));
    for (let i = 0; i < 64; i++) x[i] = i === 0 || i === 32 ? 127 : (i % 32) - 15.5;
    for (const rows of [0, 1, 2, 3, 17]) {
      const part = x.subarray(0, rows * k);
      const expected = quantizeReference(part, group === "row" ? k : group);
      const { q, s } = kernel.run({ x: part, m: rows });
      expect(q).toEqual(expected.q);
      expect(bitsOf(s)).toEqual(bitsOf(expected.s));
    }
    kernel.dispose();
  });
});
