// Loops, conditions, lets and register buffers of lowered kernels, and what is refused because it is not lowered.
import { describe, expect, test } from "vitest";
import { compileModule, emitModule } from "../../../backends/wasm/index.ts";
import { b, type Kernel, type Stmt } from "../../../ir/index.ts";
import { at, bytesBuffer, encode, runCompiled, runInterpreted, runtime, strict } from "./harness.ts";

const n = 24;
const x = bytesBuffer("x", "i32", n);
const y = bytesBuffer("y", "i32", n, "output");
const [i, j] = [b.variable("i"), b.variable("j")];
const values = Array.from({ length: n }, (_, k) => k * k - 40);
const inputs = { x: encode("i32", values) };

const kernelOf = (body: readonly Stmt[], options: Partial<Kernel> = {}): Kernel => ({
  ...b.kernel("k", "main", { buffers: [x, y], body }),
  ...options,
});

/** The compiled kernel's y, after comparison with the interpreter's. */
function run(kernel: Kernel): readonly number[] {
  const result = runCompiled(kernel, inputs)["y"] ?? [];
  expect(result).toEqual(runInterpreted(kernel, inputs)["y"]);
  return result;
}

describe("loops", () => {
  test("nested, with extents that depend on the outer loop and may be 0", () => {
    const body = [
      b.loop("z", n, [b.store("y", at(y, b.variable("z")), b.constant(0))]),
      b.loop("i", 6, [b.loop("j", b.sub(i, 2), [b.store("y", at(y, b.add(b.mul(i, 4), j)), b.add(j, 1))])]),
    ];
    const expected = Array.from({ length: n }, (_, k) => (k % 4 < Math.floor(k / 4) - 2 ? (k % 4) + 1 : 0));
    expect(run(kernelOf(body))).toEqual(expected);
  });

  test("never run for an extent of 0 or less", () => {
    const set = (name: string, extent: number): Stmt => b.loop(name, extent, [b.store("y", at(y, 0), b.constant(9))]);
    const kernel = kernelOf([b.store("y", at(y, 0), b.constant(1)), set("a", 0), set("c", -3)]);
    expect(runCompiled(kernel, inputs)["y"]?.[0]).toBe(1);
  });

  test("of a symbol, down to its smallest value", () => {
    const M = b.symbol("M", { min: 0, max: n });
    const body = [b.loop("i", b.variable("M"), [b.store("y", at(y, i), b.load(x, at(x, i)))])];
    const kernel = kernelOf(body, { symbols: [M] });
    for (const m of [0, 1, 7, n]) {
      const result = runCompiled(kernel, inputs, { symbols: { M: m } })["y"] ?? [];
      expect(result).toEqual(values.map((v, k) => (k < m ? v : -1)));
    }
  });
});

test("a let that is the address of vectors alone is a scalar", () => {
  const start = b.variable("start");
  const lanes = b.lanes([4], [4]);
  const address = (of: typeof x): ReturnType<typeof b.add> => b.add(b.add(b.variable(`&${of.name}`), 16), lanes);
  const copy = (named: boolean): Kernel =>
    kernelOf([
      b.loop("z", n, [b.store("y", at(y, b.variable("z")), b.constant(0))]),
      ...(named ? [b.bind("start", b.add(b.variable("&x"), 16))] : []),
      b.store("y", [address(y)], b.load(x, [named ? b.add(start, lanes) : address(x)])),
    ]);
  expect(run(copy(true))).toEqual(run(copy(false)));
});

describe("threads", () => {
  const M = b.symbol("M", { min: 0, max: n });
  const body = [
    b.bind("twice", b.mul(b.variable("M"), 2)),
    b.loop("i", b.variable("M"), [b.store("y", at(y, i), b.add(b.load(x, at(x, i)), b.variable("twice")))], "thread"),
  ];
  const kernel = kernelOf(body, { symbols: [M] });

  test("take a part of the range", () => {
    const result = runCompiled(kernel, inputs, { symbols: { M: 20 }, range: [3, 7] })["y"] ?? [];
    expect(result).toEqual(values.map((v, k) => (k >= 3 && k < 7 ? v + 40 : -1)));
    expect(runCompiled(kernel, inputs, { symbols: { M: 20 }, range: [5, 5] })["y"]).toEqual(values.map(() => -1));
  });

  test("are described beside the code", () => {
    const { functions } = compileModule([kernel, { ...kernelOf([]), name: "other" }], strict);
    expect(functions).toEqual([
      { name: "k", stage: "main", buffers: ["x", "y"], symbols: [M], threads: b.variable("M") },
      { name: "other", stage: "main", buffers: ["x", "y"], symbols: [], threads: undefined },
    ]);
  });

  test("are described by symbols, though their number has a name that the body shares", () => {
    const [count, more] = [b.variable("count"), b.variable("more")];
    const named = kernelOf(
      [
        b.bind("count", b.mul(b.variable("M"), 2)),
        b.bind("more", b.add(count, 1)),
        b.loop("i", more, [b.store("y", at(y, i), count)], "thread"),
      ],
      { symbols: [M] },
    );
    expect(compileModule([named], strict).functions[0]?.threads).toBe(b.add(b.mul(b.variable("M"), 2), 1));
  });

  test("a kernel without a thread loop takes a range and ignores it", () => {
    const plain = kernelOf([b.store("y", at(y, 0), b.constant(5))]);
    expect(runCompiled(plain, inputs, { range: [0, 1] })["y"]?.[0]).toBe(5);
  });

  test("only one, outside all others", () => {
    const inner = kernelOf([b.loop("j", 2, body.slice(1))], { symbols: [M] });
    expect(() => compileModule([inner], strict)).toThrow(/kernel k: thread loop i is not the only one outermost/);
  });
});

describe("values", () => {
  test("a condition guards its body", () => {
    const body = [
      b.loop("i", n, [
        b.store("y", at(y, i), b.constant(0)),
        b.when(b.lt(b.load(x, at(x, i)), 0), [b.store("y", at(y, i), b.op("abs", b.load(x, at(x, i))))]),
      ]),
    ];
    expect(run(kernelOf(body))).toEqual(values.map((v) => Math.max(0, -v)));
  });

  test("a let keeps its value when what it read has changed", () => {
    const r = b.buffer("r", "i32", [], { scope: "register" });
    const body = [
      b.store("r", [], b.constant(3)),
      b.bind("before", b.add(b.load(r, []), 1)),
      b.store("r", [], b.mul(b.load(r, []), 10)),
      b.loop("i", n, [b.store("y", at(y, i), b.add(b.variable("before"), b.load(r, [])))]),
    ];
    expect(run(kernelOf(body, { buffers: [x, y, r] }))).toEqual(values.map(() => 34));
  });

  test("a vector is computed whole before its registers change", () => {
    const r = b.buffer("r", "i32", [], { scope: "register", lanes: [12] });
    // Narrowing and widening again moves lanes between registers.
    const whole = b.load(r, []);
    const mixed = b.add(b.cast("i32", b.cast("i8", whole)), whole);
    const body = [
      b.store("r", [], b.load(x, at(x, 0, [12]))),
      b.store("r", [], mixed),
      b.store("y", at(y, 0, [12]), b.load(r, [])),
      b.store("y", at(y, 12, [12]), b.load(x, at(x, 12, [12]))),
    ];
    run(kernelOf(body, { buffers: [x, y, r] }));
  });

  test("a vector that is loaded from where it is stored is loaded first", () => {
    const shifted = b.add(b.load(y, at(y, 0, [16])), 1);
    const body = [
      b.store("y", at(y, 0, [24]), b.load(x, at(x, 0, [24]))),
      b.store("y", at(y, 4, [16]), shifted),
      b.store("y", [b.add(b.variable("&y"), b.lanes([4], [8]))], b.load(y, at(y, 1, [4]))),
    ];
    run(kernelOf(body));
  });

  test("lanes of a register one by one", () => {
    const r = b.buffer("r", "i32", [2, 3], { scope: "register" });
    const whole = [b.lanes([2, 3], [1, 0]), b.lanes([2, 3], [0, 1])];
    const body = [
      b.store("r", whole, b.load(x, at(x, 0, [2, 3]))),
      b.store("r", [1, 0], b.add(b.load(r, [0, 2]), 100)),
      b.store("r", [0, 1], b.constant(7)),
      b.store("y", at(y, 0, [24]), b.load(x, at(x, 0, [24]))),
      b.store("y", at(y, 0, [2, 3]), b.load(r, whole)),
      b.store("y", at(y, 10), b.load(r, [1, 0])),
    ];
    const result = run(kernelOf(body, { buffers: [x, y, r] }));
    expect(result.slice(0, 6)).toEqual([values[0], 7, values[2], (values[2] ?? 0) + 100, values[4], values[5]]);
  });

  test("masks in registers, whole and by lanes", () => {
    const m = b.buffer("m", "bool", [], { scope: "register", lanes: [8] });
    const l = b.buffer("l", "bool", [4], { scope: "register" });
    const lanesOf4 = [b.lanes([4], [1])];
    const negative = b.lt(b.load(x, at(x, 0, [8])), 0);
    const body = [
      b.store("y", at(y, 0, [24]), b.load(x, at(x, 0, [24]))),
      b.store("m", [], negative),
      b.store("y", at(y, 0, [8]), b.select(b.load(m, []), b.constant(1), b.constant(2))),
      b.store("l", lanesOf4, b.lt(b.load(x, at(x, 4, [4])), 0)),
      b.store("l", [2], b.op("eq", b.load(x, at(x, 0)), b.load(x, at(x, 0)))),
      b.store("y", at(y, 8), b.select(b.load(l, [3]), b.constant(5), b.constant(6))),
      b.store("y", at(y, 9, [4]), b.cast("i32", b.load(l, lanesOf4))),
    ];
    run(kernelOf(body, { buffers: [x, y, m, l] }));
  });

  test("a scalar let is put into all lanes once, where it stands", () => {
    const first = b.load(x, at(x, 3));
    const [a, c] = [b.variable("a"), b.variable("c")];
    const lanes = (k: number) => b.load(x, at(x, b.add(b.mul(i, 4), k), [4]));
    const body = [
      b.bind("a", b.add(first, 1)),
      b.bind("c", first),
      b.loop("i", 3, [
        b.store("y", at(y, b.mul(i, 4), [4]), b.add(b.mul(lanes(0), a), c)),
        b.store("y", at(y, b.add(b.mul(i, 4), 12), [4]), b.add(b.sub(lanes(12), a), b.shr(lanes(0), b.and(a, 3)))),
      ]),
    ];
    run(kernelOf(body));
    const { module } = emitModule([kernelOf(body)], strict);
    const count = (name: string): number => JSON.stringify(module).split(`"${name}"`).length - 1;
    // The sum also as a scalar, for the shift; the loaded value as a vector only.
    expect([count("i32x4.splat"), count("v128.load32_splat"), count("i32.load")]).toEqual([1, 1, 1]);
  });

  test("a shared value is computed once", () => {
    const square = b.mul(b.load(x, at(x, 0, [4])), b.load(x, at(x, 4, [4])));
    const kernel = kernelOf([b.store("y", at(y, 0, [4]), b.add(b.mul(square, square), square))]);
    const names = emitModule([kernel], strict).module.functions[0]?.body.map(({ op }) => op) ?? [];
    expect(names.filter((op) => op === "i32x4.mul")).toHaveLength(2);
    expect(names.filter((op) => op === "v128.load")).toHaveLength(2);
  });
});

describe("refused", () => {
  const one =
    (s: Stmt, options: Partial<Kernel> = {}) =>
    () =>
      compileModule([kernelOf([s], options)], strict);
  const elements = b.buffer("e", "f32", [4], { role: "input" });

  test.each([
    [
      "elements",
      one(b.store("y", at(y, 0), b.cast("i32", b.load(elements, [0]))), { buffers: [x, y, elements] }),
      /buffer e is indexed by elements: lower the kernel first/,
    ],
    ["a reduction", one(b.reduce("y", at(y, 0), b.constant(1), [])), /a reduction into y is left/],
    ["a barrier", one(b.barrier), /a barrier: Wasm has no workgroups/],
    ["a loop of another kind", one(b.loop("i", 4, [], "workgroup.x")), /loop i is of kind workgroup.x/],
    ["a masked store", one(b.store("y", at(y, 0), b.constant(1), b.lt(b.load(x, at(x, 0)), 0))), /a masked store to y/],
    ["an unknown name", one(b.store("y", at(y, 0), b.variable("nowhere"))), /kernel k: nowhere is not defined/],
    [
      "a vector at one address",
      one(b.store("y", at(y, 0), b.load(x, at(x, 0, [4])))),
      /a vector is stored to y at a scalar index/,
    ],
  ] as const)("%s", (_name, compile, message) => {
    expect(compile).toThrow(message);
  });

  test("sub-byte elements", () => {
    const q = bytesBuffer("q", "u4", 16);
    const kernel = kernelOf([b.store("y", at(y, 0), b.cast("i32", b.load(q, [b.variable("&q")])))], {
      buffers: [y, q],
    });
    expect(() => compileModule([kernel], strict)).toThrow(/u4 elements of q share bytes: lower the kernel first/);
  });

  test("two kernels of one name", () => {
    expect(() => compileModule([kernelOf([]), kernelOf([])], strict)).toThrow(/two kernels of the module are called k/);
    expect(runtime.usedBytes).toBe(0);
  });
});
