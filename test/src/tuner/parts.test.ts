/** The small pieces of a job: budgets, warming up, spaces with pinned layouts, progress lines. */
import { describe, expect, test } from "vitest";
import { type Point, pointsOf, rejection, templateFor } from "../../../schedules/index.ts";
import { Budget } from "../../../src/tuner/budget.ts";
import { type PartResult, type Progress, progressLine } from "../../../src/tuner/index.ts";
import { settle, warmUp } from "../../../src/tuner/measuring/warm-up.ts";
import { nearestPoint, restrictSpace, transfer } from "../../../src/tuner/space.ts";
import { device, matmul } from "./setting.ts";

describe("a budget", () => {
  test("is shared evenly, and what a part leaves goes to the others", () => {
    let now = 0;
    const budget = new Budget({ seconds: 30, trials: 10 }, [1, 1, 1], () => now);
    expect(budget.next()).toEqual({ deadline: 10_000, trials: 4 });
    now = 4_000;
    budget.spend(2);
    expect(budget.next()).toEqual({ deadline: 17_000, trials: 4 });
    now = 40_000;
    budget.spend(20);
    expect(budget.next()).toEqual({ deadline: 30_000, trials: 0 });
  });

  test("is shared by weight", () => {
    const budget = new Budget({ seconds: 40, trials: 8 }, [3, 1], () => 0);
    expect(budget.next()).toEqual({ deadline: 30_000, trials: 6 });
    budget.spend(6);
    expect(budget.next()).toEqual({ deadline: 40_000, trials: 2 });
  });

  test("may be without limits", () => {
    expect(new Budget({}, [1, 1]).next()).toEqual({ deadline: Infinity, trials: Infinity });
  });
});

describe("warming up", () => {
  /** A clock that runs take `times` of, the last one again and again. */
  function runner(times: readonly number[]): {
    readonly run: () => void;
    readonly clock: () => number;
    readonly runs: () => number;
  } {
    let [now, count] = [0, 0];
    return {
      run: () => {
        now += times[Math.min(count++, times.length - 1)]!;
      },
      clock: () => now,
      runs: () => count,
    };
  }

  test("goes on while times fall", () => {
    const { run, clock, runs } = runner([90, 80, 40, 40, 39.9, 20, 10]);
    expect(warmUp(run, { clock, maxMs: 1000 })).toBe(10);
    expect(runs()).toBe(10);
  });

  test("takes short runs together", () => {
    const { run, clock, runs } = runner([1]);
    expect(warmUp(run, { clock })).toBe(1);
    expect(runs()).toBe(12);
  });

  test("ends when it has lasted long enough", () => {
    const { run, clock } = runner(Array.from({ length: 100 }, (_, i) => 1000 * 0.9 ** i));
    warmUp(run, { clock, maxMs: 2500 });
    expect(clock()).toBeLessThan(4000);
  });

  test("by samples of their own where contestants time themselves", async () => {
    const { run, clock, runs } = runner([2, 2, 2, 2, 2, 2, 2, 1.5, 1.5, 1]);
    const time = async (count: number): Promise<number> => {
      const start = clock();
      for (let i = 0; i < count; i++) run();
      return clock() - start;
    };
    expect(await settle({ time, quantumMs: 0.001 }, { clock, maxMs: 1000 })).toBe(1);
    // Two runs are a sample of 3 ms, which 1 + 1 + 2 of them tell; then four samples fall and three do not.
    expect(runs()).toBe(4 + 2 * 4 + 2 * 3);
  });
});

describe("a pinned layout", () => {
  const target = { workload: matmul(128, 64), device };
  const space = templateFor(target).space(target);
  const pinned: Point = { vectors: 2, tile: 2, rows: 1, panel: 1, order: "quads-outside" };

  test("leaves the points that read it", () => {
    const restricted = restrictSpace(space, pinned);
    const points = [...pointsOf(restricted)];
    expect(points.length).toBeGreaterThan(10);
    expect(points.every((point) => point["vectors"] === 2)).toBe(true);
    expect(restrictSpace(space, undefined)).toBe(space);
  });

  test("moves the default no further than needed", () => {
    const wanted = templateFor(target).default(target);
    expect(nearestPoint(space, wanted)).toBe(wanted);
    const moved = nearestPoint(restrictSpace(space, pinned), wanted)!;
    expect(rejection(restrictSpace(space, pinned), moved)).toBeUndefined();
    expect(moved).toMatchObject({ vectors: 2, rows: wanted["rows"], order: wanted["order"] });
    expect(nearestPoint({ ...space, where: [{ name: "none", violated: () => "never" }] }, wanted)).toBeUndefined();
  });

  test("is put on points from elsewhere, which are left out where they don't fit", () => {
    const restricted = restrictSpace(space, pinned);
    expect(transfer(restricted, { ...pinned, vectors: 8, rows: 4 })).toEqual({ ...pinned, rows: 4 });
    expect(transfer(restricted, { ...pinned, rows: 1 })).toBeUndefined();
    expect(transfer(restricted, { vectors: 2 })).toBeUndefined();
    expect(transfer(restricted, { ...pinned, rows: [4] })).toBeUndefined();
  });
});

test("progress is one line", () => {
  const place = { index: 1, count: 7, workload: matmul(1, 4096, 4096, "q4_K") } as const;
  const point: Point = { vectors: 4 };
  const timing = { point, ms: 0.53, spreadMs: 0.01, samples: 9 };
  const trial = {
    kind: "trial",
    point,
    outcome: "ok",
    reason: null,
    trial: 12,
    of: 64,
    default: timing,
    best: { point, ms: 0.4123 },
    etaSeconds: 17.2,
  } as const;
  const result: PartResult = {
    ...{
      workload: place.workload,
      template: "t",
      strategy: "exhaustive",
      points: 64,
      default: timing,
      tuned: { ...timing, ms: 0.41 },
    },
    ...{ gain: undefined, trials: {} as never, tried: 12, ended: "searched" },
  };
  const events: readonly Progress[] = [
    { ...place, kind: "start" },
    { ...place, ...trial },
    { ...place, ...trial, outcome: "crash", reason: "it ended", of: undefined, best: undefined, etaSeconds: undefined },
    { ...place, kind: "done", result },
    { ...place, kind: "failed", reason: "no memory" },
  ];
  expect(events.map(progressLine)).toMatchInlineSnapshot(`
    [
      "[2/7] matmul m=1 n=4096 k=4096 q4_K x i8_g32  starting",
      "[2/7] matmul m=1 n=4096 k=4096 q4_K x i8_g32  12/64  best 0.412 ms (default 0.530)  18 s left",
      "[2/7] matmul m=1 n=4096 k=4096 q4_K x i8_g32  12  crash  nothing right yet",
      "[2/7] matmul m=1 n=4096 k=4096 q4_K x i8_g32  best 0.410 ms (default 0.530)  12 tried, searched",
      "[2/7] matmul m=1 n=4096 k=4096 q4_K x i8_g32  failed: no memory",
    ]
  `);
});
