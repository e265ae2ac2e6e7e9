import { existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { openStore, sealRecord, type TuneStore } from "../../tune-db/index.ts";
import { all, configure, failure, folder, keyOf, matmul, measure, NOON, record } from "./helpers.ts";

let place: string;
let store: TuneStore;

beforeEach(async () => {
  place = join(folder(), "new", "tune.sqlite");
  store = await openStore(place);
  onTestFinished(() => store.close());
});

/** Changes the file as another program would. */
function tamper(sql: string, ...values: readonly string[]): void {
  const db = new DatabaseSync(place);
  db.prepare(sql).run(...values);
  db.close();
}

test("a new store makes its folder and uses the write-ahead log", () => {
  const db = new DatabaseSync(place, { readOnly: true });
  expect(db.prepare("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
  db.close();
});

test("what was put is there after closing and opening again", async () => {
  await store.put([record(10), record(20, { rows: 8 })]);
  await store.close();
  store = await openStore(place);
  expect(await store.get(keyOf(configure({ rows: 8 })))).toEqual(record(20, { rows: 8 }));
  expect(await store.get("unknown")).toBeUndefined();
  expect(await all(store)).toHaveLength(2);
});

test("rows come by workload, then template and point, and can be filtered", async () => {
  await store.put([record(1, { rows: 8 }), record(1, { workload: matmul(2) }), record(1, { rows: 2 })]);
  await store.put([sealRecord(configure({ rows: 4 }), failure("trap", "out of bounds"))]);
  const brief = async (filter = {}) =>
    (await all(store, filter)).map(({ key }) => `${(key.workload as { m: number }).m}/${key.point["rows"]}`);
  expect(await brief()).toEqual(["1/2", "1/4", "1/8", "2/4"]);
  expect(await brief({ outcomes: ["trap"] })).toEqual(["1/4"]);
  expect(await brief({ scope: configure({ workload: matmul(2) }).key })).toEqual(["2/4"]);
});

describe("merge", () => {
  test("counts what is new, better and worse, and is idempotent", async () => {
    await store.put([record(10), record(10, { rows: 8 })]);
    const better = sealRecord(configure(), measure(30, 31), NOON);
    const incoming = [better, record(5, { rows: 8 }, new Date(0)), record(7, { rows: 2 })];
    expect(await store.merge(incoming)).toEqual({ added: 1, replaced: 1, kept: 1 });
    expect(await store.get(keyOf(better))).toEqual(better);
    expect(await store.merge(incoming)).toEqual({ added: 0, replaced: 0, kept: 3 });
  });

  test("does not bring a quarantined configuration back; measuring it here again does", async () => {
    await store.put([record(10)]);
    await store.quarantine(keyOf(configure()), "trapped at load");
    await store.merge([sealRecord(configure(), measure(1, 2, 3))]);
    expect((await store.get(keyOf(configure())))?.outcome).toBe("quarantined");
    await store.put([record(10)]);
    expect((await store.get(keyOf(configure())))?.outcome).toBe("ok");
  });
});

describe("quarantine", () => {
  test("keeps the measurement and the first reason", async () => {
    await store.put([record(10)]);
    await store.quarantine(keyOf(configure()), "artifact hash differs");
    await store.quarantine(keyOf(configure()), "again");
    expect(await store.get(keyOf(configure()))).toMatchObject({
      outcome: "quarantined",
      reason: "artifact hash differs",
      samples: [10],
    });
    expect(await store.state(keyOf(configure()))).toEqual({ outcome: "quarantined", reason: "artifact hash differs" });
  });

  test("takes a configuration that the store does not hold, if it is given", async () => {
    const shipped = configure({ rows: 16 });
    await expect(store.quarantine(keyOf(shipped), "trapped")).rejects.toThrow(
      /holds no such record to quarantine; give its configuration/,
    );
    await store.quarantine(keyOf(shipped), "trapped", shipped);
    expect((await store.get(keyOf(shipped)))?.reason).toBe("trapped");
  });

  test("replaces a damaged record and puts its text aside", async () => {
    await store.put([record(10)]);
    tamper("UPDATE record SET text = json_set(text, '$.artifact', 'other')");
    expect(await store.get(keyOf(configure()))).toBeUndefined();
    await store.quarantine(keyOf(configure()), "damaged");
    expect(await store.get(keyOf(configure()))).toMatchObject({ outcome: "quarantined", key: configure().key });
    expect(await store.summary()).toMatchObject({ records: 1, damaged: 1 });
  });
});

test("a damaged row is told by key and reason, and merging a good one repairs it", async () => {
  await store.put([record(10), record(20, { rows: 8 })]);
  tamper("UPDATE record SET text = 'rubbish' WHERE key = ?", keyOf(configure()));
  await expect(all(store)).rejects.toThrow(/holds a record that was altered or damaged; .* \([0-9a-f]{12}: not JSON\)/);
  expect(await store.merge([record(11)])).toEqual({ added: 0, replaced: 1, kept: 0 });
  expect(await all(store)).toHaveLength(2);
  expect((await store.summary()).damaged).toBe(1);
});

test("a batch is stored whole or not at all", async () => {
  tamper(
    "CREATE TRIGGER t BEFORE INSERT ON record WHEN new.point = '{\"rows\":3}' BEGIN SELECT raise(ABORT, 'no'); END",
  );
  await expect(store.put([record(1), record(1, { rows: 3 })])).rejects.toThrow("no");
  expect(await all(store)).toEqual([]);
});

describe("journal", () => {
  test("an entry becomes a record when it is finished", async () => {
    const id = await store.begin(configure());
    expect((await store.summary()).running).toMatchObject([
      { id, key: keyOf(configure()), owner: expect.stringMatching(`^process ${process.pid} on `) },
    ]);
    const finished = await store.finish(id, failure("hang", "ran past 2 s"));
    expect(await store.get(keyOf(configure()))).toEqual(finished);
    expect((await store.summary()).running).toEqual([]);
    await expect(store.finish(id, measure(1))).rejects.toThrow(/not begun by this store/);
  });

  test("a cancelled entry leaves nothing", async () => {
    await store.cancel(await store.begin(configure()));
    expect(await store.summary()).toMatchObject({ records: 0, running: [] });
  });

  test("an entry of a living process is left alone", async () => {
    await store.begin(configure());
    expect(await store.recover()).toEqual([]);
    expect((await store.summary()).running).toHaveLength(1);
  });

  test("an entry of a process whose pid another one has now becomes a crash", async () => {
    await store.begin(configure());
    tamper("UPDATE journal SET start = 'long ago'");
    expect(await store.recover()).toMatchObject([{ outcome: "crash", key: configure().key }]);
    expect((await store.get(keyOf(configure())))?.reason).toMatch(
      /^the tuning process \(pid \d+\) ended while this ran, begun /,
    );
    expect(await store.recover()).toEqual([]);
  });

  test("an entry of another machine becomes a crash only when it is a day old", async () => {
    await store.begin(configure());
    tamper("UPDATE journal SET host = 'elsewhere'");
    expect(await store.recover()).toEqual([]);
    tamper("UPDATE journal SET begun = '2020-01-01T00:00:00.000Z'");
    expect(await store.recover()).toHaveLength(1);
  });

  test("a damaged entry is put aside", async () => {
    await store.begin(configure());
    tamper("UPDATE journal SET start = 'long ago', text = '{}'");
    expect(await store.recover()).toEqual([]);
    expect(await store.summary()).toMatchObject({ running: [], damaged: 1, records: 0 });
  });
});

test("the summary counts records by outcome and device", async () => {
  await store.put([record(1), record(1, { workload: matmul(2) }), record(1, { device: { fingerprint: "other" } })]);
  await store.put([sealRecord(configure({ rows: 2 }), failure("wrong", "off by 2"))]);
  const summary = await store.summary();
  expect(summary).toMatchObject({
    place,
    records: 4,
    workloads: 2,
    devices: [
      { kind: "wasm", fingerprint: "other", records: 1 },
      { kind: "wasm", fingerprint: "zen4-2core", records: 3 },
    ],
    running: [],
    damaged: 0,
  });
  expect(summary.outcomes).toMatchObject({ ok: 3, wrong: 1, crash: 0 });
  expect(existsSync(place)).toBe(true);
});
