// The verifier's rules of forms and programs, each broken once; and what keeps every rule passes.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Kernel,
  parseProgram,
  programOf,
  simplifyKernel,
  verifyKernel,
  verifyProgram,
  type Workload,
} from "../../../ir/index.ts";
import { arbitraryKernel } from "../arbitrary.ts";
import { io, main, passes, refused } from "./helpers.ts";

describe("forms", () => {
  test("naive-form", () => {
    const naive = (body: string): string => refused(main(`${io}${body}`), "naive");
    expect(naive("  for i < 8 unroll\n    y[i] = 1.0")).toMatchInlineSnapshot(
      `"k: naive-form: loop i is unroll; in for i < 8 unroll"`,
    );
    expect(naive("  y[<4:1>] = 1.0")).toMatchInlineSnapshot(`"k: naive-form: <4:1> is a vector; in y[<4:1>] = 1.0"`);
    expect(naive("  barrier")).toMatchInlineSnapshot(`"k: naive-form: a barrier; in barrier"`);
    expect(naive("  y[0] = madd_f32(x[0], x[1], x[2])")).toMatchInlineSnapshot(
      `"k: naive-form: madd_f32(x[0], x[1], x[2]) is an intrinsic; in y[0] = madd_f32(x[0], x[1], x[2])"`,
    );
    expect(refused(main("  output y: f32[32 bytes]"), "naive")).toMatchInlineSnapshot(
      `"k: naive-form: y counts bytes"`,
    );
  });

  test("scheduled-form", () => {
    expect(refused(main("  output y: f32[32 bytes]"))).toMatchInlineSnapshot(`"k: scheduled-form: y counts bytes"`);
  });

  test("lowered-form", () => {
    const bytes = "  input x: u8[64 bytes]\n  output y: f32[64 bytes]\n";
    const lowered = (body: string): string => refused(main(`${bytes}${body}`), "lowered");
    expect(lowered("  for i < 8 unroll\n    y[i * 4] = 1.0")).toMatchInlineSnapshot(
      `"k: lowered-form: loop i is unroll; in for i < 8 unroll"`,
    );
    expect(lowered("  for i < 8\n    y[0] += 1.0 over i")).toMatchInlineSnapshot(
      `"k: lowered-form: a reduce is left; in for i: y[0] += 1.0 over i"`,
    );
    expect(lowered("  for i < 8\n    y[i * 4 if i < 3] = 1.0")).toMatchInlineSnapshot(
      `"k: lowered-form: y[i * 4] is masked; in for i: y[i * 4 if i < 3] = 1.0"`,
    );
    expect(lowered("  for i < 8\n    y[i * 4] = f32(u4(x[i]))")).toMatchInlineSnapshot(
      `"k: lowered-form: u4(x[i]) is u4; in for i: y[i * 4] = f32(u4(x[i]))"`,
    );
    expect(lowered("  y[<4:4> * 2] = 1.0")).toMatchInlineSnapshot(
      `"k: lowered-form: y[<4:4> * 2] has the vector index <4:4> * 2, expected a scalar plus a lane pattern; in y[<4:4> * 2] = 1.0"`,
    );
    expect(refused(main("  output y: f32[8]"), "lowered")).toMatchInlineSnapshot(
      `"k: lowered-form: global buffer y does not count bytes"`,
    );
    expect(refused(main("  register a: f32<4>[8]"), "lowered")).toMatchInlineSnapshot(
      `"k: lowered-form: register buffer a has both axes and lanes, expected one of them"`,
    );
    const lanes = (index: string): Kernel => main(`  register a: f32[2, 4]\n  for i < 2\n    a[${index}] = 1.0`);
    passes(lanes("<2:1,4:0>, <2:0,4:1>"), "lowered");
    passes(lanes("1, 3"), "lowered");
    expect(refused(lanes("i, 3"), "lowered")).toMatchInlineSnapshot(
      `"k: lowered-form: a[i, 3]: a register is indexed by its lanes or by constants; in for i: a[i, 3] = 1.0"`,
    );
    expect(refused(lanes("<4:0>, <4:1>"), "lowered")).toMatchInlineSnapshot(
      `"k: lowered-form: a[i32<4>(0), <4:1>]: a register is indexed by its lanes or by constants; in for i: a[i32<4>(0), <4:1>] = 1.0"`,
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
    expect(program(packing, packing)).toMatchInlineSnapshot(`"p: kernel-names: two kernels are named pack"`);
  });

  test("stage-order", () => {
    expect(program(using.replace("packed w: f32[4]", "input w: f32[4]"), packing)).toMatchInlineSnapshot(
      `"p: stage-order: pack (pack) comes after main (main)"`,
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
      `"pack: in-bounds: w[i]: index 0 is in 0..4, not proven to be in 0..3; mask the access or guard it with an if; in for i: w[i] = 1.0"`,
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
