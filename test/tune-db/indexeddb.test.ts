/** What only the store in a browser does: each way in which its database can be unusable, and what a user reads. */
import "fake-indexeddb/auto";
import { IDBFactory, IDBObjectStore } from "fake-indexeddb";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { exportRecords, importRecords, openIndexedDb, openStore, type TuneStore } from "../../tune-db/index.ts";
import { all, configure, failure, keyOf, measure, record } from "./helpers.ts";
import { changeRows, request } from "./stores.ts";

beforeEach(() => vi.stubGlobal("indexedDB", new IDBFactory()));
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

async function message(action: () => Promise<unknown>): Promise<string> {
  try {
    await action();
  } catch (error) {
    const { name, message } = error as Error;
    expect(name).toBe("TuneDbError");
    expect(message).not.toContain("\n");
    return message;
  }
  throw new Error("nothing was thrown");
}

async function opened(...records: Parameters<TuneStore["put"]>[0]): Promise<TuneStore> {
  const store = await openIndexedDb("db");
  onTestFinished(() => store.close());
  await store.put(records);
  return store;
}

/** Opens the database as another script would. */
async function raw(
  name: string,
  version?: number,
  upgrade: (db: IDBDatabase) => void = () => {},
): Promise<IDBDatabase> {
  const asked = indexedDB.open(name, version);
  asked.onupgradeneeded = () => upgrade(asked.result);
  return request(asked);
}

test("what is exported here the SQLite store imports, and the other way round", async () => {
  const here = await opened(record(1), record(2, { rows: 8 }));
  const there = await openStore(":memory:");
  onTestFinished(() => there.close());
  expect(await importRecords(there, exportRecords(here))).toMatchObject({ added: 2, refused: [] });
  await there.put([record(3, { rows: 2 })]);
  expect(await importRecords(here, exportRecords(there))).toMatchObject({ added: 1, kept: 2 });
  expect(await all(here)).toEqual(await all(there));
});

describe("not ours", () => {
  test.each([1, 3])("another program's database of version %i", async (version) => {
    const other = await raw("db", version, (db) => void db.createObjectStore("bookmarks"));
    other.close();
    expect(await message(() => openIndexedDb("db"))).toBe(
      "tune-db indexeddb:db is a database of another program of this site and was left as it is; open one of another name",
    );
    const after = await raw("db");
    expect([after.version, [...after.objectStoreNames]]).toEqual([version, ["bookmarks"]]);
    after.close();
  });

  test("a newer qloom's", async () => {
    const store = await opened(record(1));
    await store.close();
    (await raw("db", 9)).close();
    expect(await message(() => openIndexedDb("db"))).toMatchInlineSnapshot(
      `"tune-db indexeddb:db was written by a newer qloom and was left as it is; reload the page to get that one, or open a database of another name (its tables are version 9, this qloom knows 1)"`,
    );
  });
});

test("a browser without a database says so", async () => {
  vi.stubGlobal("indexedDB", undefined);
  expect(await message(() => openIndexedDb("db"))).toMatchInlineSnapshot(
    `"tune-db indexeddb:db cannot be opened: the browser keeps no data for this page; allow it to store site data, leave the private window, or take a newer browser (there is no IndexedDB)"`,
  );
});

test("a newer qloom in another tab gets the database; this one says what to do", async () => {
  const store = await opened(record(1));
  (await raw("db", 2)).close();
  expect(await message(() => store.put([record(2)]))).toMatchInlineSnapshot(
    `"tune-db indexeddb:db was closed by the browser, or for a newer qloom in another tab; what was stored before is kept; reload the page"`,
  );
});

test("without room the write fails whole, keeps what was there, and lets a later write succeed", async () => {
  const store = await opened(record(1));
  const put = IDBObjectStore.prototype.put;
  let writes = 0;
  vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(function (this: IDBObjectStore, value, key) {
    if (++writes > 3) throw new DOMException("no room", "QuotaExceededError");
    return put.call(this, value, key);
  });
  expect(await message(() => store.put([record(2, { rows: 2 }), record(3, { rows: 3 })]))).toMatchInlineSnapshot(
    `"tune-db indexeddb:db could not be written: the browser gives this site no more room; what was stored before is kept; export the records, free some space, then go on"`,
  );
  vi.restoreAllMocks();
  expect(await all(store)).toEqual([record(1)]);
  await store.put([record(2, { rows: 2 })]);
  const id = await store.begin(configure({ rows: 3 }));
  await store.finish(id, measure(1));
  expect(await all(store)).toHaveLength(3);
});

describe("rows that are not what was written", () => {
  test("damaged columns are told with their record, and a good one repairs them", async () => {
    const store = await opened(record(1), record(2, { rows: 8 }));
    await changeRows("db", "qloom-record", (row) =>
      row["key"] === keyOf(configure()) ? { ...row, median: "1" } : undefined,
    );
    const damaged: string[] = [];
    const lines: string[] = [];
    for await (const line of exportRecords(store, { onDamaged: (key) => damaged.push(key) })) lines.push(line);
    expect([lines.length, damaged]).toEqual([2, []]);
    const { rows } = await store.candidates({ rung: "exact", scope: configure().key, maxDistance: 0 });
    expect(rows.map(({ key }) => key)).toEqual([keyOf(configure({ rows: 8 }))]);
    await store.put([record(3)]);
    expect((await store.candidates({ rung: "exact", scope: configure().key, maxDistance: 0 })).rows).toHaveLength(2);
  });

  test("records of a damaged scope are still exported, and cannot be taken for another's", async () => {
    const store = await opened(record(1), record(2, { generator: "g2" }));
    await changeRows("db", "qloom-scope", (row) => {
      const scope = row["scope"] as { generator: string };
      return scope.generator === "g1" ? { ...row, scope: { ...scope, generator: "g2" } } : undefined;
    });
    expect(await all(store)).toEqual([record(2, { generator: "g2" }), record(1)]);
    expect(await all(store, { scope: configure({ generator: "g2" }).key })).toHaveLength(1);
    const query = { rung: "exact", scope: configure().key, maxDistance: 0 } as const;
    expect((await store.candidates(query)).rows).toEqual([]);
  });

  test("a record without a text is damaged; without its columns it can't be withdrawn unless it is told", async () => {
    const store = await opened(record(1));
    await changeRows("db", "qloom-record", ({ key, scope }) => ({ key, scope }));
    expect(await message(() => all(store))).toContain("holds a record that was altered or damaged");
    expect(await store.get(keyOf(configure()))).toBeUndefined();
    expect(await store.state(keyOf(configure()))).toBeUndefined();
    expect(await message(() => store.quarantine(keyOf(configure()), "damaged"))).toContain("altered or damaged");
    await store.quarantine(keyOf(configure()), "damaged", configure());
    expect(await store.summary()).toMatchObject({ records: 1, damaged: 1, outcomes: { quarantined: 1 } });
  });

  test("an entry of another form is put aside", async () => {
    const store = await opened();
    await store.begin(configure());
    await changeRows("db", "qloom-journal", ({ id }) => ({ id, note: "rubbish" }));
    expect(await store.recover()).toEqual([]);
    expect(await store.summary()).toMatchObject({ running: [], damaged: 1, records: 0 });
  });
});

describe("whose page lives", () => {
  test("an entry of a closed store is its page's, which is gone", async () => {
    const first = await openIndexedDb("db");
    await first.begin(configure());
    const second = await opened();
    expect(await second.recover()).toEqual([]);
    await first.close();
    expect(await second.recover()).toMatchObject([{ outcome: "crash" }]);
  });

  test("where the browser doesn't tell, an entry is believed for a day", async () => {
    vi.stubGlobal("navigator", {});
    const store = await opened();
    await store.begin(configure());
    expect(await store.recover()).toEqual([]);
    await changeRows("db", "qloom-journal", (row) => ({ ...row, begun: "2020-01-01T00:00:00.000Z" }));
    expect(await store.recover()).toHaveLength(1);
  });
});

test("a batch is stored whole or not at all", async () => {
  const store = await opened();
  const bad = { ...record(2, { rows: 3 }), median: Symbol("no") } as unknown as ReturnType<typeof record>;
  await expect(store.put([record(1), bad])).rejects.toThrow();
  expect(await all(store)).toEqual([]);
  await store.put([record(1)]);
  await store.finish(await store.begin(configure()), failure("hang", "past 2 s"));
  expect(await all(store)).toHaveLength(1);
});
