// Kernels and programs as text: what is printed reads back equal, and what can't be read is refused with its place.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  b,
  type Monoid,
  monoids,
  ParseError,
  parseExpr,
  parseKernel,
  parseProgram,
  printKernel,
  printProgram,
  programOf,
  type Workload,
} from "../../../ir/index.ts";
import { arbitraryKernel, run } from "../arbitrary.ts";

describe("kernels", () => {
  test("read back equal", () => {
    fc.assert(
      fc.property(arbitraryKernel(), (sample) => {
        const read = parseKernel(printKernel(sample.kernel));
        expect(read).toStrictEqual(sample.kernel);
        expect(run(sample, read)).toEqual(run(sample));
      }),
      { numRuns: 200 },
    );
  });

  const workloads: Workload[] = [
    { op: "matmul", m: "any", n: 8, k: 512, w: "q4_K", bias: true, numerics: { compute: "i8", xGroup: 32 } },
    { op: "matmul", m: 4, n: 8, k: 64, w: "f16", bias: false, numerics: { compute: "f32" } },
    { op: "dequantize", n: 8, k: 512, w: "q6_K" },
  ];
  test.each(workloads.map((workload) => [JSON.stringify(workload), workload] as const))(
    "of %s read back equal",
    (_, workload) => {
      const program = programOf(workload);
      const text = printProgram(program);
      expect(parseProgram(text)).toStrictEqual(program);
      expect(printProgram(parseProgram(text))).toBe(text);
    },
  );

  const lowered = `kernel lowered stage main
  symbol M in 0..64 where M % 4 == 0
  packed w.q: u8[8192 bytes] in 0..15
  input x: f32[M * 512 bytes]
  output y: f32[M * 256 bytes]
  register acc.0: f32<4>[]
  register p: i32[]
  workgroup tile: f32[8, 4]
  let base = &x + 64
  for m < M thread
    acc.0[] = f32<4>(0.0)
    p[] = m * 512 + base
    for k < 32
      let c = w.q:u32[p[] + <4:4>] >> 4 & 15
      acc.0[] = madd_f32(f32(c), x[p[] + 16], acc.0[])
      p[] = p[] + 16
    if (m != 3) & (m < M)
      y[&y + m * 256 + <4:4>] = acc.0[]
      barrier
    for "2x" < 0 subgroup
      pass
`;
  test("of every kind of statement and declaration read back equal", () => {
    const kernel = parseKernel(lowered);
    expect(printKernel(kernel)).toBe(lowered);
    expect(parseKernel(printKernel(kernel))).toStrictEqual(kernel);
    expect(kernel.buffers[0]).toStrictEqual(
      b.buffer("w.q", "u8", [8192], { role: "packed", unit: "byte", range: [0, 15] }),
    );
    expect(kernel.symbols[0]).toStrictEqual(b.symbol("M", { max: 64, modulo: 4 }));
  });

  test("with odd names, ranges and sums read back equal", () => {
    const kernel = b.kernel("for", "merge", {
      symbols: [b.symbol("a b", { min: 1, modulo: 3, residue: 2 })],
      buffers: [
        b.buffer('say "x"', "f32", [], { role: "output", range: [-Infinity, 0.5] }),
        b.buffer("-", "i16", [b.variable("a b")], { role: "input", range: [-3, 3] }),
        b.buffer("é", "bool", [2], { scope: "workgroup" }),
        b.buffer("below", "i32", [2], { role: "input", below: b.add(b.variable("a b"), 1) }),
      ],
      body: [
        b.loop("k-1", b.variable("a b"), [
          b.reduce('say "x"', [], b.constant(-1.5, "f32"), ["k-1"], "max"),
          b.reduce('say "x"', [], b.constant(2, "f32"), [], "min", b.lt(b.variable("k-1"), 2)),
          b.loop("copy/k-1", 2, []),
        ]),
      ],
    });
    expect(parseKernel(printKernel(kernel))).toStrictEqual(kernel);
    expect(printKernel(kernel)).toMatchInlineSnapshot(`
      "kernel "for" stage merge
        symbol "a b" in 1.. where "a b" % 3 == 2
        output "say \\"x\\"": f32[] in -inf..0.5
        input "-": i16["a b"] in -3..3
        workgroup "é": bool[2]
        input "below": i32[2] below "a b" + 1
        for "k-1" < "a b"
          "say \\"x\\""[] max= -1.5 over "k-1"
          "say \\"x\\""[if "k-1" < 2] min= 2.0
          for "copy/k-1" < 2
            pass
      "
    `);
  });

  test("with buffers of every role and every kind of reduction read back equal", () => {
    const roles = ["input", "output", "weight", "packed", "cache", "workspace"] as const;
    const x = b.buffer("input", "f32", [4], { role: "input" });
    const kernel = b.kernel("main", "main", {
      buffers: roles.map((role) => b.buffer(role, "f32", [4], { role })),
      body: (Object.keys(monoids) as Monoid[]).map((monoid) =>
        b.loop(monoid, 4, [b.reduce("output", [0], b.load(x, [b.variable(monoid)]), [monoid], monoid)]),
      ),
    });
    expect(parseKernel(printKernel(kernel))).toStrictEqual(kernel);
    expect(printKernel(kernel)).toMatchInlineSnapshot(`
      "kernel main stage main
        input "input": f32[4]
        output "output": f32[4]
        weight "weight": f32[4]
        packed "packed": f32[4]
        cache "cache": f32[4]
        workspace "workspace": f32[4]
        for sum < 4
          "output"[0] += "input"[sum] over sum
        for max < 4
          "output"[0] max= "input"[max] over max
        for pmax < 4
          "output"[0] pmax= "input"[pmax] over pmax
        for min < 4
          "output"[0] min= "input"[min] over min
      "
    `);
    expect(() => b.reduce("y", [0], b.constant(1), [], "pmax")).toThrow("reduction into y: pmax does not take i32");
  });

  test("may be indented and commented as one likes", () => {
    const kernel = parseKernel(`
      # what it does
      kernel main stage main   # runs last
          output y: f32[4]

          for i < 4
             # the body
             y[i] = 1
          for j < 4
               y[
        j] += (2 +
              3) over j
    `);
    expect(printKernel(kernel)).toBe(`kernel main stage main
  output y: f32[4]
  for i < 4
    y[i] = 1.0
  for j < 4
    y[j] += 5.0 over j
`);
  });
});

describe("what can't be read says where and why", () => {
  const inKernel = (line: string): string => `kernel k stage main\n  input x: f32[4]\n  output y: f32[4]\n${line}\n`;
  test.each([
    ["", parseKernel],
    ["kernel", parseKernel],
    ["kernel k stage prefill", parseKernel],
    ["program p\nkernel k", parseProgram],
    [inKernel("  y[0] = x[0"), parseKernel],
    [inKernel("  y[0] == 1.0"), parseKernel],
    [inKernel("  y[0] = x[0] x[1]"), parseKernel],
    [inKernel("  y[0] = z[0]"), parseKernel],
    [inKernel("  z[0] = x[0]"), parseKernel],
    [inKernel("  y[i] = x[0]"), parseKernel],
    [inKernel("  for i < 4\n    for j < i-n\n      y[i] = 0.0"), parseKernel],
    [inKernel("  for i < 4\n    y[i] = 0.0\n      y[i] = 0.0"), parseKernel],
    [inKernel("  for i < 4\n   y[i] = 0.0\n  if i"), parseKernel],
    [inKernel("  for i < 4\n    y[i] = 0.0\n   y[i] = 0.0"), parseKernel],
    [inKernel("  for i < 4\n  y[0] = 0.0"), parseKernel],
    [inKernel("  for i < 4 vector\n    y[i] = 0.0"), parseKernel],
    [inKernel("  for i < 4.5\n    y[i] = 0.0"), parseKernel],
    [inKernel("  y[0] = 1.0 over k"), parseKernel],
    [inKernel("  y[0, 1] = x[0, 1]"), parseKernel],
    [inKernel("  y[0] = x[0] + i8(3)"), parseKernel],
    [inKernel("  if x[0]\n    y[0] = 0.0"), parseKernel],
    [inKernel("\ty[0] = 1.0"), parseKernel],
    [inKernel("  y[0] = “1”"), parseKernel],
    [inKernel('  "y[0] = 1.0'), parseKernel],
    [inKernel('  "y\\q"[0] = 1.0'), parseKernel],
    [inKernel("  input z: f32[4]\n  symbol M in 0.."), parseKernel],
    [inKernel("  local z: f32[4]"), parseKernel],
    [inKernel("  input z: f31[4]"), parseKernel],
    ["kernel k stage main\n  symbol M in 0.. where N % 4 == 1", parseKernel],
    ["kernel k stage main\n  symbol M in 9..8", parseKernel],
    ["i +", parseExpr],
    ["", parseExpr],
    ["f(i)", parseExpr],
    ["min(i)", parseExpr],
    ["f32<4>(i)", parseExpr],
    ["u8(256) + 1", parseExpr],
    ["u8(1) + 1.5", parseExpr],
    ["<4>", parseExpr],
    ["i < n < m", parseExpr],
  ] as const)("%j", (text, parse) => {
    let error: unknown;
    try {
      parse(text);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(ParseError);
    const { message, line, column } = error as ParseError;
    expect(message).toMatch(new RegExp(`^line ${line}, column ${column}: `));
    expect(message).toMatchSnapshot();
  });
});
