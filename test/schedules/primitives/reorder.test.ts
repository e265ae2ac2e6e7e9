import { describe, expect, test } from "vitest";
import { goldens, main, refusal } from "../golden.ts";

goldens("reorder");

const copy = main(`
  input x: f32[4, 8]
  output y: f32[4, 8]
  for i < 4
    for j < 8
      y[i, j] = x[i, j]
`);

describe("reorder refuses", () => {
  test("loops of different nests", () => {
    expect(
      refusal(
        main(`
  input x: f32[4]
  output y: f32[4]
  output z: f32[4]
  for i < 4
    y[i] = x[i]
  for j < 4
    z[j] = x[j]
`),
        "reorder(loops: [i, j])",
      ),
    ).toMatchInlineSnapshot(`"step 1: reorder: j is not in one perfect nest with i; the nest there is i"`);
  });
  test("a loop named twice", () => {
    expect(refusal(copy, "reorder(loops: [i, i])")).toMatchInlineSnapshot(
      `"step 1: reorder: i, i names a loop twice; name each once"`,
    );
  });
  test("a bound loop", () => {
    expect(
      refusal(
        copy,
        `
bind(loop: i, to: thread)
reorder(loops: [j, i])
`,
      ),
    ).toMatchInlineSnapshot(`"step 2: reorder: loop i is bound to thread; do it before binding"`);
  });
  test("a nest that holds a test, and passes a value on", () => {
    expect(
      refusal(
        main(`
  input x: f32[4, 8]
  output y: f32[4]
  for i < 4
    for j < 8
      if i < j
        y[i] = x[i, j]
`),
        "reorder(loops: [j, i])",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: reorder: the nest holds more than stores and reductions, and iterations of j write the same elements of y; distribute its statements first"`,
    );
  });
  test("a nest that reads what it writes", () => {
    expect(
      refusal(
        main(`
  output y: f32[4, 8]
  for i < 4
    for j < 8
      y[i, j] = y[i, 0] + 1.0
`),
        "reorder(loops: [j, i])",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: reorder: y is read and written in the nest; its order matters; fission or stage first"`,
    );
  });
  test("stores to the same elements", () => {
    expect(
      refusal(
        main(`
  input x: f32[4, 8]
  output y: f32[4, 8]
  for i < 4
    for j < 8
      y[i // 2, j] = x[i, j]
`),
        "reorder(loops: [j, i])",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: reorder: iterations of i store to the same elements of y; their order matters, choose other loops"`,
    );
  });
  test("a sum that starts anew", () => {
    expect(
      refusal(
        main(`
  input x: f32[4, 8]
  output y: f32[1]
  for i < 4
    for j < 8
      y[0] += x[i, j] over j
`),
        "reorder(loops: [j, i])",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: reorder: iterations of i reduce to the same elements of y; their order matters, choose other loops"`,
    );
  });
  test("two statements that write one buffer", () => {
    expect(
      refusal(
        main(`
  input x: f32[4, 8]
  output y: f32[4, 8]
  for i < 4
    for j < 8
      y[i, j] = x[i, j]
      y[i, 7 - j] = x[i, j]
`),
        "reorder(loops: [j, i])",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: reorder: two statements of the nest write one buffer; their order matters, fission them first"`,
    );
  });
  test("an extent that depends on the loop outside", () => {
    expect(
      refusal(
        main(`
  input x: f32[4, 8]
  output y: f32[4, 8]
  for i < 4
    for j < i + 1
      y[i, j] = x[i, j]
`),
        "reorder(loops: [j, i])",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: reorder: the extent of j depends on i, which would come inside it; choose another order"`,
    );
  });
});
