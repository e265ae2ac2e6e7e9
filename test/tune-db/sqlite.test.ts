/** What only the store in SQLite does; the rest is in stores.test.ts. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { openStore, type TuneStore } from "../../tune-db/index.ts";
import { all, configure, folder, record } from "./helpers.ts";

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
  expect(existsSync(place)).toBe(true);
});

test("a batch is stored whole or not at all", async () => {
  tamper(
    "CREATE TRIGGER t BEFORE INSERT ON record WHEN new.point = '{\"rows\":3}' BEGIN SELECT raise(ABORT, 'no'); END",
  );
  await expect(store.put([record(1), record(1, { rows: 3 })])).rejects.toThrow("no");
  expect(await all(store)).toEqual([]);
});

test("an entry of another machine becomes a crash only when it is a day old", async () => {
  await store.begin(configure());
  tamper("UPDATE journal SET host = 'elsewhere'");
  expect(await store.recover()).toEqual([]);
  tamper("UPDATE journal SET begun = '2020-01-01T00:00:00.000Z'");
  expect(await store.recover()).toHaveLength(1);
});
