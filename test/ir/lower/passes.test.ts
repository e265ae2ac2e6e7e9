/** What each pass makes of small kernels; every example also computes the same after every pass. */
import { describe, expect, test } from "vitest";
import { lower, parseKernel, verifyKernel } from "../../../ir/index.ts";
import { textAfter } from "./same.ts";

const kernel = (...lines: readonly string[]): string => ["kernel k stage main", ...lines].join("\n  ");
/** The statements after a pass. */
function body(pass: string, text: string, symbols?: Record<string, number>): string {
  const declarations = /^kernel|^ {2}(symbol|input|output|workspace|weight|packed|register) /;
  const lines = textAfter(pass, text, symbols).split("\n");
  return lines
    .filter((line) => !declarations.test(line))
    .map((line) => line.slice(2))
    .join("\n");
}
const refusal = (text: string): string => {
  try {
    lower(parseKernel(text));
  } catch (e) {
    return (e as Error).message;
  }
  return "none";
};

describe("decompose", () => {
  test("takes a sum that its loops hold alone in a register", () => {
    const text = kernel(
      "input x: f32[3, 8]",
      "output y: f32[3]",
      "for n < 3",
      "  for k < 8",
      "    y[n] += x[n, k] over k",
    );
    expect(body("decompose", text)).toMatchInlineSnapshot(`
      "
      for n < 3
        y.sum[] = 0.0
        for k < 8
          y.sum[] = x[n, k] + y.sum[]
        y[n] = y.sum[]
      "
    `);
  });

  test("starts the elements of a loop inside the reduction in a loop of their own", () => {
    const text = kernel(
      "input x: i32[8, 6]",
      "output y: i32[5]",
      "for k < 8",
      "  for n < 6",
      "    if n < 5",
      "      y[n] max= x[k, n] over k",
    );
    expect(body("decompose", text)).toMatchInlineSnapshot(`
      "
      for init/n < 6
        if init/n < 5
          y[init/n] = -2147483648
      for k < 8
        for n < 6
          if n < 5
            y[n] = max(x[k, n], y[n])
      "
    `);
  });

  test("tests for the first iteration where the loop may not run", () => {
    const text = kernel(
      "symbol K in 0..9",
      "input x: i32[K]",
      "output y: i32[1]",
      "for k < K",
      "  y[0] += x[k] over k",
    );
    expect(body("decompose", text, { K: 0 })).toMatchInlineSnapshot(`
      "
      for k < K
        if k == 0
          y[0] = 0
        y[0] = x[k] + y[0]
      "
    `);
    textAfter("cse", text, { K: 5 });
  });

  test("accumulates under a mask that differs between iterations", () => {
    const text = kernel(
      "input x: f32[10]",
      "output y: f32[1]",
      "for ko < 3",
      "  for ki < 4",
      "    y[0 if 4 * ko + ki < 10] += x[4 * ko + ki if 4 * ko + ki < 10] over ko, ki",
    );
    expect(body("decompose", text)).toMatchInlineSnapshot(`
      "
      y[0 if true] = 0.0
      for ko < 3
        for ki < 4
          y[0 if ko * 4 + ki < 10] = x[ko * 4 + ki if ko * 4 + ki < 10] + y[0 if ko * 4 + ki < 10]
      "
    `);
  });
});

describe("unroll", () => {
  test("renames the loops and lets of copies", () => {
    const text = kernel(
      "symbol M in 0..5",
      "input x: f32[2, M]",
      "output y: f32[2, M]",
      "for j < 2 unroll",
      "  for m < M",
      "    let a = x[j, m] + 1.0",
      "    y[j, m] = a * a",
    );
    expect(body("unroll", text, { M: 3 })).toMatchInlineSnapshot(`
      "
      for m < M
        let a = x[0, m] + 1.0
        y[0, m] = a * a
      for m.1 < M
        let a.1 = x[1, m.1] + 1.0
        y[1, m.1] = a.1 * a.1
      "
    `);
  });

  test("writes out loops that index registers", () => {
    const text = kernel(
      "input x: f32[2]",
      "output y: f32[2]",
      "register r: f32[2]",
      "for i < 2",
      "  r[i] = x[i]",
      "for j < 2",
      "  y[j] = r[1 - j]",
    );
    expect(body("unroll", text)).toMatchInlineSnapshot(`
      "
      r[0] = x[0]
      r[1] = x[1]
      y[0] = r[1]
      y[1] = r[0]
      "
    `);
  });

  test("steps over whole bytes of codes", () => {
    const text = kernel(
      "input x: i32[2, 12]",
      "output q: u2[2, 12]",
      "for n < 2",
      "  for k < 12",
      "    q[n, k] = u2(x[n, k])",
    );
    expect(body("unroll", text)).toMatchInlineSnapshot(`
      "
      for n < 2
        for k < 3
          q[n, k * 4 + 0] = u2(x[n, k * 4 + 0])
          q[n, k * 4 + 1] = u2(x[n, k * 4 + 1])
          q[n, k * 4 + 2] = u2(x[n, k * 4 + 2])
          q[n, k * 4 + 3] = u2(x[n, k * 4 + 3])
      "
    `);
  });

  test("refuses loops that can't be written out", () => {
    const symbolic = (kind: string): string =>
      kernel("symbol M in 0..5", "input x: f32[M]", "output y: f32[M]", `for m < M ${kind}`, "  y[m] = x[m]");
    expect(refusal(symbolic("unroll"))).toMatchInlineSnapshot(
      `"k: loop m is to be unrolled, but its extent is not constant; split it"`,
    );
    const huge = kernel("output y: f32[512, 512]", "for i < 512 unroll", "  for j < 512 unroll", "    y[i, j] = 1.0");
    expect(refusal(huge)).toMatchInlineSnapshot(
      `"k: unrolling gives more than 65536 statements; unroll shorter loops"`,
    );
  });
});

describe("scalarize", () => {
  test("makes a register of elements used together, of single elements another", () => {
    const text = kernel(
      "input x: f32[8]",
      "output y: f32[9]",
      "register r: f32[9]",
      "for g < 2 unroll",
      "  r[4 * g + <4:1>] = x[4 * g + <4:1>]",
      "r[8] = 1.0",
      "y[<4:1>] = r[<4:1>] * r[4 + <4:1>]",
      "y[8] = r[8]",
    );
    expect(textAfter("scalarize", text, {}, ["y"])).toMatchInlineSnapshot(`
      "
      kernel k stage main
        input x: f32[8]
        output y: f32[9]
        register r.0: f32<4>[]
        register r.1: f32<4>[]
        register r.2: f32[]
        r.0[] = x[<4:1>]
        r.1[] = x[<4:1> + 4]
        r.2[] = 1.0
        y[<4:1>] = r.0[] * r.1[]
        y[8] = r.2[]
      "
    `);
  });

  test("keeps the axes of a register whose lanes are used alone", () => {
    const text = kernel(
      "input x: f32[4]",
      "output y: f32[4]",
      "register r: f32[4]",
      "r[<4:1>] = x[<4:1>]",
      "y[<4:1>] = r[2]",
    );
    expect(textAfter("scalarize", text)).toMatchInlineSnapshot(`
      "
      kernel k stage main
        input x: f32[4]
        output y: f32[4]
        register r.0: f32[4]
        r.0[<4:1>] = x[<4:1>]
        y[<4:1>] = r.0[2]
      "
    `);
  });

  test("selects under masks", () => {
    const text = kernel(
      "input x: f32[4]",
      "output y: f32[4]",
      "register r: f32[4]",
      "r[<4:1>] = 0.0",
      "r[<4:1> if <4:1> < 3] = x[<4:1>]",
      "y[<4:1>] = r[<4:1> if <4:1> < 2]",
    );
    expect(body("scalarize", text)).toMatchInlineSnapshot(`
      "
      r.0[] = 0.0
      r.0[] = select(<4:1> < 3, x[<4:1>], r.0[])
      y[<4:1>] = select(<4:1> < 2, r.0[], f32<4>(0.0))
      "
    `);
  });

  test("refuses what is not constant, or not in one order of lanes", () => {
    const loaded = kernel("input i: i32[1]", "output y: f32[1]", "register r: f32[4]", "r[i[0]] = 1.0", "y[0] = r[0]");
    expect(refusal(loaded)).toMatchInlineSnapshot(
      `"k: register buffer r is indexed by a value, which is not constant; unroll the loops or use a workspace"`,
    );
    const mixed = kernel("output y: f32[4]", "register r: f32[4]", "r[<4:1>] = 1.0", "y[<2:1>] = r[<2:1>]");
    expect(refusal(mixed)).toMatchInlineSnapshot(
      `"register buffer r: element 0 is used in two vectors of different lanes (<2:1> is one); vectorize its loops alike"`,
    );
  });
});

describe("forward", () => {
  test("hands a value to the loads after its store; keeps what the next iteration loads", () => {
    const text = kernel(
      "symbol K in 0..9",
      "input x: i32[K]",
      "output y: i32[1]",
      "register s: i32[]",
      "register t: i32[]",
      "s[] = 0",
      "for k < K",
      "  t[] = 0",
      "  t[] = t[] + x[k]",
      "  t[] = t[] * t[]",
      "  s[] = s[] + t[]",
      "  s[] = s[] * 2",
      "y[0] = s[]",
    );
    expect(body("forward", text, { K: 4 })).toMatchInlineSnapshot(`
      "
      s[] = 0
      for k < K
        let t.1 = x[k] + 0
        let t.2 = t.1 * t.1
        let s.1 = s[] + t.2
        s[] = s.1 * 2
      y[0] = s[]
      "
    `);
  });

  test("keeps a store that an if may replace", () => {
    const text = kernel(
      "input x: i32[2]",
      "output y: i32[1]",
      "register s: i32[]",
      "s[] = x[0]",
      "if x[1] < 7",
      "  s[] = s[] + 1",
      "y[0] = s[]",
    );
    expect(body("forward", text)).toMatchInlineSnapshot(`
      "
      s[] = x[0]
      if x[1] < 7
        s[] = s[] + 1
      y[0] = s[]
      "
    `);
  });
});

describe("flatten", () => {
  test("multiplies by extents that are symbols", () => {
    const text = kernel(
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
    expect(refusal(kernel("input x: bool[2]", "output y: i32[1]", "y[0] = i32(x[1])"))).toMatchInlineSnapshot(
      `"k: x: a bool has no size in memory; store u8 instead"`,
    );
  });
});

describe("predicate", () => {
  test("stores a whole vector where all lanes hold, else lane by lane", () => {
    const text = kernel(
      "input x: f32[8]",
      "output y: f32[6]",
      "for n < 2",
      "  y[4 * n + <4:1> if 4 * n + <4:1> < 6] = x[4 * n + <4:1>]",
    );
    expect(body("simplify again", text)).toMatchInlineSnapshot(`
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
    const text = kernel(
      "input x: i32[6]",
      "input z: i32[1]",
      "output y: i32[8]",
      "for n < 2",
      "  y[4 * n + <4:1>] = x[4 * n + <4:1> if 4 * n + <4:1> < 6] + x[n + z[0] if n + z[0] < 6]",
    );
    expect(body("simplify again", text)).toMatchInlineSnapshot(`
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
    const text = kernel("input x: i32[9]", "input at: i32[4] in 0..8", "output y: i32[4]", "y[<4:1>] = x[at[<4:1>]]");
    expect(body("simplify again", text)).toMatchInlineSnapshot(`
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
    const text = kernel(
      "input x: f32[40]",
      "output y: f32[3, 8]",
      "for n < 3",
      "  for k < 8",
      "    y[n, 7 - k] = x[4 * k + 5] + x[4 * k + 1] + x[n]",
    );
    expect(body("induct", text)).toMatchInlineSnapshot(`
      "
      for n < 3
        y.at[] = &y + n * 32 + 28
        x.at[] = &x + 4
        for k < 8
          y[y.at[]] = x[x.at[] + 16] + x[x.at[]] + x[&x + n * 4]
          y.at[] = y.at[] + -4
          x.at[] = x.at[] + 16
      "
    `);
  });

  test("leaves addresses that do not advance evenly", () => {
    const text = kernel(
      "input x: f32[9]",
      "input at: i32[8] in 0..8",
      "output y: f32[8]",
      "for k < 8",
      "  y[k] = x[k // 3] + x[at[k]]",
    );
    expect(body("induct", text)).toMatchInlineSnapshot(`
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
      kernel(
        "symbol M in 0..5",
        "input x: f32[2]",
        "output y: f32[6]",
        `for m < ${extent}`,
        "  y[m] = x[0] * x[1] + x[1] * f32(m)",
      );
    expect(body("cse", text("6"), { M: 3 })).toMatchInlineSnapshot(`
      "
      y.at[] = &y
      let x.1 = x[&x + 4]
      let t = x[&x] * x.1
      for m < 6
        y[y.at[]] = f32(m) * x.1 + t
        y.at[] = y.at[] + 4
      "
    `);
    expect(body("cse", text("M"), { M: 0 })).toMatchInlineSnapshot(`
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
    const text = kernel(
      "input x: i32[1]",
      "output y: i32[4]",
      "y[0] = x[0]",
      "y[1] = y[0] + x[0]",
      "y[0] = y[1] * y[1]",
      "for i < 2",
      "  y[2 + i] = y[0] + y[1] * y[1]",
      "  y[0] = y[0] + 1",
    );
    expect(body("cse", text)).toMatchInlineSnapshot(`
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
    const text = kernel(
      "input x: i32[2]",
      "output y: i32[4]",
      "for i < 4",
      "  if x[0] < i",
      "    y[i] = x[1] * x[1] * 3",
      "  if i <= x[0]",
      "    y[i] = x[1] * x[1] * 3 + i",
    );
    expect(body("cse", text)).toMatchInlineSnapshot(`
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
  verifyKernel(lower(parseKernel(text)), "lowered");
});
