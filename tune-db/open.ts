/**
 * Opens a store. What keeps records in SQLite is loaded here, when a database is opened: the rest of this folder also runs in browsers.
 * Not here: the store itself (sqlite.ts, memory-store.ts).
 */
import { findNodeModule } from "../ir/index.ts";
import type { OpenOptions } from "./connect.ts";
import { TuneDbError } from "./errors.ts";
import { defaultPlace } from "./place.ts";
import type { TuneStore } from "./store.ts";

/**
 * Opens the database, making it and its folder where there is none; `:memory:` is kept nowhere. Throws `TuneDbError`; the file is then
 * as it was.
 */
export async function openStore(path?: string, options: OpenOptions = {}): Promise<TuneStore> {
  if (findNodeModule("node:sqlite") === undefined) throw new TuneDbError("no-sqlite", path ?? "of this user");
  const { openSqlite } = await import("./sqlite.ts");
  return openSqlite(path ?? defaultPlace(), options);
}
