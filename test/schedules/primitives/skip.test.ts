import { describe, expect, test } from "vitest";
import { goldens, main, refusal } from "../golden.ts";
import { maskedSum } from "./masked-sum.ts";

goldens("skip");

const step = "skip(loop: tb, where: x)";

describe("skip refuses", () => {
  test("terms that masked ones change", () => {
    expect(refusal(maskedSum("exp(x[l/ti]) + 1.0"), step)).toMatchInlineSnapshot(
      `"step 1: skip tb: an iteration in which all of x is masked may change l; it can't be left out"`,
    );
  });
  test("what is read after the loop", () => {
    const more = "    l[] = l[] + x[0]\n";
    expect(refusal(maskedSum("exp(x[l/ti])", { more }), step)).toMatchInlineSnapshot(
      `"step 1: skip tb: an iteration in which all of x is masked may change x; it can't be left out"`,
    );
  });
  test("results of its own", () => {
    const each = main(`
  symbol M in 0..
  input s: f32[M]
  output y: f32[M]
  workspace x: f32[M]
  for i < M
    x[i] = select(i < 3, s[i], -inf)
    y[i] = exp(x[i])
`);
    expect(refusal(each, "skip(loop: i, where: x)")).toMatchInlineSnapshot(
      `"step 1: skip i: an iteration in which all of x is masked may change y; it can't be left out"`,
    );
  });
  test("a mask of which a whole iteration says nothing", () => {
    expect(refusal(maskedSum("exp(x[l/ti])", { mask: "s[tb, x/ti] < 0.0" }), step)).toMatchInlineSnapshot(
      `"step 1: skip tb: nothing is known of its mask for a whole iteration"`,
    );
  });
  test("a buffer that no masked select fills", () => {
    expect(refusal(maskedSum("exp(x[l/ti])"), "skip(loop: tb, where: l)")).toMatchInlineSnapshot(
      `"step 1: skip tb: l must be stored once in it, as select(condition, value, -inf)"`,
    );
  });
  test("a bound loop", () => {
    expect(
      refusal(maskedSum("exp(x[l/ti])"), `unroll(loops: [x/ti])\nvectorize(loops: [x/ti])\n${step}`),
    ).toMatchInlineSnapshot(`"step 3: skip tb: x is stored in vectors; skip before"`);
  });
});
