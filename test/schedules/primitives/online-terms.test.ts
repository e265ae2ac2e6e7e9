// What online refuses because of the terms that are summed.
import { describe, expect, test } from "vitest";
import { main, refusal } from "../golden.ts";
import { refused } from "./softmax.ts";

describe("online refuses", () => {
  test("terms that do not scale", () => {
    expect(refused([[`p[l/t] over`, `x[l/t] over`]])).toMatchInlineSnapshot(
      `"step 1: online: the terms of l do not scale with m; they need the factor exp(x - m) once"`,
    );
  });
  test("terms that scale twice", () => {
    expect(refused([[`p[l/t] over`, `p[l/t] * p[l/t] over`]])).toMatchInlineSnapshot(
      `"step 1: online: the terms of l do not scale with m; they need the factor exp(x - m) once"`,
    );
  });
  test("a sum of what scales and what does not", () => {
    expect(refused([[`p[l/t] over`, `p[l/t] + x[l/t] over`]])).toMatchInlineSnapshot(
      `"step 1: online: add of a value that scales with m does not scale; only sums of products of exp(x - m) do"`,
    );
  });
  test("functions that do not scale", () => {
    expect(refused([[`p[l/t] over`, `sqrt(p[l/t]) over`]])).toMatchInlineSnapshot(
      `"step 1: online: sqrt of a value that scales with m does not scale; only sums of products of exp(x - m) do"`,
    );
  });
  test("comparisons of what scales", () => {
    expect(refused([[`p[l/t] over`, `select(p[l/t] < 0.5, p[l/t], 0.0) over`]])).toMatchInlineSnapshot(
      `"step 1: online: lt of a value that scales with m does not scale; only sums of products of exp(x - m) do"`,
    );
  });
  test("quotients by what scales", () => {
    expect(refused([[`p[l/t] over`, `x[l/t] / p[l/t] over`]])).toMatchInlineSnapshot(
      `"step 1: online: div of a value that scales with m does not scale; only sums of products of exp(x - m) do"`,
    );
  });
  test("other exponents", () => {
    expect(refused([[`exp(x[p/t] - m[])`, `exp(m[] - x[p/t])`]])).toMatchInlineSnapshot(
      `"step 1: online: an exponent that depends on m is not x - m; subtract the maximum, or its maximum with a constant"`,
    );
  });
  test("an exponent of another value", () => {
    expect(refused([[`exp(x[p/t] - m[])`, `exp(z[p/t] - m[])`]])).toMatchInlineSnapshot(
      `"step 1: online: an exponent is not what m is the maximum of, less m; it may be too large while blocks are missing"`,
    );
  });
  test("an exponent of another block", () => {
    expect(refused([[`exp(x[p/t] - m[])`, `exp(x[5 - p/t] - m[])`]])).toMatchInlineSnapshot(
      `"step 1: online: an exponent is not what m is the maximum of, less m; it may be too large while blocks are missing"`,
    );
  });
  test("the maximum as a factor", () => {
    expect(refused([[`exp(x[p/t] - m[])`, `exp(x[p/t] - m[]) * m[]`]])).toMatchInlineSnapshot(
      `"step 1: online: m is used outside an exponential exp(x - m); use it after its loops"`,
    );
  });
  test("a maximum of -Infinity", () => {
    expect(refused([[` in -8..15`, ``]])).toMatchInlineSnapshot(
      `"step 1: online: where all of a block is -Infinity, exp(x - m) is NaN; subtract pmax(m, c), c being finite"`,
    );
  });
  test("a guard that does not grow with the maximum", () => {
    expect(refused([[`- m[])`, `- m[] * -1.0)`]])).toMatchInlineSnapshot(
      `"step 1: online: where all of a block is -Infinity, exp(x - m) is NaN; subtract pmax(m, c), c being finite"`,
    );
  });
  test("guards that differ", () => {
    expect(refused([[`p[l/t] over`, `exp(x[l/t] - max(m[], 2.0)) over`]])).toMatchInlineSnapshot(
      `"step 1: online: exponentials subtract m in different ways; guard it alike everywhere"`,
    );
  });
  test("a buffer of values that scale in different ways", () => {
    expect(
      refused([
        [
          `    p[p/t] = exp(x[p/t] - m[])`,
          `    p[p/t] = 1.0
    p[p/t] = exp(x[p/t] - m[])`,
        ],
      ]),
    ).toMatchInlineSnapshot(
      `"step 1: online: p holds values that scale with m in different ways; write them to different buffers"`,
    );
  });
  test("values that are used after their block", () => {
    expect(refused([[`= l[]`, `= l[] + p[0]`]])).toMatchInlineSnapshot(
      `"step 1: online: p is used outside t too; contract at a loop around all that uses it"`,
    );
  });
  test("values that are written before the group", () => {
    expect(
      refused([
        [
          `  for m/t`,
          `  for z/t < 6
    p[z/t] = 1.0
  for m/t`,
        ],
        [`p[p/t] = exp`, `p[p/t if p/t < 3] = exp`],
      ]),
    ).toMatchInlineSnapshot(`"step 1: online: p is used outside t too; contract at a loop around all that uses it"`);
  });
  test("values that an earlier run of the group has left", () => {
    expect(
      refusal(
        main(`
  input x: f32[2, 6] in -8..15
  workspace m: f32[]
  workspace p: f32[6]
  workspace l: f32[]
  output y: f32[2]
  for h < 2
    for m/t < 6
      m[] max= x[h, m/t] over m/t
    for p/t < 6
      p[p/t if p/t + h < 6] = exp(x[h, p/t] - m[])
    for l/t < 6
      l[] += p[l/t] over l/t
    y[h] = l[]
`),
        "online(max: m, loops: [m/t, p/t, l/t], into: t)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: online: p keeps its value from one iteration of t to the next; contract at a loop outside"`,
    );
  });
  test("elements of different maxima", () => {
    expect(
      refusal(
        main(`
  input x: f32[2, 6] in -8..15
  workspace m: f32[2]
  workspace p: f32[2, 6]
  output y: f32[2]
  for m/t < 6
    for m/r < 2
      m[m/r] max= x[m/r, m/t] over m/t
  for p/t < 6
    for p/r < 2
      p[p/r, p/t] = exp(x[p/r, p/t] - m[p/r])
  for y/t < 6
    for y/r < 2
      y[y/r] += p[y/r, y/t] + p[1 - y/r, y/t] over y/t
`),
        "online(max: m, loops: [m/t, p/t, y/t], into: t)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: online: values that scale with different elements of m are combined; keep them apart"`,
    );
  });
  test("elements that do not say of which maximum they are", () => {
    expect(
      refusal(
        main(`
  input x: f32[2, 6] in -8..15
  workspace m: f32[2]
  output y: f32[]
  for m/t < 6
    for m/r < 2
      m[m/r] max= x[m/r, m/t] over m/t
  for y/t < 6
    for y/r < 2
      y[] += exp(x[y/r, y/t] - m[y/r]) over y/t, y/r
`),
        "online(max: m, loops: [m/t, y/t], into: t)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: online: elements of y do not say by which element of m they were scaled; give them its axes"`,
    );
  });
  test("no exponential at all", () => {
    expect(
      refused([[`exp(x[p/t] - m[])`, `x[p/t]`]], "online(max: m, loops: [m/t, p/t], into: t)"),
    ).toMatchInlineSnapshot(`"step 1: online: nothing has the form exp(x - m); it needs sums of such exponentials"`);
  });
});
