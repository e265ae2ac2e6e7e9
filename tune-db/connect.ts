/**
 * Opens the database file: refuses whatever is not ours before a byte of it changes, then brings it up to the present schema.
 * Not here: what is read and written (sqlite.ts).
 */
import { accessSync, closeSync, constants, mkdirSync, openSync, readSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { explained, TuneDbError } from "./errors.ts";
import { APPLICATION_ID, MIGRATIONS } from "./schema.ts";

export interface OpenOptions {
  /** Look up only. Works on a file and in a folder that cannot be written. */
  readonly readOnly?: boolean;
  /** How long to wait for another process's lock, in milliseconds; 5000 unless told. */
  readonly busyTimeoutMs?: number;
}

/** Files up to this size are checked whole at opening (a few milliseconds); in larger ones damage is found where it is read. */
const CHECKED_BYTES = 4 * 1024 * 1024;

const DEFAULT_BUSY_TIMEOUT_MS = 5000;

/** The place of a database that is kept nowhere. */
const MEMORY = ":memory:";

/** A path as messages name it. */
export function absolute(path: string): string {
  return path === MEMORY ? MEMORY : resolve(path);
}

/**
 * A connection to an existing or new database of the present schema. Throws `TuneDbError`.
 *
 * @internal
 */
export function connect(file: string, options: OpenOptions = {}): DatabaseSync {
  const path = absolute(file);
  const readOnly = options.readOnly ?? false;
  return explained(path, () => {
    const size = inspect(path, readOnly);
    const db = open(path, readOnly, options.busyTimeoutMs ?? DEFAULT_BUSY_TIMEOUT_MS);
    try {
      const version = identify(db, path);
      if (size > 0 && size <= CHECKED_BYTES) check(db, path);
      if (!readOnly) prepare(db, path, options.busyTimeoutMs ?? DEFAULT_BUSY_TIMEOUT_MS);
      else if (version < MIGRATIONS.length) {
        throw new TuneDbError("older", path);
      }
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  });
}

/**
 * Runs `action` in a transaction that holds the write lock from its start, so that it cannot fail half way for want of it.
 *
 * @internal
 */
export function transaction<T>(db: DatabaseSync, path: string, action: () => T): T {
  return explained(path, () => {
    db.exec("BEGIN IMMEDIATE");
    try {
      const result = action();
      db.exec("COMMIT");
      return result;
    } catch (error) {
      // A full disk or a damaged page has rolled back already.
      if (db.isTransaction) db.exec("ROLLBACK");
      throw error;
    }
  });
}

/** The file's size, 0 for a new one, having made sure without SQLite's help that opening it can do no harm. */
function inspect(path: string, readOnly: boolean): number {
  if (path === MEMORY) return 0;
  if (!readOnly) mkdirSync(dirname(path), { recursive: true });
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) {
    if (readOnly) throw new TuneDbError("missing", path);
    accessSync(dirname(path), constants.W_OK);
    return 0;
  }
  if (!found.isFile()) throw new TuneDbError("cannot-open", path, "it is not a file");
  if (!readOnly) {
    // SQLite would open it for reading and fail at the first write, perhaps hours later.
    accessSync(path, constants.W_OK);
    accessSync(dirname(path), constants.W_OK);
  }
  if (found.size > 0 && !startsLikeSqlite(path)) throw new TuneDbError("not-a-database", path);
  return found.size;
}

function startsLikeSqlite(path: string): boolean {
  const header = Buffer.alloc(16);
  const descriptor = openSync(path, "r");
  try {
    readSync(descriptor, header, 0, 16, 0);
  } finally {
    closeSync(descriptor);
  }
  return header.toString("latin1") === "SQLite format 3\0";
}

function open(path: string, readOnly: boolean, timeout: number): DatabaseSync {
  if (!readOnly) return new DatabaseSync(path, { timeout });
  const db = new DatabaseSync(path, { timeout, readOnly });
  try {
    db.prepare("PRAGMA user_version").get();
    return db;
  } catch (error) {
    db.close();
    // A write-ahead log needs files beside the database even for reading. Where they cannot be made, nobody can be writing either,
    // unless a log is there, whose records an immutable reading would miss.
    const log = statSync(`${path}-wal`, { throwIfNoEntry: false });
    if (log !== undefined && log.size > 0) throw error;
    const url = pathToFileURL(path);
    url.searchParams.set("immutable", "1");
    return new DatabaseSync(url, { timeout, readOnly });
  }
}

function pragma(db: DatabaseSync, name: string): unknown {
  return Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0];
}

/** The schema version of a database of ours; 0 for an empty one. */
function identify(db: DatabaseSync, path: string): number {
  const version = Number(pragma(db, "user_version"));
  const application = Number(pragma(db, "application_id"));
  const tables = Number(Object.values(db.prepare("SELECT count(*) FROM sqlite_schema").get() ?? {})[0]);
  if (application !== APPLICATION_ID && (tables > 0 || version > 0 || application !== 0))
    throw new TuneDbError("foreign", path);
  if (version > MIGRATIONS.length) {
    throw new TuneDbError("newer", path, `its schema is version ${version}, this qloom knows ${MIGRATIONS.length}`);
  }
  return version;
}

function check(db: DatabaseSync, path: string): void {
  const verdict = String(pragma(db, "quick_check(1)"));
  if (verdict !== "ok")
    throw new TuneDbError("corrupt", path, verdict.replace(/^\*+ in database main \*+\s+/, "").replaceAll(/\s+/g, " "));
}

function prepare(db: DatabaseSync, path: string, timeout: number): void {
  // FULL: the journal's entry must outlive even a crash of the machine, which is what a driver's fault may bring about.
  db.exec("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON");
  enterWal(db, timeout);
  if (Number(pragma(db, "user_version")) === MIGRATIONS.length) return;
  transaction(db, path, () => {
    // Read again under the lock: another process may have come first.
    for (let version = identify(db, path); version < MIGRATIONS.length; version++) {
      db.exec(MIGRATIONS[version]!);
      db.exec(`PRAGMA user_version = ${version + 1}; PRAGMA application_id = ${APPLICATION_ID}`);
    }
  });
}

/**
 * Readers and one writer at once need the write-ahead log. Changing to it does not wait for locks as other statements do
 * (https://www.sqlite.org/wal.html#sometimes_queries_return_sqlite_busy_in_wal_mode), so this waits. Where the file system cannot hold
 * such a log, SQLite keeps its rollback journal, which is as safe and only slower.
 */
function enterWal(db: DatabaseSync, timeout: number): void {
  const end = Date.now() + timeout;
  for (;;) {
    try {
      pragma(db, "journal_mode = WAL");
      return;
    } catch (error) {
      const busy = error instanceof Error && "errcode" in error && (Number(error.errcode) & 0xff) === 5;
      if (!busy || Date.now() >= end) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
}
