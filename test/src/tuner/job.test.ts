/** Jobs on tiny workloads: what is recorded, resumed, stopped, and found again by the compiler. */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { WasmRuntime } from "../../../backends/index.ts";
import { WorkloadError } from "../../../ir/index.ts";
import { compile } from "../../../src/compile/index.ts";
import { type Progress, TunerError, tuneWorkloads } from "../../../src/tuner/index.ts";
import { openStore } from "../../../tune-db/index.ts";
import { all, folder, recordOf, store, until } from "./helpers.ts";
import { device, faulty, firstPoints, job, matmul } from "./setting.ts";

const workload = matmul();
const points = firstPoints(workload, 3);

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
    const report = await tuneWorkloads(job({ workloads: [any], store: db, trials: 4 }));
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

describe("several threads", () => {
  test("are measured with, and have records of their own; on one, what was good on several is taken", async () => {
    const db = await store();
    const shared = matmul(1, 1024, 512);
    const options = { workloads: [shared], store: db, trials: 2 };
    const report = await tuneWorkloads(job({ ...options, device: { ...device, threads: 2 } }));
    expect(report.results[0]?.parts[0]).toMatchObject({ tried: 2, trials: { ok: 2 } });
    expect((await all(db)).map(({ key }) => [key.device.threads, key.device.features])).toEqual([
      [2, device.features],
      [2, device.features],
    ]);
    const explained = async (threads: number): Promise<string> => {
      using kernel = await compile(shared, { device, db, threads });
      return kernel.explanation.at(-1)!;
    };
    expect(await explained(2)).toMatch(/, from exact record$/);
    expect(await explained(1)).toMatch(/, from nearest-shape record$/);
    await tuneWorkloads(job(options));
    expect((await all(db)).map(({ key }) => key.device.threads).sort()).toEqual([2, 2, undefined, undefined]);
    expect(await explained(1)).toMatch(/, from exact record$/);
    // On a shared memory the kernel of one thread is other bytes than were measured: that is not held against the record.
    using onShared = await compile(shared, { device, db, runtime: new WasmRuntime({ shared: true }) });
    expect(onShared.explanation.at(-1)).toMatch(/, from exact record$/);
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

/** The entries of `like` in the order of `order`. */
const sortedLike = (order: object, like: Readonly<Record<string, unknown>>): object =>
  Object.fromEntries(Object.keys(order).map((name) => [name, like[name]]));
