// Every cast between scalar types, compiled for scalars and vectors, against `castValue` and `castBits`; the 16-bit floats on every value.
import { describe, expect, test } from "vitest";
import {
  b,
  castBits,
  castValue,
  type Feature,
  type Scalar,
  scalarRange,
  scalars,
  typeOf,
  wrap,
} from "../../../ir/index.ts";
import { at, bytesBuffer, edgeValues, encode, expectSame, perShape, relaxed, runCompiled, strict } from "./harness.ts";

const wholeTypes: readonly Scalar[] = ["u8", "i8", "u16", "i16", "u32", "i32", "f16", "bf16", "f32", "f64"];
const codeTypes: readonly Scalar[] = ["u1", "u2", "u3", "u4", "u5", "u6", "u7"];
const shapes: readonly (readonly number[])[] = [[], [16], [4], [3], [2, 3, 4]];

const filled = (values: readonly number[], multiple: number): number[] => {
  const all = [...values];
  while (all.length % multiple !== 0) all.push(values[0] ?? 0);
  return all;
};

describe.each(wholeTypes)("%s to", (from) => {
  test.each(wholeTypes.filter((to) => to !== from))("%s", (to) => {
    const values = filled(edgeValues(from), 48);
    const a = bytesBuffer("a", from, values.length);
    const kernel = perShape(shapes, [a], to, values.length, (load) => b.cast(to, load(a)));
    const outputs = runCompiled(kernel, { a: encode(from, values) });
    const expected = values.map((v) => castValue(v, from, to));
    for (const output of Object.values(outputs)) expectSame(output, expected, (i) => `${to}(${from} ${values[i]})`);
  });

  test("bits", () => {
    const values = filled(
      edgeValues(from).filter((v) => !Number.isNaN(v)),
      48,
    );
    const a = bytesBuffer("a", from, values.length);
    const others = wholeTypes.filter((to) => to !== from && scalars[to].bits === scalars[from].bits);
    for (const to of others) {
      const kernel = perShape(shapes, [a], to, values.length, (load) => b.bitcast(to, load(a)));
      const outputs = runCompiled(kernel, { a: encode(from, values) });
      const expected = values.map((v) => castBits(v, from, to));
      for (const output of Object.values(outputs)) expectSame(output, expected, (i) => `${from} ${values[i]} as ${to}`);
    }
  });

  // Codes have no memory of their own in a lowered kernel: they are loaded and stored as bytes.
  test("codes, bool and back", () => {
    const values = filled(edgeValues(from), 48);
    const a = bytesBuffer("a", from, values.length);
    for (const to of [...codeTypes, "bool"] as const) {
      const kernel = perShape(shapes, [a], from, values.length, (load) => b.cast(from, b.cast(to, load(a))));
      const outputs = runCompiled(kernel, { a: encode(from, values) });
      const expected = values.map((v) => castValue(castValue(v, from, to), to, from));
      for (const output of Object.values(outputs)) expectSame(output, expected, (i) => `${from}(${to}(${values[i]}))`);
    }
  });
});

test("a narrowing cast of values in a known range", () => {
  const narrow: readonly (readonly [Scalar, Scalar])[] = [
    ["i32", "u8"],
    ["i32", "i8"],
    ["i32", "u16"],
    ["u32", "i16"],
    ["i16", "u8"],
    ["u16", "i8"],
    ["u32", "u8"],
  ];
  for (const [from, to] of narrow) {
    const range = scalarRange(to).map((v) => Math.max(v, scalarRange(from)[0])) as [number, number];
    const values = filled([range[0], range[0] + 1, 0, 1, 77, range[1] - 1, range[1]], 48);
    const a = bytesBuffer("a", from, values.length, "input", range);
    const kernel = perShape(shapes, [a], to, values.length, (load) => b.cast(to, load(a)));
    for (const output of Object.values(runCompiled(kernel, { a: encode(from, values) })))
      expect(output).toEqual(values);
  }
});

/** All numbers of 16 bits as values of a type. */
const everyHalf = (scalar: "f16" | "bf16"): number[] =>
  Array.from({ length: 65536 }, (_, bits) => castBits(bits, "u16", scalar));

describe.each(["f16", "bf16"] as const)("every %s", (scalar) => {
  const values = everyHalf(scalar);
  const bytes = Uint8Array.from({ length: 131072 }, (_, i) => ((i >> 1) >> (8 * (i & 1))) & 0xff);

  test("to f32, by scalars and by vectors", () => {
    const a = bytesBuffer("a", scalar, values.length);
    const kernel = perShape([[], [8]], [a], "f32", values.length, (load) => b.cast("f32", load(a)));
    for (const output of Object.values(runCompiled(kernel, { a: bytes })))
      expectSame(output, values, (i) => `f32(${scalar} bits ${i})`);
  });

  test("in a range that leaves infinities out", () => {
    const finite = filled(
      values.filter((v) => Math.abs(v) < 60000),
      8,
    );
    const a = bytesBuffer("a", scalar, finite.length, "input", [-60000, 60000]);
    const kernel = perShape([[], [8]], [a], "f32", finite.length, (load) => b.cast("f32", load(a)));
    for (const output of Object.values(runCompiled(kernel, { a: encode(scalar, finite) })))
      expectSame(output, finite, (i) => `f32(${scalar} ${finite[i]})`);
  });

  test("from the f32 that it is, and from those beside and between", () => {
    const word = new DataView(new ArrayBuffer(4));
    const beside = (v: number, by: number): number => {
      word.setFloat32(0, v);
      word.setInt32(0, word.getInt32(0) + by);
      return word.getFloat32(0);
    };
    const exact = values.filter((v, i) => i % 7 === 0 && Number.isFinite(v));
    const next = new Map([...values].sort((x, y) => x - y).map((v, i, all) => [v, all[i + 1] ?? v]));
    const halves = exact.map((v) => Math.fround((v + (next.get(v) ?? v)) / 2));
    const inputs = filled(
      [...exact, ...halves, ...halves.flatMap((v) => [beside(v, 1), beside(v, -1)]), NaN, 1e30, -1e30],
      8,
    );
    const a = bytesBuffer("a", "f32", inputs.length);
    const kernel = perShape([[], [8]], [a], scalar, inputs.length, (load) => b.cast(scalar, load(a)));
    const expected = inputs.map((v) => wrap(v, scalar));
    for (const output of Object.values(runCompiled(kernel, { a: encode("f32", inputs) })))
      expectSame(output, expected, (i) => `${scalar}(${inputs[i]})`);
  });
});

test.each([
  ["strict", strict],
  ["relaxed", relaxed],
] as const)("widening loads, %s", (_name, features: readonly Feature[]) => {
  for (const from of ["i8", "u8", "i16", "u16"] as const)
    for (const shape of [[8], [16], [4, 4], [12], [2, 3], [32]]) {
      const { count } = typeOf("i32", shape);
      const values = Array.from({ length: count }, (_, i) => wrap(i * 37 - 90, from));
      const [a, y] = [bytesBuffer("a", from, count), bytesBuffer("y", "i32", count, "output")];
      const value = b.cast("i32", b.load(a, at(a, 0, shape)));
      const kernel = b.kernel("k", "main", { buffers: [a, y], body: [b.store("y", at(y, 0, shape), value)] });
      expect(runCompiled(kernel, { a: encode(from, values) }, { features })["y"]).toEqual(values);
    }
});
