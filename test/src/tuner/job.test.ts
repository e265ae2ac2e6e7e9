/** Jobs on tiny workloads: what is recorded, resumed, stopped, and found again by the compiler. */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { canonicalJson, WorkloadError } from "../../../ir/index.ts";
import { pointsOf, templateFor } from "../../../schedules/index.ts";
import { compile } from "../../../src/compile/index.ts";
import { type Progress, TunerError, tuneWorkloads } from "../../../src/tuner/index.ts";
import { openStore, parseRecord, recordText } from "../../../tune-db/index.ts";
import { all, device, faulty, firstPoints, folder, job, matmul, recordOf, store } from "./helpers.ts";

const workload = matmul();
const points = firstPoints(workload, 7);

describe("a job with faults", () => {
  test("records each with its kind, goes on, and does not run them again", async () => {
    const db = await store();
    const testHook = faulty([
      [points[1]!, "exit"],
      [points[2]!, "wrong"],
      [points[4]!, "trap"],
    ]);
    const events: Progress[] = [];
    const progress = (event: Progress): void => void events.push(event);
    const report = await tuneWorkloads(job({ workloads: [workload], store: db, trials: 6, testHook, progress }));

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
    expect(await db.summary()).toMatchObject({ records: 6, running: [] });

    const record = (await recordOf(db, points[0]!))!;
    expect(parseRecord(recordText(record))).toHaveProperty("record");
    expect(record).toMatchObject({ copies: 1, outcome: "ok", quantum: expect.any(Number) });
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
});

describe("a job that is stopped", () => {
  test("keeps what was measured and holds nothing against what was running", async () => {
    const db = await store();
    const controller = new AbortController();
    const testHook = faulty([[points[2]!, "hang"]]);
    const limits = { run: 60 };
    const running = tuneWorkloads(
      job({ workloads: [workload, matmul(2)], store: db, testHook, limits, signal: controller.signal }),
    );
    await until(async () => (await db.summary()).running.length === 1 && (await all(db)).length === 2);
    controller.abort(new Error("enough"));
    const report = await running;
    expect(report.stopped).toBe(true);
    expect(report.results.map(({ parts }) => parts.map(({ ended }) => ended))).toEqual([["stopped"], []]);
    expect(await db.summary()).toMatchObject({ records: 2, running: [] });
    expect(await recordOf(db, points[2]!)).toBeUndefined();
    expect(report.results[0]?.parts[0]?.tuned?.ms).toBeGreaterThan(0);
  });

  test("before it has begun does nothing", async () => {
    const db = await store();
    const report = await tuneWorkloads(job({ workloads: [workload], store: db, signal: AbortSignal.abort() }));
    expect(report).toMatchObject({ stopped: true, results: [{ parts: [] }] });
    expect((await db.summary()).records).toBe(0);
  });
});

describe("any number of rows", () => {
  test("is tuned at one row, then at 128 on the winner's layout, and found by the compiler", async () => {
    const place = join(folder(), "tune.sqlite");
    const db = await store(place);
    const any = matmul("any");
    const report = await tuneWorkloads(job({ workloads: [any], store: db, trials: 8 }));
    const { parts } = report.results[0]!;
    expect(parts.map((part) => ("m" in part.workload ? part.workload.m : undefined))).toEqual([1, 128]);
    const [decode, prefill] = parts;
    expect(prefill?.tuned?.point["vectors"]).toBe(decode?.tuned?.point["vectors"]);

    const kernel = await compile(any, { device, db });
    const chosen = kernel.explanation.filter((line) => line.endsWith("from exact record"));
    expect(chosen).toHaveLength(2);
    expect(chosen[1]).toContain(`prefill: ${prefill?.template}`);
    kernel.dispose();
    // A fixed M is compiled from the very artifact that was measured.
    const fixed = await compile(matmul(1), { device, db });
    expect(fixed.explanation.at(-1)).toBe(
      `all: ${decode?.template} ${JSON.stringify(sortedLike(fixed.artifact.parts[0]!.point, decode!.tuned!.point))}, from exact record`,
    );
    fixed.dispose();
  });
});

describe("several workloads", () => {
  test("are each tuned once, and one that can't be measured does not end the others", async () => {
    const db = await store();
    const dequantize = { op: "dequantize", n: 16, k: 32, w: "q4_0" } as const;
    const workloads = [
      matmul(1, 32, 40),
      dequantize,
      { ...dequantize },
      { op: "quantize", m: 2, k: 64, group: 32 } as const,
    ];
    const report = await tuneWorkloads(job({ workloads, store: db, seconds: 30 }));
    expect(report.results.map(({ failure }) => failure)).toEqual([
      expect.stringContaining("k: 40 is not a multiple of"),
      undefined,
      undefined,
    ]);
    for (const { parts } of report.results.slice(1))
      expect(parts).toMatchObject([
        { points: 1, ended: "searched", trials: { ok: 1 }, gain: { ratio: 1, verdict: "same" } },
      ]);
  });

  test("begin with what was good for near shapes", async () => {
    const db = await store();
    const near = matmul(1, 64, 64);
    const target = { workload: near, device };
    await tuneWorkloads(job({ workloads: [near], store: db, trials: 3 }));
    const known = (await all(db)).filter((r) => r.outcome === "ok").map((r) => canonicalJson(r.key.point));
    const events: Progress[] = [];
    await tuneWorkloads(job({ workloads: [workload], store: db, trials: 3, progress: (e) => void events.push(e) }));
    const tried = events.flatMap((event) => (event.kind === "trial" ? [canonicalJson(event.point)] : []));
    const able = [...pointsOf(templateFor({ ...target, workload }).space({ ...target, workload }))].map(canonicalJson);
    const transferable = known.filter((key) => able.includes(key) && key !== tried[0]);
    expect(transferable.length === 0 || transferable.includes(tried[1]!)).toBe(true);
  });
});

describe("what is refused", () => {
  test.each([
    [{ seconds: 0 }, "seconds = 0; it must be a number above 0"],
    [{ trials: 1.5 }, "trials = 1.5; it must be an integer from 1 up"],
    [{ weightCopies: 0 }, "weightCopies = 0; it must be an integer from 1 up"],
  ])("%j", async (options, message) => {
    const refused = tuneWorkloads(job({ workloads: [workload], store: await store(), ...options }));
    await expect(refused).rejects.toThrow(new TunerError(message));
  });

  test("what is no workload, before anything is measured", async () => {
    const db = await store();
    const workloads = [workload, { op: "matmul", m: 1 } as never];
    await expect(tuneWorkloads(job({ workloads, store: db }))).rejects.toThrow(WorkloadError);
    expect((await db.summary()).records).toBe(0);
  });

  test("a store that fails ends the job, and what was stored before stays", async () => {
    const place = join(folder(), "tune.sqlite");
    const db = await openStore(place);
    const progress = (event: Progress): void => {
      if (event.kind === "trial" && event.trial === 2) void db.close();
    };
    await expect(tuneWorkloads(job({ workloads: [workload], store: db, trials: 5, progress }))).rejects.toThrow();
    expect((await all(await store(place))).length).toBe(2);
  });
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 30));
}

/** The entries of `like` in the order of `order`. */
const sortedLike = (order: object, like: Readonly<Record<string, unknown>>): object =>
  Object.fromEntries(Object.keys(order).map((name) => [name, like[name]]));
