import { describe, expect, test } from "vitest";
import { goldens, main, refusal } from "../golden.ts";

goldens("join");

describe("join refuses", () => {
  const pair = (first: string, second: string, buffers = "", step = "join(loops: [i, j])"): string =>
    refusal(
      main(`
  input x: f32[8]
  workspace s: f32[9]
  output y: f32[9]
${buffers}${first}${second}`),
      step,
    );
  const stored = `  for i < 8
    s[i] = x[i]
`;
  const read = (extent: number, at: string): string => `  for j < ${extent}
    y[j] = s[${at}]
`;

  test("loops that do not follow each other", () => {
    expect(pair(stored, read(8, "j"), "", "join(loops: [j, i])")).toMatchInlineSnapshot(
      `"step 1: join j, i: the second does not follow the first; join loops around them, or move what is between"`,
    );
  });
  test("loops in one another", () => {
    expect(
      pair("  for i < 2\n    for j < 2\n      s[i * 2 + j] = x[i]\n", "  for k < 8\n    y[k] = x[k]\n"),
    ).toMatchInlineSnapshot(
      `"step 1: join i, j: the second does not follow the first; join loops around them, or move what is between"`,
    );
  });
  test("different extents", () => {
    expect(pair(stored, read(7, "j"))).toMatchInlineSnapshot(
      `"step 1: join i, j: their extents differ; split them into loops of the same"`,
    );
  });
  test("a bound loop", () => {
    expect(pair(stored.replace("8", "8 local.x"), read(8, "j"))).toMatchInlineSnapshot(
      `"step 1: join: loop i is bound to local.x; do it before binding"`,
    );
  });
  test("elements that a later iteration of the first writes", () => {
    expect(pair(stored, read(8, "7 - j"))).toMatchInlineSnapshot(
      `"step 1: join i, j: iterations of i use each other's elements of s; join loops whose iterations have results of their own"`,
    );
    expect(pair(stored, "  for j < 8\n    s[j + 1] = x[j]\n")).toMatchInlineSnapshot(
      `"step 1: join i, j: iterations of i write the same elements of s; join loops whose iterations have results of their own"`,
    );
  });
  test("a sum over the first, which the second uses", () => {
    expect(pair("  for i < 8\n    s[0] += x[i] over i\n", "  for j < 8\n    y[j] = s[0]\n")).toMatchInlineSnapshot(
      `"step 1: join i, j: s is a sum over i; join loops whose iterations have results of their own"`,
    );
  });
  test("a sum over the second", () => {
    expect(pair(stored, "  for j < 8\n    y[0] += s[j] over j\n")).toMatchInlineSnapshot(
      `"step 1: join i, j: y is a sum over j; join loops whose iterations have results of their own"`,
    );
  });
  test("a register that the first leaves to the second", () => {
    expect(
      pair(
        "  for i < 8\n    r[] = x[i]\n    s[i] = r[]\n",
        "  for j < 8\n    y[j] = s[j] + r[]\n",
        "  register r: f32[]\n",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: join i, j: both use r, which is made anew in every iteration; give each its own"`,
    );
  });
});
