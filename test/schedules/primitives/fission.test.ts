import { describe, expect, test } from "vitest";
import { goldens, main, refusal } from "../golden.ts";

goldens("fission");

const two = main(`
  input x: f32[4]
  workspace z: f32[4]
  output y: f32[4]
  for g < 4
    z[g] = x[g]
  for n < 4
    y[n] = z[n]
`);

describe("fission refuses", () => {
  test("a buffer that is not global", () => {
    expect(
      refusal(
        main(`
  input x: f32[4]
  register t: f32[4]
  output y: f32[4]
  for g < 4
    t[g] = x[g]
  for n < 4
    y[n] = t[n]
`),
        "fission(buffer: t, into: first, stage: prologue)",
      ),
    ).toMatchInlineSnapshot(`"step 1: fission: t is not a workspace of main; hoist it to the root first"`);
  });
  test("the whole kernel", () => {
    expect(
      refusal(
        main(`
  input x: f32[4]
  output y: f32[4]
  for n < 4
    y[n] = x[n]
`),
        "fission(buffer: y, into: first, stage: prologue)",
      ),
    ).toMatchInlineSnapshot(`"step 1: fission: y must be written by some root statements of main, and not by all"`);
  });
  test("a name that is taken", () => {
    expect(refusal(two, "fission(buffer: z, into: main, stage: prologue)")).toMatchInlineSnapshot(
      `"step 1: fission: two kernels would be named main; choose another name, or transform the other one first"`,
    );
  });
  test("a register on both sides", () => {
    expect(
      refusal(
        main(`
  input x: f32[4]
  register t: f32[4]
  workspace z: f32[4]
  output y: f32[4]
  for g < 4
    t[g] = x[g]
  for h < 4
    z[h] = t[h]
  for n < 4
    y[n] = z[n]
`),
        "fission(buffer: z, into: first, stage: prologue)",
      ),
    ).toMatchInlineSnapshot(`"step 1: fission: t is local to main and used on both sides; hoist it"`);
  });
  test("statements that depend on the rest", () => {
    expect(refusal(two, "fission(buffer: y, into: first, stage: prologue)")).toMatchInlineSnapshot(
      `"step 1: fission: first would run before main, and the order in which they use z matters; move what comes between first"`,
    );
  });
  test("a rest that depends on what would run later", () => {
    expect(refusal(two, "fission(buffer: z, into: last, stage: merge)")).toMatchInlineSnapshot(
      `"step 1: fission: last would run after main, and the order in which they use z matters; move what comes between first"`,
    );
  });
});
