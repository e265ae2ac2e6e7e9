// What is made of timestamps: plain functions, over clocks that are played.

import fc from "fast-check";
import { expect, test } from "vitest";
import {
  distrust,
  impossible,
  stampedMs,
  stampQuantum,
  type TimedPass,
} from "../../../../backends/wgsl/runtime/stamps.ts";

const pass = (begin: number, end: number, wallMs: number): TimedPass => ({
  wallMs,
  stamps: { begin: BigInt(Math.round(begin)), end: BigInt(Math.round(end)) },
});

/** Passes of these lengths in ns, one after the other, by a clock that counts whole steps of so many ns. */
function passes(lengths: readonly number[], step: number, { rate = 1, overheadMs = 0.1 } = {}): readonly TimedPass[] {
  let now = 1e12;
  const stamp = (time: number): number => Math.floor(Math.floor((time * rate) / step) * step);
  return lengths.map((length) => {
    const begin = now + 20_000;
    now = begin + length;
    return pass(stamp(begin), stamp(now), length / 1e6 + overheadMs);
  });
}

const lengths = fc.array(fc.integer({ min: 200_000, max: 900_000 }), { minLength: 12, maxLength: 30 });
const long = [15e6, 16e6, 15.5e6];

test("a coarse clock's step is found, also where it is no whole number of nanoseconds", () => {
  fc.assert(
    fc.property(lengths, fc.constantFrom(65_536, 100_000, 65_536.33, 52_083.33), (list, step) => {
      const found = stampQuantum(passes([...long, ...list], step)) * 1e6;
      // A multiple, and seldom more than the step itself: there are few lengths to tell.
      const steps = found / step;
      expect(Math.abs(steps - Math.round(steps))).toBeLessThan(0.01);
      expect(Math.round(steps)).toBeGreaterThanOrEqual(1);
      expect(Math.round(steps)).toBeLessThanOrEqual(4);
    }),
  );
});

test("a fine clock's step is never told much finer than it is, nor so coarse that samples get long", () => {
  fc.assert(
    fc.property(lengths, fc.constantFrom(1, 10, 52.083, 1000), (list, step) => {
      const found = stampQuantum(passes([...long, ...list], step)) * 1e6;
      expect(found).toBeGreaterThan(step - 3);
      expect(found).toBeLessThan(200_000);
    }),
  );
});

test("no step can be told where nothing takes time", () => {
  expect(stampQuantum(passes([10, 10], 65_536))).toBe(0);
  expect(stampQuantum([{ wallMs: 1 }])).toBe(0);
});

test("honest clocks are believed: coarse ones, and those that run a little fast or slow", () => {
  fc.assert(
    fc.property(
      lengths,
      fc.constantFrom(1, 1000, 65_536, 100_000),
      fc.double({ min: 0.9, max: 1.1, noNaN: true }),
      fc.double({ min: 0.01, max: 12, noNaN: true }),
      (list, step, rate, overheadMs) => {
        expect(distrust(passes([...long, ...list], step, { rate, overheadMs }), overheadMs)).toBeUndefined();
      },
    ),
  );
});

test("a busy machine, which keeps passes waiting, is no reason for distrust", () => {
  const waited = passes([...long, 15e6], 1).map((p, i) => (i === 1 ? p : { ...p, wallMs: p.wallMs + 80 }));
  expect(distrust(waited, 0.1)).toBeUndefined();
  expect(impossible([pass(0, 1e6, 100)])).toBeUndefined();
});

test.each<[string, readonly TimedPass[], string]>([
  ["backwards within a pass", [pass(5e6, 4e6, 10)], "a pass ended before it began"],
  [
    "backwards between passes",
    [pass(5e6, 6e6, 10), pass(1e6, 2e6, 10)],
    "time ran backwards from one pass to the next",
  ],
  ["always zero", [pass(0, 0, 15), pass(0, 0, 16)], "passes of 15.0 ms take no time"],
  ["standing still", [pass(7e6, 7e6, 15), pass(7e6, 7e6, 16)], "passes of 15.0 ms take no time"],
  ["too much", [pass(0, 100e6, 15)], "the device counts 100 ms for what took 15.0 ms"],
  ["ticks for nanoseconds", passes(long, 1, { rate: 0.019 }), "the device counts 0.285 ms for what took 15.1 ms"],
  ["none", [{ wallMs: 15 }], "the device gives no timestamps"],
])("lies: %s", (_, list, why) => {
  expect(distrust(list, 0.1)).toBe(why);
});

test("random timestamps are not believed", () => {
  fc.assert(
    fc.property(fc.array(fc.bigInt({ min: 0n, max: 2n ** 63n }), { minLength: 20, maxLength: 20 }), (words) => {
      const list = Array.from({ length: 10 }, (_, i) => ({
        wallMs: 15,
        stamps: { begin: words[2 * i]!, end: words[2 * i + 1]! },
      }));
      fc.pre(list.some(({ stamps }) => stamps.begin !== stamps.end));
      expect(distrust(list, 0.1)).toBeTypeOf("string");
    }),
  );
});

test("lengths in milliseconds", () => {
  expect(stampedMs(pass(1e6, 3.5e6, 9))).toBe(2.5);
  expect(stampedMs({ wallMs: 9 })).toBe(0);
});
