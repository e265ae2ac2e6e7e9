/**
 * Opens the database in a browser: refuses whatever is not ours, makes the tables where there are none, and says in one line what went
 * wrong. Not here: what is read and written (indexeddb.ts).
 */
import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import { INDEXEDDB, TuneDbError, type TuneDbFault } from "./errors.ts";
import type { Row, Scope } from "./ranking.ts";

/** A record's row, with the hash of its scope. */
export interface RecordRow extends Row {
  readonly scope: string;
}

/** What is about to run. `owner` is the lock that its page holds (page.ts). */
export interface JournalRow {
  readonly id?: number;
  readonly key: string;
  /** Configuration, canonical JSON. */
  readonly text: string;
  readonly owner: string;
  readonly begun: string;
}

export interface DamagedRow {
  readonly key: string;
  readonly text: string;
  readonly reason: string;
  readonly found: string;
}

/** The tables. The text is the truth; what stands beside it finds it. As they are written: what is read back is checked (indexeddb-rows.ts). */
export interface Tables extends DBSchema {
  "qloom-record": { key: string; value: RecordRow; indexes: { scope: string } };
  "qloom-scope": { key: string; value: Scope; indexes: { family: string } };
  "qloom-journal": { key: number; value: JournalRow };
  "qloom-damaged": { key: number; value: DamagedRow };
}

type Database = IDBPDatabase<Tables>;

export const TABLES = ["qloom-record", "qloom-scope", "qloom-journal", "qloom-damaged"] as const;

/** Step i takes a database from version i to i + 1; a published step is never edited. */
const MIGRATIONS: readonly ((db: Database) => void)[] = [
  (db) => {
    db.createObjectStore("qloom-record", { keyPath: "key" }).createIndex("scope", "scope");
    db.createObjectStore("qloom-scope", { keyPath: "hash" }).createIndex("family", "family");
    db.createObjectStore("qloom-journal", { keyPath: "id", autoIncrement: true });
    db.createObjectStore("qloom-damaged", { autoIncrement: true });
  },
];

export const placeOf = (name: string): string => `${INDEXEDDB}${name}`;

/** A connection to an existing or new database of this page's origin. Throws `TuneDbError`. */
export async function connectIndexedDb(name: string): Promise<Database> {
  const place = placeOf(name);
  if (globalThis.indexedDB === undefined) throw new TuneDbError("cannot-open", place, "there is no IndexedDB");
  const db = await open(name, place);
  if (TABLES.every((table) => db.objectStoreNames.contains(table))) return db;
  db.close();
  throw new TuneDbError("foreign", place);
}

async function open(name: string, place: string): Promise<Database> {
  let foreign = false;
  try {
    return await openDB<Tables>(name, MIGRATIONS.length, {
      upgrade: (db, from, _to, transaction) => {
        foreign = from > 0 && !isOurs(db);
        if (foreign) transaction.abort();
        else for (const step of MIGRATIONS.slice(from)) step(db);
      },
      // Another tab has a newer qloom, which waits for this one to let go.
      blocking: (_from, _to, event) => (event.target as IDBDatabase).close(),
    });
  } catch (error) {
    if (foreign) throw new TuneDbError("foreign", place, undefined, error);
    if (!(error instanceof DOMException && error.name === "VersionError")) throw explainIndexedDb(error, place);
    const found = await openDB<Tables>(name);
    const [fault, version] = [isOurs(found) ? "newer" : "foreign", found.version] as const;
    found.close();
    const detail =
      fault === "newer" ? `its tables are version ${version}, this qloom knows ${MIGRATIONS.length}` : undefined;
    throw new TuneDbError(fault, place, detail, error);
  }
}

const isOurs = (db: Database): boolean => db.objectStoreNames.contains("qloom-record");

/** Exceptions by name, https://webidl.spec.whatwg.org/#idl-DOMException. Those that are not here are bugs of ours and stay as thrown. */
const EXCEPTIONS: Readonly<Record<string, TuneDbFault>> = {
  QuotaExceededError: "full",
  SecurityError: "cannot-open",
  InvalidStateError: "closed",
  NotFoundError: "foreign",
  NotReadableError: "io",
  UnknownError: "io",
};

/** A browser's exception as a `TuneDbError`; anything else as it is. */
export function explainIndexedDb(error: unknown, place: string): unknown {
  if (!(error instanceof DOMException)) return error;
  const fault = EXCEPTIONS[error.name];
  return fault === undefined ? error : new TuneDbError(fault, place, fault === "io" ? error.message : undefined, error);
}
