// The tune-db on the command line: the option --db, and opening what it names.

import { statSync } from "node:fs";
import { defaultPlace, openStore, TuneDbError, type TuneStore } from "../../tune-db/index.ts";
import type { CompileOptions } from "../compile/index.ts";
import type { Option, OptionValues } from "./command.ts";
import { UsageError } from "./errors.ts";

/** Where tuned records are. */
export const dbOption: { readonly db: Option & { readonly type: "string" } } = {
  db: { type: "string", placeholder: "path", help: "The database of tuned records (default: the user's own)" },
};

/** For commands that plan kernels: which records they ask, if any. */
export const recordOptions: typeof dbOption & { readonly untuned: Option & { readonly type: "boolean" } } = {
  ...dbOption,
  untuned: { type: "boolean", help: "Ask no records: the templates' defaults" },
};

/** Opens a database that is there, by default the user's; a name that is wrong makes no new file. */
export async function openExisting(path: string = defaultPlace(), readOnly: boolean = false): Promise<TuneStore> {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) throw new TuneDbError("missing", path);
  return openStore(path, { readOnly });
}

/** Runs `use` with what `compile` takes as its database. Where none is named that is left to the compiler, which can do without. */
export async function withRecords<T>(
  { db, untuned }: OptionValues<typeof recordOptions>,
  use: (db: CompileOptions["db"]) => Promise<T>,
): Promise<T> {
  if (untuned && db !== undefined) throw new UsageError("--db and --untuned exclude each other");
  if (untuned || db === undefined) return use(untuned ? false : undefined);
  const store = await openReadable(db);
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

/** A database that can only be read is read: what it can't keep is whether a record failed. */
async function openReadable(path: string): Promise<TuneStore> {
  try {
    return await openExisting(path);
  } catch (error) {
    if (error instanceof TuneDbError && error.fault === "read-only") return openExisting(path, true);
    throw error;
  }
}
