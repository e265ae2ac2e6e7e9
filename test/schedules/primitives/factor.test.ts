import { describe, expect, test } from "vitest";
import { goldens, main, refusal } from "../golden.ts";

goldens("factor");

describe("factor refuses", () => {
  test("what is not a sum", () => {
    expect(
      refusal(
        main(`
  input x: f32[8]
  output y: f32[1]
  for k < 8
    y[0] max= x[k] over k
`),
        "factor(buffer: y, into: [d])",
      ),
    ).toMatchInlineSnapshot(`"step 1: factor: the reduction into y is a max, not a sum"`);
  });
  test("a place without a loop of the sum", () => {
    expect(
      refusal(
        main(`
  input x: f32[8]
  input w: f32[4, 8]
  output y: f32[4]
  for k < 8
    for n < 4
      y[n] += x[k] * w[n, k] over k
`),
        "factor(buffer: y, at: k, into: [d])",
      ),
    ).toMatchInlineSnapshot(`"step 1: factor: no loop of the reduction into y is inside k; choose a loop further out"`);
  });
  test("masked terms", () => {
    expect(
      refusal(
        main(`
  input x: f32[8]
  input w: f32[4, 8]
  output y: f32[4]
  for n < 4
    for k < 8
      y[n] += x[k] * w[n, k] over k
`),
        `
split(loop: k, factor: 3, into: [ko, ki], tail: predicate)
factor(buffer: y, into: [d])
`,
      ),
    ).toMatchInlineSnapshot(
      `"step 2: factor: terms of y are masked; split its loops exactly, or with tail guard or peel"`,
    );
  });
  test("sums of other types", () => {
    expect(
      refusal(
        main(`
  input x: f16[8]
  output y: f16[1]
  for k < 8
    y[0] += x[k] over k
`),
        "factor(buffer: y, into: [d])",
      ),
    ).toMatchInlineSnapshot(`"step 1: factor: y is a sum of f16; only sums of f32 and of integers are taken apart"`);
  });
  test("another number of sums", () => {
    expect(
      refusal(
        main(`
  input x: f32[8]
  input w: f32[4, 8]
  output y: f32[4]
  for n < 4
    for k < 8
      y[n] += x[k] * w[n, k] over k
`),
        "factor(buffer: y, into: [d, z])",
      ),
    ).toMatchInlineSnapshot(`"step 1: factor: the value has 1 distinct sums, \`into\` names 2; name each"`);
  });
  test("integer sums that leave i32", () => {
    expect(
      refusal(
        main(`
  input x: i32[8] in 0..1000000000
  output y: f32[1]
  for k < 8
    y[0] += f32(x[k]) over k
`),
        "factor(buffer: y, into: [d])",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: factor: integer sums over 8 terms of y reach 8000000000, which does not fit i32; use smaller groups"`,
    );
  });
  test("constants whose product leaves i32", () => {
    expect(
      refusal(
        main(`
  input x: f32[8]
  output y: f32[1]
  for k < 8
    y[0] += x[k] * 16000000.0 * 1000.0 over k
`),
        "factor(buffer: y, into: [d])",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: factor: constant factors multiply to 16000000000, which does not fit i32; scale a tensor by them instead"`,
    );
  });
});
