// Programs in the interpreter: which kernels run, on which tensors, and what is refused.
import { describe, expect, test } from "vitest";
import { interpretProgram, parseProgram, type Tensor, tensor } from "../../ir/index.ts";

const f32 = (...values: number[]): Tensor => tensor("f32", [values.length], values);

describe("programs", () => {
  const program = parseProgram(`program p
kernel pack stage pack
  weight w.raw: u8[4]
  packed w: f32[4]
  for i < 4
    w[i] = f32(w.raw[i])
kernel sums stage prologue
  symbol M in 0..
  input x: f32[M]
  workspace s: f32[1]
  s[0] = 0.0
  for i < M
    s[0] += x[i]
kernel one stage main
  symbol M in 1..1
  workspace s: f32[1]
  packed w: f32[4]
  output y: f32[4]
  for i < 4
    y[i] = w[i]
kernel many stage main
  symbol M in 2.. where M % 2 == 0
  workspace s: f32[1]
  packed w: f32[4]
  output y: f32[4]
  for i < 4
    y[i] = w[i] * s[0]`);
  const raw = tensor("u8", [4], [1, 2, 3, 4]);

  test("run the kernels whose domains hold, in order", () => {
    const made = interpretProgram(
      program,
      { M: 2 },
      new Map([
        ["w.raw", raw],
        ["x", f32(3, 4)],
      ]),
    );
    expect([...made.keys()].sort()).toEqual(["s", "w", "y"]);
    expect([...(made.get("y")?.values ?? [])]).toEqual([7, 14, 21, 28]);
    const one = interpretProgram(
      program,
      { M: 1 },
      new Map([
        ["w.raw", raw],
        ["x", f32(3)],
      ]),
    );
    expect([...(one.get("y")?.values ?? [])]).toEqual([1, 2, 3, 4]);
  });

  test("run stage by stage where asked, packed tensors carried over", () => {
    const packed = interpretProgram(program, { M: 2 }, new Map([["w.raw", raw]]), { run: (stage) => stage === "pack" });
    expect([...packed.keys()]).toEqual(["w"]);
    const inputs = new Map([
      ["w", packed.get("w") as Tensor],
      ["x", f32(3, 4)],
    ]);
    const made = interpretProgram(program, { M: 2 }, inputs, { run: (stage) => stage !== "pack" });
    expect([...(made.get("y")?.values ?? [])]).toEqual([7, 14, 21, 28]);
  });

  test("name what is missing, unknown or left unwritten", () => {
    expect(() => interpretProgram(program, { M: 2 }, new Map([["w.raw", raw]]))).toThrow(
      "p: input x was given no tensor",
    );
    expect(() => interpretProgram(program, {}, new Map([["w.raw", raw]]))).toThrow("sums: symbol M was given no value");
    const inputs = new Map([
      ["w.raw", raw],
      ["x", f32(3, 4)],
      ["z", raw],
    ]);
    expect(() => interpretProgram(program, { M: 2 }, inputs)).toThrow(
      "p: it has no buffer z; its buffers are w.raw, w, x, s, y",
    );
    const partial = parseProgram("program p\nkernel k stage main\n  output y: f32[3]\n  for i < 2\n    y[i] = 1.0");
    expect(() => interpretProgram(partial, {}, new Map())).toThrow("p: element 2 of output y is never written");
  });

  test("of byte units give flat tensors", () => {
    const flat = parseProgram(
      "program p\nkernel k stage main\n  output y: f32[8 bytes]\n  y[&y] = 1.5\n  y[&y + 4] = 2.5",
    );
    const made = interpretProgram(flat, {}, new Map());
    expect(made.get("y")).toMatchObject({ scalar: "f32", shape: [2] });
    expect([...(made.get("y")?.values ?? [])]).toEqual([1.5, 2.5]);
  });
});
