/** The rows of the page's table, from what a job tells. */
import { expect, test } from "vitest";
import { llama1b } from "../../../src/models/index.ts";
import type { Progress } from "../../../src/tuner/index.ts";
import { concerns, type ResultRow, ratesOf, updated } from "../../../src/web/page/results.ts";

const [kernel] = llama1b as [(typeof llama1b)[number]];
const workload = { ...kernel.workload, m: 1 };
const row: ResultRow = {
  id: "a row",
  kernel,
  target: "wasm",
  workload,
  state: "standing",
  defaultMs: undefined,
  tunedMs: undefined,
  speedUp: undefined,
  template: "decode",
  point: undefined,
  trials: 0,
  of: 60,
  note: undefined,
};
const place = { index: 0, count: 1 };
const timing = (ms: number, rows: number) => ({ point: { rows }, ms, spreadMs: 0.1, samples: 5 });

test("a row is tuning from the start, best and default as the trials have them", () => {
  expect(updated(row, { ...place, kind: "start", workload })).toMatchObject({ state: "tuning" });
  const trial: Progress = {
    ...place,
    kind: "trial",
    workload,
    point: { rows: 4 },
    outcome: "ok",
    reason: null,
    trial: 3,
    of: 40,
    default: timing(2, 1),
    best: { point: { rows: 4 }, ms: 0.5 },
    etaSeconds: 7,
  };
  expect(updated(row, trial)).toMatchObject({
    defaultMs: 2,
    tunedMs: 0.5,
    speedUp: 4,
    point: { rows: 4 },
    trials: 3,
    of: 40,
  });
});

test("a part that is done says what is on record; a difference below the noise is no speed-up", () => {
  const trials = { ok: 2, crash: 0, hang: 1, wrong: 0, trap: 0, rejected: 4, quarantined: 0 };
  const result = {
    workload,
    template: "decode",
    strategy: "exhaustive",
    points: 60,
    default: timing(2, 1),
    tuned: timing(1.9, 2),
    gain: { ratio: 0.95, verdict: "same" },
    trials,
    tried: 7,
    ended: "budget",
  } as const;
  expect(updated(row, { ...place, kind: "done", result })).toMatchObject({ tunedMs: 1.9, speedUp: 1, trials: 7 });
  const faster = { ...result, gain: { ratio: 0.5, verdict: "faster" } } as const;
  expect(updated(row, { ...place, kind: "done", result: faster })).toMatchObject({ speedUp: 2, state: "standing" });
});

test("what fails is told of each of the kernel's rows, anything else of its own", () => {
  const failed: Progress = { ...place, kind: "failed", workload: kernel.workload, reason: "no memory" };
  const prefill = { ...row, workload: { ...workload, m: 128 } };
  expect([row, prefill].map((one) => concerns(one, failed))).toEqual([true, true]);
  expect(updated(prefill, failed)).toMatchObject({ state: "failed", note: "no memory" });
  const start: Progress = { ...place, kind: "start", workload };
  expect([row, prefill].map((one) => concerns(one, start))).toEqual([true, false]);
});

test("rates count stored weights, x and y once, a product and a sum each", () => {
  // 2048 x 2048 of q4_0: 18 bytes for 32 weights.
  const { gigabytes, gigaoperations } = ratesOf(workload, 1);
  expect(gigabytes).toBeCloseTo(((2048 * 2048 * 18) / 32 + 4 * 4096) / 1e6, 9);
  expect(gigaoperations).toBeCloseTo((2 * 2048 * 2048) / 1e6, 9);
});
