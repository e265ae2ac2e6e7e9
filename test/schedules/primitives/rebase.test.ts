import { describe, expect, test } from "vitest";
import { goldens } from "../golden.ts";
import { refused as refusedBy } from "./softmax.ts";

goldens("rebase");

const refused = (
  edits: readonly (readonly [string, string])[],
  steps = "rebase(max: m, loops: [m/t, p/t, l/t], parts: 2, into: ts)",
): string => refusedBy(edits, steps);

describe("rebase refuses", () => {
  test("nests around other statements", () => {
    expect(refused([[`  for p/t`, `  o[] = 1.0\n  for p/t`]])).toMatchInlineSnapshot(
      `"step 1: rebase: statements stand between the loops; name neighbouring ones"`,
    );
  });
  test("a group without the maximum", () => {
    expect(refused([], "rebase(max: m, loops: [p/t, l/t], parts: 2, into: ts)")).toMatchInlineSnapshot(
      `"step 1: rebase: none of p/t, l/t is the loop of a maximum into m"`,
    );
  });
  test("sums that do not scale with the maximum", () => {
    expect(refused([[`exp(x[p/t] - m[])`, `x[p/t] - m[]`]])).toMatchInlineSnapshot(
      `"step 1: rebase: m is used outside an exponential exp(x - m); use it after its loops"`,
    );
  });
  test("weights that are used afterwards", () => {
    expect(refused([[`  y[0] = l[]`, `  y[0] = l[] + p[0]`]])).toMatchInlineSnapshot(
      `"step 1: rebase: p is used outside ts too; contract at a loop around all that uses it"`,
    );
  });
  test("one part", () => {
    expect(refused([], "rebase(max: m, loops: [m/t, p/t, l/t], parts: 1, into: ts)")).toMatchInlineSnapshot(
      `"step 1: rebase: parts: Too small: expected number to be >=2"`,
    );
  });
});
