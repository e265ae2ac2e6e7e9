// What a user sees when a workload can't be.

import { describe, expect, test } from "vitest";
import { type MatmulWorkload, programOf, type Workload, WorkloadError } from "../../../ir/index.ts";

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
    expect(message({ ...good, w: "q4" })).toMatchInlineSnapshot();
    expect(message({ ...good, k: 100 })).toMatchInlineSnapshot();
    expect(message({ ...good, w: "q6_K", k: 1000 })).toMatchInlineSnapshot();
    expect(message({ ...good, n: 0 })).toMatchInlineSnapshot();
    expect(message({ ...good, m: -1 })).toMatchInlineSnapshot();
    expect(message({ ...good, m: 1.5 })).toMatchInlineSnapshot();
  });
  test("groups of x", () => {
    expect(message({ ...good, numerics: i8(48) })).toMatchInlineSnapshot();
    expect(message({ ...good, k: 192, numerics: i8(48) })).toMatchInlineSnapshot();
    expect(message({ ...good, numerics: i8(0) })).toMatchInlineSnapshot();
    expect(message({ ...good, w: "f16" })).toMatchInlineSnapshot();
  });
  test("sums that leave i32", () => {
    const long: MatmulWorkload = { ...good, k: 131072, w: "int8_row_z", numerics: i8("row") };
    expect(message(long)).toMatchInlineSnapshot();
    expect(programOf({ ...long, numerics: i8(65536) }).kernels.length).toBe(3);
    expect(programOf({ ...long, w: "int4_row" }).kernels.length).toBe(3);
  });
});

test("quantize", () => {
  expect(message({ op: "quantize", m: 1, k: 100, group: 32 })).toMatchInlineSnapshot();
  expect(message({ op: "quantize", m: 1, k: 0, group: "row" })).toMatchInlineSnapshot();
});

test("dequantize", () => {
  expect(message({ op: "dequantize", n: 1, k: 255, w: "q2_K" })).toMatchInlineSnapshot();
  expect(message({ op: "dequantize", n: -1, k: 256, w: "q2_K" })).toMatchInlineSnapshot();
});
