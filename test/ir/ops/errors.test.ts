// What a user sees when a workload can't be.

import { describe, expect, test } from "vitest";
import {
  type MatmulWorkload,
  type Numerics,
  numericsName,
  numericsNamed,
  parseWorkload,
  programOf,
  type QuantizedResult,
  quantizedName,
  quantizedNamed,
  type Workload,
  WorkloadError,
} from "../../../ir/index.ts";

function message(workload: Workload): string {
  try {
    programOf(workload);
  } catch (error) {
    if (error instanceof WorkloadError) return error.message;
    throw error;
  }
  throw new Error("nothing was thrown");
}

const good: MatmulWorkload = {
  op: "matmul",
  m: "any",
  n: 8,
  k: 128,
  w: "int4_g32",
  bias: false,
  numerics: { compute: "i8", xGroup: 32 },
};
const i8 = (xGroup: number | "row"): MatmulWorkload["numerics"] => ({ compute: "i8", xGroup });

describe("matmul", () => {
  test("formats and K", () => {
    expect(message({ ...good, w: "q4" })).toMatchInlineSnapshot(
      `"unknown format "q4"; near it are q4_0, q4_1, q4_K, f32"`,
    );
    expect(message({ ...good, k: 100 })).toMatchInlineSnapshot(
      `"k: 100 is not a multiple of int4_g32's block of 32; the nearest are 96 and 128"`,
    );
    expect(message({ ...good, w: "q6_K", k: 1000 })).toMatchInlineSnapshot(
      `"k: 1000 is not a multiple of q6_K's block of 256; the nearest are 768 and 1024"`,
    );
    expect(message({ ...good, n: 0 })).toMatchInlineSnapshot(`"n: 0 is not a positive integer"`);
    expect(message({ ...good, m: -1 })).toMatchInlineSnapshot(`"m: -1 is not a number of rows from 0 up, nor "any""`);
    expect(message({ ...good, m: 1.5 })).toMatchInlineSnapshot(`"m: 1.5 is not a number of rows from 0 up, nor "any""`);
  });
  test("groups of x", () => {
    expect(message({ ...good, numerics: i8(48) })).toMatchInlineSnapshot(
      `"k: 128 is not a multiple of numerics.xGroup = 48; the nearest are 96 and 144"`,
    );
    expect(message({ ...good, k: 192, numerics: i8(48) })).toMatchInlineSnapshot(
      `"numerics.xGroup: neither of 48 and int4_g32's group of 32 divides the other; use a multiple or a divisor of 32, or "row""`,
    );
    expect(message({ ...good, numerics: i8(0) })).toMatchInlineSnapshot(
      `"numerics.xGroup: 0 is not a positive integer"`,
    );
    expect(message({ ...good, w: "f16" })).toMatchInlineSnapshot(
      `"numerics.compute: i8 multiplies integer codes and f16 has none; use {"compute":"f32"} or a format with codes"`,
    );
  });
  test("sums that leave i32", () => {
    const long: MatmulWorkload = { ...good, k: 131072, w: "int8_row_z", numerics: i8("row") };
    expect(message(long)).toMatchInlineSnapshot(
      `"numerics.xGroup: a sum of 131072 products up to 127 x 255 can leave i32; use groups of at most 66311"`,
    );
    expect(programOf({ ...long, numerics: i8(65536) }).kernels.length).toBe(3);
    expect(programOf({ ...long, w: "int4_row" }).kernels.length).toBe(3);
  });
});

test("bits of activations", () => {
  const of = (xBits: number): Workload => ({ ...good, numerics: { compute: "i8", xGroup: 32, xBits } });
  expect(message(of(1))).toMatchInlineSnapshot(
    `"numerics.xBits: 1 is not a number of bits from 2 to 7; for 8 leave it out"`,
  );
  expect(message(of(2.5))).toMatchInlineSnapshot(
    `"numerics.xBits: 2.5 is not a number of bits from 2 to 7; for 8 leave it out"`,
  );
  expect(() => parseWorkload(of(8))).toThrowErrorMatchingInlineSnapshot(
    `[WorkloadError: numerics.xBits: 8 is not a number of bits from 2 to 7; for 8 leave it out]`,
  );
  expect(parseWorkload(of(7))).toEqual(of(7));
});

test("numerics have names, which are read back", () => {
  const named = ["f32", "f16", "i8_g32", "i8_row", "i2_g64", "i7_row", "i4_g128_t8", "i8_g32_q", "i4_row_t8_q"];
  expect(named.map((name) => numericsName(numericsNamed(name) as Numerics))).toEqual(named);
  for (const name of ["i1_g32", "i9_g32", "i8", "i4_g0", "i8_g32_t4", "f32_q"])
    expect(numericsNamed(name)).toBe(undefined);
  const results = ["i8_g32", "i8_row", "i4_g64_y"];
  expect(results.map((name) => quantizedName(quantizedNamed(name) as QuantizedResult))).toEqual(results);
  for (const name of ["f32", "i8_g32_t8", "i8_g32_q", "i9_g32", "_y", ""]) expect(quantizedNamed(name)).toBe(undefined);
});

test("quantize", () => {
  expect(message({ op: "quantize", m: 1, k: 100, group: 32 })).toMatchInlineSnapshot(
    `"k: 100 is not a multiple of group = 32; the nearest are 96 and 128"`,
  );
  expect(message({ op: "quantize", m: 1, k: 0, group: "row" })).toMatchInlineSnapshot(
    `"k: 0 is not a positive integer"`,
  );
});

test("dequantize", () => {
  expect(message({ op: "dequantize", n: 1, k: 255, w: "q2_K" })).toMatchInlineSnapshot(
    `"k: 255 is not a multiple of q2_K's block of 256; the nearest is 256"`,
  );
  expect(message({ op: "dequantize", n: -1, k: 256, w: "q2_K" })).toMatchInlineSnapshot(
    `"n: -1 is not a positive integer"`,
  );
});
