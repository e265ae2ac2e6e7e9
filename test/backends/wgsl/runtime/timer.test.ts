// The timer over devices that are played: each pass takes what its work says, on clocks of every kind.

import fc from "fast-check";
import { expect, test } from "vitest";
import type { TimedPass } from "../../../../backends/wgsl/runtime/stamps.ts";
import { calibrate, type PassClock } from "../../../../backends/wgsl/runtime/timer.ts";

interface Played {
  /** Step of the timestamps in ns; without it there are none. */
  readonly step?: number;
  readonly overheadMs?: number;
  /** What the device makes of a pass's timestamps. */
  readonly stamps?: (begin: number, end: number, pass: number) => readonly [number, number];
}

/** A device whose work is milliseconds per run. */
function played({
  step,
  overheadMs = 0.2,
  stamps = (begin, end) => [begin, end],
}: Played): PassClock<number> & { longest: number } {
  let now = 1e9;
  let count = 0;
  return {
    hasStamps: step !== undefined,
    wallQuantumMs: 0.005,
    probe: 0.03,
    longest: 0,
    pass(ms, times) {
      this.longest = Math.max(this.longest, ms * times);
      const begin = now;
      now += (ms * times + overheadMs) * 1e6;
      const wallMs = ms * times + overheadMs;
      if (step === undefined) return Promise.resolve({ wallMs });
      const [from, to] = stamps(begin, begin + ms * times * 1e6, count++);
      const counted = (time: number): bigint => BigInt(Math.floor(time / step) * step);
      return Promise.resolve({ wallMs, stamps: { begin: counted(from), end: counted(to) } } satisfies TimedPass);
    },
  };
}

test("honest timestamps are used; samples span a hundred quanta and 2 ms", async () => {
  const coarse = await calibrate(played({ step: 65_536 }));
  expect(coarse.facts.clock).toBe("timestamps");
  expect(coarse.facts.quantumMs).toBeCloseTo(0.065536, 6);
  expect(coarse.sampleMs).toBeCloseTo(6.5536, 4);
  const fine = await calibrate(played({ step: 1 }));
  expect(fine.facts.clock).toBe("timestamps");
  expect(fine.sampleMs).toBeLessThan(20);
});

test("batches are long enough for the clock, and no much longer, whatever the work takes", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.double({ min: 0.005, max: 50, noNaN: true }),
      fc.constantFrom<Played>({ step: 65_536 }, { step: 100 }, {}, { overheadMs: 5 }),
      async (ms, kind) => {
        const device = played(kind);
        const timer = await calibrate(device);
        device.longest = 0;
        const times = await timer.batchSize(ms);
        expect(times * ms).toBeGreaterThanOrEqual(timer.sampleMs - 0.07);
        expect(device.longest).toBeLessThanOrEqual(Math.max(ms, 2.5 * timer.sampleMs));
        // Rounding is below 1 %.
        expect(Math.abs((await timer.time(ms, times)) / times / ms - 1)).toBeLessThan(0.011);
      },
    ),
    { numRuns: 60 },
  );
});

test("without timestamps the wall is used, less what a submission takes", async () => {
  const timer = await calibrate(played({ overheadMs: 3 }));
  expect(timer.facts).toMatchObject({ clock: "wall", why: "the device has no timestamp queries", overheadMs: 3 });
  expect(timer.sampleMs).toBeCloseTo(30, 6);
  expect(await timer.time(2, 10)).toBeCloseTo(20, 6);
});

test.each<[string, NonNullable<Played["stamps"]>]>([
  ["always zero", () => [0, 0]],
  ["backwards", (begin, end) => [end + 1e6, begin]],
  ["a counter that is no clock", (_begin, _end, pass) => [pass * 1e6, pass * 1e6 + 100]],
  ["a thousand times too much", (begin, end) => [begin * 1000, end * 1000]],
  ["starting again with each pass", (begin, end) => [0, end - begin]],
])("timestamps that lie are told and not used: %s", async (_, stamps) => {
  const timer = await calibrate(played({ step: 1, stamps }));
  expect(timer.facts.clock).toBe("wall");
  expect(timer.facts.why).not.toContain("agree");
  expect(await timer.time(2, 10)).toBeCloseTo(20, 6);
});

test("a device that begins to lie is caught later, and from then on timed by the wall", async () => {
  let lying = false;
  const timer = await calibrate(played({ step: 1, stamps: (begin, end) => (lying ? [end, begin] : [begin, end]) }));
  expect(timer.facts.clock).toBe("timestamps");
  lying = true;
  expect(await timer.time(2, 10)).toBeCloseTo(20, 6);
  expect(timer.facts).toMatchObject({ clock: "wall", why: "a pass ended before it began" });
  lying = false;
  await timer.time(2, 10);
  expect(timer.facts.clock).toBe("wall");
});

test("a device that runs nothing is timed by the wall, in bounded passes", async () => {
  const device = {
    ...played({ step: 1 }),
    pass: () => Promise.resolve({ wallMs: 0.2, stamps: { begin: 0n, end: 0n } }),
  };
  const timer = await calibrate(device);
  expect(timer.facts).toMatchObject({ clock: "wall", why: "the device seems to run nothing" });
  expect(await timer.batchSize(1)).toBe(2 ** 16);
});

test("passes of one timer run one at a time, also after one that fails", async () => {
  const device = played({ step: 1 });
  let running = 0;
  const timer = await calibrate({
    ...device,
    pass: async (ms: number, times: number) => {
      expect(running++).toBe(0);
      await new Promise((resolve) => setTimeout(resolve, 1));
      running--;
      if (ms === 13) throw new Error("lost");
      return device.pass(ms, times);
    },
  });
  const all = await Promise.allSettled([1, 13, 2].map((ms) => timer.time(ms)));
  expect(all.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
});
