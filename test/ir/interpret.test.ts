// The interpreter: the meaning of each statement and access, and each error that the node definitions name.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  b,
  emptyTensor,
  InterpretError,
  interpretKernel,
  parseKernel,
  type Tensor,
  tensor,
  tensorOfBytes,
} from "../../ir/index.ts";
import { arbitraryKernel, run } from "./arbitrary.ts";

/** Runs a kernel given as text; gives the values of `y`, with null where nothing was written. */
function outcome(
  text: string,
  inputs: Record<string, Tensor> = {},
  symbols: Record<string, number> = {},
): (number | null)[] {
  const kernel = parseKernel(`kernel k stage main\n${text}`);
  const y = kernel.buffers.find(({ name }) => name === "y");
  const shape = y?.shape.map((size) => (size.kind === "const" ? size.value : (symbols["M"] as number))) ?? [];
  const out =
    y?.unit === "byte" ? emptyTensor(y.scalar, [(shape[0] as number) / 4]) : emptyTensor(y?.scalar ?? "f32", shape);
  interpretKernel(kernel, { symbols, buffers: new Map([...Object.entries(inputs), ["y", out]]) });
  return [...out.values].map((value, i) => (out.written?.[i] === 1 ? value : null));
}

const f32 = (...values: number[]): Tensor => tensor("f32", [values.length], values);
const i32 = (...values: number[]): Tensor => tensor("i32", [values.length], values);

describe("loops", () => {
  test("run from 0 to their extent, nested ones anew each time", () => {
    expect(outcome("  output y: i32[2, 3]\n  for i < 2\n    for j < 3\n      y[i, j] = i * 10 + j")).toEqual([
      0, 1, 2, 10, 11, 12,
    ]);
  });

  test("never run with an extent of 0 or less", () => {
    const text = "  symbol M in 0..\n  output y: i32[2]\n  for i < M - 1\n    y[i] = 1";
    expect(outcome(text, {}, { M: 0 })).toEqual([null, null]);
    expect(outcome(text, {}, { M: 1 })).toEqual([null, null]);
    expect(outcome(text, {}, { M: 3 })).toEqual([1, 1]);
  });

  test("of every kind run their iterations", () => {
    for (const kind of ["unroll", "thread", "workgroup.y", "local.x", "subgroup"])
      expect(outcome(`  output y: i32[3]\n  for i < 3 ${kind}\n    y[i] = i`)).toEqual([0, 1, 2]);
  });

  test("of threads and workgroups start each iteration from the registers before the loop", () => {
    const text = (kind: string): string =>
      `  output y: i32[3]\n  register a: i32[]\n  a[] = 5\n  for i < 3 ${kind}\n    y[i] = a[]\n    a[] = a[] + 1`;
    expect(outcome(text("serial"))).toEqual([5, 6, 7]);
    expect(outcome(text("thread"))).toEqual([5, 5, 5]);
    expect(outcome(text("workgroup.x"))).toEqual([5, 5, 5]);
    const leak = "  output y: i32[3]\n  register a: i32[]\n  for i < 3 thread\n    a[] = i\n  y[0] = a[]";
    expect(() => outcome(leak)).toThrow("k: load a: element [] is read before it is written at the kernel's top level");
  });
});

describe("reductions", () => {
  const x = f32(1, -2, 4, -8, 16, -32);

  test("take the neutral element in the first iteration of all their loops", () => {
    const text = (assign: string, over: string): string =>
      `  input x: f32[6]\n  output y: f32[2]\n  for i < 2\n    for j < 3\n      y[i] ${assign} x[i * 3 + j] ${over}`;
    expect(outcome(text("+=", "over j"), { x })).toEqual([3, -24]);
    expect(outcome(text("max=", "over j"), { x })).toEqual([4, 16]);
    expect(outcome(text("min=", "over j"), { x })).toEqual([-2, -32]);
  });

  test("over several loops start once", () => {
    const text =
      "  input x: f32[6]\n  output y: f32[1]\n  for i < 2\n    for j < 3\n      y[0] += x[i * 3 + j] over j, i";
    expect(outcome(text, { x })).toEqual([-21]);
    // The loops in any order, with the free one between.
    const mixed =
      "  input x: f32[6]\n  output y: f32[3]\n  for i < 2\n    for j < 3\n      y[j] += x[i * 3 + j] over i";
    expect(outcome(mixed, { x })).toEqual([-7, 14, -28]);
  });

  test("over nothing always accumulate", () => {
    const text = "  output y: i32[1]\n  y[0] = 10\n  for i < 4\n    y[0] += i";
    expect(outcome(text)).toEqual([16]);
    expect(() => outcome("  output y: i32[1]\n  for i < 4\n    y[0] += i")).toThrow(
      "k: reduce y: an element is combined with before it is written at i=0",
    );
  });

  test("start from the ends of the type", () => {
    const of = (scalar: string, assign: string, value: string): (number | null)[] =>
      outcome(`  output y: ${scalar}[1]\n  for i < 1\n    y[0] ${assign} ${value} over i`);
    expect(of("i8", "max=", "-128")).toEqual([-128]);
    expect(of("u8", "min=", "255")).toEqual([255]);
    expect(of("f32", "max=", "-inf")).toEqual([-Infinity]);
    expect(of("f32", "+=", "-0.0")).toEqual([0]);
  });

  test("wrap in integers and round in floats after every addition", () => {
    expect(outcome("  output y: i8[1]\n  for i < 2\n    y[0] += i8(100) over i")).toEqual([-56]);
    expect(outcome("  output y: u32[1]\n  for i < 2\n    y[0] += 4294967295 over i")).toEqual([4294967294]);
    expect(outcome("  output y: f32[1]\n  for i < 3\n    y[0] += select(i < 1, 16777216.0, 1.0) over i")).toEqual([
      16777216,
    ]);
  });

  test("long loops sum every term", () => {
    const text =
      "  input x: i32[8]\n  output y: i32[1]\n  for i < 1000\n    for j < 300\n      y[0] += x[j % 8] over i, j";
    expect(outcome(text, { x: i32(1, 2, 3, 4, 5, 6, 7, 8) })).toEqual([1000 * (37 * 36 + 10)]);
  });

  test("do nothing where masked out", () => {
    const text =
      "  input x: f32[6]\n  output y: f32[2]\n  for i < 2\n    for j < 3\n      y[i if i < 1] += x[j] over j";
    expect(outcome(text, { x })).toEqual([3, null]);
  });
});

describe("loads and stores", () => {
  const x = i32(10, 20, 30, 40, 50, 60, 70, 80);

  test("give each lane the element that it names", () => {
    const text = (index: string, lanes = "4"): string =>
      `  input x: i32[8]\n  output y: i32[4]\n  y[<${lanes === "4" ? "4:1" : "2:2,2:1"}>] = x[${index}]`;
    expect(outcome(text("<4:2> + 1"), { x })).toEqual([20, 40, 60, 80]);
    expect(outcome(text("7 - <4:1>"), { x })).toEqual([80, 70, 60, 50]);
    expect(outcome(text("<2:4,2:0>", "2,2"), { x })).toEqual([10, 10, 50, 50]);
    expect(outcome(text("3"), { x })).toEqual([40, 40, 40, 40]);
  });

  test("read all lanes before any is written", () => {
    const text = "  output y: i32[4]\n  y[<4:1>] = <4:1>\n  y[<4:1>] = y[3 - <4:1>]";
    expect(outcome(text)).toEqual([3, 2, 1, 0]);
  });

  test("read 0 and touch nothing where masked out", () => {
    expect(outcome("  input x: i32[8]\n  output y: i32[4]\n  y[<4:1>] = x[<4:1> + 6 if <4:1> < 2]", { x })).toEqual([
      70, 80, 0, 0,
    ]);
    expect(outcome("  output y: i32[4]\n  y[<4:1> * 3 if <4:1> < 2] = 7")).toEqual([7, null, null, 7]);
    expect(outcome("  output y: i32[4]\n  for i < 9\n    y[i if i < 2] = i")).toEqual([0, 1, null, null]);
    expect(outcome("  input x: i32[8]\n  output y: i32[4]\n  y[<4:1>] = x[<4:1> if true]", { x })).toEqual([
      10, 20, 30, 40,
    ]);
  });

  test("broadcast scalars next to vectors", () => {
    expect(outcome("  input x: i32[8]\n  output y: i32[4]\n  y[<4:1>] = x[<4:1>] * 2 + x[7]", { x })).toEqual([
      100, 120, 140, 160,
    ]);
  });

  test("of register elements with lanes take them whole", () => {
    const text =
      "  input x: i32[8]\n  output y: i32[4]\n  register a: i32<4>[2]\n  a[1] = x[<4:1>]\n  a[0] = 5\n  y[<4:1>] = a[1] + a[0]";
    expect(outcome(text, { x })).toEqual([15, 25, 35, 45]);
  });

  test("follow indices that were loaded", () => {
    const table = tensor("u8", [4], [3, 0, 2, 1]);
    const text = "  input x: i32[8]\n  input t: u8[4] in 0..7\n  output y: i32[4]\n  y[<4:1>] = x[i32(t[<4:1>])]";
    expect(outcome(text, { x, t: table })).toEqual([40, 10, 30, 20]);
  });

  const bad: [string, string, string][] = [
    [
      "a load beside the buffer",
      "  input x: i32[8]\n  output y: i32[4]\n  for i < 4\n    y[i] = x[i * 3]",
      "k: load x: index [9] is outside its shape [8] at i=3",
    ],
    [
      "a negative index",
      "  input x: i32[8]\n  output y: i32[4]\n  for i < 4\n    y[i] = x[i - 1]",
      "k: load x: index [-1] is outside its shape [8] at i=0",
    ],
    [
      "a lane beside the buffer",
      "  output y: i32[4]\n  y[<4:2>] = 1",
      "k: store y: index [4] is outside its shape [4] at the kernel's top level",
    ],
    [
      "an axis beside its own extent",
      "  output y: i32[2, 4]\n  for i < 2\n    y[0, i * 7 - 3] = 1",
      "k: store y: index [0, -3] is outside its shape [2, 4] at i=0",
    ],
    [
      "two lanes on one element",
      "  output y: i32[4]\n  y[<4:1> // 2] = 1",
      "k: store y: lanes 0 and 1 name the same element at the kernel's top level",
    ],
    [
      "two lanes summed into one element",
      "  output y: i32[4]\n  y[1] = 0\n  y[1 + i32<4>(0)] += 1",
      "k: reduce y: lanes 0 and 1 name the same element at the kernel's top level",
    ],
    [
      "a register read before it is written",
      "  output y: i32[4]\n  register a: i32[2]\n  a[0] = 1\n  y[0] = a[1]",
      "k: load a: element [1] is read before it is written at the kernel's top level",
    ],
    [
      "an output read before it is written",
      "  output y: i32[4]\n  for i < 3\n    y[i] = y[3 - i]",
      "k: load y: element [3] is read before it is written at i=0",
    ],
    [
      "a store outside the declared range",
      "  output y: i8[4] in -2..2\n  for i < 4\n    y[i] = i8(i)",
      "k: store y: 3 is outside its declared range -2..2 at i=3",
    ],
    [
      "a sum outside the declared range",
      "  output y: i8[1] in 0..2\n  for i < 4\n    y[0] += i8(i) over i",
      "k: reduce y: 3 is outside its declared range 0..2 at i=2",
    ],
    [
      "a barrier among iterations that would have to run in step",
      "  output y: i32[4]\n  for i < 4 local.x\n    barrier\n  y[0] = 1",
      "k: a barrier inside the local.x loop i, which is no nest of local loops around all that a workgroup does: its iterations run one after another",
    ],
  ];
  test.each(bad)("%s is an error", (_, text, message) => {
    expect(() => outcome(text, { x })).toThrow(new InterpretError(message));
  });

  test("a barrier between loops does nothing", () => {
    expect(outcome("  output y: i32[2]\n  for i < 2 local.x\n    y[i] = i\n  barrier")).toEqual([0, 1]);
  });
});

describe("if and let", () => {
  test("an if runs its body where the condition holds", () => {
    expect(outcome("  output y: i32[4]\n  for i < 4\n    if (i != 1) & (i < 3)\n      y[i] = i")).toEqual([
      0,
      null,
      2,
      null,
    ]);
  });

  test("a let keeps the value of its own moment, lanes included", () => {
    const text =
      "  output y: i32[4]\n  register a: i32[]\n  a[] = 1\n  let t = a[] + <4:10>\n  a[] = 100\n  y[<4:1>] = t + a[]";
    expect(outcome(text)).toEqual([101, 111, 121, 131]);
  });
});

describe("byte units", () => {
  test("are read and written in any type at any address, & being 0", () => {
    const x = tensorOfBytes("u8", [8], Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    const text = (value: string): string =>
      `  input x: u8[8 bytes]\n  output y: u32[16 bytes]\n  y[&y + <4:4>] = ${value}`;
    expect(outcome(text("u32(x[&x + <4:2>])"), { x })).toEqual([1, 3, 5, 7]);
    expect(outcome(text("x:u32[&x + <4:1>]"), { x })).toEqual([0x04030201, 0x05040302, 0x06050403, 0x07060504]);
    expect(outcome(text("u32(x:u16[3])"), { x })).toEqual([0x0504, 0x0504, 0x0504, 0x0504]);
    expect(() => outcome(text("x:u32[&x + 5]"), { x })).toThrow("k: load x: index [5] is outside its shape [8]");
  });

  test("hold dense codes below a byte, and are undefined byte by byte", () => {
    const kernel = parseKernel(`kernel k stage pack
      weight x: u8[4]
      packed q: u4[2 bytes]
      for i < 2
        q[i] = x[i * 2] | x[i * 2 + 1] << 4`);
    const codes = emptyTensor("u4", [4]);
    const buffers = new Map([
      ["x", tensor("u8", [4], [1, 2, 3, 4])],
      ["q", codes],
    ]);
    interpretKernel(kernel, { symbols: {}, buffers });
    expect([...codes.values]).toEqual([1, 2, 3, 4]);
    expect([...(codes.written ?? [])]).toEqual([1, 1, 1, 1]);
    const half = "  output y: u32[4 bytes]\n  y[1] = u8(7)\n  y[3] = y:u8[1]";
    expect(outcome(half)).toEqual([null]);
    expect(() => outcome(`${half}\n  y[0] = u8(y:u16[0])`)).toThrow("element [0] is read before it is written");
  });
});

describe("data is checked when it enters", () => {
  const text = "  symbol M in 1..4\n  input x: i8[M] in -127..127\n  output y: i8[M]\n  y[0] = x[0]";
  const cases: [string, Record<string, Tensor>, number, string][] = [
    ["its type", { x: i32(1, 2) }, 2, "k: x is i8[2], got a tensor i32[2]"],
    ["its shape", { x: tensor("i8", [3], [1, 2, 3]) }, 2, "k: x is i8[2], got a tensor i8[3]"],
    [
      "its range",
      { x: tensor("i8", [2], [1, -128]) },
      2,
      "k: element 1 of x is -128, outside its declared range -127..127",
    ],
    ["its presence", {}, 2, "k: buffer x was given no tensor"],
    [
      "the symbols",
      { x: tensor("i8", [5], [1, 2, 3, 4, 5]) },
      5,
      `k: not defined for {"M":5}, outside its symbols' domains`,
    ],
  ];
  test.each(cases)("%s", (_, inputs, M, message) => {
    expect(() => outcome(text, inputs, { M })).toThrow(new InterpretError(message));
  });

  test("the size that it is below", () => {
    const gather = "  symbol P in 1..\n  input t: i32[2] below P\n  output y: i32[2]\n  for i < 2\n    y[i] = t[i]";
    expect(outcome(gather, { t: i32(0, 2) }, { P: 3 })).toEqual(outcome(gather, { t: i32(0, 2) }, { P: 4 }));
    expect(() => outcome(gather, { t: i32(0, 2) }, { P: 2 })).toThrow(
      new InterpretError("k: element 1 of t is 2, outside its declared range 0..1"),
    );
  });

  test("values that a type can't hold are no tensor", () => {
    expect(() => tensor("u4", [2], [3, 16])).toThrow(
      "element 1 of a tensor of u4 is 16, which u4 can't hold; round it first",
    );
    expect(() => tensor("f32", [1], [0.1])).toThrow("which f32 can't hold");
    expect(() => tensor("f32", [2], [0.5])).toThrow("a tensor of shape [2] has 2 elements, got 1 values");
    expect(() => tensorOfBytes("f32", [2], new Uint8Array(7))).toThrow("f32[2] takes 8 bytes, got 7");
    expect(() => tensorOfBytes("u3", [2], Uint8Array.of(7, 8))).toThrow("byte 1 is 8, which is not a u3: at most 7");
  });
});

describe("random kernels", () => {
  test("give the same in any order of their loops where the data makes sums exact", () => {
    fc.assert(
      fc.property(arbitraryKernel({ epilogue: false, kinds: false }), (sample) => {
        const { kernel } = sample;
        let inner = kernel.body;
        const loops = [];
        while (inner[0]?.kind === "for") {
          loops.push(inner[0]);
          inner = inner[0].body;
        }
        const turned = loops.reduce((body, { loop, extent }) => [b.loop(loop, extent, body)], inner);
        expect(run(sample, { ...kernel, body: turned })).toEqual(run(sample));
      }),
      { numRuns: 200 },
    );
  });
});
