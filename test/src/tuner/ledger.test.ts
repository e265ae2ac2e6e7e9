/** What a part knows before it measures anything, and what it makes of records. */
import { describe, expect, test } from "vitest";
import type { MatmulWorkload } from "../../../ir/index.ts";
import { type Point, templateFor } from "../../../schedules/index.ts";
import { generatorHash, layoutVersion } from "../../../src/compile/index.ts";
import { Ledger } from "../../../src/tuner/ledger.ts";
import { makeField } from "../../../src/tuner/space.ts";
import { makeKey, makeScope, type Outcome, sealRecord, type TuneRecord } from "../../../tune-db/index.ts";
import { store } from "./helpers.ts";
import { device, firstPoints, matmul } from "./setting.ts";

const workload = matmul();
const target = { workload, device };
const template = templateFor(target);
const points = firstPoints(workload, 4) as [Point, Point, Point, Point];

interface Making {
  readonly of?: MatmulWorkload;
  readonly outcome?: Outcome;
  readonly second?: number;
}

function record(point: Point, ms: number, { of = workload, outcome = "ok", second = 0 }: Making = {}): TuneRecord {
  const scope = makeScope(of, device, layoutVersion, generatorHash());
  const configuration = { key: makeKey(scope, template.name, point), label: "", schedule: [], artifact: "a" };
  const samples = outcome === "ok" ? [ms * 1e6, ms * 1e6] : [];
  const reason = outcome === "ok" ? null : "for a test";
  return sealRecord(configuration, { outcome, reason, samples, quantum: 1, maxError: 0 }, new Date(1000 * second));
}

async function ledgerOf(records: readonly TuneRecord[], pinned?: Point): Promise<Ledger> {
  const db = await store();
  await db.put(records);
  return Ledger.open(db, makeField(template, target, pinned), workload, device);
}

describe("records of earlier runs", () => {
  test("are the points tried, in their order, scored by the default's time", async () => {
    const ledger = await ledgerOf([
      record(points[1], 3, { second: 3 }),
      record(points[0], 2, { second: 1 }),
      record(points[2], 0, { second: 2, outcome: "crash" }),
      record(points[3], 1, { of: matmul(2) }),
    ]);
    expect(ledger.tried).toEqual([
      { point: points[0], score: 1 },
      { point: points[2], score: undefined },
      { point: points[1], score: 1.5 },
    ]);
    expect(points.map((point) => ledger.has(point))).toEqual([true, true, true, false]);
    expect(ledger.fastest()).toEqual({ point: points[0], ms: 2 });
    expect(ledger.fasterThan(points[1])).toEqual([points[0]]);
    expect(ledger.outcomes()).toMatchObject({ ok: 2, crash: 1, rejected: 0 });
  });

  test("of another layout do not win", async () => {
    const vectors = points[0]["vectors"] === 4 ? 2 : 4;
    const other = points.find((point) => point["vectors"] !== vectors)!;
    const ledger = await ledgerOf([record(other, 1)], { ...points[0], vectors });
    expect(ledger.has(other)).toBe(true);
    expect(ledger.fastest()).toBeUndefined();
    expect(ledger.leader()).toBeUndefined();
  });

  test("that are not of the space any more are not seen", async () => {
    const ledger = await ledgerOf([record({ ...points[0], vectors: 3 }, 1), record({ gone: 1 }, 1)]);
    expect(ledger.tried).toEqual([]);
  });
});

test("good points of near shapes come with the nearest first, four at most, failed ones not", async () => {
  const far = matmul(1, 64, 256);
  const near = matmul(1, 64, 64);
  const ledger = await ledgerOf([
    record(points[3], 1, { of: far }),
    record(points[1], 2, { of: near }),
    record(points[2], 1, { of: near }),
    record(points[0], 1, { of: near, outcome: "wrong" }),
  ]);
  expect(await ledger.knownElsewhere([ledger.store])).toEqual([points[2], points[1], points[3]]);
});

describe("writing down", () => {
  test("begun, finished, refused, replaced and withdrawn points are in the store and known at once", async () => {
    const ledger = await ledgerOf([]);
    const [a, b] = points;
    const entry = await ledger.begin(a, [{ op: "unroll", kernel: undefined, loops: ["k"] }], "artifact");
    expect((await ledger.store.summary()).running).toHaveLength(1);
    await ledger.finish(entry, { ms: [2, 4], quantum: 1e-6, maxError: 1e-7, copies: 1 }, 1);
    expect(ledger.record(a)).toMatchObject({
      median: 3e6,
      samples: [2e6, 4e6],
      quantum: 1,
      copies: 1,
      artifact: "artifact",
    });
    expect(ledger.record(a)?.schedule).toEqual([{ op: "unroll", loops: ["k"] }]);
    await ledger.refuse(b, { outcome: "rejected", reason: "no" });
    expect(ledger.tried).toEqual([
      { point: a, score: 1 },
      { point: b, score: undefined },
    ]);
    await ledger.replace([{ point: a, result: { ms: [5], quantum: 1e-6, maxError: 0, copies: 1 } }]);
    expect(ledger.msOf(a)).toBe(5);
    await ledger.quarantine(a, { outcome: "hang", reason: "it hung" });
    expect(ledger.msOf(a)).toBeUndefined();
    expect(await ledger.store.summary()).toMatchObject({ outcomes: { quarantined: 1, rejected: 1 }, running: [] });
    expect(ledger.record(a)?.reason).toBe("measured again: hang: it hung");
  });
});
