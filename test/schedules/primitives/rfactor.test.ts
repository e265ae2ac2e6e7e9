import { describe, expect, test } from "vitest";
import { goldens, main, refusal } from "../golden.ts";

goldens("rfactor");

const product = main(`
  input x: f32[8]
  input w: f32[4, 8]
  output y: f32[4]
  for n < 4
    for k < 8
      y[n] += x[k] * w[n, k] over k
`);

describe("rfactor refuses", () => {
  test("a loop that is not summed over", () => {
    expect(refusal(product, "rfactor(buffer: y, loop: n, into: part)")).toMatchInlineSnapshot(
      `"step 1: rfactor: part: n is not a loop of the reduction into y at that place, which goes over k"`,
    );
  });
});
