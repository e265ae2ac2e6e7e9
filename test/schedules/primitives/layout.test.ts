import { describe, expect, test } from "vitest";
import { goldens, refusal } from "../golden.ts";

goldens("layout");

const packed = `kernel pack stage pack
  weight raw: u8[4, 6]
  packed w: u8[4, 6]
  for w/n < 4
    for w/k < 6
      w[w/n, w/k] = raw[w/n, w/k]
kernel main stage main
  packed w: u8[4, 6]
  output y: i32[4]
  for n < 4
    for k < 6
      y[n] += i32(w[n, k]) over k
`;

describe("layout refuses", () => {
  test("a buffer that is not there", () => {
    expect(refusal(packed, "layout(buffer: v, axes: [[n]], order: [n])")).toMatchInlineSnapshot(
      `"step 1: layout: no buffer v; there are raw, w, y"`,
    );
  });
  test("a buffer of the caller's", () => {
    expect(refusal(packed, "layout(buffer: y, axes: [[n]], order: [n])")).toMatchInlineSnapshot(
      `"step 1: layout: y belongs to the caller; stage it first"`,
    );
  });
  test("another number of axes", () => {
    expect(refusal(packed, "layout(buffer: w, axes: [[n]], order: [n])")).toMatchInlineSnapshot(
      `"step 1: layout: w has 2 axes, the step 1; list the digits of each"`,
    );
  });
  test("a first digit with a size", () => {
    expect(refusal(packed, "layout(buffer: w, axes: [[[n, 2]], [k]], order: [n, k])")).toMatchInlineSnapshot(
      `"step 1: layout: n: every digit but the first of an axis has a size, the first has none"`,
    );
  });
  test("a second digit without one", () => {
    expect(refusal(packed, "layout(buffer: w, axes: [[n, m], [k]], order: [n, m, k])")).toMatchInlineSnapshot(
      `"step 1: layout: m: every digit but the first of an axis has a size, the first has none"`,
    );
  });
  test("an order that misses a digit", () => {
    expect(refusal(packed, "layout(buffer: w, axes: [[n], [k, [l, 2]]], order: [n, k])")).toMatchInlineSnapshot(
      `"step 1: layout: order must list each of n, k, l once"`,
    );
  });
  test("a packed sum", () => {
    expect(
      refusal(
        `kernel pack stage pack
  weight raw: u8[4, 6]
  packed w: i32[4]
  for w/n < 4
    for w/k < 6
      w[w/n] += i32(raw[w/n, w/k]) over w/k
`,
        "layout(buffer: w, axes: [[n, [m, 2]]], order: [n, m])",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: layout: w is reduced into while packing; its padding would stay undefined; store the sums in another buffer first"`,
    );
  });
  test("a vectorized packer", () => {
    expect(
      refusal(
        packed,
        `
vectorize(kernel: pack, loops: [w/k])
layout(buffer: w, axes: [[n], [k]], order: [k, n])
`,
      ),
    ).toMatchInlineSnapshot(`"step 2: layout: the nest that fills w is vectorized; lay it out before"`);
  });
  test("a packer that goes backwards", () => {
    expect(
      refusal(
        `kernel pack stage pack
  weight raw: u8[4]
  packed w: u8[4]
  for w/n < 4
    w[3 - w/n] = raw[w/n]
`,
        "layout(buffer: w, axes: [[n, [m, 2]]], order: [n, m])",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: layout: axis 0 of w is not filled digit by digit; lay it out before other steps on its packer"`,
    );
  });
  test("a packer of a part", () => {
    expect(
      refusal(
        `kernel pack stage pack
  weight raw: u8[4]
  packed w: u8[4]
  for w/n < 2
    w[w/n] = raw[w/n]
`,
        "layout(buffer: w, axes: [[n, [m, 2]]], order: [n, m])",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: layout: the nest that fills w does not store each element once; lay it out before other steps on its packer"`,
    );
  });
  test("padding where digits are shifts", () => {
    expect(
      refusal(
        `kernel pack stage pack
  weight raw: u8[4]
  packed w: u8[4, 7]
  for w/n < 4
    for w/k < 7
      w[w/n, w/k] = raw[w/n] >> u8(w/k) & 1
`,
        "layout(buffer: w, axes: [[n], [k, [l, 5]]], order: [n, k, l])",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: layout: w would be padded where its digits say how far codes are shifted; pad it in one layout step"`,
    );
  });
});
