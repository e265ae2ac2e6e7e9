// The verifier: every rule broken once, with the message that says so; and what keeps the rules passes.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  b,
  type Form,
  type Kernel,
  parseKernel,
  parseProgram,
  programOf,
  simplifyKernel,
  typeOf,
  verifyKernel,
  verifyProgram,
  type Workload,
} from "../../ir/index.ts";
import { arbitraryKernel } from "./arbitrary.ts";

const inStage =
  (stage: string) =>
  (body: string): Kernel =>
    parseKernel(`kernel k stage ${stage}\n${body}`);
const main = inStage("main");
const pack = inStage("pack");

/** The message with which a kernel is refused. */
function refused(kernel: Kernel, form: Form = "scheduled"): string {
  try {
    verifyKernel(kernel, form);
  } catch (error) {
    return (error as Error).message;
  }
  return "it is not refused";
}

const passes = (kernel: Kernel, form: Form = "scheduled"): void =>
  expect(() => verifyKernel(kernel, form)).not.toThrow();

const io = "  input x: f32[8]\n  output y: f32[8]\n";
const y = b.buffer("y", "f32", [8], { role: "output" });
const i = b.variable("i");
const one = b.constant(1, "f32");

describe("names", () => {
  test("unique-names", () => {
    expect(refused(main(`${io}  for i < 4\n    y[i] = 1.0\n  for i < 4\n    y[i + 4] = 1.0`))).toMatchInlineSnapshot(
      `"nodesOf is not defined"`,
    );
    expect(refused(main("  symbol i in 0..4\n  output y: f32[8]\n  for i < 4\n    y[i] = 1.0"))).toMatchInlineSnapshot(
      `"nodesOf is not defined"`,
    );
    expect(refused(main("  input x: f32[8]\n  output x: f32[8]"))).toMatchInlineSnapshot(
      `"k: unique-names: two buffers are named x"`,
    );
  });

  test("declared", () => {
    const of = (...body: Parameters<typeof b.kernel>[2]["body"][number][]): Kernel =>
      b.kernel("k", "main", { buffers: [y], body });
    expect(refused(of(b.store("z", [0], one)))).toMatchInlineSnapshot(
      `"nodesOf is not defined"`,
    );
    expect(refused(of(b.store("y", [0], b.load({ ...y, name: "z" }, [0]))))).toMatchInlineSnapshot(
      `"nodesOf is not defined"`,
    );
    expect(refused(of(b.loop("i", 4, []), b.store("y", [i], one)))).toMatchInlineSnapshot(
      `"nodesOf is not defined"`,
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
      `"k: shape: x counts bytes, so it is global and has one extent"`,
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
  });

  test("role", () => {
    expect(refused(main("  input x: f32[8]\n  x[0] = 1.0"))).toMatchInlineSnapshot(`"nodesOf is not defined"`);
    expect(refused(pack("  weight w: u8[8]\n  w[0] = 1"))).toMatchInlineSnapshot(`"nodesOf is not defined"`);
    expect(refused(main("  packed w: u8[8]\n  w[0] = 1"))).toMatchInlineSnapshot(
      `"nodesOf is not defined"`,
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
      `"nodesOf is not defined"`,
    );
    expect(
      refused(b.kernel("k", "main", { buffers: [y], body: [b.store("y", [b.constant(0, "u8")], one)] })),
    ).toMatchInlineSnapshot(`"nodesOf is not defined"`);
  });

  test("element", () => {
    expect(refused(main("  output y: f32[8]\n  y[0] = i32(1)"))).toMatchInlineSnapshot(
      `"nodesOf is not defined"`,
    );
    expect(refused(main("  input x: i8[8]\n  output y: f32[8]\n  y[0] = x:f32[0]"))).toMatchInlineSnapshot(
      `"nodesOf is not defined"`,
    );
    expect(refused(main("  output y: f32[8]\n  y[0] = f32<4>(1.0)"))).toMatchInlineSnapshot(
      `"nodesOf is not defined"`,
    );
    expect(refused(main("  register a: f32<4>[2]\n  a[<4:0>] = 1.0"))).toMatchInlineSnapshot(
      `"nodesOf is not defined"`,
    );
    expect(refused(main("  output y: u8[8 bytes]\n  y[&y] = u4(1)"), "lowered")).toMatchInlineSnapshot(
      `"nodesOf is not defined"`,
    );
  });

  test("control", () => {
    const of = (...body: Parameters<typeof b.kernel>[2]["body"][number][]): Kernel =>
      b.kernel("k", "main", { buffers: [y], body });
    expect(refused(of(b.loop("i", b.lanes([4], [1]), [])))).toMatchInlineSnapshot(
      `"nodesOf is not defined"`,
    );
    expect(refused(of(b.store("y", [0], one, b.constant(1))))).toMatchInlineSnapshot(
      `"nodesOf is not defined"`,
    );
    expect(refused(of({ kind: "if", cond: b.constant(1), body: [] }))).toMatchInlineSnapshot(
      `"nodesOf is not defined"`,
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
      `"nodesOf is not defined"`,
    );
    expect(refused(main(`${io}  for k < 8\n    y[0] += x[k] over n`))).toMatchInlineSnapshot(
      `"nodesOf is not defined"`,
    );
    expect(refused(main(`${io}  for k < 8\n    y[k] += x[k] over k`))).toMatchInlineSnapshot(
      `"nodesOf is not defined"`,
    );
    expect(refused(main(`${io}  for k < 8\n    let t = k * 1\n    y[t] += x[k] over k`))).toMatchInlineSnapshot(
      `"nodesOf is not defined"`,
    );
  });

  test("thread", () => {
    expect(refused(main(`${io}  for m < 2\n    for n < 4 thread\n      y[m * 4 + n] = 1.0`))).toMatchInlineSnapshot(
      `"nodesOf is not defined"`,
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
      `"nodesOf is not defined"`,
    );
    expect(refused(main(`${io}  for m < 8 thread\n    for n < 8\n      y[n] = 1.0`))).toMatchInlineSnapshot(
      `"nodesOf is not defined"`,
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
      `"nodesOf is not defined"`,
    );
    expect(refused(main(`${io}  for i < 8\n    y[i] = x[i - 1]`))).toMatchInlineSnapshot(
      `"nodesOf is not defined"`,
    );
    expect(refused(main(`${io}  for i < 8\n    y[i] = x[i + 8]`), "naive")).toMatchInlineSnapshot(
      `"nodesOf is not defined"`,
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
  });

  test("in-bounds is proven of byte addresses, except pointers", () => {
    const bytes = "  symbol M in 0..\n  output y: f32[M * 32 bytes]\n  register p: i32[]\n";
    passes(main(`${bytes}  for m < M\n    for n < 8\n      y[&y + m * 32 + n * 4] = 1.0`), "lowered");
    expect(
      refused(main(`${bytes}  for m < M\n    for n < 8\n      y[&y + m * 32 + n * 4 + 1] = 1.0`), "lowered"),
    ).toMatchInlineSnapshot(
      `"k: in-bounds: y[&y + m * 32 + n * 4 + 1]: index 0 is in -2147483648..2147483647, not proven to be in 0..M * 32 - 4; mask the access or guard it with an if; in for m: for n: y[&y + m * 32 + n * 4 + 1] = 1.0"`,
    );
    passes(main(`${bytes}  for m < M\n    for n < 2\n      y[&y + m * 32 + n * 16 + <4:4>] = 1.0`), "lowered");
    passes(main(`${bytes}  for m < M\n    for n < 9\n      if n < 8\n        y[&y + m * 32 + n * 4] = 1.0`), "lowered");
    passes(main(`${bytes}  p[] = &y\n  for m < M\n    y[p[] + 4] = 1.0\n    p[] = p[] + 32`), "lowered");
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

describe("forms", () => {
  test("naive-form", () => {
    const naive = (body: string): string => refused(main(`${io}${body}`), "naive");
    expect(naive("  for i < 8 unroll\n    y[i] = 1.0")).toMatchInlineSnapshot(
      `"nodesOf is not defined"`,
    );
    expect(naive("  y[<4:1>] = 1.0")).toMatchInlineSnapshot(`"nodesOf is not defined"`);
    expect(naive("  barrier")).toMatchInlineSnapshot(`"nodesOf is not defined"`);
    expect(naive("  y[0] = madd_f32(x[0], x[1], x[2])")).toMatchInlineSnapshot(
      `"nodesOf is not defined"`,
    );
    expect(refused(main("  output y: f32[32 bytes]"), "naive")).toMatchInlineSnapshot(
      `"k: naive-form: y counts bytes"`,
    );
  });

  test("scheduled-form", () => {
    expect(refused(main("  output y: f32[32 bytes]"))).toMatchInlineSnapshot(`"k: scheduled-form: y counts bytes"`);
    const address = b.store("y", [b.variable("&y")], one);
    expect(refused(b.kernel("k", "main", { buffers: [y], body: [address] }))).toMatchInlineSnapshot(
      `"nodesOf is not defined"`,
    );
  });

  test("lowered-form", () => {
    const bytes = "  input x: u8[64 bytes]\n  output y: f32[64 bytes]\n";
    const lowered = (body: string): string => refused(main(`${bytes}${body}`), "lowered");
    expect(lowered("  for i < 8 unroll\n    y[i * 4] = 1.0")).toMatchInlineSnapshot(
      `"nodesOf is not defined"`,
    );
    expect(lowered("  for i < 8\n    y[0] += 1.0 over i")).toMatchInlineSnapshot(
      `"nodesOf is not defined"`,
    );
    expect(lowered("  for i < 8\n    y[i * 4 if i < 3] = 1.0")).toMatchInlineSnapshot(
      `"nodesOf is not defined"`,
    );
    expect(lowered("  for i < 8\n    y[i * 4] = f32(u4(x[i]))")).toMatchInlineSnapshot(
      `"nodesOf is not defined"`,
    );
    expect(lowered("  y[<4:4> * 2] = 1.0")).toMatchInlineSnapshot(
      `"nodesOf is not defined"`,
    );
    expect(refused(main("  output y: f32[8]"), "lowered")).toMatchInlineSnapshot(
      `"k: lowered-form: global buffer y does not count bytes"`,
    );
    expect(refused(main("  register a: f32[8]"), "lowered")).toMatchInlineSnapshot(
      `"k: lowered-form: register buffer a has 1 axes, expected none"`,
    );
    passes(
      main(`${bytes}  register a: f32<4>[]\n  register p: i32[]
  let base = &x + 16
  for i < 2 thread
    a[] = f32(x[base + i * 4 + <4:1>])
    p[] = &y + i * 16
    y[p[] + <4:4>] = a[] + f32(x[&x + i32<4>(0)])`),
      "lowered",
    );
  });
});

describe("programs", () => {
  const program = (...kernels: string[]): string => {
    try {
      verifyProgram(parseProgram(["program p", ...kernels].join("\n")), "scheduled");
    } catch (error) {
      return (error as Error).message;
    }
    return "it is not refused";
  };
  const packing = "kernel pack stage pack\n  packed w: f32[4]\n  for i < 4\n    w[i] = 1.0";
  const using = "kernel main stage main\n  packed w: f32[4]\n  output y: f32[4]\n  for j < 4\n    y[j] = w[j]";

  test("kernel-names", () => {
    expect(program(packing, packing)).toMatchInlineSnapshot(`"nodesOf is not defined"`);
  });

  test("stage-order", () => {
    expect(program(using.replace("packed w: f32[4]", "input w: f32[4]"), packing)).toMatchInlineSnapshot(
      `"nodesOf is not defined"`,
    );
  });

  test("agreement", () => {
    for (const other of ["packed w: u8[4]", "packed w: f32[5]", "input w: f32[4]", "packed w: f32[4] in 0..1"])
      expect(
        program(packing, using.replace("packed w: f32[4]", other).replace("= w[j]", "= f32(w[j])")),
      ).toMatchSnapshot();
  });

  test("written-first", () => {
    expect(program(packing, using)).toBe("it is not refused");
    expect(program(using)).toMatchInlineSnapshot(
      `"p: written-first: main reads packed buffer w, which no kernel before it writes"`,
    );
    expect(program(packing, "kernel main stage main\n  output y: f32[4]")).toMatchInlineSnapshot(
      `"p: written-first: no kernel writes output y"`,
    );
  });

  test("a rule that a kernel breaks", () => {
    expect(program(packing.replace("i < 4", "i < 5"))).toMatchInlineSnapshot(
      `"nodesOf is not defined"`,
    );
  });
});

describe("what keeps every rule passes", () => {
  const workloads: Workload[] = ["f32", "bf16", "int4_g32", "q4_1", "q6_K"].map((w) => ({
    op: "matmul",
    m: "any",
    n: 12,
    k: 512,
    w,
    bias: w === "q4_1",
    numerics: w === "f32" || w === "bf16" ? { compute: "f32" } : { compute: "i8", xGroup: 32 },
  }));
  test.each([
    ...workloads,
    { op: "quantize", m: "any", k: 64, group: "row" },
    { op: "dequantize", n: 3, k: 512, w: "q8_0" },
  ] as Workload[])("the naive program of $op $w", (workload) => {
    const naive = programOf(workload);
    verifyProgram(naive, "naive");
    verifyProgram(naive, "scheduled");
  });

  test("random kernels, simplified too", () => {
    fc.assert(
      fc.property(arbitraryKernel(), ({ kernel }) => {
        verifyKernel(kernel, "scheduled");
        verifyKernel(simplifyKernel(kernel), "scheduled");
      }),
      { numRuns: 200 },
    );
  });
});
