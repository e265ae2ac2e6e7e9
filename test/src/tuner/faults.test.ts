/** Jobs in which candidates fail: what is recorded of them, that the job goes on, and that the same command resumes it. */
import { expect, test } from "vitest";
import { type Progress, tuneWorkloads } from "../../../src/tuner/index.ts";
import { parseRecord, recordText } from "../../../tune-db/index.ts";
import { all, recordOf, store } from "./helpers.ts";
import { faulty, firstPoints, job, matmul } from "./setting.ts";

const workload = matmul();
const points = firstPoints(workload, 7);

test("records each with its kind, goes on, and does not run them again", async () => {
  const db = await store();
  const testHook = faulty([
    [points[1]!, "exit"],
    [points[2]!, "wrong"],
    [points[4]!, "trap"],
  ]);
  const events: Progress[] = [];
  const progress = (event: Progress): void => void events.push(event);
  const report = await tuneWorkloads(
    job({ workloads: [workload], store: db, trials: 6, testHook, progress, weightCopies: 2 }),
  );

  const [part] = report.results[0]!.parts;
  expect(part).toMatchObject({ tried: 6, ended: "budget", strategy: "exhaustive", template: "integer-dot-decode" });
  expect(part?.trials).toMatchObject({ crash: 1, wrong: 1, trap: 1, hang: 0, quarantined: 0 });
  expect(part?.default?.point).toEqual(points[0]);
  expect(part?.gain?.ratio).toBeGreaterThan(0);
  expect(await Promise.all(points.slice(0, 6).map(async (p) => (await recordOf(db, p))?.outcome))).toEqual([
    ...["ok", "crash", "wrong"],
    ...[expect.stringMatching(/ok|rejected/), "trap", expect.stringMatching(/ok|rejected/)],
  ]);
  expect((await recordOf(db, points[1]!))?.reason).toBe("the process ended while it was checked: code 3");
  expect((await recordOf(db, points[2]!))?.reason).toMatch(
    /^row 0 of y is off by NMSE .+, 1e-10 is allowed; most at y\[0,1\] = .+, which should be .+$/,
  );
  expect((await recordOf(db, points[4]!))?.reason).toBe("RuntimeError: unreachable");
  expect(await db.summary()).toMatchObject({ records: 6, running: [] });

  const record = (await recordOf(db, points[0]!))!;
  expect(parseRecord(recordText(record))).toHaveProperty("record");
  expect(record).toMatchObject({ copies: 2, outcome: "ok", quantum: expect.any(Number) });
  expect(record.maxError).toBeLessThan(1e-5);
  expect(record.count).toBeGreaterThanOrEqual(5);

  expect(events.map((event) => event.kind)).toEqual(["start", ...Array(6).fill("trial"), "done"]);
  const trials = events.filter((event) => event.kind === "trial");
  expect(trials.map((event) => event.point)).toEqual(points.slice(0, 6));
  expect(trials[5]).toMatchObject({ index: 0, count: 1, trial: 6, of: 6, default: { point: points[0] } });

  // The same command again: all of it is on record, so nothing is tried, and the hook, which is gone, is not missed.
  const again = await tuneWorkloads(job({ workloads: [workload], store: db, trials: 6 }));
  expect(again.results[0]?.parts[0]).toMatchObject({ tried: 0, trials: part!.trials, tuned: part!.tuned });
  // One more: only that.
  const more = await tuneWorkloads(job({ workloads: [workload], store: db, trials: 7 }));
  expect(more.results[0]?.parts[0]).toMatchObject({ tried: 1, trials: { crash: 1, wrong: 1, trap: 1 } });
  expect(await recordOf(db, points[6]!)).toBeDefined();
});

test("goes on where the default itself fails", async () => {
  const db = await store();
  const testHook = faulty([[points[0]!, "trap"]]);
  const report = await tuneWorkloads(job({ workloads: [workload], store: db, trials: 3, testHook }));
  const [part] = report.results[0]!.parts;
  expect(part).toMatchObject({ default: undefined, gain: undefined, trials: { trap: 1 } });
  expect(part?.tuned?.ms).toBeGreaterThan(0);
});

test("withdraws an incumbent that no longer runs, and goes on with another", async () => {
  const db = await store();
  await tuneWorkloads(job({ workloads: [workload], store: db, trials: 2 }));
  const [best] = (await all(db)).filter((r) => r.outcome === "ok").sort((a, b) => a.median! - b.median!);
  const testHook = faulty([[best!.key.point as (typeof points)[0], "trap"]]);
  await tuneWorkloads(job({ workloads: [workload], store: db, trials: 4, testHook }));
  const after = await recordOf(db, best!.key.point as (typeof points)[0]);
  expect(after).toMatchObject({ outcome: "quarantined", reason: "measured again: trap: RuntimeError: unreachable" });
});

test("tries a template of each packing, and keeps the faster one's result", async () => {
  const db = await store();
  const few = matmul(1, 32, 64, "int2_g32");
  const report = await tuneWorkloads(job({ workloads: [few], store: db, trials: 4 }));
  const [part] = report.results[0]!.parts;
  const found = await all(db);
  expect(part).toMatchObject({ tried: 4, ended: "budget" });
  expect([...new Set(found.map(({ key }) => key.template))].sort()).toEqual(["integer-dot-decode", "table-lookup"]);
  const fastest = found.reduce((a, b) => ((b.median ?? Infinity) < (a.median ?? Infinity) ? b : a));
  expect(part?.template).toBe(fastest.key.template);
  // The same command again finds both on record.
  const again = await tuneWorkloads(job({ workloads: [few], store: db, trials: 4 }));
  expect(again.results[0]?.parts[0]).toMatchObject({ tried: 0, template: part?.template });
});
