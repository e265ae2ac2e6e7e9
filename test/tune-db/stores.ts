/** The stores that are held to one suite: how each is opened, and how another program would change what it holds. */
import "fake-indexeddb/auto";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { onTestFinished } from "vitest";
import { openIndexedDb, openMemoryStore, openStore, type TuneStore } from "../../tune-db/index.ts";
import { folder } from "./helpers.ts";

/** A store that closes when the test ends. */
export interface Opened {
  readonly store: TuneStore;
  readonly place: string;
}

/** What it takes to tamper with one. */
export interface OpenedKeeping extends Opened {
  /** Closes it and opens it again. */
  reopen(): Promise<TuneStore>;
  /** Writes another text into a record's row, leaving what stands beside it. */
  changeText(key: string, change: (text: string) => string): Promise<void>;
  /** As if what wrote the journal's entries had ended. */
  orphan(): Promise<void>;
  /** Writes something into the journal's entries that is no configuration. */
  damageJournal(): Promise<void>;
}

export interface StoreCase {
  readonly name: string;
  /** A store of its own for each call. */
  open(): Promise<Opened>;
  /** The same, kept nowhere longer than needed; the caller closes it. */
  openNew(): Promise<TuneStore>;
  /** What `running` says of this process. */
  readonly owner: RegExp;
}

/** A store whose records outlive it. */
export interface KeepingCase extends StoreCase {
  open(): Promise<OpenedKeeping>;
  /** What a crash's reason begins with. */
  readonly ended: RegExp;
}

const sqlite: KeepingCase = {
  name: "SQLite",
  ended: /^the tuning process \(pid \d+\) ended while this ran, begun /,
  owner: new RegExp(`^process ${process.pid} on `),
  openNew: () => openStore(":memory:"),
  async open() {
    const place = join(folder(), "new", "tune.sqlite");
    const tamper = async (sql: string, ...values: readonly string[]): Promise<void> => {
      const db = new DatabaseSync(place);
      db.prepare(sql).run(...values);
      db.close();
    };
    const opened = await closing(() => openStore(place));
    return {
      ...opened,
      place,
      changeText: async (key, change) => {
        const db = new DatabaseSync(place);
        const { text } = db.prepare("SELECT text FROM record WHERE key = ?").get(key) as { text: string };
        db.close();
        await tamper("UPDATE record SET text = ? WHERE key = ?", change(text), key);
      },
      orphan: () => tamper("UPDATE journal SET start = 'long ago'"),
      damageJournal: () => tamper("UPDATE journal SET text = '{}'"),
    };
  },
};

let databases = 0;

const indexedDb: KeepingCase = {
  name: "IndexedDB",
  ended: /^the page that tuned ended while this ran, begun /,
  owner: /^page qloom-tuning-[0-9a-f]{16}$/,
  openNew: () => openIndexedDb(`test-${++databases}`),
  async open() {
    const name = `test-${++databases}`;
    const opened = await closing(() => openIndexedDb(name));
    const each = (table: string, change: (row: Record<string, unknown>) => object | undefined) =>
      changeRows(name, table, change);
    return {
      ...opened,
      place: `indexeddb:${name}`,
      changeText: (key, change) =>
        each("qloom-record", (row) => (row["key"] === key ? { ...row, text: change(String(row["text"])) } : undefined)),
      orphan: () => each("qloom-journal", (row) => ({ ...row, owner: "qloom-tuning-gone" })),
      damageJournal: () => each("qloom-journal", (row) => ({ ...row, text: "{}" })),
    };
  },
};

const memory: StoreCase = {
  name: "memory",
  owner: /^this process$/,
  openNew: async () => openMemoryStore(),
  open: async () => ({ store: openMemoryStore("a page"), place: "a page" }),
};

export const keepingStores: readonly KeepingCase[] = [sqlite, indexedDb];
export const stores: readonly StoreCase[] = [...keepingStores, memory];

async function closing(open: () => Promise<TuneStore>): Promise<Pick<OpenedKeeping, "store" | "reopen">> {
  const first = await open();
  let last = first;
  onTestFinished(() => last.close());
  const reopen = async (): Promise<TuneStore> => {
    await last.close();
    last = await open();
    return last;
  };
  return { store: first, reopen };
}

/** Changes rows of a database in the browser as another script would; those for which nothing is given stay. */
export async function changeRows(
  name: string,
  table: string,
  change: (row: Record<string, unknown>) => object | undefined,
): Promise<void> {
  const db = await request(indexedDB.open(name));
  const store = db.transaction(table, "readwrite").objectStore(table);
  for (const row of await request(store.getAll() as IDBRequest<Record<string, unknown>[]>)) {
    const changed = change(row);
    if (changed !== undefined) await request(store.put(changed));
  }
  db.close();
}

export function request<T>(asked: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
}
