// Slices of tensors and dispatches of launches: whatever the sizes, every workgroup runs once and finds its bytes.

import assert from "node:assert/strict";
import fc from "fast-check";
import { expect, test } from "vitest";
import { planDispatches } from "../../../../backends/wgsl/runtime/plan.ts";
import type { LaunchShader } from "../../../../backends/wgsl/runtime/shader.ts";
import { slicesOf, unitsPerSlice } from "../../../../backends/wgsl/runtime/tensor.ts";
import { argsOf, gridOf } from "../../../../backends/wgsl/runtime/values.ts";
import { extentOf } from "../../../../backends/wgsl/shader.ts";
import { b } from "../../../../ir/index.ts";

const shader = (sliced: readonly number[]): LaunchShader => ({
  name: "mm",
  code: "",
  workgroupSize: [64, 1, 1],
  grid: [1, 1, 1],
  bindings: sliced.map((bytes, i) => ({ buffer: `b${i}`, access: "read", sliced: bytes })),
  symbols: [],
  features: [],
});

const shape = (
  label: string,
  bytes: number,
  unit: number,
  limits: { maxBinding: number; maxBuffer: number },
  perSlice?: number,
) => ({
  label,
  unit,
  slices: slicesOf(bytes, { label, unit, ...(perSlice !== undefined && { perSlice }) }, limits).map(
    ([begin, count, size]) => ({ begin, count, bytes: size }),
  ),
});

test("slices cover a tensor without gaps, each within the limits and of whole units", () => {
  const sizes = fc.record({
    unit: fc.integer({ min: 1, max: 64 }).map((n) => n * 16),
    bytes: fc.integer({ min: 0, max: 100_000 }),
    maxBinding: fc.integer({ min: 4, max: 100 }).map((n) => n * 256),
    maxBuffer: fc.integer({ min: 4, max: 100 }).map((n) => n * 256),
  });
  fc.assert(
    fc.property(sizes, ({ unit, bytes, ...limits }) => {
      const slices = slicesOf(bytes, { unit }, limits);
      const most = Math.min(limits.maxBinding, limits.maxBuffer);
      let at = 0;
      for (const [i, [begin, count, size]] of slices.entries()) {
        assert.equal(begin * unit, at);
        assert(count * unit <= most && size <= count * unit);
        assert(i === slices.length - 1 || size === count * unit);
        at += size;
      }
      assert.equal(at, bytes);
    }),
  );
});

test("a slice holds a multiple of 64 units where it holds so many, else a power of two", () => {
  const units = (most: number) => unitsPerSlice(16, { maxBinding: most * 16, maxBuffer: 2 ** 28 });
  expect([0, 1, 2, 3, 5, 63, 64, 100, 200].map(units)).toEqual([0, 1, 2, 2, 4, 32, 64, 64, 192]);
});

test("tensors that can't be", () => {
  const limits = { maxBinding: 4096, maxBuffer: 8192 };
  expect(() => slicesOf(5000, { label: "y" }, limits)).toThrow(
    "y of 5000 bytes is over the limit of 4096 bytes per buffer",
  );
  expect(() => slicesOf(50_000, { label: "w", unit: 8192 }, limits)).toThrow(
    "w: 1 units of 8192 bytes is over the limit",
  );
  expect(() => slicesOf(50_000, { label: "w", unit: 1024, perSlice: 8 }, limits)).toThrow("w: 8 units of 1024 bytes");
  expect(() => slicesOf(64, { label: "w", unit: 10 }, limits)).toThrow("no multiple of 16");
  expect(() => slicesOf(-1, {}, limits)).toThrow("allocate of -1 bytes");
});

const launches = fc.record({
  x: fc.integer({ min: 1, max: 2000 }),
  y: fc.integer({ min: 1, max: 3 }),
  // Bytes per workgroup of two tensors; those of the first come in units of one, two or three workgroups.
  sliced: fc
    .tuple(fc.integer({ min: 1, max: 32 }), fc.integer({ min: 1, max: 32 }))
    .map(([a, c]) => [a * 16, c * 16] as const),
  together: fc.integer({ min: 1, max: 3 }),
  perSlice: fc.integer({ min: 1, max: 40 }),
  maxWorkgroups: fc.integer({ min: 300, max: 900 }),
});

test("every workgroup runs once, in order, and reads its own bytes", () => {
  fc.assert(
    fc.property(launches, ({ x, y, sliced, together, perSlice, maxWorkgroups }) => {
      const limits = { maxBinding: 2 ** 27, maxBuffer: 2 ** 28 };
      const tensors = [
        shape("a", x * sliced[0], together * sliced[0], limits, perSlice),
        shape("c", x * sliced[1], together * sliced[1], limits, perSlice),
        shape("x", 1000, 0, limits),
      ];
      const s = shader([...sliced, 0]);
      const plan = planDispatches(s, tensors, [x, y, 1], {
        maxWorkgroups,
        offsetAlignment: 256,
        maxBinding: limits.maxBinding,
      });
      let next = 0;
      for (const { begin, groups, ranges } of plan) {
        assert.equal(begin, next);
        next += groups[0];
        assert(groups[0] > 0 && groups[0] <= maxWorkgroups);
        assert.deepEqual(groups.slice(1), [y, 1]);
        for (const [i, { slice, offset, size }] of ranges.entries()) {
          const { begin: first, bytes } = tensors[i]!.slices[slice]!;
          const per = s.bindings[i]!.sliced;
          assert.equal(offset % 256, 0);
          assert.equal(first * tensors[i]!.unit + offset, begin * per);
          assert(size >= groups[0] * per);
          assert(offset + size <= Math.max(16, Math.ceil(bytes / 16) * 16));
        }
        assert.deepEqual(ranges[2], { slice: 0, offset: 0, size: 1008 });
      }
      assert.equal(next, x);
    }),
  );
});

test("more workgroups than a dimension allows are several dispatches", () => {
  const limits = { maxBinding: 2 ** 27, maxBuffer: 2 ** 28 };
  const at = { maxWorkgroups: 65535, offsetAlignment: 256, maxBinding: limits.maxBinding };
  const begins = (sliced: number, x: number) =>
    planDispatches(shader([sliced]), [shape("w", x * Math.max(sliced, 4), 0, limits)], [x, 1, 1], at).map(
      (d) => d.begin,
    );
  expect(begins(0, 200_000)).toEqual([0, 65535, 131070, 196605]);
  expect(begins(16, 70_000)).toEqual([0, 65520]);
  expect(planDispatches(shader([0]), [shape("w", 4, 0, limits)], [5, 0, 1], at)).toEqual([]);
  expect(() => planDispatches(shader([0]), [shape("w", 4, 0, limits)], [1, 70_000, 1], at)).toThrow(
    "kernel mm: 70000 workgroups along y is over the limit of 65535",
  );
});

test("what does not fit together is told", () => {
  const limits = { maxBinding: 4096, maxBuffer: 8192 };
  const at = { maxWorkgroups: 65535, offsetAlignment: 256, maxBinding: 4096 };
  const plan =
    (sliced: readonly number[], tensors: readonly ReturnType<typeof shape>[], x = 100) =>
    () =>
      planDispatches(shader(sliced), tensors, [x, 1, 1], at);
  const w = shape("w", 12_800, 128, limits);
  expect(plan([0], [w])).toThrow(
    "w (b0), which every workgroup reads as a whole, in 4 slices, is over the limit of one binding",
  );
  expect(plan([96], [w])).toThrow("w is cut at byte 4096, within the 96 bytes of a workgroup");
  expect(plan([128, 4], [w, shape("s", 400, 0, limits)])).toThrow("which is not aligned to 256");
  expect(plan([128, 32], [w, shape("s", 1024, 0, limits)])).toThrow("s (b1) ends before workgroup 32");
});

test("a grid of symbols, each in its domain", () => {
  const m = b.symbol("m", { min: 0, max: 100, modulo: 4, residue: 0 });
  const s: LaunchShader = {
    ...shader([]),
    grid: [1, extentOf("mm", b.floordiv(b.add(b.variable("m"), b.constant(15)), b.constant(16))), 1],
    symbols: [m],
  };
  expect(gridOf(s, { m: 20 })).toEqual([1, 2, 1]);
  expect(gridOf(s, { m: 0 })).toEqual([1, 0, 1]);
  expect([...argsOf(s, 7, { m: -1 })]).toEqual([7, 0xffffffff, 0, 0]);
  expect(() => gridOf(s, {})).toThrow("kernel mm: symbol m has no value");
  expect(() => gridOf(s, { m: 6 })).toThrow("m = 6 is not in 0..100 and congruent to 0 modulo 4");
  expect(() => gridOf({ ...s, symbols: [] }, {})).toThrow("its grid depends on m");
});
