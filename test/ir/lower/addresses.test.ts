/** What the passes from `flatten` on make of small kernels: addresses, masks, shared values. Every example computes the same after every pass. */
import { describe, expect, test } from "vitest";
import { lower, parseKernel, verifyKernel } from "../../../ir/index.ts";
import { bodyAfter, kernelText, refusal, textAfter } from "./same.ts";

describe("flatten", () => {
  test("multiplies by extents that are symbols", () => {
    const text = kernelText(
      "symbol M in 1..5",
      "input x: f32[3, M, 2]",
      "output y: f32[M, 3]",
      "for m < M",
      "  for j < 3",
      "    y[m, j] = x[j, m, 1]",
    );
    expect(textAfter("flatten", text, { M: 2 })).toMatchInlineSnapshot(`
      "
      kernel k stage main
        symbol M in 1..5
        input x: f32[M * 24 bytes]
        output y: f32[M * 12 bytes]
        for m < M
          for j < 3
            y[&y + j * 4 + m * 12] = x[&x + m * 8 + M * j * 8 + 4]
      "
    `);
  });

  test("refuses bools in memory", () => {
    expect(refusal(kernelText("input x: bool[2]", "output y: i32[1]", "y[0] = i32(x[1])"))).toMatchInlineSnapshot(
      `"k: x: a bool has no size in memory; store u8 instead"`,
    );
  });
});

describe("predicate", () => {
  test("stores a whole vector where all lanes hold, else lane by lane", () => {
    const text = kernelText(
      "input x: f32[8]",
      "output y: f32[6]",
      "for n < 2",
      "  y[4 * n + <4:1> if 4 * n + <4:1> < 6] = x[4 * n + <4:1>]",
    );
    expect(bodyAfter("simplify again", text)).toMatchInlineSnapshot(`
      "
      for n < 2
        piece[<4:1>] = x[&x + n * 16 + <4:4>]
        if n * 4 + 3 < 6
          y[&y + n * 16 + <4:4>] = piece[<4:1>]
        if 6 <= n * 4 + 3
          y[&y + n * 16] = piece[0]
          y[&y + n * 16 + 4] = piece[1]
          if n * 4 + 2 < 6
            y[&y + n * 16 + 8] = piece[2]
          if n * 4 + 3 < 6
            y[&y + n * 16 + 12] = piece[3]
      "
    `);
  });

  test("loads what a mask leaves out as 0", () => {
    const text = kernelText(
      "input x: i32[6]",
      "input z: i32[1]",
      "output y: i32[8]",
      "for n < 2",
      "  y[4 * n + <4:1>] = x[4 * n + <4:1> if 4 * n + <4:1> < 6] + x[n + z[0] if n + z[0] < 6]",
    );
    expect(bodyAfter("simplify again", text)).toMatchInlineSnapshot(`
      "
      for n < 2
        piece[] = 0
        if z[&z] + n < 6
          piece[] = x[&x + n * 4 + z[&z] * 4]
        piece.1[<4:1>] = i32<4>(0)
        if n * 4 + 3 < 6
          piece.1[<4:1>] = x[&x + n * 16 + <4:4>]
        if 6 <= n * 4 + 3
          piece.1[0] = x[&x + n * 16]
          piece.1[1] = x[&x + n * 16 + 4]
          if n * 4 + 2 < 6
            piece.1[2] = x[&x + n * 16 + 8]
          if n * 4 + 3 < 6
            piece.1[3] = x[&x + n * 16 + 12]
        y[&y + n * 16 + <4:4>] = piece.1[<4:1>] + piece[]
      "
    `);
  });

  test("gathers lanes that lie in no pattern", () => {
    const text = kernelText(
      "input x: i32[9]",
      "input at: i32[4] in 0..8",
      "output y: i32[4]",
      "y[<4:1>] = x[at[<4:1>]]",
    );
    expect(bodyAfter("simplify again", text)).toMatchInlineSnapshot(`
      "
      piece[0] = x[&x + at[&at] * 4]
      piece[1] = x[&x + at[&at + 4] * 4]
      piece[2] = x[&x + at[&at + 8] * 4]
      piece[3] = x[&x + at[&at + 12] * 4]
      y[&y + <4:4>] = piece[<4:1>]
      "
    `);
  });
});

describe("induct", () => {
  test("has one pointer for accesses that differ by constants, from the lowest", () => {
    const text = kernelText(
      "input x: f32[40]",
      "output y: f32[3, 8]",
      "for n < 3",
      "  for k < 8",
      "    y[n, 7 - k] = x[4 * k + 5] + x[n]",
      "    y[n, 7 - k] = y[n, 7 - k] + x[4 * k + 1]",
    );
    expect(bodyAfter("induct", text)).toMatchInlineSnapshot(`
      "
      for n < 3
        y.at[] = &y + n * 32 + 28
        x.at[] = &x + 4
        for k < 8
          y[y.at[]] = x[&x + n * 4] + x[x.at[] + 16]
          y[y.at[]] = x[x.at[]] + y[y.at[]]
          y.at[] = y.at[] + -4
          x.at[] = x.at[] + 16
      "
    `);
  });

  test("leaves addresses that do not advance evenly", () => {
    const text = kernelText(
      "input x: f32[9]",
      "input at: i32[8] in 0..8",
      "output y: f32[8]",
      "for k < 8",
      "  y[k] = x[k // 3] + x[at[k]]",
    );
    expect(bodyAfter("induct", text)).toMatchInlineSnapshot(`
      "
      y.at[] = &y
      at.at[] = &at
      for k < 8
        y[y.at[]] = x[&x + k // 3 * 4] + x[&x + at[at.at[]] * 4]
        y.at[] = y.at[] + 4
        at.at[] = at.at[] + 4
      "
    `);
  });
});

describe("cse", () => {
  test("moves what a loop leaves as it is before it, if the loop surely runs", () => {
    const text = (extent: string): string =>
      kernelText(
        "symbol M in 0..5",
        "input x: f32[2]",
        "output y: f32[6]",
        `for m < ${extent}`,
        "  y[m] = x[0] * x[1] + x[1] * f32(m)",
      );
    expect(bodyAfter("cse", text("6"), { M: 3 })).toMatchInlineSnapshot(`
      "
      y.at[] = &y
      let x.1 = x[&x + 4]
      let t = x[&x] * x.1
      for m < 6
        y[y.at[]] = f32(m) * x.1 + t
        y.at[] = y.at[] + 4
      "
    `);
    expect(bodyAfter("cse", text("M"), { M: 0 })).toMatchInlineSnapshot(`
      "
      y.at[] = &y
      for m < M
        let x.1 = x[&x + 4]
        y[y.at[]] = f32(m) * x.1 + x[&x] * x.1
        y.at[] = y.at[] + 4
      "
    `);
  });

  test("loads again after a write", () => {
    const text = kernelText(
      "input x: i32[1]",
      "output y: i32[4]",
      "y[0] = x[0]",
      "y[1] = y[0] + x[0]",
      "y[0] = y[1] * y[1]",
      "for i < 2",
      "  y[2 + i] = y[0] + y[1] * y[1]",
      "  y[0] = y[0] + 1",
    );
    expect(bodyAfter("cse", text)).toMatchInlineSnapshot(`
      "
      let x.1 = x[&x]
      y[&y] = x.1
      y[&y + 4] = y[&y] + x.1
      let y.1 = y[&y + 4]
      y[&y] = y.1 * y.1
      y.at[] = &y + 8
      for i < 2
        let y.2 = y[&y + 4]
        y[y.at[]] = y.2 * y.2 + y[&y]
        y[&y] = y[&y] + 1
        y.at[] = y.at[] + 4
      "
    `);
  });

  test("moves nothing out of an if", () => {
    const text = kernelText(
      "input x: i32[2]",
      "output y: i32[4]",
      "for i < 4",
      "  if x[0] < i",
      "    y[i] = x[1] * x[1] * 3",
      "  if i <= x[0]",
      "    y[i] = x[1] * x[1] * 3 + i",
    );
    expect(bodyAfter("cse", text)).toMatchInlineSnapshot(`
      "
      y.at[] = &y
      let x.1 = x[&x]
      for i < 4
        if x.1 < i
          let x.2 = x[&x + 4]
          y[y.at[]] = x.2 * x.2 * 3
        if i <= x.1
          let x.3 = x[&x + 4]
          y[y.at[]] = x.3 * x.3 * 3 + i
        y.at[] = y.at[] + 4
      "
    `);
  });
});

test("a pack kernel of several fields is in lowered form", () => {
  const text = [
    "kernel pack stage pack",
    "  weight w.raw: u8[4, 18]",
    "  packed w.q: u4[4, 32]",
    "  packed w.s: f32[4]",
    "  for n < 4",
    "    for k < 32",
    "      w.q[n, k] = u4(w.raw[n, 2 + k % 16] >> u8(k // 16 * 4))",
    "  for s/n < 4",
    "    w.s[s/n] = f32(bitcast(f16, u16(w.raw[s/n, 1]) << 8 | u16(w.raw[s/n, 0])))",
  ].join("\n");
  expect(textAfter("cse", text)).toMatchInlineSnapshot(`
    "
    kernel pack stage pack
      weight w.raw: u8[72 bytes]
      packed w.q: u8[64 bytes]
      packed w.s: f32[16 bytes]
      register w.q.at: i32[]
      register w.s.at: i32[]
      register w.raw.at: i32[]
      for n < 4
        w.q.at[] = &w.q + n * 16
        let t.1 = &w.raw + n * 18
        for k < 16
          let t = k % 8 * 2 + t.1
          let t.2 = u8(k // 8 * 4)
          w.q[w.q.at[]] = (w.raw[t + 3] >> t.2 & 15) << 4 | w.raw[t + 2] >> t.2 & 15
          w.q.at[] = w.q.at[] + 1
      w.s.at[] = &w.s
      w.raw.at[] = &w.raw
      for s/n < 4
        w.s[w.s.at[]] = f32(bitcast(f16, u16(w.raw[w.raw.at[] + 1]) << 8 | u16(w.raw[w.raw.at[]])))
        w.s.at[] = w.s.at[] + 4
        w.raw.at[] = w.raw.at[] + 18
    "
  `);
  verifyKernel(lower(parseKernel(text), "wasm"), "lowered");
});
