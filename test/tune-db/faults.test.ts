/** Each way in which a database can be unusable, made to happen: what a user reads, and that the file is as it was. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, onTestFinished, test } from "vitest";
import { connect } from "../../tune-db/connect.ts";
import { openStore, type TuneStore } from "../../tune-db/index.ts";
import { SqliteStore } from "../../tune-db/sqlite.ts";
import { all, configure, folder, measure, record } from "./helpers.ts";

/** The message of what `action` throws, with the test's own folder written as DIR. */
async function message(dir: string, action: () => Promise<unknown>): Promise<string> {
  try {
    await action();
  } catch (error) {
    const { name, message } = error as Error;
    expect(name).toBe("TuneDbError");
    expect(message).not.toContain("\n");
    return message.replaceAll(dir, "DIR");
  }
  throw new Error("nothing was thrown");
}

/** A closed database with some records. */
async function filled(place: string, count = 3): Promise<void> {
  const store = await openStore(place);
  await store.put(Array.from({ length: count }, (_, rows) => record(rows + 1, { rows })));
  await store.close();
}

async function opened(place: string, busyTimeoutMs?: number): Promise<TuneStore> {
  const store = await openStore(place, busyTimeoutMs === undefined ? {} : { busyTimeoutMs });
  onTestFinished(() => store.close());
  return store;
}

describe("locked", () => {
  test("a write waits, then names the lock; reading goes on and the next write succeeds", async () => {
    const dir = folder();
    const place = join(dir, "tune.sqlite");
    await filled(place);
    const store = await opened(place, 20);
    const other = new DatabaseSync(place);
    other.exec("BEGIN IMMEDIATE");
    expect(await message(dir, () => store.put([record(9)]))).toMatchInlineSnapshot(
      `"tune-db DIR/tune.sqlite is locked by another process; end that process or wait for it, then run this again"`,
    );
    expect(await all(store)).toHaveLength(3);
    other.exec("ROLLBACK");
    other.close();
    await store.put([record(9, { rows: 9 })]);
    expect(await all(store)).toHaveLength(4);
  });

  test("a file that another process holds whole is told at opening", async () => {
    const dir = folder();
    const place = join(dir, "tune.sqlite");
    await filled(place);
    const other = new DatabaseSync(place);
    other.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
    expect(await message(dir, () => openStore(place, { busyTimeoutMs: 20 }))).toMatchInlineSnapshot(
      `"tune-db DIR/tune.sqlite is locked by another process; end that process or wait for it, then run this again"`,
    );
    other.close();
    expect(await all(await opened(place))).toHaveLength(3);
  });
});

describe("read-only", () => {
  const attempt = (place: string) => {
    const output = execFileSync(process.execPath, [join(import.meta.dirname, "children", "open.ts"), place], {
      encoding: "utf8",
    });
    return JSON.parse(output) as { write: string; read: string };
  };

  test("file or folder: refused for writing, readable when asked for reading", async () => {
    const dir = folder();
    const place = join(dir, "db", "tune.sqlite");
    await filled(place);
    chmodSync(dir, 0o755);
    chmodSync(place, 0o444);
    chmodSync(join(dir, "db"), 0o555);
    const { write, read } = attempt(place);
    chmodSync(join(dir, "db"), 0o755);
    expect(write.replaceAll(dir, "DIR")).toMatchInlineSnapshot(
      `"tune-db DIR/db/tune.sqlite cannot be written: file or folder is read-only; make both writable, or name another file with --db or QLOOM_DB"`,
    );
    expect(read).toBe("3 records");
  });

  test("a folder in which none can be made", () => {
    const dir = folder();
    chmodSync(dir, 0o555);
    const { write, read } = attempt(join(dir, "new", "tune.sqlite"));
    chmodSync(dir, 0o755);
    expect(write.replaceAll(dir, "DIR")).toMatchInlineSnapshot(
      `"tune-db DIR/new/tune.sqlite cannot be written: file or folder is read-only; make both writable, or name another file with --db or QLOOM_DB"`,
    );
    expect(read.replaceAll(dir, "DIR")).toMatchInlineSnapshot(
      `"tune-db DIR/new/tune.sqlite does not exist; tune first, or name another file with --db or QLOOM_DB"`,
    );
  });

  test("a store opened for reading refuses every write", async () => {
    const dir = folder();
    const place = join(dir, "tune.sqlite");
    await filled(place);
    const store = await openStore(place, { readOnly: true });
    onTestFinished(() => store.close());
    expect(await message(dir, () => store.put([record(1)]))).toContain("read-only");
    expect(await message(dir, () => store.begin(configure()))).toContain("read-only");
    expect(await all(store)).toHaveLength(3);
  });
});

describe("not ours", () => {
  test.each([
    ["text", "my diary"],
    ["long text", "my diary\n".repeat(1000)],
  ])("%s", async (_name, text) => {
    const dir = folder();
    const place = join(dir, "diary");
    writeFileSync(place, text);
    expect(await message(dir, () => openStore(place))).toBe(
      "tune-db DIR/diary is not a SQLite database and was left as it is; name another file with --db or QLOOM_DB",
    );
    expect(readFileSync(place, "utf8")).toBe(text);
  });

  test("another program's database", async () => {
    const dir = folder();
    const place = join(dir, "other.sqlite");
    const other = new DatabaseSync(place);
    other.exec("CREATE TABLE bookmarks (url TEXT); INSERT INTO bookmarks VALUES ('x')");
    other.close();
    const before = readFileSync(place);
    expect(await message(dir, () => openStore(place))).toMatchInlineSnapshot(
      `"tune-db DIR/other.sqlite is a SQLite database of another program and was left as it is; name another file with --db or QLOOM_DB"`,
    );
    expect(readFileSync(place)).toEqual(before);
  });

  test("a folder, or a file where a folder should be", async () => {
    const dir = folder();
    mkdirSync(join(dir, "folder"));
    writeFileSync(join(dir, "file"), "");
    expect(await message(dir, () => openStore(join(dir, "folder")))).toMatchInlineSnapshot(
      `"tune-db DIR/folder cannot be opened as a file; name a file in a folder that can be written with --db or QLOOM_DB (it is not a file)"`,
    );
    expect(await message(dir, () => openStore(join(dir, "file", "tune.sqlite")))).toMatchInlineSnapshot(
      `"tune-db DIR/file/tune.sqlite cannot be opened as a file; name a file in a folder that can be written with --db or QLOOM_DB"`,
    );
  });

  test("an empty file is taken as a new database", async () => {
    const place = join(folder(), "empty");
    writeFileSync(place, "");
    await filled(place);
    expect(await all(await opened(place))).toHaveLength(3);
  });
});

test("a newer schema is left alone, a missing file is not made for reading", async () => {
  const dir = folder();
  const place = join(dir, "tune.sqlite");
  await filled(place);
  const newer = new DatabaseSync(place);
  newer.exec("PRAGMA user_version = 99");
  newer.close();
  const before = readFileSync(place);
  expect(await message(dir, () => openStore(place))).toMatchInlineSnapshot(
    `"tune-db DIR/tune.sqlite was written by a newer qloom and was left as it is; update qloom, or name another file with --db or QLOOM_DB (its schema is version 99, this qloom knows 1)"`,
  );
  expect(readFileSync(place)).toEqual(before);
  expect(await message(dir, () => openStore(join(dir, "none"), { readOnly: true }))).toMatchInlineSnapshot(
    `"tune-db DIR/none does not exist; tune first, or name another file with --db or QLOOM_DB"`,
  );
});

describe("damaged", () => {
  test("a page of rubbish is found at opening", async () => {
    const dir = folder();
    const place = join(dir, "tune.sqlite");
    await filled(place, 100);
    const bytes = readFileSync(place);
    bytes.fill(0xa5, 4096, 3 * 4096);
    writeFileSync(place, bytes);
    expect(await message(dir, () => openStore(place))).toMatchInlineSnapshot(
      `"tune-db DIR/tune.sqlite is damaged and was left as it is; move it away and qloom starts a new one, then import your exported records (\`sqlite3 FILE .recover\` may save the rest) (Tree 2 page 2: btreeInitPage() returns error code 11)"`,
    );
    expect(readFileSync(place)).toEqual(bytes);
  });

  test("a file cut short is found at opening", async () => {
    const dir = folder();
    const place = join(dir, "tune.sqlite");
    await filled(place, 100);
    truncateSync(place, 5 * 4096);
    const before = readFileSync(place);
    expect(await message(dir, () => openStore(place))).toContain("is damaged and was left as it is");
    expect(readFileSync(place)).toEqual(before);
  });

  test("rubbish in a file too large to be checked at opening is found when it is read", async () => {
    const dir = folder();
    const place = join(dir, "tune.sqlite");
    await filled(place, 6000);
    const bytes = readFileSync(place);
    expect(bytes.length).toBeGreaterThan(4 * 1024 * 1024);
    bytes.fill(0xa5, 1024 * 1024, 2 * 1024 * 1024);
    writeFileSync(place, bytes);
    const store = await opened(place);
    expect(await message(dir, () => all(store))).toContain("is damaged and was left as it is");
  });
});

test("a full disk fails the write whole, keeps what was there, and lets a later write succeed", async () => {
  const dir = folder();
  const place = join(dir, "tune.sqlite");
  await filled(place);
  const db = connect(place);
  const store = new SqliteStore(db, place);
  onTestFinished(() => store.close());
  const { page_count: pages } = db.prepare("PRAGMA page_count").get() as { page_count: number };
  db.exec(`PRAGMA max_page_count = ${pages + 2}`);
  const many = Array.from({ length: 200 }, (_, rows) => record(rows + 1, { rows: rows + 10 }));
  expect(await message(dir, () => store.put(many))).toMatchInlineSnapshot(
    `"tune-db DIR/tune.sqlite could not be written: the disk is full; what was stored before is kept; free some space, then run this again"`,
  );
  expect(await all(store)).toHaveLength(3);
  db.exec("PRAGMA max_page_count = 100000");
  await store.put(many);
  expect(await all(store)).toHaveLength(203);
  const id = await store.begin(configure());
  await store.finish(id, measure(1));
});
