import { describe, expect, test } from "vitest";
import { goldens, main, refusal } from "../golden.ts";

goldens("fuse");

const copy = main(`
  input x: f32[4, 8]
  output y: f32[4, 8]
  for i < 4
    for j < 8
      y[i, j] = x[i, j]
`);

describe("fuse refuses", () => {
  test("loops that do not follow each other", () => {
    expect(refusal(copy, "fuse(loops: [j, i], into: f)")).toMatchInlineSnapshot(
      `"step 1: fuse j, i: they do not follow each other in a perfect nest, which is j; reorder it"`,
    );
  });
  test("loops of different kinds", () => {
    expect(
      refusal(
        copy,
        `
unroll(loops: [j])
fuse(loops: [i, j], into: f)
`,
      ),
    ).toMatchInlineSnapshot(`"step 2: fuse i, j: i is serial and j is unroll; fuse before binding or unrolling"`);
  });
  test("an inner extent that is not a constant", () => {
    expect(
      refusal(
        main(`
  symbol M in 0..
  input x: f32[4, M]
  output y: f32[4, M]
  for i < 4
    for j < M
      y[i, j] = x[i, j]
`),
        "fuse(loops: [i, j], into: f)",
      ),
    ).toMatchInlineSnapshot(`"step 1: fuse: the extent of loop j is not a constant; split or specialize it first"`);
  });
  test("a sum over one of the loops", () => {
    expect(
      refusal(
        main(`
  input x: f32[4, 8]
  output y: f32[4]
  for i < 4
    for j < 8
      y[i] += x[i, j] over j
`),
        "fuse(loops: [i, j], into: f)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: fuse i, j: the reduction into y goes over j and not over i; fuse loops that it goes over alike"`,
    );
  });
});
