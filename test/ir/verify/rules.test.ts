// The verifier's rules of names, buffers, types, loops and accesses: each broken once, with the message that says so.
import { describe, expect, test } from "vitest";
import { b, type Kernel, typeOf } from "../../../ir/index.ts";
import { io, main, pack, passes, refused } from "./helpers.ts";

const y = b.buffer("y", "f32", [8], { role: "output" });
const i = b.variable("i");
const one = b.constant(1, "f32");

describe("names", () => {
  test("unique-names", () => {
    expect(refused(main(`${io}  for i < 4\n    y[i] = 1.0\n  for i < 4\n    y[i + 4] = 1.0`))).toMatchInlineSnapshot(
      `"k: unique-names: two symbols, loops or lets are named i"`,
    );
    expect(refused(main("  symbol i in 0..4\n  output y: f32[8]\n  for i < 4\n    y[i] = 1.0"))).toMatchInlineSnapshot(
      `"k: unique-names: two symbols, loops or lets are named i"`,
    );
    expect(refused(main("  input x: f32[8]\n  output x: f32[8]"))).toMatchInlineSnapshot(
      `"k: unique-names: two buffers are named x"`,
    );
  });

  test("declared", () => {
    const of = (...body: Parameters<typeof b.kernel>[2]["body"][number][]): Kernel =>
      b.kernel("k", "main", { buffers: [y], body });
    expect(refused(of(b.store("z", [0], one)))).toMatchInlineSnapshot(
      `"k: declared: buffer z is not declared; in z[0] = 1.0"`,
    );
    expect(refused(of(b.store("y", [0], b.load({ ...y, name: "z" }, [0]))))).toMatchInlineSnapshot(
      `"k: declared: buffer z is not declared; in y[0] = z[0]"`,
    );
    expect(refused(of(b.loop("i", 4, []), b.store("y", [i], one)))).toMatchInlineSnapshot(
      `"k: declared: i is not in scope; in y[i] = 1.0"`,
    );
    const t = b.variable("t", typeOf("f32"));
    const inner = b.loop("i", 4, [b.bind("t", one), b.store("y", [i], t)]);
    passes(of(inner));
    expect(refused(of(inner, b.store("y", [0], t)))).toMatchInlineSnapshot(
      `"k: declared: t is not in scope; in y[0] = t"`,
    );
    expect(refused(of(b.store("y", [0], t), b.bind("t", one)))).toMatchInlineSnapshot(
      `"k: declared: t is not in scope; in y[0] = t"`,
    );
    const retyped = b.store("y", [0], b.cast("f32", b.variable("t", typeOf("i32"))));
    expect(refused(of(b.bind("t", one), retyped))).toMatchInlineSnapshot(
      `"k: declared: t is f32, used as i32; in y[0] = f32(t)"`,
    );
  });
});

describe("buffers", () => {
  const only = (buffer: Parameters<typeof b.kernel>[2]["buffers"][number]): Kernel =>
    b.kernel("k", "main", { symbols: [b.symbol("M")], buffers: [buffer], body: [] });

  test("shape", () => {
    expect(refused(only(b.buffer("x", "f32", [b.constant(4, "u32")])))).toMatchInlineSnapshot(
      `"k: shape: an extent of x is u32, expected i32"`,
    );
    expect(refused(only(b.buffer("x", "f32", [b.variable("M")], { scope: "register" })))).toMatchInlineSnapshot(
      `"k: shape: local buffer x has the extent M, expected a constant"`,
    );
    expect(refused(only(b.buffer("x", "f32", [-1])))).toMatchInlineSnapshot(`"k: shape: x has the extent -1"`);
    expect(refused(only(b.buffer("x", "f32", [b.add(b.variable("N"), 1)])))).toMatchInlineSnapshot(
      `"k: shape: the extent N + 1 of x is not made of symbols"`,
    );
    expect(refused(only(b.buffer("x", "f32", [4, 4], { unit: "byte" })), "lowered")).toMatchInlineSnapshot(
      `"k: shape: x counts bytes, so it is no register and has one extent"`,
    );
    expect(refused(only(b.buffer("x", "f32", [4], { lanes: [4] })))).toMatchInlineSnapshot(
      `"k: shape: x has elements with lanes, but is not a register buffer"`,
    );
  });

  test("value-range", () => {
    expect(refused(only(b.buffer("x", "u4", [4], { range: [0, 16] })))).toMatchInlineSnapshot(
      `"k: value-range: 0..16 is not a range of u4 values (x)"`,
    );
    expect(refused(only(b.buffer("x", "f32", [4], { range: [1, 0] })))).toMatchInlineSnapshot(
      `"k: value-range: 1..0 is not a range of f32 values (x)"`,
    );
    expect(refused(only(b.buffer("x", "i8", [4], { range: [0, 0.5] })))).toMatchInlineSnapshot(
      `"k: value-range: 0..0.5 is not a range of i8 values (x)"`,
    );
    expect(refused(only(b.buffer("x", "i8", [4], { below: 3 })))).toMatchInlineSnapshot(
      `"k: value-range: x is i8 below 3, expected i32 below a size made of symbols"`,
    );
    expect(refused(only(b.buffer("x", "i32", [4], { below: b.variable("N") })))).toMatchInlineSnapshot(
      `"k: value-range: x is i32 below N, expected i32 below a size made of symbols"`,
    );
  });

  test("role", () => {
    expect(refused(main("  input x: f32[8]\n  x[0] = 1.0"))).toMatchInlineSnapshot(`"k: role: input x is written"`);
    expect(refused(pack("  weight w: u8[8]\n  w[0] = 1"))).toMatchInlineSnapshot(`"k: role: weight w is written"`);
    expect(refused(main("  packed w: u8[8]\n  w[0] = 1"))).toMatchInlineSnapshot(
      `"k: role: packed buffer w is written by a main kernel"`,
    );
    expect(refused(main("  weight w: u8[8]"))).toMatchInlineSnapshot(
      `"k: role: weight w is used by a main kernel; it is gone after packing"`,
    );
    expect(refused(pack("  output w: u8[8]"))).toMatchInlineSnapshot(`"k: role: output w is used by a pack kernel"`);
    expect(refused(pack("  symbol M in 0..\n  packed w: u8[8]"))).toMatchInlineSnapshot(
      `"k: role: a pack kernel has the symbol M; packing knows no run-time sizes"`,
    );
  });
});

describe("types", () => {
  test("index", () => {
    expect(refused(b.kernel("k", "main", { buffers: [y], body: [b.store("y", [0, 0], one)] }))).toMatchInlineSnapshot(
      `"k: index: y[0, 0] has 2 indices, y 1 axes; in y[0, 0] = 1.0"`,
    );
    expect(
      refused(b.kernel("k", "main", { buffers: [y], body: [b.store("y", [b.constant(0, "u8")], one)] })),
    ).toMatchInlineSnapshot(`"k: index: y[u8(0)] is indexed by u8, expected i32; in y[u8(0)] = 1.0"`);
  });

  test("element", () => {
    expect(refused(main("  output y: f32[8]\n  y[0] = i32(1)"))).toMatchInlineSnapshot(
      `"k: element: y[0] is i32, elements are f32; in y[0] = i32(1)"`,
    );
    expect(refused(main("  input x: i8[8]\n  output y: f32[8]\n  y[0] = x:f32[0]"))).toMatchInlineSnapshot(
      `"k: element: x[0] is f32, elements are i8; in y[0] = x:f32[0]"`,
    );
    expect(refused(main("  output y: f32[8]\n  y[0] = f32<4>(1.0)"))).toMatchInlineSnapshot(
      `"k: element: y[0] has lanes <>, the value <4>; in y[0] = f32<4>(1.0)"`,
    );
    expect(refused(main("  register a: f32<4>[2]\n  a[<4:0>] = 1.0"))).toMatchInlineSnapshot(
      `"k: element: a[i32<4>(0)] has a vector index, but elements have lanes of their own; in a[i32<4>(0)] = 1.0"`,
    );
    expect(refused(main("  output y: u8[8 bytes]\n  y[&y] = u4(1)"), "lowered")).toMatchInlineSnapshot(
      `"k: element: y[&y]: u4 has no byte address; in y[&y] = u4(1)"`,
    );
  });

  test("control", () => {
    const of = (...body: Parameters<typeof b.kernel>[2]["body"][number][]): Kernel =>
      b.kernel("k", "main", { buffers: [y], body });
    expect(refused(of(b.loop("i", b.lanes([4], [1]), [])))).toMatchInlineSnapshot(
      `"k: control: the extent of i is i32<4>, expected i32; in for i < <4:1>"`,
    );
    expect(refused(of(b.store("y", [0], one, b.constant(1))))).toMatchInlineSnapshot(
      `"k: control: the mask of y[0] is i32, expected bool; in y[0 if 1] = 1.0"`,
    );
    expect(refused(of({ kind: "if", cond: b.constant(1), body: [] }))).toMatchInlineSnapshot(
      `"k: control: the condition is i32, expected bool; in if 1"`,
    );
  });

  test("sub-byte", () => {
    const w = "  packed w: u4[8]\n  packed v: u4[8]\n  output y: f32[8]\n";
    passes(pack("  packed w: u4[8]\n  packed v: u4[8]\n  v[0] = w[1]"));
    passes(main(`${w}  y[0] = f32(w[1])`));
    expect(refused(main(`${w}  let t = w[1]`))).toMatchInlineSnapshot(
      `"k: sub-byte: w[1] is u4: cast it; in let t = w[1]"`,
    );
    expect(refused(pack("  packed v: u4[8]\n  for i < 8\n    v[0] += u4(1) over i"))).toMatchInlineSnapshot(
      `"k: sub-byte: u4(1) is u4: cast it; in for i: v[0] += 1 over i"`,
    );
  });
});

describe("loops", () => {
  test("reduce-over", () => {
    expect(refused(main(`${io}  for k < 8\n    y[0] += x[k] over k, k`))).toMatchInlineSnapshot(
      `"k: reduce-over: k is named twice; in for k: y[0] += x[k] over k, k"`,
    );
    expect(refused(main(`${io}  for k < 8\n    y[0] += x[k] over n`))).toMatchInlineSnapshot(
      `"k: reduce-over: n is not a loop around it; in for k: y[0] += x[k] over n"`,
    );
    expect(refused(main(`${io}  for k < 8\n    y[k] += x[k] over k`))).toMatchInlineSnapshot(
      `"k: reduce-over: k is summed over and also in the index of y[k]; in for k: y[k] += x[k] over k"`,
    );
    expect(refused(main(`${io}  for k < 8\n    let t = k * 1\n    y[t] += x[k] over k`))).toMatchInlineSnapshot(
      `"k: reduce-over: k is summed over and also in the index of y[t]; in for k: y[t] += x[k] over k"`,
    );
  });

  test("thread", () => {
    expect(refused(main(`${io}  for m < 2\n    for n < 4 thread\n      y[m * 4 + n] = 1.0`))).toMatchInlineSnapshot(
      `"k: thread: thread loop n is inside loop m"`,
    );
    const two = (bytes: string): Kernel =>
      main(
        `  output y: f32[${bytes}]\n  for m < 4 thread\n    y[m * 4] = 1.0\n  for n < 4 thread\n    y[n * 4 + 16] = 1.0`,
      );
    passes(two("32"));
    expect(refused(two("32 bytes"), "lowered")).toMatchInlineSnapshot(`"k: thread: there are 2 thread loops: m, n"`);
  });

  test("independent", () => {
    expect(refused(main(`${io}  for k < 8 thread\n    y[0] += x[k] over k`))).toMatchInlineSnapshot(
      `"k: independent: a reduction goes over the thread loop k; in for k: y[0] += x[k] over k"`,
    );
    expect(refused(main(`${io}  for m < 8 thread\n    for n < 8\n      y[n] = 1.0`))).toMatchInlineSnapshot(
      `"k: independent: every iteration of the thread loop m writes y[n]; in for m: for n: y[n] = 1.0"`,
    );
    passes(main(`${io}  register a: f32[]\n  for m < 8 thread\n    let t = m\n    a[] = 1.0\n    y[t] = a[]`));
  });
});

describe("accesses", () => {
  test("injective", () => {
    passes(main("  output y: f32[8]\n  y[<2:4,4:1>] = 1.0"));
    expect(refused(main("  output y: f32[8]\n  y[<2:2,4:1>] = 1.0"))).toMatchInlineSnapshot(
      `"k: injective: lanes 2 and 4 of y[<2:2,4:1>] name the same element; in y[<2:2,4:1>] = 1.0"`,
    );
    passes(main("  output y: f32[2, 4]\n  y[<2:1,4:0>, <2:0,4:1>] = 1.0"));
    expect(refused(main("  output y: f32[2, 4]\n  y[<2:1,4:0>, <2:0,4:0>] = 1.0"))).toMatchInlineSnapshot(
      `"k: injective: lanes 0 and 1 of y[<2:1,4:0>, i32<2,4>(0)] name the same element; in y[<2:1,4:0>, i32<2,4>(0)] = 1.0"`,
    );
    expect(refused(main("  output y: f32[32 bytes]\n  y[&y + <4:2>] = 1.0"), "lowered")).toMatchInlineSnapshot(
      `"k: injective: lanes 0 and 1 of y[&y + <4:2>] name the same element; in y[&y + <4:2>] = 1.0"`,
    );
    // Lanes may fall together where a mask keeps them apart, or where it can't be told.
    passes(main("  output y: f32[4]\n  y[min(<8:1>, 3) if <8:1> < 4] = 1.0"));
    passes(main("  output y: f32[4]\n  y[<8:1> // 2] = 1.0"));
  });

  test("in-bounds", () => {
    expect(refused(main(`${io}  for i < 9\n    y[i] = 1.0`))).toMatchInlineSnapshot(
      `"k: in-bounds: y[i]: index 0 is in 0..8, not proven to be in 0..7; mask the access or guard it with an if; in for i: y[i] = 1.0"`,
    );
    expect(refused(main(`${io}  for i < 8\n    y[i] = x[i - 1]`))).toMatchInlineSnapshot(
      `"k: in-bounds: x[i - 1]: index 0 is in -1..6, not proven to be in 0..7; mask the access or guard it with an if; in for i: y[i] = x[i - 1]"`,
    );
    expect(refused(main(`${io}  for i < 8\n    y[i] = x[i + 8]`), "naive")).toMatchInlineSnapshot(
      `"k: in-bounds: x[i + 8]: index 0 is in 8..15, outside 0..7; in for i: y[i] = x[i + 8]"`,
    );
    passes(main(`${io}  for i < 9\n    y[i] = 1.0`), "naive");
    passes(main(`${io}  for i < 9\n    y[i if i < 8] = x[i if i < 8]`));
  });

  test("in-bounds is proven from guards, symbolic extents, splits, lets and declared ranges", () => {
    const symbolic = "  symbol M in 0..\n  input x: f32[M]\n  output y: f32[M]\n";
    passes(main(`${symbolic}  for m < M\n    y[m] = x[m]`));
    passes(main(`${symbolic}  for m < M\n    y[m] = x[M - 1 - m]`));
    expect(refused(main(`${symbolic}  for m < M\n    y[m] = x[m + 1]`))).toMatchInlineSnapshot(
      `"k: in-bounds: x[m + 1]: index 0 is in 1..2147483647, not proven to be in 0..M - 1; mask the access or guard it with an if; in for m: y[m] = x[m + 1]"`,
    );
    const split = (body: string): Kernel => main(`${symbolic}  for mo < (M + 3) // 4\n    for mi < 4\n${body}`);
    expect(refused(split("      y[mo * 4 + mi] = 1.0"))).toMatchInlineSnapshot(
      `"k: in-bounds: y[mo * 4 + mi]: index 0 is in 0..2147483643, not proven to be in 0..M - 1; mask the access or guard it with an if; in for mo: for mi: y[mo * 4 + mi] = 1.0"`,
    );
    passes(split("      if mo * 4 + mi < M\n        y[mo * 4 + mi] = x[mo * 4 + mi]"));
    passes(split("      let m = mo * 4 + mi\n      if (m < M) & (mi != 2)\n        y[m] = x[m]"));
    passes(split("      if mo * 4 + mi <= M - 1\n        y[mo * 4 + mi] = 1.0"));
    passes(
      main(
        `${symbolic}  for mo < M // 4\n    for mi < 4\n      y[mo * 4 + mi] = 1.0\n  for mt < M % 4\n    y[M // 4 * 4 + mt] = 1.0`,
      ),
    );
    const gather = (range: string): Kernel =>
      main(`  input t: u8[4]${range}\n${io}  for i < 4\n    y[i] = x[i32(t[i])]`);
    passes(gather(" in 0..7"));
    expect(refused(gather(""))).toMatchInlineSnapshot(
      `"k: in-bounds: x[i32(t[i])]: index 0 is in 0..255, not proven to be in 0..7; mask the access or guard it with an if; in for i: y[i] = x[i32(t[i])]"`,
    );
    const paged = (below: string, at: string): Kernel =>
      main(
        `  symbol P in 1..\n  input t: i32[4]${below}\n  input x: f32[P * 3]\n  output y: f32[4]\n  for i < 4\n    y[i] = x[t[i] * 3 + ${at}]`,
      );
    passes(paged(" below P", "i % 3"));
    expect(refused(paged(" below P + 1", "i % 3"))).toMatch(/not proven to be in 0\.\.P \* 3 - 1/);
    expect(refused(paged(" below P", "i"))).toMatch(/not proven to be in 0\.\.P \* 3 - 1/);
  });

  test("in-bounds of byte addresses: not proven outside", () => {
    const bytes = "  output y: f32[64 bytes]\n  register p: i32[]\n";
    passes(main(`${bytes}  p[] = &y\n  for m < 4\n    y[p[] + 4] = 1.0\n    p[] = p[] + 16`), "lowered");
    passes(main(`${bytes}  for m < 9\n    y[&y + m * 8] = 1.0`), "lowered");
    expect(refused(main(`${bytes}  for m < 9\n    y[&y + m * 8 + 61] = 1.0`), "lowered")).toMatchInlineSnapshot(
      `"k: in-bounds: y[&y + m * 8 + 61]: index 0 is in 61..125, outside 0..60; in for m: y[&y + m * 8 + 61] = 1.0"`,
    );
    // Nothing runs in an empty loop.
    passes(main(`${bytes}  for m < 0\n    y[&y + 64] = 1.0`), "lowered");
  });

  test("intrinsic-range", () => {
    const dot = (range: string, value: string): Kernel =>
      main(
        `  input a: i8[16]\n  input c: u8[16]${range}\n  output y: i16[8]\n  y[<8:1>] = dot2_i16_i8_i7(a[<8:2,2:1>], ${value})`,
      );
    passes(dot(" in 0..15", "i8(c[<8:2,2:1>])"));
    passes(dot("", "i8(c[<8:2,2:1>] & 127)"));
    expect(refused(dot("", "i8(c[<8:2,2:1>])"))).toMatchInlineSnapshot(
      `"k: intrinsic-range: operand b of dot2_i16_i8_i7 is in -128..127, must be in 0..127; in y[<8:1>] = dot2_i16_i8_i7(a[<8:2,2:1>], i8(c[<8:2,2:1>]))"`,
    );
    passes(
      main(
        "  input a: i8[16]\n  input c: u8[16]\n  output y: i16[8]\n  let t = i8(c[<8:2,2:1>] >> 4)\n  y[<8:1>] = dot2_i16_i8_i7(a[<8:2,2:1>], t)",
      ),
    );
  });
});
