import { describe, expect, test } from "vitest";
import { goldens, main, refusal } from "../golden.ts";

goldens("specialize");

const rows = main(`
  symbol M in 0..
  input x: f32[M]
  output y: f32[M]
  for m < M
    y[m] = x[m]
`);

describe("specialize refuses", () => {
  test("what is not a symbol", () => {
    expect(refusal(rows, "specialize(symbol: N, at: [4])")).toMatchInlineSnapshot(
      `"step 1: specialize N: it is not a symbol of main; specialize a loop of constant extent by modulo"`,
    );
  });
  test("a bound outside the domain", () => {
    expect(
      refusal(
        main(`
  symbol M in 0..8
  input x: f32[M]
  output y: f32[M]
  for m < M
    y[m] = x[m]
`),
        "specialize(symbol: M, at: [4, 9])",
      ),
    ).toMatchInlineSnapshot(`"step 1: specialize M: 9 does not divide its domain, 0..8; use a value inside it"`);
  });
  test("a kernel that holds more", () => {
    expect(
      refusal(
        main(`
  symbol M in 0..
  input x: f32[M]
  output y: f32[M]
  output z: f32[M]
  for m < M
    y[m] = x[m]
  for n < M
    z[n] = x[n]
`),
        "specialize(loops: [m], modulo: 4)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: specialize m: main holds other root statements, which each of the kernels would run; name their loops too, or fission them"`,
    );
  });
  test("loops that are not at the root", () => {
    expect(
      refusal(
        main(`
  symbol M in 0..
  input x: f32[M, 4]
  output y: f32[M, 4]
  for m < M
    for n < 4
      y[m, n] = x[m, n]
`),
        "specialize(loops: [m, n], modulo: 4)",
      ),
    ).toMatchInlineSnapshot(`"step 1: specialize m, n: not all are root loops of main; specialize before splitting"`);
  });
  test("different extents", () => {
    expect(
      refusal(
        main(`
  symbol M in 0..
  input x: f32[M]
  output y: f32[M]
  output z: f32[4]
  for m < M
    y[m] = x[m]
  for n < 4
    z[n] = 1.0
`),
        "specialize(loops: [m, n], modulo: 4)",
      ),
    ).toMatchInlineSnapshot(`"step 1: specialize m, n: the loops have different extents; fission one nest first"`);
  });
  test("iterations that depend on each other", () => {
    expect(
      refusal(
        main(`
  symbol M in 0..
  input x: f32[M]
  output y: f32[1]
  for m < M
    y[0] += x[m] over m
`),
        "specialize(loops: [m], modulo: 4)",
      ),
    ).toMatchInlineSnapshot(`"step 1: specialize m: y is a sum over m; its iterations must be independent"`);
  });
  test("an extent that is an expression", () => {
    expect(
      refusal(
        rows,
        `
split(loop: m, factor: 4, into: [mo, mi], tail: guard)
specialize(loops: [mo], modulo: 2)
`,
      ),
    ).toMatchInlineSnapshot(`"step 2: specialize mo: its extent is an expression; specialize before splitting"`);
  });
  test("a symbol that is specialized already", () => {
    expect(
      refusal(
        main(`
  symbol M in 0.. where M % 2 == 0
  input x: f32[M]
  output y: f32[M]
  for m < M
    y[m] = x[m]
`),
        "specialize(loops: [m], modulo: 4)",
      ),
    ).toMatchInlineSnapshot(
      `"step 1: specialize m: M is specialized already; specialize once, by the modulo in the end"`,
    );
  });
});
