/**
 * What can go wrong with the database itself, each as one line with path, reason and remedy.
 * Whatever the fault, the user's file is neither deleted nor overwritten.
 */
import { QloomError } from "../ir/index.ts";

export type TuneDbFault =
  | "locked"
  | "read-only"
  | "cannot-open"
  | "missing"
  | "not-a-database"
  | "foreign"
  | "newer"
  | "older"
  | "corrupt"
  | "full"
  | "damaged-record"
  | "no-record"
  | "unreadable"
  | "no-sqlite"
  | "closed"
  | "io";

/** Reason and remedy of each fault. */
const FAULTS = {
  locked: "is locked by another process; end that process or wait for it, then run this again",
  "read-only":
    "cannot be written: file or folder is read-only; make both writable, or name another file with --db or QLOOM_DB",
  "cannot-open": "cannot be opened as a file; name a file in a folder that can be written with --db or QLOOM_DB",
  missing: "does not exist; tune first, or name another file with --db or QLOOM_DB",
  "not-a-database": "is not a SQLite database and was left as it is; name another file with --db or QLOOM_DB",
  foreign: "is a SQLite database of another program and was left as it is; name another file with --db or QLOOM_DB",
  newer: "was written by a newer qloom and was left as it is; update qloom, or name another file with --db or QLOOM_DB",
  older: "was written by an older qloom; open it once where it can be written, and it is brought up to date",
  corrupt:
    "is damaged and was left as it is; move it away and qloom starts a new one, then import your exported records (`sqlite3 FILE .recover` may save the rest)",
  full: "could not be written: the disk is full; what was stored before is kept; free some space, then run this again",
  "damaged-record": "holds a record that was altered or damaged; quarantine it, or export without it",
  "no-record": "holds no such record to quarantine; give its configuration, or a key that it holds",
  unreadable: "cannot be read as a file of records; name a file that `qloom db export` wrote",
  "no-sqlite":
    "is a SQLite file, which needs Node's node:sqlite; use Node, an open store (openMemoryStore), or db: false for no database",
  closed: "was closed meanwhile; what was stored before is kept; open it again",
  io: "could not be read or written: the disk reports an error; check the disk, then run this again",
} as const satisfies Record<TuneDbFault, string>;

/** Places in a browser begin with this. */
export const INDEXEDDB = "indexeddb:";

/** In a browser the reasons are others, and so are the remedies. */
const BROWSER_FAULTS: Partial<Record<TuneDbFault, string>> = {
  "cannot-open":
    "cannot be opened: the browser keeps no data for this page; allow it to store site data, leave the private window, or take a newer browser",
  foreign: "is a database of another program of this site and was left as it is; open one of another name",
  newer:
    "was written by a newer qloom and was left as it is; reload the page to get that one, or open a database of another name",
  closed:
    "was closed by the browser, or for a newer qloom in another tab; what was stored before is kept; reload the page",
  full: "could not be written: the browser gives this site no more room; what was stored before is kept; export the records, free some space, then go on",
  io: "could not be read or written: the browser reports an error; what was stored before is kept; reload the page",
};

/** A fault of the database, told in one line. `cause` is SQLite's, the file system's or the browser's own error. */
export class TuneDbError extends QloomError {
  override name = "TuneDbError";
  readonly fault: TuneDbFault;
  readonly path: string;

  constructor(fault: TuneDbFault, path: string, detail?: string, cause?: unknown) {
    const text = (path.startsWith(INDEXEDDB) ? BROWSER_FAULTS[fault] : undefined) ?? FAULTS[fault];
    super(`tune-db ${path} ${text}${detail === undefined ? "" : ` (${detail})`}`, { cause });
    this.fault = fault;
    this.path = path;
  }
}

/** SQLite's primary result codes, https://www.sqlite.org/rescode.html. Codes that are not here are bugs of ours and stay as thrown. */
const SQLITE_FAULTS: Readonly<Record<number, TuneDbFault>> = {
  3: "read-only", // PERM
  5: "locked", // BUSY
  6: "locked", // LOCKED
  8: "read-only", // READONLY
  10: "io", // IOERR
  11: "corrupt", // CORRUPT
  13: "full", // FULL
  14: "cannot-open", // CANTOPEN
  15: "locked", // PROTOCOL: the locks of the write-ahead log were contended for too long
  26: "not-a-database", // NOTADB
};

const SYSTEM_FAULTS: Readonly<Record<string, TuneDbFault>> = {
  EACCES: "read-only",
  EPERM: "read-only",
  EROFS: "read-only",
  EEXIST: "cannot-open",
  ENOTDIR: "cannot-open",
  EISDIR: "cannot-open",
  ENAMETOOLONG: "cannot-open",
  ENOENT: "cannot-open",
  ENOSPC: "full",
  EDQUOT: "full",
  EIO: "io",
};

/** A SQLite or file system error as a `TuneDbError`; anything else as it is. */
export function explain(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || error instanceof TuneDbError) return error;
  if ("errcode" in error && typeof error.errcode === "number") {
    const fault = SQLITE_FAULTS[error.errcode & 0xff];
    if (fault === undefined) return error;
    return new TuneDbError(fault, path, fault === "io" || fault === "corrupt" ? error.message : undefined, error);
  }
  const fault = "code" in error && typeof error.code === "string" ? SYSTEM_FAULTS[error.code] : undefined;
  return fault === undefined ? error : new TuneDbError(fault, path, undefined, error);
}

/** Runs `action`, turning its faults into ones that name the file. */
export function explained<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw explain(error, path);
  }
}
