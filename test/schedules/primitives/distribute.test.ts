import { describe, expect, test } from "vitest";
import { goldens, main, refusal } from "../golden.ts";

goldens("distribute");

describe("distribute refuses", () => {
  test("a loop of one statement", () => {
    expect(
      refusal(
        main(`
  input x: f32[8]
  workspace s: f32[8]
  output y: f32[8]
  for i < 8
    y[i] = x[i]
`),
        "distribute(loop: i)",
      ),
    ).toMatchInlineSnapshot(`"step 1: distribute i: it holds one statement; choose a loop that holds more"`);
  });
  test("a bound loop", () => {
    expect(
      refusal(
        main(`
  input x: f32[8]
  workspace s: f32[8]
  output y: f32[8]
  for i < 8 thread
    s[i] = x[i]
    y[i] = s[i]
`),
        "distribute(loop: i)",
      ),
    ).toMatchInlineSnapshot(`"step 1: distribute: loop i is bound to thread; do it before binding"`);
  });
  test("iterations that use what others write", () => {
    expect(
      refusal(
        main(`
  input x: f32[8]
  workspace s: f32[8]
  output y: f32[8]
  for i < 7
    s[i + 1] = x[i]
    y[i] = s[i]
`),
        "distribute(loop: i)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: distribute i: iterations of i use each other's elements of s; its statements need their order"`,
    );
  });
  test("a sum over the loop", () => {
    expect(
      refusal(
        main(`
  input x: f32[8]
  workspace s: f32[]
  output y: f32[8]
  for i < 8
    s[] += x[i] over i
    y[i] = s[]
`),
        "distribute(loop: i)",
      ),
    ).toMatchInlineSnapshot(`"step 1: distribute i: s is a sum over i; its statements need their order"`);
  });
  test("elements that a let makes the same", () => {
    expect(
      refusal(
        main(`
  input x: f32[8]
  workspace s: f32[8]
  output y: f32[8]
  for i < 8
    for k < 1
      let j = i
      s[i - j] = x[i]
    y[i] = x[i]
`),
        "distribute(loop: i)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: distribute i: iterations of i write the same elements of s; its statements need their order"`,
    );
  });
  test("elements that a register makes the same", () => {
    expect(
      refusal(
        main(`
  input x: f32[8]
  workspace s: f32[8]
  output y: f32[8]
  register r: i32[]
  for i < 8
    r[] = i
    s[i - r[]] = x[i]
    y[i] = x[i]
`),
        "distribute(loop: i)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: distribute i: s is indexed by r, which changes in i; its statements need their order"`,
    );
  });
  test("a let", () => {
    expect(
      refusal(
        main(`
  input x: f32[8]
  workspace s: f32[8]
  output y: f32[8]
  for i < 8
    let t = x[i]
    y[i] = t
`),
        "distribute(loop: i)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: distribute i: it holds a let, which is meant for the statements after it; inline it first"`,
    );
  });
  test("a value in a register", () => {
    expect(
      refusal(
        main(`
  input x: f32[8]
  workspace s: f32[8]
  output y: f32[8]
  register t: f32[]
  for i < 8
    t[] = x[i]
    y[i] = t[]
`),
        "distribute(loop: i)",
      ),
    ).toMatchInlineSnapshot(`"step 1: distribute i: t is a register buffer, made anew in every iteration; hoist it"`);
  });
  test("a statement that writes two buffers", () => {
    expect(
      refusal(
        main(`
  input x: f32[8]
  workspace s: f32[8]
  output y: f32[8]
  for i < 4
    for k < 2
      s[i * 2 + k] = x[i * 2 + k]
      y[i * 2 + k] = s[i * 2 + k]
    s[i * 2] = 0.0
`),
        "distribute(loop: i)",
      ),
    ).toMatchInlineSnapshot(`"step 1: distribute i: a statement in it writes s and y; distribute inner loops first"`);
  });
  test("two statements that write one buffer", () => {
    expect(
      refusal(
        main(`
  input x: f32[8]
  workspace s: f32[8]
  output y: f32[8]
  for i < 8
    y[i] = x[i]
    y[i] = y[i] * 2.0
`),
        "distribute(loop: i)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: distribute: two loops would be named y/i in main; choose another name, or transform the other one first"`,
    );
  });
});
