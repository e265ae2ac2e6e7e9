import { describe, expect, test } from "vitest";
import { goldens, main, refusal } from "../golden.ts";

goldens("bind");

describe("bind refuses", () => {
  test("a thread loop that is not alone", () => {
    expect(
      refusal(
        main(`
  input x: f32[4, 8]
  output y: f32[4, 8]
  for i < 4
    for j < 8
      y[i, j] = x[i, j]
`),
        "bind(loop: j, to: thread)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: bind j to thread: it must be the only statement at the root of main; reorder it outwards, or fission the others"`,
    );
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
        "bind(loop: k, to: thread)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: bind k: y is a sum over k; bind a loop whose iterations have results of their own, or rfactor a sum first"`,
    );
  });
  test("iterations that write the same elements", () => {
    expect(
      refusal(
        main(`
  input x: f32[4]
  output y: f32[2]
  for n < 4
    y[n // 2] = x[n]
`),
        "bind(loop: n, to: thread)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: bind n: iterations of n write the same elements of y; bind a loop whose iterations have results of their own, or rfactor a sum first"`,
    );
  });
  test("iterations that write parts of the same bytes", () => {
    expect(
      refusal(
        main(`
  input x: i32[3, 5]
  output y: u4[3, 5]
  for n < 3
    for k < 5
      y[n, k] = u4(x[n, k])
`),
        "bind(loop: n, to: thread)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: bind n: iterations of n write the same bytes of y; bind a loop whose iterations have results of their own, or rfactor a sum first"`,
    );
  });
  test("iterations that use each other's elements", () => {
    expect(
      refusal(
        main(`
  input x: f32[5]
  workspace t: f32[5]
  output y: f32[4]
  for n < 4
    t[n + 1] = x[n]
    y[n] = t[n]
`),
        "bind(loop: n, to: thread)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: bind n: iterations of n use each other's elements of t; bind a loop whose iterations have results of their own, or rfactor a sum first"`,
    );
  });
  test("a register that carries a value", () => {
    expect(
      refusal(
        main(`
  input x: f32[4]
  output y: f32[4]
  register t: f32[2]
  for n < 4
    t[0] = x[n]
    y[n] = t[0] + t[1]
    t[1] = t[0]
`),
        "bind(loop: n, to: thread)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: bind n: t keeps its value from one iteration of n to the next; bind a loop whose iterations have results of their own, or rfactor a sum first"`,
    );
  });
  test("a register that is used after the loop", () => {
    expect(
      refusal(
        main(`
  input x: f32[4]
  output y: f32[4]
  register t: f32[4]
  for n < 4
    t[n] = x[n]
  for o < 4
    y[o] = t[o]
`),
        "bind(loop: n, to: workgroup.x)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: bind n to workgroup.x: other statements stand beside it or its outer loops; fission them into a kernel of their own"`,
    );
  });
});
