import { describe, expect, test } from "vitest";
import { goldens, main, refusal } from "../golden.ts";

goldens("pipeline");

const product = main(`
  input x: f32[8]
  input w: f32[8, 4]
  output y: f32[4]
  register acc: f32[4]
  for k < 8
    for n < 4
      acc[n] += x[k] * w[k, n] over k
  for o < 4
    y[o] = acc[o]
`);

describe("pipeline refuses", () => {
  test("a loop that is not serial", () => {
    expect(
      refusal(
        product,
        `
stage(buffer: w, at: k, into: r, scope: register)
unroll(loops: [k])
pipeline(loop: k, buffers: [r])
`,
      ),
    ).toMatchInlineSnapshot(`"step 3: pipeline k: it is unroll; only iterations of a serial loop follow each other"`);
  });
  test("a buffer that is not staged", () => {
    expect(refusal(product, "pipeline(loop: k, buffers: [w])")).toMatchInlineSnapshot(
      `"step 1: pipeline k: w is not a register or workgroup buffer; stage into one first"`,
    );
  });
  test("a body that does not start with the copy", () => {
    expect(refusal(product, "pipeline(loop: k, buffers: [acc])")).toMatchInlineSnapshot(
      `"step 1: pipeline k: its body does not start with a copy into acc; stage in this loop first"`,
    );
  });
  test("a buffer that is used outside", () => {
    expect(
      refusal(
        main(`
  input x: f32[8]
  output y: f32[8]
  output z: f32[1]
  register r: f32[]
  for k < 8
    r[] = x[k]
    y[k] = r[]
  z[0] = r[]
`),
        "pipeline(loop: k, buffers: [r])",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: pipeline k: r is written more than once, or used outside the loop; stage into a buffer of its own"`,
    );
  });
  test("a copy of what the loop changes", () => {
    expect(
      refusal(
        main(`
  input x: f32[8]
  output y: f32[8]
  register r: f32[]
  register t: f32[8]
  for i < 8
    t[i] = x[i]
  for k < 8
    r[] = t[k]
    y[k] = r[]
    t[7 - k] = r[]
`),
        "pipeline(loop: k, buffers: [r])",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: pipeline k: the copy into r reads t, which changes in the loop; stage what does not"`,
    );
  });
  test("a shift that has no value beyond the end", () => {
    expect(
      refusal(
        main(`
  input x: u8[8]
  output y: u8[8]
  for k < 8
    y[k] = x[k] >> u8(k)
`),
        `
stage(buffer: x, at: k, into: r, scope: register, decode: true)
pipeline(loop: k, buffers: [r])
`,
      ),
    ).toMatchInlineSnapshot(
      `"step 2: pipeline k: what is copied into r shifts or divides by what depends on it; stage the load without decode"`,
    );
  });
});
