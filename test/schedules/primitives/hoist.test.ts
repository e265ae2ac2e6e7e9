import { describe, expect, test } from "vitest";
import { goldens, main, refusal } from "../golden.ts";

goldens("hoist");

const sums = main(`
  input x: f32[4, 8]
  input w: f32[3, 4]
  output y: f32[3]
  register acc: f32[]
  register z: f32[]
  for n < 3
    for g < 4
      for k < 8
        z[] += x[g, k] over k
      acc[] += w[n, g] * z[] over g
    y[n] = acc[]
`);

describe("hoist refuses", () => {
  test("a loop that is not around it", () => {
    expect(refusal(sums, "hoist(buffer: z, to: k)")).toMatchInlineSnapshot(
      `"step 1: hoist z: k is not a loop around it; those are n, g"`,
    );
  });
  test("what stands there already", () => {
    expect(refusal(sums, "hoist(buffer: z, to: g)")).toMatchInlineSnapshot(
      `"step 1: hoist z: it is computed there already; hoist it further"`,
    );
  });
  test("workgroup memory for what no workgroup computes", () => {
    expect(refusal(sums, "hoist(buffer: z, scope: workgroup)")).toMatchInlineSnapshot(
      `"step 1: hoist z: at the root it is a workspace; give the loop to hoist to, or no scope"`,
    );
  });
  test("what a test guards", () => {
    expect(
      refusal(
        main(`
  input x: f32[4, 8]
  input w: f32[3, 4]
  output y: f32[3]
  register acc: f32[]
  register z: f32[]
  for n < 3
    for g < 4
      if n < 2
        for k < 8
          z[] += x[g, k] over k
      acc[] += w[n, g] * z[] over g
    y[n] = acc[]
`),
        "hoist(buffer: z)",
      ),
    ).toMatchInlineSnapshot(`"step 1: hoist z: an if around it says when it is computed; split without tail guard"`);
  });
  test("leaving a bound loop", () => {
    expect(
      refusal(
        sums,
        `
bind(loop: n, to: thread)
hoist(buffer: z)
`,
      ),
    ).toMatchInlineSnapshot(`"step 2: hoist z: loop n is bound to thread; do it before binding"`);
  });
  test("a buffer that is not in registers", () => {
    expect(
      refusal(
        main(`
  input x: f32[4]
  workspace u: f32[1]
  output y: f32[4]
  for n < 4
    u[0] = x[3]
    y[n] = x[n] + u[0]
`),
        "hoist(buffer: u)",
      ),
    ).toMatchInlineSnapshot(`"step 1: hoist u: it is not a register buffer; accumulate-in one first"`);
  });
  test("a sum that goes on outside its nest", () => {
    expect(refusal(sums, "hoist(buffer: acc)")).toMatchInlineSnapshot(
      `"step 1: hoist acc: it is a sum over g, which is outside its nest; accumulate-in another register inside it first"`,
    );
  });
  test("what reads something that changes", () => {
    expect(
      refusal(
        main(`
  input x: f32[4]
  output y: f32[4]
  register t: f32[]
  register u: f32[]
  for n < 4
    t[] = x[n]
    u[] = t[] * 2.0
    y[n] = u[]
`),
        "hoist(buffer: u)",
      ),
    ).toMatchInlineSnapshot(`"step 1: hoist u: it reads t, which changes in n; hoist that first"`);
  });
  test("what depends on a let", () => {
    expect(
      refusal(
        main(`
  input x: f32[4]
  output y: f32[4]
  register u: f32[]
  for n < 4
    let t = x[n]
    u[] = t * 2.0
    y[n] = u[]
`),
        "hoist(buffer: u)",
      ),
    ).toMatchInlineSnapshot(`"step 1: hoist u: it depends on let t; keep that value in a register buffer"`);
  });
  test("what is read outside the loop", () => {
    expect(
      refusal(
        main(`
  input x: f32[4]
  output y: f32[4]
  output z: f32[1]
  register u: f32[]
  for n < 4
    u[] = x[3]
    y[n] = x[n] + u[]
  z[0] = u[]
`),
        "hoist(buffer: u)",
      ),
    ).toMatchInlineSnapshot(`"step 1: hoist u: it must be read in n, where it is computed, and nowhere else"`);
  });
  test("what two nests write", () => {
    expect(
      refusal(
        main(`
  input x: f32[4]
  output y: f32[4]
  register u: f32[]
  for n < 4
    u[] = x[n] * 2.0
    y[n] = u[]
    u[] = 0.0
`),
        "hoist(buffer: u)",
      ),
    ).toMatchInlineSnapshot(`"step 1: hoist: u must be written by one nest, there are 2; hoist before peeling"`);
  });
});
