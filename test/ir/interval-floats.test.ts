// Intervals of floats: bounds are rounded as the values are, and NaN is possible whatever the bounds.
import { expect, test } from "vitest";
import { b, factsOf, rangeOf } from "../../ir/index.ts";

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
