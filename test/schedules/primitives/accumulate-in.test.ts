import { describe, expect, test } from "vitest";
import { goldens, main, refusal } from "../golden.ts";

goldens("accumulate-in");

const product = main(`
  input x: f32[8]
  input w: f32[4, 8]
  output y: f32[4]
  for n < 4
    for k < 8
      y[n] += x[k] * w[n, k] over k
`);

describe("accumulate-in refuses", () => {
  test("a place without such a reduction", () => {
    expect(refusal(product, "accumulate-in(buffer: x, at: n, into: acc)")).toMatchInlineSnapshot(
      `"step 1: accumulate-in: no reduction into x directly in loop n that is a perfect nest; reorder or choose another loop"`,
    );
  });
  test("a root without such a reduction", () => {
    expect(refusal(product, "accumulate-in(buffer: x, into: acc)")).toMatchInlineSnapshot(
      `"step 1: accumulate-in: no reduction into x at the root of main that is a perfect nest; reorder or choose another loop"`,
    );
  });
  test("axes that are not constant", () => {
    expect(
      refusal(
        main(`
  symbol M in 0..
  input x: f32[M, 8]
  output y: f32[M]
  for m < M
    for k < 8
      y[m] += x[m, k] over k
`),
        "accumulate-in(buffer: y, into: acc)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: accumulate-in: the extent of loop m is not a constant; split or specialize it first"`,
    );
  });
  test("a sum that may be over nothing", () => {
    expect(
      refusal(
        main(`
  symbol K in 0..
  input x: f32[8, K]
  output y: f32[1]
  for g < 8
    for k < K
      y[0] += x[g, k] over g, k
`),
        "accumulate-in(buffer: y, at: g, into: acc)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: accumulate-in: acc: k may have no iterations, and the accumulator no value then; accumulate where it has some"`,
    );
  });
  test("a name that is taken", () => {
    expect(refusal(product, "accumulate-in(buffer: y, at: n, into: w)")).toMatchInlineSnapshot(
      `"step 1: accumulate-in: two buffers would be named w in main; choose another name, or transform the other one first"`,
    );
  });
  test("a bound loop in the nest", () => {
    expect(
      refusal(
        product,
        `
bind(loop: n, to: thread)
accumulate-in(buffer: y, into: acc)
`,
      ),
    ).toMatchInlineSnapshot(
      `"step 2: accumulate-in: the reduction into y: loop n is bound to thread; do it before binding"`,
    );
  });
  test("a vectorized sum", () => {
    expect(
      refusal(
        product,
        `
reorder(loops: [k, n])
vectorize(loops: [n])
accumulate-in(buffer: y, into: acc)
`,
      ),
    ).toMatchInlineSnapshot(`"step 3: accumulate-in: the reduction into y is vectorized; split it in levels before"`);
  });
  test("a sum of itself", () => {
    expect(
      refusal(
        main(`
  output y: f32[4]
  for k < 4
    y[0] += y[k] over k
`),
        "accumulate-in(buffer: y, into: acc)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: accumulate-in: the sum into y depends on itself; no partial sums of it can be taken"`,
    );
  });
  test("a loop that repeats the sum", () => {
    expect(
      refusal(
        main(`
  input x: f32[8]
  output y: f32[1]
  for n < 4
    for k < 8
      y[0] += x[k] over k
`),
        "accumulate-in(buffer: y, into: acc)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: accumulate-in: loop n repeats the reduction into y; it is neither summed over nor in the index"`,
    );
  });
  test("sums into the same elements", () => {
    expect(
      refusal(
        main(`
  input x: f32[8]
  output y: f32[2]
  for n < 4
    for k < 8
      y[n // 2] += x[k] over k
`),
        "accumulate-in(buffer: y, into: acc)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: accumulate-in: iterations of n reduce into the same elements of y; give each an element of its own, or sum over it"`,
    );
  });
  test("keeping a loop that is not summed over", () => {
    expect(refusal(product, "accumulate-in(buffer: y, into: acc, keep: [n])")).toMatchInlineSnapshot(
      `"step 1: accumulate-in: acc: n is not a loop of the reduction into y at that place, which goes over k"`,
    );
  });
  test("a type that the sum may leave", () => {
    expect(
      refusal(
        main(`
  input x: i8[64]
  output d: i32[1]
  for k < 64
    d[0] += i32(x[k]) * 5 over k
`),
        "accumulate-in(buffer: d, into: d16, scalar: i16)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: accumulate-in: d16: 64 terms in -640..635 do not fit i16; flush after at most 51 terms (split the loop and accumulate inside)"`,
    );
  });
  test("a type in which the terms can not be computed", () => {
    expect(refusal(product, "accumulate-in(buffer: y, into: acc, scalar: f16)")).toMatchInlineSnapshot(
      `"step 1: accumulate-in: acc: the terms of y can't be computed in f16; choose an integer type that holds each of them"`,
    );
  });
});
