import { describe, expect, test } from "vitest";
import { goldens, main, refusal } from "../golden.ts";

goldens("unroll");

describe("unroll refuses", () => {
  test("a long loop", () => {
    expect(
      refusal(
        main(`
  output y: i32[300]
  for n < 300
    y[n] = n
`),
        "unroll(loops: [n])",
      ),
    ).toMatchInlineSnapshot(`"step 1: unroll n: 300 iterations are more than 256; split it first"`);
  });
  test("a symbolic extent", () => {
    expect(
      refusal(
        main(`
  symbol M in 0..
  output y: i32[M]
  for m < M
    y[m] = m
`),
        "unroll(loops: [m])",
      ),
    ).toMatchInlineSnapshot(`"step 1: unroll: the extent of loop m is not a constant; split or specialize it first"`);
  });
});
