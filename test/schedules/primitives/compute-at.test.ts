import { describe, expect, test } from "vitest";
import { goldens, main, refusal } from "../golden.ts";

goldens("compute-at");

const elementwise = main(`
  input x: f32[4]
  workspace t: f32[4]
  output y: f32[4]
  for n < 4
    t[n] = x[n]
  for o < 4
    y[o] = t[o] + 1.0
`);

describe("compute-at refuses", () => {
  test("a buffer of the caller's", () => {
    expect(refusal(elementwise, "compute-at(buffer: y)")).toMatchInlineSnapshot(
      `"step 1: compute-at y: it is not a workspace or local buffer of main; only such a one can disappear"`,
    );
  });
  test("what another kernel reads", () => {
    expect(
      refusal(
        `kernel main stage main
  input x: f32[4]
  workspace t: f32[4]
  output y: f32[4]
  for n < 4
    t[n] = x[n]
  for o < 4
    y[o] = t[o] + 1.0
kernel after stage merge
  workspace t: f32[4]
  output z: f32[4]
  for n < 4
    z[n] = t[n]
`,
        "compute-at(buffer: t)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: compute-at t: after reads it too; only a buffer of the kernel's own can disappear"`,
    );
  });
  test("a consumer that reads twice", () => {
    expect(
      refusal(
        main(`
  input x: f32[4]
  workspace t: f32[4]
  output y: f32[4]
  for n < 4
    t[n] = x[n]
  for o < 4
    y[o] = t[o] + t[3 - o]
`),
        "compute-at(buffer: t)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: compute-at t: no root nest of main is one store that reads it once, at its own loops"`,
    );
  });
  test("a producer that is a sum", () => {
    expect(
      refusal(
        main(`
  input x: f32[4, 3]
  workspace t: f32[4]
  output y: f32[4]
  for n < 4
    for k < 3
      t[n] += x[n, k] over k
  for o < 4
    y[o] = t[o] + 1.0
`),
        "compute-at(buffer: t)",
      ),
    ).toMatchInlineSnapshot(`"step 1: compute-at t: it is a sum there; accumulate-in a register buffer first"`);
  });
  test("two producers", () => {
    expect(
      refusal(
        elementwise,
        `
split(loop: n, factor: 3, into: [no, ni], tail: peel)
compute-at(buffer: t)
`,
      ),
    ).toMatchInlineSnapshot(`"step 2: compute-at t: it is stored in 2 places, expected one; do it before peeling"`);
  });
  test("two consumers", () => {
    expect(
      refusal(
        main(`
  input x: f32[4]
  workspace t: f32[4]
  output z: f32[4]
  output y: f32[4]
  for n < 4
    t[n] = x[n]
  for o < 4
    y[o] = t[o] + 1.0
  for p < 4
    z[p] = t[p] * 2.0
`),
        "compute-at(buffer: t)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: compute-at t: it is read elsewhere too; only its last reader can be computed there"`,
    );
  });
  test("a consumer that depends on more of the kernel", () => {
    expect(
      refusal(
        main(`
  input x: f32[4]
  workspace t: f32[4]
  workspace u: f32[4]
  output y: f32[4]
  for n < 4
    t[n] = x[n]
    u[n] = x[3 - n]
  for o < 4
    y[o] = t[o] + u[o]
`),
        "compute-at(buffer: t)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: compute-at t: the nest that reads it also uses u, which main uses elsewhere; fission it first"`,
    );
  });
  test("a consumer that stores an element twice", () => {
    expect(
      refusal(
        main(`
  input x: f32[4]
  workspace t: f32[4]
  output y: f32[4]
  for n < 4
    t[n] = x[n]
  for o < 4
    y[o // 2] = t[o] + 1.0
`),
        "compute-at(buffer: t)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: compute-at t: the nest that reads it stores elements of y more than once; sum into it instead"`,
    );
  });
});
