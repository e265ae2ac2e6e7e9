import { describe, expect, test } from "vitest";
import { goldens, refusal } from "../golden.ts";
import { maskedSum } from "./masked-sum.ts";

goldens("clip");

const step = "clip(loop: tb, where: x, loops: [x/ti, l/ti])";

describe("clip refuses", () => {
  test("terms that masked elements change", () => {
    expect(refusal(maskedSum("exp(x[l/ti]) + 1.0"), step)).toMatchInlineSnapshot(
      `"step 1: clip tb: l may change where all of x is masked"`,
    );
  });
  test("what is read elsewhere", () => {
    expect(refusal(maskedSum("exp(x[l/ti])", { more: "    l[] = l[] + x[0]\n" }), step)).toMatchInlineSnapshot(
      `"step 1: clip tb: x is used in other places than the loops, or whole; name all loops that use it"`,
    );
    expect(refusal(maskedSum("exp(x[l/ti])"), "clip(loop: tb, where: x, loops: [x/ti])")).toMatchInlineSnapshot(
      `"step 1: clip tb: x is used in other places than the loops, or whole; name all loops that use it"`,
    );
  });
  test("a result", () => {
    expect(refusal(maskedSum("exp(x[l/ti])", { x: "output" }), step)).toMatchInlineSnapshot(
      `"step 1: clip tb: x is used after the kernel, by elements that would be left out"`,
    );
  });
  test("what is read before it is made", () => {
    const more = "      for r/ti < 8\n        r[r/ti] = s[0, r/ti]\n";
    expect(
      refusal(maskedSum("exp(x[l/ti]) * r[l/ti]", { more }), "clip(loop: tb, where: x, loops: [x/ti, l/ti, r/ti])"),
    ).toMatchInlineSnapshot(`"step 1: clip tb: r is not made by one of the loops before others read it"`);
  });
  test("elements in another order", () => {
    expect(refusal(maskedSum("exp(x[7 - l/ti])"), step)).toMatchInlineSnapshot(
      `"step 1: clip tb: iterations of l/ti are not about runs of x, one after the other along one axis"`,
    );
    expect(refusal(maskedSum("exp(x[l/ti]) * x[0]"), step)).toMatchInlineSnapshot(
      `"step 1: clip tb: x is used in other places than the loops, or whole; name all loops that use it"`,
    );
  });
  test("runs that don't end together", () => {
    const split =
      "split(loop: x/ti, factor: 3, into: [x/to, x/tl], tail: guard)\nsplit(loop: l/ti, factor: 2, into: [l/to, l/tl])";
    expect(
      refusal(maskedSum("exp(x[l/ti])"), `${split}\nclip(loop: tb, where: x, loops: [x/to, l/to])`),
    ).toMatchInlineSnapshot(`"step 3: clip tb: l/to is over runs of 2, of which 3 is no multiple"`);
  });
  test("a mask that ends nowhere", () => {
    expect(refusal(maskedSum("exp(x[l/ti])", { mask: "i < 8 * tb + x/ti" }), step)).toMatchInlineSnapshot(
      `"step 1: clip tb: nothing is known of where its mask ends"`,
    );
    expect(refusal(maskedSum("exp(x[l/ti])", { mask: "8 * tb + 2 * x/ti < i" }), step)).toMatchInlineSnapshot(
      `"step 1: clip tb: nothing is known of where its mask ends"`,
    );
  });
  test("loops that don't follow each other", () => {
    expect(refusal(maskedSum("exp(x[l/ti])"), "clip(loop: tb, where: x, loops: [l/ti, x/ti])")).toMatchInlineSnapshot(
      `"step 1: clip tb: x/ti is not in it, after l/ti; name loops in their order"`,
    );
  });
  test("a loop that is written out", () => {
    expect(refusal(maskedSum("exp(x[l/ti])"), `unroll(loops: [x/ti])\n${step}`)).toMatchInlineSnapshot(
      `"step 2: clip tb: x/ti is a loop of kind unroll; clip before"`,
    );
  });
});
