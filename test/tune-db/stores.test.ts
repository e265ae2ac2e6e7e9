/** What every store does, whatever it keeps records in. */
import { beforeEach, describe, expect, test } from "vitest";
import { sealRecord, type TuneStore } from "../../tune-db/index.ts";
import { all, configure, failure, keyOf, matmul, measure, NOON, record } from "./helpers.ts";
import { keepingStores, type Opened, type OpenedKeeping, stores } from "./stores.ts";

describe.each(stores)("$name", ({ open, owner }) => {
  let opened: Opened;
  let store: TuneStore;

  beforeEach(async () => {
    opened = await open();
    store = opened.store;
  });

  test("what was put is there, also after it was looked up and put again", async () => {
    await store.put([record(10)]);
    expect(await all(store)).toHaveLength(1);
    await store.put([record(20), record(20, { rows: 8 })]);
    expect(await all(store)).toEqual([record(20), record(20, { rows: 8 })]);
    expect(await store.get(keyOf(configure()))).toEqual(record(20));
    expect(await store.get("unknown")).toBeUndefined();
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
      expect(await store.state(keyOf(configure()))).toEqual({
        outcome: "quarantined",
        reason: "artifact hash differs",
      });
    });

    test("takes a configuration that the store does not hold, if it is given", async () => {
      const shipped = configure({ rows: 16 });
      await expect(store.quarantine(keyOf(shipped), "trapped")).rejects.toThrow(
        /holds no such record to quarantine; give its configuration/,
      );
      await store.quarantine(keyOf(shipped), "trapped", shipped);
      expect((await store.get(keyOf(shipped)))?.reason).toBe("trapped");
    });
  });

  describe("journal", () => {
    test("an entry becomes a record when it is finished", async () => {
      const id = await store.begin(configure());
      expect((await store.summary()).running).toMatchObject([
        { id, key: keyOf(configure()), owner: expect.stringMatching(owner) },
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
  });

  test("the summary counts records by outcome and device", async () => {
    await store.put([record(1), record(1, { workload: matmul(2) }), record(1, { device: { fingerprint: "other" } })]);
    await store.put([sealRecord(configure({ rows: 2 }), failure("wrong", "off by 2"))]);
    const summary = await store.summary();
    expect(summary).toMatchObject({
      place: opened.place,
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
  });
});

describe.each(keepingStores)("$name keeps", ({ open, ended }) => {
  let opened: OpenedKeeping;
  let store: TuneStore;

  beforeEach(async () => {
    opened = await open();
    store = opened.store;
  });

  test("what was put is there after closing and opening again", async () => {
    await store.put([record(10), record(20, { rows: 8 })]);
    store = await opened.reopen();
    expect(await store.get(keyOf(configure({ rows: 8 })))).toEqual(record(20, { rows: 8 }));
    expect(await store.get("unknown")).toBeUndefined();
    expect(await all(store)).toHaveLength(2);
  });

  test("replaces a damaged record and puts its text aside", async () => {
    await store.put([record(10)]);
    await opened.changeText(keyOf(configure()), (text) => text.replace("artifact-4", "other"));
    expect(await store.get(keyOf(configure()))).toBeUndefined();
    await store.quarantine(keyOf(configure()), "damaged");
    expect(await store.get(keyOf(configure()))).toMatchObject({ outcome: "quarantined", key: configure().key });
    expect(await store.summary()).toMatchObject({ records: 1, damaged: 1 });
  });

  test("a damaged row is told by key and reason, and merging a good one repairs it", async () => {
    await store.put([record(10), record(20, { rows: 8 })]);
    await opened.changeText(keyOf(configure()), () => "rubbish");
    await expect(all(store)).rejects.toThrow(
      /holds a record that was altered or damaged; .* \([0-9a-f]{12}: not JSON\)/,
    );
    expect(await store.merge([record(11)])).toEqual({ added: 0, replaced: 1, kept: 0 });
    expect(await all(store)).toHaveLength(2);
    expect((await store.summary()).damaged).toBe(1);
  });

  test("an entry of what has ended becomes a crash", async () => {
    await store.begin(configure());
    await opened.orphan();
    expect(await store.recover()).toMatchObject([{ outcome: "crash", key: configure().key }]);
    expect((await store.get(keyOf(configure())))?.reason).toMatch(ended);
    expect(await store.recover()).toEqual([]);
  });

  test("a damaged entry is put aside", async () => {
    await store.begin(configure());
    await opened.orphan();
    await opened.damageJournal();
    expect(await store.recover()).toEqual([]);
    expect(await store.summary()).toMatchObject({ running: [], damaged: 1, records: 0 });
  });
});
