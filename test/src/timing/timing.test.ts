import { describe, expect, onTestFinished, test, vi } from "vitest";
import { batchSize, type Clock, interleave, timerQuantum } from "../../../src/timing/index.ts";

/** A clock in steps of `quantum` ms that moves by `tick` on every look, and whenever a run says so. */
function fakeClock(quantum: number, tick = quantum / 10) {
  const time = { now: 0 };
  const clock: Clock = () => {
    time.now += tick;
    return Math.floor(time.now / quantum) * quantum;
  };
  const pass = (ms: number) => {
    time.now += ms;
  };
  return { clock, pass };
}

describe("timerQuantum", () => {
  test("finds the clock's step", () => {
    expect(timerQuantum(fakeClock(0.0625).clock)).toBeCloseTo(0.0625, 9);
    expect(timerQuantum(fakeClock(1).clock)).toBeCloseTo(1, 9);
  });

  test("of the real clock is positive and below a millisecond", () => {
    expect(timerQuantum()).toBeGreaterThan(0);
    expect(timerQuantum()).toBeLessThan(1);
  });
});

describe("batchSize", () => {
  test("makes a sample as long as asked for", async () => {
    const { clock, pass } = fakeClock(1e-4);
    const batch = await batchSize(() => pass(0.01), { clock, minMs: 2 });
    expect(batch * 0.01).toBeGreaterThanOrEqual(2 - 1e-3);
    expect(batch * 0.01).toBeLessThan(4);
  });

  test("spans many steps of a coarse clock, even where one run takes none", async () => {
    const { clock, pass } = fakeClock(0.0625);
    const batch = await batchSize(() => pass(0.001), { clock, minMs: 2 });
    expect(batch * 0.001).toBeGreaterThan(0.95 * 100 * 0.0625);
  });

  test("runs a long function alone, and awaits an asynchronous one", async () => {
    const { clock, pass } = fakeClock(1e-3);
    expect(await batchSize(() => pass(50), { clock })).toBe(1);
    const later = async () => {
      await Promise.resolve();
      pass(50);
    };
    expect(await batchSize(later, { clock })).toBe(1);
  });
});

describe("runs that are timed elsewhere", () => {
  /** A clock elsewhere in steps of 1 ms, and how many runs it was asked for. */
  function elsewhere(msPerRun: number) {
    const asked: number[] = [];
    const time = async (count: number) => {
      asked.push(count);
      return Math.floor(count * msPerRun);
    };
    return { asked, timed: { quantumMs: 1, time } };
  }

  test("fill a sample by their own clock's steps", async () => {
    const { clock } = fakeClock(1e-4);
    expect(await batchSize(elsewhere(2).timed, { clock, minMs: 2, quanta: 100 })).toBeGreaterThanOrEqual(50);
    expect(await batchSize(elsewhere(500).timed, { clock, minMs: 2, quanta: 100 })).toBe(1);
  });

  test("are measured by what is told, beside others by the clock here", async () => {
    const { clock, pass } = fakeClock(1e-4);
    const { asked, timed } = elsewhere(30);
    const here = () => pass(5);
    const samples = await interleave([timed, here], { clock, seconds: 0, minSamples: 2, quanta: 10 });
    expect(samples[0]?.ms).toEqual([30, 30]);
    expect(samples[1]?.ms.map(Math.round)).toEqual([5, 5]);
    expect(asked.every((count) => count === 1)).toBe(true);
  });
});

describe("interleave", () => {
  test("runs nothing beforehand where the times are known", async () => {
    const { clock, pass } = fakeClock(1e-4);
    const runs = { slow: 0, quick: 0 };
    const slow = () => {
      runs.slow++;
      pass(500);
    };
    const quick = () => {
      runs.quick++;
      pass(0.5);
    };
    const samples = await interleave([slow, quick], { clock, seconds: 0, minSamples: 3, runMs: [500, 0.5] });
    expect(samples.map(({ batch }) => batch)).toEqual([1, 5]);
    expect(runs).toEqual({ slow: 4, quick: 4 * 6 });
  });

  test("takes turns and reports time per run, the first sample dropped", async () => {
    const { clock, pass } = fakeClock(1e-4);
    const order: string[] = [];
    let runsOfA = 0;
    const a = () => {
      order.push("a");
      // Batch sizing runs it twice; the first sample's untimed and timed runs are slow still.
      pass(runsOfA++ < 4 ? 500 : 10);
    };
    const b = () => {
      order.push("b");
      pass(100);
    };
    const [ofA, ofB] = await interleave([a, b], { clock, seconds: 0, minSamples: 4 });
    expect(ofA?.ms).toHaveLength(4);
    expect(ofB?.ms).toHaveLength(4);
    for (const ms of ofA!.ms) expect(ms).toBeCloseTo(10, 2);
    for (const ms of ofB!.ms) expect(ms).toBeCloseTo(100, 2);
    // a is warmed before each sample; b is too long to gain by it once that is known.
    expect(order.join("").slice(4)).toBe("aabb".concat("aabb", "aab".repeat(3)));
  });

  test("goes on until the time is up", async () => {
    const { clock, pass } = fakeClock(1e-4);
    const [samples] = await interleave([() => pass(50)], { clock, seconds: 1, minSamples: 2 });
    expect(samples!.ms.length).toBeGreaterThan(15);
    expect(samples!.ms.length).toBeLessThan(25);
  });

  test("samples short runs in batches of their own size", async () => {
    const { clock, pass } = fakeClock(1e-4);
    const [short, long] = await interleave([() => pass(0.02), () => pass(1)], { clock, seconds: 0.1 });
    expect(short!.batch).toBeGreaterThanOrEqual(95);
    expect(long!.batch).toBeLessThan(4);
    expect(short!.ms[0]).toBeCloseTo(0.02, 3);
    expect(long!.ms[0]).toBeCloseTo(1, 3);
  });

  test("ends with the signal's reason, or the error of a run", async () => {
    const { clock, pass } = fakeClock(1e-4);
    const abort = new AbortController();
    let runs = 0;
    const run = () => {
      pass(30);
      if (++runs === 12) abort.abort(new Error("interrupted"));
    };
    await expect(interleave([run], { clock, seconds: 1e6, signal: abort.signal })).rejects.toThrow("interrupted");
    expect(runs).toBeLessThan(16);
    const trap = async () => {
      throw new Error("unreachable");
    };
    await expect(interleave([trap], { clock, seconds: 1 })).rejects.toThrow("unreachable");
  });

  test("lets contestants time themselves, by the step of their own clock", async () => {
    const { clock, pass } = fakeClock(1e-4);
    const calls: number[] = [];
    const time = async (count: number) => {
      calls.push(count);
      pass(30);
      return 0.25 * count;
    };
    const [own, ours] = await interleave([{ time, quantumMs: 0.0625 }, () => pass(30)], {
      clock,
      seconds: 0,
      minSamples: 2,
    });
    // 100 steps of 0.0625 ms in runs of 0.25 ms, a little beyond; then three samples, each with a run before it.
    const { batch } = own!;
    expect(batch).toBeGreaterThanOrEqual(25);
    expect(calls).toEqual([1, 1, 10, batch, 1, batch, 1, batch, 1, batch]);
    expect(own!.ms).toEqual([0.25, 0.25]);
    expect(ours!.ms[0]).toBeCloseTo(30, 2);
  });

  test("takes turns where there is no setImmediate", async () => {
    vi.stubGlobal("setImmediate", undefined);
    onTestFinished(() => void vi.unstubAllGlobals());
    let timers = 0;
    const timer = setInterval(() => void timers++, 0);
    onTestFinished(() => clearInterval(timer));
    const { clock, pass } = fakeClock(1e-4);
    const [samples] = await interleave([() => pass(30)], { clock, seconds: 0, minSamples: 200 });
    expect(samples!.ms).toHaveLength(200);
    expect(timers).toBeGreaterThan(0);
  });
});
