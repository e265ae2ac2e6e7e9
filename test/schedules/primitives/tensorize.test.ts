import { describe, expect, test } from "vitest";
import { goldens, main, refusal } from "../golden.ts";

goldens("tensorize");

const dot = main(`
  input x: i8[2]
  input q: u4[8, 2]
  output d: i16[8]
  for n < 8
    for r < 2
      d[n] += i16(x[r]) * i16(q[n, r]) over r
`);

describe("tensorize refuses", () => {
  test("loops that are not innermost", () => {
    expect(refusal(dot, "tensorize(loops: [n], with: dot2_i16_i8_i7)")).toMatchInlineSnapshot(
      `"step 1: tensorize n: the loops must be innermost, in this order; the nest there is n, r"`,
    );
  });
  test("a bound loop", () => {
    expect(
      refusal(
        dot,
        `
bind(loop: n, to: thread)
tensorize(loops: [n, r], with: dot2_i16_i8_i7)
`,
      ),
    ).toMatchInlineSnapshot(`"step 2: tensorize: loop n is bound to thread; do it before binding"`);
  });
  test("a tile that is not a sum", () => {
    expect(
      refusal(
        main(`
  input x: f32[8]
  output y: f32[8]
  for n < 8
    y[n] = x[n]
`),
        "tensorize(loops: [n], with: sum2_i32_i16)",
      ),
    ).toMatchInlineSnapshot(`"step 1: tensorize n: the tile must hold one sum; fission what else it holds"`);
  });
  test("result loops inside", () => {
    expect(
      refusal(
        dot,
        `
reorder(loops: [r, n])
tensorize(loops: [r, n], with: dot2_i16_i8_i7)
`,
      ),
    ).toMatchInlineSnapshot(`"step 2: tensorize: the loops of the reduction must be the innermost ones; reorder them"`);
  });
  test("another number of terms", () => {
    expect(
      refusal(
        main(`
  input x: i8[4]
  input q: u4[8, 4]
  output d: i16[8]
  for n < 8
    for r < 4
      d[n] += i16(x[r]) * i16(q[n, r]) over r
`),
        "tensorize(loops: [n, r], with: dot2_i16_i8_i7)",
      ),
    ).toMatchInlineSnapshot(`"step 1: tensorize: dot2_i16_i8_i7 sums 2 terms, the tile 4; split accordingly"`);
  });
  test("another number of lanes", () => {
    expect(
      refusal(
        main(`
  input x: i8[2]
  input q: u4[8, 2]
  output d: i16[8]
  for n < 6
    for r < 2
      d[n] += i16(x[r]) * i16(q[n, r]) over r
`),
        "tensorize(loops: [n, r], with: dot2_i16_i8_i7)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: tensorize: dot2_i16_i8_i7 gives multiples of 8 lanes, the tile has 6; split accordingly"`,
    );
  });
  test("a term that is not the intrinsic's", () => {
    expect(refusal(dot, "tensorize(loops: [n, r], with: dot2_i32_i16)")).toMatchInlineSnapshot(
      `"step 1: tensorize: the tile's term is not that of dot2_i32_i16 (a: i16, b: i16); accumulate in i32, recode an operand, or choose another intrinsic"`,
    );
  });
  test("an operand out of range", () => {
    expect(
      refusal(
        main(`
  input x: i8[2]
  input q: i8[8, 2]
  output d: i16[8]
  for n < 8
    for r < 2
      d[n] += i16(x[r]) * i16(q[n, r]) over r
`),
        "tensorize(loops: [n, r], with: dot2_i16_i8_i7)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: tensorize: the tile's term is not that of dot2_i16_i8_i7 (a: i8, b: i8 in 0..127); accumulate in i16, recode an operand, or choose another intrinsic"`,
    );
  });
  test("lanes that share an element", () => {
    expect(
      refusal(
        main(`
  input x: i8[2]
  input q: u4[8, 2]
  output d: i16[8]
  for n < 8
    for r < 2
      d[n // 2] += i16(x[r]) * i16(q[n, r]) over r
`),
        "tensorize(loops: [n, r], with: dot2_i16_i8_i7)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: tensorize: lanes of n would write the same elements of d; choose other loops, or rfactor a sum"`,
    );
  });
});
