// Intervals of floats: bounds are rounded as the values are, and NaN is possible whatever the bounds.
import { expect, test } from "vitest";
import { b, evalOp, factsOf, rangeOf } from "../../ir/index.ts";
import { range } from "./samples.ts";

const facts = factsOf({ symbols: [], buffers: [b.buffer("x", "f32", [1], { role: "input" })], body: [] });
const i = b.load(b.buffer("i", "i32", [1], { role: "input" }), [0]);
const x = b.load(b.buffer("x", "f32", [1], { role: "input" }), [0]);

test("an integer rounded to f32 may grow", () => {
  expect(rangeOf(b.cast("f32", i), facts)).toEqual([-(2 ** 31), 2 ** 31]);
  expect(rangeOf(b.cast("u32", b.cast("f32", i)), facts)).toEqual([0, 2 ** 31]);
  expect(rangeOf(b.cast("f16", i), facts)).toEqual([-Infinity, Infinity]);
});

test("a clamped float may be NaN, which is cast to 0", () => {
  const clamped = b.min(b.max(x, 5), 10);
  expect(rangeOf(clamped, facts)).toEqual([5, 10]);
  expect(rangeOf(b.cast("i32", clamped), facts)).toEqual([0, 10]);
});

test("what pmin and pmax leave where the second operand is NaN is in their bounds", () => {
  const y = b.load(b.buffer("y", "f32", [1], { role: "input" }), [0]);
  const [low, high] = [b.max(b.min(x, 1), 0), b.max(b.min(y, 10), 5)];
  expect(rangeOf(b.op("pmax", low, high), facts)).toEqual([0, 10]);
  expect(rangeOf(b.op("pmin", high, low), facts)).toEqual([0, 10]);
  expect(rangeOf(b.op("pmax", low, 5), facts)).toEqual([5, 5]);
  expect(rangeOf(b.op("pmin", b.op("pmax", x, -127), 127), facts)).toEqual([-127, 127]);
});

test("an exponential is in its bounds", () => {
  for (const bound of [...range(-90, 90, 721), 2 ** 100]) {
    const [least, greatest] = rangeOf(b.op("exp", b.min(x, bound)), facts);
    for (const below of [0, 1e-6, 1e-3, 1, 1e30]) {
      const value = evalOp("exp", "f32", Math.fround(bound - below));
      expect(value).toBeGreaterThanOrEqual(least);
      expect(value).toBeLessThanOrEqual(greatest);
    }
  }
});
