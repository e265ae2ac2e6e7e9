// The oracles themselves, on cases small enough to work out by hand.

import { describe, expect, test } from "vitest";
import {
  encode,
  formatOf,
  type MatmulWorkload,
  quantizeReference,
  referenceMatmul,
  WorkloadError,
} from "../../../ir/index.ts";

const plain: MatmulWorkload = {
  op: "matmul",
  m: "any",
  n: 2,
  k: 4,
  w: "f32",
  bias: false,
  numerics: { compute: "f32" },
};
const weights = encode(formatOf("f32"), Float32Array.of(1, 2, 3, 4, 10, 20, 30, 40), 2, 4);

describe("referenceMatmul", () => {
  test("sums rows of x times rows of w", () => {
    const x = Float32Array.of(1, 0, 0, 1, 0, 0.5, 0, 0);
    expect([...referenceMatmul(plain, x, weights).y]).toEqual([5, 50, 1, 10]);
    expect([...referenceMatmul(plain, x, weights, undefined, [1]).y]).toEqual([50, 10]);
  });
  test("adds the bias", () => {
    const x = Float32Array.of(1, 0, 0, 0);
    expect([...referenceMatmul({ ...plain, bias: true }, x, weights, { bias: Float32Array.of(0.5, -0.5) }).y]).toEqual([
      1.5, 9.5,
    ]);
  });
  test("has no rows of no x", () => {
    expect(referenceMatmul(plain, new Float32Array(), weights).y.length).toBe(0);
  });
  test("quantizes x where the numerics say so", () => {
    const i8: MatmulWorkload = { ...plain, k: 16, n: 1, w: "int4_g16", numerics: { compute: "i8", xGroup: 16 } };
    const w = encode(formatOf("int4_g16"), new Float32Array(16).fill(-8), 1, 16);
    const x = new Float32Array(16).fill(1).with(3, 127).with(4, 0.4);
    // scale 1: the codes are 14 times 1, 127 and 0; every weight is -8
    expect([...referenceMatmul(i8, x, w).y]).toEqual([-8 * (14 + 127)]);
  });
  test("refuses what does not fit", () => {
    const x = Float32Array.of(1, 2, 3);
    expect(() => referenceMatmul(plain, x, weights)).toThrow(WorkloadError);
    expect(() => referenceMatmul({ ...plain, m: 2 }, new Float32Array(4), weights)).toThrow(
      "x has 4 values, which are not 2 rows of 4",
    );
    expect(() => referenceMatmul({ ...plain, bias: true }, new Float32Array(4), weights)).toThrow(
      "bias: expected 2 values, got none",
    );
    const residual = new Float32Array(2);
    expect(() =>
      referenceMatmul({ ...plain, epilogue: ["residual"] }, new Float32Array(8), weights, { residual }),
    ).toThrow("residual: expected 4 values, got 2");
  });
});

describe("quantizeReference", () => {
  const codes = (values: readonly number[]): number[] => [
    ...quantizeReference(Float32Array.from(values), values.length).q,
  ];
  test("scale is amax / 127, halves go away from zero", () => {
    expect(quantizeReference(Float32Array.of(127, -127, 0.5, -0.5, 1.5, -1.5, 0.49, -2.51), 8)).toEqual({
      q: Int8Array.of(127, -127, 1, -1, 2, -2, 0, -3),
      s: Float32Array.of(1),
    });
  });
  test("zeros, and what is too small for a scale, are zero codes", () => {
    expect(quantizeReference(new Float32Array(4), 4)).toEqual({ q: new Int8Array(4), s: new Float32Array(1) });
    expect(codes([1e-40, -1e-40, 0, 1e-45])).toEqual([0, 0, 0, 0]);
  });
  test("one scale per group", () => {
    expect([...quantizeReference(Float32Array.of(127, 0, 254, 2), 2).s]).toEqual([1, 2]);
  });
  test("of fewer bits: scale is amax / reach", () => {
    expect(quantizeReference(Float32Array.of(3, -1.5, 1, 0.9), 4, 3)).toEqual({
      q: Int8Array.of(3, -2, 1, 1),
      s: Float32Array.of(1),
    });
    expect([...quantizeReference(Float32Array.of(1, -0.5, 0.49, -1), 4, 1).q]).toEqual([1, -1, 0, -1]);
  });
  test("codes never pass 127", () => {
    for (let i = 0; i < 200; i++) {
      const amax = Math.fround(1.0001 ** i * 3.3e-36 * 10 ** (i % 60));
      expect(codes([amax, -amax])).toEqual([127, -127]);
    }
  });
});
