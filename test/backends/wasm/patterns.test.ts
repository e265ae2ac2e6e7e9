// Lane patterns: whatever the strides, the right bytes are loaded and stored, and none outside the pattern's span is touched.
import { describe, expect, test } from "vitest";
import { compileModule, decodeModule, emitModule } from "../../../backends/wasm/index.ts";
import { b, type Expr, type Kernel, type Scalar, storageBits, typeOf } from "../../../ir/index.ts";
import { at, bytesBuffer, rows, strict } from "./harness.ts";

/** Byte offset of each lane. */
function offsets(sizes: readonly number[], strides: readonly number[]): number[] {
  return sizes.reduce<number[]>(
    (outer, size, axis) => outer.flatMap((o) => Array.from({ length: size }, (_, i) => o + i * (strides[axis] ?? 0))),
    [0],
  );
}

/** Lane shapes and, in elements, their strides. */
const patterns: readonly (readonly [sizes: readonly number[], strides: readonly number[]])[] = [
  [[4], [1]],
  [[16], [1]],
  [[3], [1]],
  [[5], [1]],
  [[7], [1]],
  [[12], [1]],
  [[32], [1]],
  [
    [4, 2, 2],
    [4, 2, 1],
  ],
  [
    [4, 2, 2],
    [0, 2, 1],
  ],
  [
    [4, 4],
    [0, 1],
  ],
  [
    [2, 8],
    [0, 1],
  ],
  [
    [8, 2],
    [0, 1],
  ],
  [
    [2, 4, 2],
    [0, 0, 1],
  ],
  [[8], [2]],
  [[16], [2]],
  [[16], [3]],
  [[4], [5]],
  [[16], [4]],
  [[16], [-1]],
  [[4], [-1]],
  [[5], [-3]],
  [
    [4, 4],
    [1, 4],
  ],
  [
    [4, 4],
    [32, 1],
  ],
  [
    [4, 2],
    [64, 1],
  ],
  [
    [2, 2, 4],
    [8, 4, 1],
  ],
  [
    [8, 2],
    [1, 0],
  ],
  [
    [4, 4],
    [1, 0],
  ],
  [
    [2, 3],
    [1, 1],
  ],
  [[16], [40]],
  [
    [2, 16],
    [0, 1],
  ],
  [
    [16, 2],
    [1, 16],
  ],
  [
    [8, 4],
    [0, 1],
  ],
  [[1], [1]],
  [
    [1, 4],
    [7, 1],
  ],
];

const pageBytes = 65536;

/** Runs a kernel of a `from` and a `to` buffer in one page of which nothing beyond the end exists. */
function runIn(kernel: Kernel, memory: WebAssembly.Memory, from: number, to: number): void {
  const module = new WebAssembly.Module(compileModule([kernel], strict).bytes);
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  (exports[kernel.name] as (...args: number[]) => void)(from, to, 0, 0);
}

const scalarsOf: Readonly<Record<number, Scalar>> = { 1: "u8", 2: "u16", 4: "u32", 8: "f64" };

function numbered(memory: WebAssembly.Memory): Uint8Array {
  const bytes = new Uint8Array(memory.buffer);
  // No two neighbourhoods alike.
  bytes.forEach((_, i) => {
    bytes[i] = (i * 167 + (i >> 8) * 13) & 0xff;
  });
  return bytes;
}

describe.each([1, 2, 4, 8])("elements of %i bytes", (width) => {
  const scalar = scalarsOf[width] as Scalar;
  test.each(patterns)("%j by %j", (sizes, elementStrides) => {
    const strides = elementStrides.map((s) => s * width);
    const lanes = offsets(sizes, strides);
    const low = Math.min(...lanes);
    const span = Math.max(...lanes) - low + width;
    const { count } = typeOf("i32", sizes);
    const [a, y] = [bytesBuffer("a", scalar, pageBytes), bytesBuffer("y", scalar, count, "output")];
    const pattern = b.lanes(sizes, strides);
    const load = b.load(a, [b.add(b.variable("&a"), pattern)]);
    const copy = b.kernel("copy", "main", { buffers: [a, y], body: [b.store("y", at(y, 0, sizes), load)] });

    // The pattern's last byte is the memory's last byte, then its first byte is the memory's first.
    for (const start of [pageBytes - span, 0]) {
      const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
      const bytes = numbered(memory);
      const base = start - low;
      const expected = lanes.flatMap((o) => [...bytes.subarray(base + o, base + o + width)]);
      const to = start === 0 ? 32768 : 64;
      const before = bytes.slice();
      runIn(copy, memory, base, to);
      expect([...bytes.subarray(to, to + expected.length)]).toEqual(expected);
      before.set(expected, to);
      expect(Buffer.compare(bytes, before)).toBe(0);
    }
    if (new Set(lanes).size < lanes.length || lanes.some((o) => lanes.some((p) => p !== o && Math.abs(p - o) < width)))
      return;

    // The same the other way: a store to the pattern, where no two lanes overlap.
    const [from, into] = [bytesBuffer("a", scalar, count), bytesBuffer("y", scalar, pageBytes, "output")];
    const scattered = b.store("y", [b.add(b.variable("&y"), pattern)], b.load(from, at(from, 0, sizes)));
    const scatter = b.kernel("scatter", "main", { buffers: [from, into], body: [scattered] });
    for (const start of [pageBytes - span, 0]) {
      const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
      const bytes = numbered(memory);
      const source = start === 0 ? 32768 : 64;
      const after = bytes.slice();
      lanes.forEach((o, lane) => {
        after.set(bytes.subarray(source + lane * width, source + (lane + 1) * width), start - low + o);
      });
      runIn(scatter, memory, source, start - low);
      expect(Buffer.compare(bytes, after)).toBe(0);
    }
  });
});

test("lanes at computed addresses are gathered and scattered one by one", () => {
  for (const scalar of ["u8", "i16", "f32", "f64"] as const) {
    const bytes = storageBits(scalar) / 8;
    const n = 8;
    const a = bytesBuffer("a", scalar, n);
    const y = bytesBuffer("y", scalar, n, "output");
    const mixed = b.mul(b.mod(b.mul(b.lanes([n], [3]), b.lanes([n], [1])), n), bytes);
    const spread: Expr = b.mul(b.op("xor", b.lanes([n], [1]), b.constant(5, typeOf("i32", [n]))), bytes);
    const body = [b.store("y", [b.add(b.variable("&y"), spread)], b.load(a, [b.add(b.variable("&a"), mixed)]))];
    const memory = new WebAssembly.Memory({ initial: 1 });
    const values = new Uint8Array(memory.buffer);
    for (let i = 0; i < n * bytes; i++) values[64 + i] = i + 1;
    runIn(b.kernel("k", "main", { buffers: [a, y], body }), memory, 64, 1024);
    for (let lane = 0; lane < n; lane++) {
      const source = 64 + ((3 * lane * lane) % n) * bytes;
      const target = 1024 + (lane ^ 5) * bytes;
      expect([...values.subarray(target, target + bytes)]).toEqual([...values.subarray(source, source + bytes)]);
    }
  }
});

/** Names of the memory instructions of a kernel that copies the pattern. */
function spelling(scalar: Scalar, sizes: readonly number[], strides: readonly number[]): readonly string[] {
  const [a, y] = [bytesBuffer("a", scalar, 64), bytesBuffer("y", scalar, 64, "output")];
  const value = b.load(a, [b.add(b.variable("&a"), b.lanes(sizes, strides))]);
  const kernel = b.kernel("k", "main", { buffers: [a, y], body: [b.store("y", at(y, 0, sizes), value)] });
  const { module } = emitModule([kernel], strict);
  expect(decodeModule(compileModule([kernel], strict).bytes)).toEqual(module);
  const names = module.functions[0]?.body.map(({ op }) => op as string) ?? [];
  return names.filter((op) => op.includes("load") || op.includes("shuffle"));
}

test("patterns have the spelling of the table", () => {
  expect(spelling("i8", [4, 2, 2], [4, 2, 1])).toEqual(["v128.load"]);
  expect(spelling("i8", [4, 2, 2], [0, 2, 1])).toEqual(["v128.load32_splat"]);
  expect(spelling("i8", [8, 2], [0, 1])).toEqual(["v128.load16_splat"]);
  expect(spelling("i8", [16], [0])).toEqual(["v128.load8_splat"]);
  expect(spelling("f32", [2, 2], [0, 4])).toEqual(["v128.load64_splat"]);
  expect(spelling("f32", [16], [4])).toEqual(["v128.load", "v128.load", "v128.load", "v128.load"]);
  expect(spelling("f32", [4, 4], [0, 4])).toEqual(["v128.load"]);
  expect(spelling("f32", [2], [4])).toEqual(["v128.load64_zero"]);
  expect(spelling("i8", [4], [1])).toEqual(["v128.load32_zero"]);
  expect(spelling("f32", [3], [4])).toEqual(["v128.load64_zero", "v128.load32_lane"]);
  expect(spelling("f32", [4], [64])).toEqual([
    "v128.load32_zero",
    "v128.load32_lane",
    "v128.load32_lane",
    "v128.load32_lane",
  ]);
  expect(spelling("f32", [4], [8])).toEqual(["v128.load", "v128.load", "i8x16.shuffle"]);
  expect(spelling("u8", [16], [-1])).toEqual(["v128.load", "i8x16.shuffle"]);
  expect(rows([2, 3], 4)).toBe(b.lanes([2, 3], [12, 4]));
});

/** Offsets of the loads of an index, and whether an addition is computed. */
function offsetOf(index: Expr): readonly [number | undefined, boolean] {
  const [a, y] = [bytesBuffer("a", "f32", 64), bytesBuffer("y", "f32", 64, "output")];
  const body = [b.loop("i", 4, [b.store("y", at(y, 0), b.load(a, [index]))])];
  const { module } = emitModule([b.kernel("k", "main", { buffers: [a, y], body })], strict);
  const loop = module.functions[0]?.body.find(({ op }) => op === "loop");
  const inside = loop?.op === "loop" ? loop.body : [];
  const load = inside.find(({ op }) => op === "f32.load");
  return [load?.op === "f32.load" ? load.offset : undefined, inside.slice(0, 4).some(({ op }) => op === "i32.add")];
}

test("a pointer that is only moved upwards takes constants into the instruction", () => {
  const [a, y] = [bytesBuffer("a", "f32", 64), bytesBuffer("y", "f32", 64, "output")];
  const pointer = b.buffer("p", "i32", [], { scope: "register" });
  const offsets = (start: Expr, step: number): readonly number[] => {
    const p = b.load(pointer, []);
    const body = [
      b.store("p", [], start),
      b.loop("i", 4, [b.store("y", at(y, 0), b.load(a, [b.add(p, 8)])), b.store("p", [], b.add(p, step))]),
    ];
    const { module } = emitModule([b.kernel("k", "main", { buffers: [a, y, pointer], body })], strict);
    return [...JSON.stringify(module).matchAll(/"f32.load","offset":(\d+)/g)].map((found) => Number(found[1]));
  };
  expect(offsets(b.variable("&a"), 16)).toEqual([8]);
  expect(offsets(b.variable("&a"), -16)).toEqual([0]);
  expect(offsets(b.sub(b.variable("&a"), b.variable("&y")), 16)).toEqual([0]);
});

test("a constant goes into the instruction only where the rest can't be negative", () => {
  const [base, i] = [b.variable("&a"), b.variable("i")];
  expect(offsetOf(b.add(base, 64))).toEqual([64, false]);
  expect(offsetOf(b.add(b.add(base, b.mul(i, 4)), 64))[0]).toBe(64);
  expect(offsetOf(b.add(b.sub(base, b.mul(i, 4)), 64))[0]).toBe(0);
  expect(offsetOf(b.sub(b.add(base, b.mul(i, 4)), 4))[0]).toBe(0);
});
