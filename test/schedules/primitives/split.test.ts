import { describe, expect, test } from "vitest";
import { goldens, main, refusal } from "../golden.ts";

goldens("split");

const copy = main(`
  input x: f32[10]
  output y: f32[10]
  for n < 10
    y[n] = x[n]
`);

describe("split refuses", () => {
  test("a factor that does not divide the extent", () => {
    expect(refusal(copy, "split(loop: n, factor: 4, into: [no, ni])")).toMatchInlineSnapshot(
      `"step 1: split n by 4: 10 is not a multiple of 4; use tail guard, predicate, clamp, pad or peel"`,
    );
  });
  test("a symbolic extent without a tail", () => {
    expect(
      refusal(
        main(`
  symbol M in 0..
  input x: f32[M]
  output y: f32[M]
  for m < M
    y[m] = x[m]
`),
        "split(loop: m, factor: 4, into: [mo, mi])",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: split m by 4: a symbolic extent is not a multiple of 4; use tail guard, predicate, clamp, pad or peel"`,
    );
  });
  test("a loop that is not there", () => {
    expect(refusal(copy, "split(loop: k, factor: 4, into: [ko, ki])")).toMatchInlineSnapshot(
      `"step 1: split: no loop k in kernel main; it has n"`,
    );
  });
  test("a kernel that is not there", () => {
    expect(refusal(copy, "split(kernel: pack, loop: k, factor: 4, into: [ko, ki])")).toMatchInlineSnapshot(
      `"step 1: split: no kernel pack; there are main"`,
    );
  });
  test("a name that is taken", () => {
    expect(
      refusal(
        main(`
  input x: f32[4, 8]
  output y: f32[4, 8]
  for m < 4
    for n < 8
      y[m, n] = x[m, n]
`),
        "split(loop: n, factor: 4, into: [m, ni])",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: split: two loops would be named m in main; choose another name, or transform the other one first"`,
    );
  });
  test("a name given twice", () => {
    expect(refusal(copy, "split(loop: n, factor: 5, into: [ni, ni])")).toMatchInlineSnapshot(
      `"step 1: split: two loops would be named ni in main; choose another name, or transform the other one first"`,
    );
  });
  test("a peeled sum that may be all tail", () => {
    expect(
      refusal(
        main(`
  symbol M in 0..
  input x: f32[M]
  output y: f32[1]
  for m < M
    y[0] += x[m] over m
`),
        "split(loop: m, factor: 4, into: [mo, mi], tail: peel)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: split m by 4 with tail peel: its extent may be less than 4, and then nothing would start the reduction into y; specialize first"`,
    );
  });
  test("shifts that have no value beyond the end", () => {
    expect(
      refusal(
        main(`
  input x: u8[7]
  output y: u8[7]
  for n < 7
    y[n] = x[n] >> u8(n)
`),
        "split(loop: n, factor: 5, into: [no, ni], tail: predicate)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: split n with tail predicate: a shift or divisor depends on it, which has no value beyond the end; use tail guard or peel"`,
    );
  });
  test("padding a sum", () => {
    expect(
      refusal(
        main(`
  input x: f32[12]
  output y: f32[1]
  for k < 10
    y[0] += x[k] over k
`),
        "split(loop: k, factor: 4, into: [ko, ki], tail: pad)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: split k with tail pad: it is a loop of a reduction, whose padding need not be neutral; use tail predicate"`,
    );
  });
  test("padding beyond a buffer", () => {
    expect(refusal(copy, "split(loop: n, factor: 4, into: [no, ni], tail: pad)")).toMatchInlineSnapshot(
      `"step 1: split n with tail pad: x is not padded that far; pad it by layout first, or use tail predicate"`,
    );
  });
  test("padding that reads what nobody wrote", () => {
    expect(
      refusal(
        main(`
  workspace t: f32[12]
  output y: f32[12]
  for n < 10
    y[n] = t[n]
`),
        "split(loop: n, factor: 4, into: [no, ni], tail: pad)",
      ),
    ).toMatchInlineSnapshot(`"step 1: split n with tail pad: the padding of t is undefined; use tail predicate"`);
  });
  test("padding that writes again", () => {
    expect(
      refusal(
        main(`
  input x: f32[12]
  output y: f32[1]
  for n < 10
    y[0] = x[n]
`),
        "split(loop: n, factor: 4, into: [no, ni], tail: pad)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: split n with tail pad: iterations beyond the end would write y too; use tail predicate"`,
    );
  });
});
