import { describe, expect, test } from "vitest";
import { goldens, main, refusal } from "../golden.ts";

goldens("trim");

/** A sum of `term` over t and d, after which `more` follows. */
const sumOf = (term: string, more = "") =>
  main(`
  symbol M in 1..
  input p: f32[8]
  input v: f32[8, 4]
  output y: f32[M]
  workspace o: f32[]
  for i < M
    o[] = 0.0
    for t < 8
      for d < 4
        o[] += ${term}
${more}    y[i] = o[]
`);
const step = "trim(loop: t)";

describe("trim refuses", () => {
  test("terms that are not zero where they are masked", () => {
    expect(refusal(sumOf("p[t] + v[t, d if t < i]"), step)).toMatchInlineSnapshot(
      `"step 1: trim t: no factor of the terms of o is masked by a comparison that fails from some iteration of t on"`,
    );
  });
  test("a mask that depends on a loop inside", () => {
    expect(refusal(sumOf("p[t] * v[t, d if t + d < i]"), step)).toMatchInlineSnapshot(
      `"step 1: trim t: no factor of the terms of o is masked by a comparison that fails from some iteration of t on"`,
    );
  });
  test("a mask that fails at first", () => {
    expect(refusal(sumOf("p[t] * v[t, d if i < t]"), step)).toMatchInlineSnapshot(
      `"step 1: trim t: no factor of the terms of o is masked by a comparison that fails from some iteration of t on"`,
    );
  });
  test("a loop that may be left without iterations", () => {
    expect(refusal(sumOf("p[t] * v[t, d if t < i]"), step)).toMatchInlineSnapshot(
      `"step 1: trim t: the mask of v may leave it without iterations, of which o may begin with one; skip those of a loop around it"`,
    );
  });
  test("a loop that holds more", () => {
    expect(refusal(sumOf("p[t] * v[t, d if t < i]", "      o[] = o[] * 2.0\n"), step)).toMatchInlineSnapshot(
      `"step 1: trim t: it holds more than a sum; distribute it"`,
    );
  });
  test("a bound loop", () => {
    const own = main(`
  input v: f32[8, 4]
  output y: f32[8]
  for t < 8
    for d < 4
      y[t] += 2.0 * v[t, d if t < 7]
`);
    expect(refusal(own, `bind(loop: t, to: thread)\n${step}`)).toMatchInlineSnapshot(
      `"step 2: trim t: loop t is bound to thread; do it before binding"`,
    );
  });
});
