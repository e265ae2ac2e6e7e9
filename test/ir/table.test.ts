// Tables of constants: their values lane by lane, what is refused where, and what interval analysis knows of them.
import { expect, test } from "vitest";
import {
  b,
  emptyTensor,
  factsOf,
  interpretKernel,
  type Kernel,
  rangeOf,
  tensor,
  verifyKernel,
} from "../../ir/index.ts";

const values = [-127, 13, 0, 113];
const codes = b.buffer("q", "u4", [16], { role: "input" });
const y = b.buffer("y", "i8", [16], { role: "output" });
const i = b.variable("i");
const index = b.cast("u8", b.load(codes, [i]));

function kernelOf(value: (index: typeof i) => ReturnType<typeof b.table>, extent: number, at = i): Kernel {
  return b.kernel("k", "main", { buffers: [codes, y], body: [b.loop("i", extent, [b.store("y", [at], value(i))])] });
}

function run(kernel: Kernel, stored: readonly number[]): readonly number[] {
  const out = emptyTensor("i8", [16]);
  interpretKernel(kernel, {
    symbols: {},
    buffers: new Map([
      ["q", tensor("u4", [16], stored)],
      ["y", out],
    ]),
  });
  return [...out.values];
}

const stored = Array.from({ length: 16 }, (_, n) => (7 * n) % 4);

test("gives the value at the index, of a scalar and in each lane", () => {
  const expected = stored.map((code) => values[code]);
  expect(
    run(
      kernelOf(() => b.table("i8", index, values), 16),
      stored,
    ),
  ).toEqual(expected);
  const at = b.add(b.mul(i, 8), b.lanes([2, 4], [1, 2]));
  const lanes = b.table("i8", b.cast("u8", b.load(codes, [at])), values);
  expect(
    run(
      kernelOf(() => lanes, 2, at as typeof i),
      stored,
    ),
  ).toEqual(expected);
});

test("an index past the last value is an error where it is met, and refused where it is not ruled out", () => {
  const kernel = kernelOf(() => b.table("i8", index, values), 16);
  expect(() => run(kernel, new Array(16).fill(4))).toThrowErrorMatchingInlineSnapshot(
    `[InterpretError: k: a table of 4 values has none at 4 at i=0]`,
  );
  expect(() => verifyKernel(kernel, "scheduled")).toThrowErrorMatchingInlineSnapshot(
    `[IrError: k: table: table(i8, u8(q[i]), -127, 13, 0, 113): its index is in 0..15, expected 0..3; in for i: y[i] = table(i8, u8(q[i]), -127, 13, 0, 113)]`,
  );
  verifyKernel(
    kernelOf(() => b.table("i8", b.and(index, 3), values), 16),
    "scheduled",
  );
});

test("holds bytes, as many as one byte shuffle looks up; a constant index gives a constant", () => {
  expect(b.table("i8", b.constant(3, "u8"), values)).toBe(b.constant(113, "i8"));
  expect(b.table("i8", index, values)).toBe(b.table("i8", index, [...values]));
  expect(b.table("i8", index, [-127, 13])).not.toBe(b.table("i8", index, values));
  expect(() => b.table("i16", index, values)).toThrowErrorMatchingInlineSnapshot(
    `[IrError: a table holds i8 or u8, not i16]`,
  );
  expect(() => b.table("u8", index, values)).toThrowErrorMatchingInlineSnapshot(
    `[IrError: -127 in a table is no value of u8]`,
  );
  expect(() => b.table("i8", b.variable("i"), values)).toThrowErrorMatchingInlineSnapshot(
    `[IrError: a table is indexed by i32; its index is u8]`,
  );
  expect(() => b.table("u8", index, new Array(17).fill(1))).toThrowErrorMatchingInlineSnapshot(
    `[IrError: a table has 1 to 16 values, got 17]`,
  );
  expect(() => b.table("i8", b.constant(4, "u8"), values)).toThrowErrorMatchingInlineSnapshot(
    `[IrError: a table of 4 values has none at 4]`,
  );
});

test("its range is that of the values that the index reaches", () => {
  const facts = factsOf(kernelOf(() => b.table("i8", index, values), 16));
  expect(rangeOf(b.table("i8", index, values), facts)).toEqual([-127, 113]);
  expect(rangeOf(b.table("i8", b.and(index, 1), values), facts)).toEqual([-127, 13]);
});
