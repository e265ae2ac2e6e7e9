/** What the passes up to `forward` make of small kernels: loops, reductions, registers. Every example computes the same after every pass. */
import { describe, expect, test } from "vitest";
import { bodyAfter, kernelText, refusal, textAfter } from "./same.ts";

describe("decompose", () => {
  test("takes a sum that its loops hold alone in a register", () => {
    const text = kernelText(
      "input x: f32[3, 8]",
      "output y: f32[3]",
      "for n < 3",
      "  for k < 8",
      "    y[n] += x[n, k] over k",
    );
    expect(bodyAfter("decompose", text)).toMatchInlineSnapshot(`
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
    const text = kernelText(
      "input x: i32[8, 6]",
      "output y: i32[5]",
      "for k < 8",
      "  for n < 6",
      "    if n < 5",
      "      y[n] max= x[k, n] over k",
    );
    expect(bodyAfter("decompose", text)).toMatchInlineSnapshot(`
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
    const text = kernelText(
      "symbol K in 0..9",
      "input x: i32[K]",
      "output y: i32[1]",
      "for k < K",
      "  y[0] += x[k] over k",
    );
    expect(bodyAfter("decompose", text, { K: 0 })).toMatchInlineSnapshot(`
      "
      for k < K
        if k == 0
          y[0] = 0
        y[0] = x[k] + y[0]
      "
    `);
    textAfter("cse", text, { K: 5 });
  });

  test("sums in place where the sum is read on the way", () => {
    const text = kernelText(
      "input x: i32[5]",
      "output y: i32[1]",
      "output z: i32[5]",
      "for k < 5",
      "  y[0] += x[k] over k",
      "  z[k] = y[0]",
    );
    expect(bodyAfter("decompose", text)).toMatchInlineSnapshot(`
      "
      for k < 5
        if k == 0
          y[0] = 0
        y[0] = x[k] + y[0]
        z[k] = y[0]
      "
    `);
  });

  test("accumulates under a mask that differs between iterations", () => {
    const text = kernelText(
      "input x: f32[10]",
      "output y: f32[1]",
      "for ko < 3",
      "  for ki < 4",
      "    y[0 if 4 * ko + ki < 10] += x[4 * ko + ki if 4 * ko + ki < 10] over ko, ki",
    );
    expect(bodyAfter("decompose", text)).toMatchInlineSnapshot(`
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
    const text = kernelText(
      "symbol M in 0..5",
      "input x: f32[2, M]",
      "output y: f32[2, M]",
      "for j < 2 unroll",
      "  for m < M",
      "    let a = x[j, m] + 1.0",
      "    y[j, m] = a * a",
    );
    expect(bodyAfter("unroll", text, { M: 3 })).toMatchInlineSnapshot(`
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
    const text = kernelText(
      "input x: f32[2]",
      "output y: f32[2]",
      "register r: f32[2]",
      "for i < 2",
      "  r[i] = x[i]",
      "for j < 2",
      "  y[j] = r[1 - j]",
    );
    expect(bodyAfter("unroll", text)).toMatchInlineSnapshot(`
      "
      r[0] = x[0]
      r[1] = x[1]
      y[0] = r[1]
      y[1] = r[0]
      "
    `);
  });

  test("steps over whole bytes of codes", () => {
    const text = kernelText(
      "input x: i32[2, 12]",
      "output q: u2[2, 12]",
      "for n < 2",
      "  for k < 12",
      "    q[n, k] = u2(x[n, k])",
    );
    expect(bodyAfter("unroll", text)).toMatchInlineSnapshot(`
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
      kernelText("symbol M in 0..5", "input x: f32[M]", "output y: f32[M]", `for m < M ${kind}`, "  y[m] = x[m]");
    expect(refusal(symbolic("unroll"))).toMatchInlineSnapshot(
      `"k: loop m is to be unrolled, but its extent is not constant; split it"`,
    );
    const huge = kernelText(
      "output y: f32[512, 512]",
      "for i < 512 unroll",
      "  for j < 512 unroll",
      "    y[i, j] = 1.0",
    );
    expect(refusal(huge)).toMatchInlineSnapshot(
      `"k: unrolling gives more than 65536 statements; unroll shorter loops"`,
    );
  });
});

describe("scalarize", () => {
  test("makes a register of elements used together, of single elements another", () => {
    const text = kernelText(
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
    const text = kernelText(
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
    const text = kernelText(
      "input x: f32[4]",
      "output y: f32[4]",
      "register r: f32[4]",
      "r[<4:1>] = 0.0",
      "r[<4:1> if <4:1> < 3] = x[<4:1>]",
      "y[<4:1>] = r[<4:1> if <4:1> < 2]",
    );
    expect(bodyAfter("scalarize", text)).toMatchInlineSnapshot(`
      "
      r.0[] = 0.0
      r.0[] = select(<4:1> < 3, x[<4:1>], r.0[])
      y[<4:1>] = select(<4:1> < 2, r.0[], f32<4>(0.0))
      "
    `);
  });

  test("refuses what is not constant, or not in one order of lanes", () => {
    const loaded = kernelText(
      "input i: i32[1]",
      "output y: f32[1]",
      "register r: f32[4]",
      "r[i[0]] = 1.0",
      "y[0] = r[0]",
    );
    expect(refusal(loaded)).toMatchInlineSnapshot(
      `"k: register buffer r is indexed by a value, which is not constant; unroll the loops or use a workspace"`,
    );
    const mixed = kernelText("output y: f32[4]", "register r: f32[4]", "r[<4:1>] = 1.0", "y[<2:1>] = r[<2:1>]");
    expect(refusal(mixed)).toMatchInlineSnapshot(
      `"register buffer r: element 0 is used in two vectors of different lanes (<2:1> is one); vectorize its loops alike"`,
    );
  });
});

describe("forward", () => {
  test("leaves registers that are stored or loaded under a mask", () => {
    const text = kernelText(
      "input x: f32[16]",
      "output y: f32[1]",
      "register best: f32[]",
      "for ko < 6",
      "  for ki < 3",
      "    best[if ko * 3 + ki < 16] max= x[ko * 3 + ki if ko * 3 + ki < 16] over ko, ki",
      "y[0] = best[]",
    );
    expect(bodyAfter("forward", text)).toMatchInlineSnapshot(`
      "
      best[] = -inf
      for ko < 6
        for ki < 3
          best[if ko * 3 + ki < 16] = max(x[ko * 3 + ki if ko * 3 + ki < 16], best[if ko * 3 + ki < 16])
      y[0] = best[]
      "
    `);
    textAfter("cse", text);
  });

  test("hands a value to the loads after its store; keeps what the next iteration loads", () => {
    const text = kernelText(
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
    expect(bodyAfter("forward", text, { K: 4 })).toMatchInlineSnapshot(`
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
    const text = kernelText(
      "input x: i32[2]",
      "output y: i32[1]",
      "register s: i32[]",
      "s[] = x[0]",
      "if x[1] < 7",
      "  s[] = s[] + 1",
      "y[0] = s[]",
    );
    expect(bodyAfter("forward", text)).toMatchInlineSnapshot(`
      "
      s[] = x[0]
      if x[1] < 7
        s[] = s[] + 1
      y[0] = s[]
      "
    `);
  });
});

test("forward keeps a store that an if may replace, though another follows", () => {
  const text = kernelText(
    "input x: i32[2]",
    "output y: i32[2]",
    "register s: i32[]",
    "s[] = x[0] + 1",
    "if x[1] < 7",
    "  s[] = 3",
    "y[0] = s[]",
    "s[] = y[0] * 2",
    "y[1] = s[]",
  );
  expect(bodyAfter("forward", text)).toMatchInlineSnapshot(`
    "
    s[] = x[0] + 1
    if x[1] < 7
      s[] = 3
    y[0] = s[]
    s[] = y[0] * 2
    y[1] = s[]
    "
  `);
});
