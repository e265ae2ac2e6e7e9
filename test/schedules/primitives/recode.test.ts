import { describe, expect, test } from "vitest";
import { goldens, main, refusal } from "../golden.ts";

goldens("recode");

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

const sum = main(`
  input x: i8[8] in -127..127
  input w: i8[3, 8]
  output y: i32[3]
  register d: i32[3]
  for n < 3
    for k < 8
      d[n] += i32(x[k]) * i32(w[n, k]) over k
  for o < 3
    y[o] = d[o]
`);

describe("recode refuses", () => {
  test("a buffer that is not there", () => {
    expect(refusal(packed, "recode(encoding: offset, buffer: v, by: 128)")).toMatchInlineSnapshot(
      `"step 1: recode: no buffer v; name a packed tensor"`,
    );
  });
  test("an offset of what is not packed u8", () => {
    expect(refusal(sum, "recode(encoding: offset, buffer: w, by: 128)")).toMatchInlineSnapshot(
      `"step 1: recode: offset applies to a packed tensor of u8, w is input i8; use planes, or sign-fold of an operand"`,
    );
  });
  test("an offset that does not fit", () => {
    expect(refusal(packed, "recode(encoding: offset, buffer: w, by: 64)")).toMatchInlineSnapshot(
      `"step 1: recode: w - 64 does not fit i8; use by: 128"`,
    );
  });
  test("planes that do not hold the codes", () => {
    expect(refusal(packed, "recode(encoding: planes, buffer: w, widths: [4, 2])")).toMatchInlineSnapshot(
      `"step 1: recode: planes of 6 bits do not hold w (packed u8 in 0..255); give widths that do"`,
    );
  });
  describe("levels of", () => {
    const scales = (
      value: string,
      declared = "packed s: f32[4, 8]",
      to = "[s/n, s/g]",
    ): string => `kernel pack stage pack
  weight d: f16[4, 8]
  weight sc: i16[4, 8]
  ${declared}
  for s/n < 4
    for s/g < 8
      s${to} = ${value}
`;
    const levels = (text: string, per = 4): string => refusal(text, `recode(encoding: levels, buffer: s, per: ${per})`);
    const own = "f32(sc[s/n, s/g] & 63)";
    test("what is no packed float", () => {
      expect(levels(scales("i8(sc[s/n, s/g])", "packed s: i8[4, 8]"))).toMatchInlineSnapshot(
        `"step 1: recode: levels applies to a packed tensor of f32 in rows, s is packed i8; use planes or offset of codes"`,
      );
    });
    test("rows that the float does not divide", () => {
      expect(levels(scales(`f32(d[s/n, s/g // 3]) * ${own}`), 3)).toMatchInlineSnapshot(
        `"step 1: recode: s has 8 entries in a row, no multiple of 3; choose a divisor"`,
      );
    });
    test.each([
      ["a float that fewer entries share", `f32(d[s/n, s/g // 2]) * ${own}`],
      ["a float alone", "f32(d[s/n, s/g // 4])"],
      ["two floats", "f32(d[s/n, s/g // 4]) * f32(d[s/n, s/g // 8])"],
      ["integers of more than 8 bits", "f32(d[s/n, s/g // 4]) * f32(sc[s/n, s/g] & 511)"],
    ])("%s", (_, value) => {
      expect(levels(scales(value))).toBe(
        "step 1: recode: s is not filled, in rows, with products of a float that 4 entries share and an integer of 8 bits; only scales of two levels are taken apart",
      );
    });
  });
  test("a packed sum", () => {
    expect(
      refusal(
        `kernel pack stage pack
  weight raw: u8[4, 6] in 0..1
  packed w: u8[4]
  for w/n < 4
    for w/k < 6
      w[w/n] += raw[w/n, w/k] over w/k
`,
        "recode(encoding: planes, buffer: w, widths: [4, 4])",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: recode: w is summed in pack, not stored; recode before other steps on its packer"`,
    );
  });
  test("folding an operand that is not there", () => {
    expect(
      refusal(sum, "recode(encoding: sign-fold, buffer: d, operand: v, into: [x.abs, x.sign, d.fold])"),
    ).toMatchInlineSnapshot(`"step 1: recode: no buffer v in main; name an operand of the sum"`);
  });
  test("folding an operand that may be -128", () => {
    expect(
      refusal(
        main(`
  input x: i8[8]
  input w: i8[3, 8]
  output y: i32[3]
  register d: i32[3]
  for n < 3
    for k < 8
      d[n] += i32(x[k]) * i32(w[n, k]) over k
  for o < 3
    y[o] = d[o]
`),
        "recode(encoding: sign-fold, buffer: d, operand: x, into: [x.abs, x.sign, d.fold])",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: recode: x must be i8 in -127..127 (its declared range), so that its magnitude fits 7 bits"`,
    );
  });
  test("folding a packed operand", () => {
    expect(
      refusal(
        main(`
  packed x: i8[8] in -127..127
  input w: i8[3, 8]
  output y: i32[3]
  register d: i32[3]
  for n < 3
    for k < 8
      d[n] += i32(x[k]) * i32(w[n, k]) over k
  for o < 3
    y[o] = d[o]
`),
        "recode(encoding: sign-fold, buffer: d, operand: x, into: [x.abs, x.sign, d.fold])",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: recode: x must be an input, or a workspace that is written before main; fission what writes it first"`,
    );
  });
  test("folding into a global sum", () => {
    expect(
      refusal(
        main(`
  input x: i8[8] in -127..127
  input w: i8[3, 8]
  output y: i32[3]
  workspace d: i32[3]
  for n < 3
    for k < 8
      d[n] += i32(x[k]) * i32(w[n, k]) over k
  for o < 3
    y[o] = d[o]
`),
        "recode(encoding: sign-fold, buffer: d, operand: x, into: [x.abs, x.sign, d.fold])",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: recode: d is not a register buffer; accumulate in one, so that the correction can be added where it is read"`,
    );
  });
  test("folding a sum that is also stored", () => {
    expect(
      refusal(
        main(`
  input x: i8[8] in -127..127
  input w: i8[3, 8]
  output y: i32[3]
  register d: i32[3]
  for i < 3
    d[i] = 0
    y[i] = 0
  for n < 3
    for k < 8
      d[n] += i32(x[k]) * i32(w[n, k]) over k
  for o < 3
    y[o] = d[o]
`),
        "recode(encoding: sign-fold, buffer: d, operand: x, into: [x.abs, x.sign, d.fold])",
      ),
    ).toMatchInlineSnapshot(`"step 1: recode: d is also stored, not only summed; fold before its sum is changed"`);
  });
  test("folding a sum of two nests", () => {
    expect(
      refusal(
        sum,
        `
split(loop: k, factor: 3, into: [ko, ki], tail: peel)
recode(encoding: sign-fold, buffer: d, operand: x, into: [x.abs, x.sign, d.fold])
`,
      ),
    ).toMatchInlineSnapshot(`"step 2: recode: d must be summed by one perfect nest, there are 2; fold before peeling"`);
  });
  test("folding a masked sum", () => {
    expect(
      refusal(
        sum,
        `
split(loop: k, factor: 3, into: [ko, ki], tail: predicate)
recode(encoding: sign-fold, buffer: d, operand: x, into: [x.abs, x.sign, d.fold])
`,
      ),
    ).toMatchInlineSnapshot(
      `"step 2: recode: the sum into d is masked or goes on from another; fold the sign before splitting with a tail"`,
    );
  });
  test("folding what is not a product", () => {
    expect(
      refusal(
        main(`
  input x: i8[8] in -127..127
  input w: i8[3, 8]
  output y: i32[3]
  register d: i32[3]
  for n < 3
    for k < 8
      d[n] += i32(x[k]) + i32(w[n, k]) over k
  for o < 3
    y[o] = d[o]
`),
        "recode(encoding: sign-fold, buffer: d, operand: x, into: [x.abs, x.sign, d.fold])",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: recode: d is not a sum of i32(x) * i32(an i8); factor it first, or recode the other operand to i8"`,
    );
  });
  test("folding where the sum is read at another place", () => {
    expect(
      refusal(
        main(`
  input x: i8[3, 8] in -127..127
  input w: i8[3, 8]
  output y: i32[3]
  register d: i32[3]
  for n < 3
    for k < 8
      d[2 - n] += i32(x[n, k]) * i32(w[n, k]) over k
  for o < 3
    y[o] = d[o]
`),
        "recode(encoding: sign-fold, buffer: d, operand: x, into: [x.abs, x.sign, d.fold])",
      ),
    ).toMatchInlineSnapshot(`"step 1: recode: n must be axes of d, so that the correction is found where it is read"`);
  });
});
