// The store in memory keeps, withdraws and journals like the one in SQLite; what it finds is in readers.test.ts.
import { beforeEach, expect, test } from "vitest";
import { openMemoryStore, sealRecord, type TuneStore } from "../../tune-db/index.ts";
import { all, configure, failure, keyOf, measure, NOON, record } from "./helpers.ts";

let store: TuneStore;

beforeEach(() => {
  store = openMemoryStore("a page");
});

test("what was put is there, also after it was looked up", async () => {
  await store.put([record(10)]);
  expect(await all(store)).toHaveLength(1);
  await store.put([record(20), record(20, { rows: 8 })]);
  expect(await all(store)).toEqual([record(20), record(20, { rows: 8 })]);
  expect(await store.get("unknown")).toBeUndefined();
});

test("merge counts what is new, better and worse, and is idempotent", async () => {
  await store.put([record(10), record(10, { rows: 8 })]);
  const better = sealRecord(configure(), measure(30, 31), NOON);
  const incoming = [better, record(5, { rows: 8 }, new Date(0)), record(7, { rows: 2 })];
  expect(await store.merge(incoming)).toEqual({ added: 1, replaced: 1, kept: 1 });
  expect(await store.merge(incoming)).toEqual({ added: 0, replaced: 0, kept: 3 });
});

test("quarantine keeps the measurement and the first reason, and needs a configuration", async () => {
  await store.put([record(10)]);
  await store.quarantine(keyOf(configure()), "artifact hash differs");
  await store.quarantine(keyOf(configure()), "again");
  const state = { outcome: "quarantined", reason: "artifact hash differs" };
  expect(await store.get(keyOf(configure()))).toMatchObject({ ...state, samples: [10] });
  expect(await store.state(keyOf(configure()))).toEqual(state);
  const other = configure({ rows: 16 });
  await expect(store.quarantine(keyOf(other), "trapped")).rejects.toThrow(
    "tune-db a page holds no such record to quarantine; give its configuration",
  );
  await store.quarantine(keyOf(other), "trapped", other);
  expect((await store.get(keyOf(other)))?.reason).toBe("trapped");
});

test("an entry becomes a record when it is finished, and nothing when it is cancelled", async () => {
  const id = await store.begin(configure());
  expect((await store.summary()).running).toMatchObject([{ id, key: keyOf(configure()) }]);
  expect(await store.recover()).toEqual([]);
  const finished = await store.finish(id, failure("hang", "ran past 2 s"));
  expect(await store.get(keyOf(configure()))).toEqual(finished);
  await expect(store.finish(id, measure(1))).rejects.toThrow(/not begun by this store/);
  await store.cancel(await store.begin(configure({ rows: 2 })));
  expect(await store.summary()).toMatchObject({ place: "a page", records: 1, running: [] });
});
