import { describe, expect, test } from "vitest";
import { goldens, main, refusal } from "../golden.ts";

goldens("vectorize");

const copy = main(`
  input x: f32[4, 8]
  output y: f32[4, 8]
  for i < 4
    for j < 8
      y[i, j] = x[i, j]
`);

describe("vectorize refuses", () => {
  test("loops that are not innermost", () => {
    expect(refusal(copy, "vectorize(loops: [i])")).toMatchInlineSnapshot(
      `"step 1: vectorize i: the loops must be innermost, in this order, and nothing between them; the nest there is i, j"`,
    );
  });
  test("a bound loop", () => {
    expect(
      refusal(
        copy,
        `
bind(loop: i, to: thread)
vectorize(loops: [i, j])
`,
      ),
    ).toMatchInlineSnapshot(`"step 2: vectorize: loop i is bound to thread; do it before binding"`);
  });
  test("a nest that holds a test", () => {
    expect(
      refusal(
        main(`
  input x: f32[4]
  output y: f32[4]
  for n < 4
    if n < 3
      y[n] = x[n]
`),
        "vectorize(loops: [n])",
      ),
    ).toMatchInlineSnapshot(`"step 1: vectorize: the nest holds an if; use split tail predicate, and no lets"`);
  });
  test("a loop of a reduction", () => {
    expect(
      refusal(
        main(`
  input x: f32[4]
  output y: f32[1]
  for k < 4
    y[0] += x[k] over k
`),
        "vectorize(loops: [k])",
      ),
    ).toMatchInlineSnapshot(`"step 1: vectorize k: it is a loop of the reduction into y; rfactor or tensorize it"`);
  });
  test("lanes that write the same elements", () => {
    expect(
      refusal(
        main(`
  input x: f32[4]
  output y: f32[2]
  for n < 4
    y[n // 2] = x[n]
`),
        "vectorize(loops: [n])",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: vectorize: lanes of n would write the same elements of y; choose other loops, or rfactor a sum"`,
    );
  });
  test("lanes that the element does not depend on", () => {
    expect(
      refusal(
        main(`
  input x: f32[4]
  output y: f32[1]
  for n < 1
    y[0] = x[n]
`),
        "vectorize(loops: [n])",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: vectorize: no lane of n is in the index of y; choose loops that its elements depend on"`,
    );
  });
  test("lanes that use each other's elements", () => {
    expect(
      refusal(
        main(`
  output y: f32[5]
  for n < 4
    y[n + 1] = y[n]
`),
        "vectorize(loops: [n])",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: vectorize n: a lane uses elements of y that another one writes; fission the statements first"`,
    );
  });
  test("what is a vector already", () => {
    expect(
      refusal(
        copy,
        `
vectorize(loops: [j])
vectorize(loops: [i])
`,
      ),
    ).toMatchInlineSnapshot(
      `"step 2: vectorize: the statement that writes y is a vector already; name all loops in one step"`,
    );
  });
});
