import { describe, expect, test } from "vitest";
import { goldens, main, refusal } from "../golden.ts";

goldens("stage");

const sum = main(`
  input x: f32[4, 8]
  output y: f32[4]
  for k < 8
    for n < 4
      y[n] += x[n, k] over k
`);

describe("stage refuses", () => {
  test("a buffer that is not there", () => {
    expect(refusal(sum, "stage(buffer: w, at: k, into: r, scope: register)")).toMatchInlineSnapshot(
      `"step 1: stage w: it is not a global or workgroup buffer of main"`,
    );
  });
  test("a buffer that the loop writes", () => {
    expect(refusal(sum, "stage(buffer: y, at: k, into: r, scope: register)")).toMatchInlineSnapshot(
      `"step 1: stage y: it is written in k; stage it in a loop that only reads it"`,
    );
  });
  test("a loop that does not load it", () => {
    expect(
      refusal(
        main(`
  input x: f32[4]
  input w: f32[4]
  output y: f32[4]
  output z: f32[4]
  for n < 4
    y[n] = x[n]
  for o < 4
    z[o] = w[o]
`),
        "stage(buffer: w, at: n, into: r, scope: register)",
      ),
    ).toMatchInlineSnapshot(`"step 1: stage w: the body of n does not load it; choose a loop around its loads"`);
  });
  test("several indices", () => {
    expect(
      refusal(
        main(`
  input x: f32[4, 8]
  output y: f32[4]
  for k < 8
    for n < 4
      y[n] += x[n, k] * x[3 - n, k] over k
`),
        "stage(buffer: x, at: k, into: r, scope: register)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: stage x: the body of k loads it at several indices or under several conditions; choose an inner loop"`,
    );
  });
  test("several conditions", () => {
    expect(
      refusal(
        main(`
  input x: f32[4]
  output y: f32[4]
  output z: f32[4]
  for m < 1
    for n < 4
      if n < 2
        y[n] = x[n]
      z[n] = x[n]
`),
        "stage(buffer: x, at: m, into: r, scope: register)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: stage x: the body of m loads it at several indices or under several conditions; choose an inner loop"`,
    );
  });
  test("a vector", () => {
    expect(
      refusal(
        sum,
        `
vectorize(loops: [n])
stage(buffer: x, at: k, into: r, scope: register)
`,
      ),
    ).toMatchInlineSnapshot(`"step 2: stage x: its load is a vector; stage before"`);
  });
  test("an index made in the loop", () => {
    expect(
      refusal(
        main(`
  input x: f32[4]
  input i: u8[4] in 0..3
  output y: f32[4]
  for m < 1
    for n < 4
      let t = i32(i[n])
      y[n] = x[t]
`),
        "stage(buffer: x, at: m, into: r, scope: register)",
      ),
    ).toMatchInlineSnapshot(`"step 1: stage x: its index depends on let t, which is made in m; choose an inner loop"`);
  });
  test("a test of data", () => {
    expect(
      refusal(
        main(`
  input x: f32[4]
  input i: u8[4]
  output y: f32[4]
  for m < 1
    for n < 4
      if i[n] < 3
        y[n] = x[n]
`),
        "stage(buffer: x, at: m, into: r, scope: register)",
      ),
    ).toMatchInlineSnapshot(`"step 1: stage x: a test of i says when it is loaded; stage inside the test"`);
  });
  test("several decodings", () => {
    expect(
      refusal(
        main(`
  input q: u8[4]
  output y: f32[4]
  output z: f32[4]
  for m < 1
    for n < 4
      y[n] = f32(q[n])
      z[n] = f32(q[n]) * 2.0
`),
        "stage(buffer: q, at: m, into: r, scope: register, decode: true)",
      ),
    ).toMatchInlineSnapshot(`"step 1: stage q: it is decoded in 2 ways in m; stage it without decode"`);
  });
  test("an axis that is not constant", () => {
    expect(
      refusal(
        main(`
  symbol M in 0..
  input x: f32[M]
  output y: f32[M]
  for o < 1
    for m < M
      y[m] = x[m]
`),
        "stage(buffer: x, at: o, into: r, scope: register)",
      ),
    ).toMatchInlineSnapshot(`"step 1: stage: the extent of loop m is not a constant; split or specialize it first"`);
  });
  test("registers across invocations", () => {
    expect(
      refusal(
        sum,
        `
bind(loop: n, to: local.x)
stage(buffer: x, at: k, into: r, scope: register)
`,
      ),
    ).toMatchInlineSnapshot(
      `"step 2: stage x: iterations of n (local.x) don't share register memory; stage inside it"`,
    );
  });
});
