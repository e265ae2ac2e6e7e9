/**
 * The journal of what is about to run, in SQLite: an entry is committed before its configuration runs and removed with its outcome,
 * so that a process that dies leaves behind what killed it.
 * Not here: running anything, or the records that entries become (sqlite.ts stores them in the same transaction).
 */
import type { DatabaseSync } from "node:sqlite";
import { canonicalJson } from "../ir/index.ts";
import { recordKey } from "./key.ts";
import { isAlive, ownIdentity } from "./process.ts";
import { type Configuration, configurationSchema } from "./record.ts";
import { statement } from "./statement.ts";

interface Entry {
  readonly id: number;
  readonly key: string;
  readonly text: string;
  readonly pid: number;
  readonly start: string;
  readonly host: string;
  readonly begun: string;
}

/** Writes the entry and returns its id. The caller's transaction makes it durable. */
export function writeEntry(db: DatabaseSync, configuration: Configuration): number {
  const { pid, start, host } = ownIdentity();
  const insert = statement(db, "INSERT INTO journal (key, text, pid, start, host, begun) VALUES (?, ?, ?, ?, ?, ?)");
  const [key, text] = [recordKey(configuration.key), canonicalJson(configurationSchema.parse(configuration))];
  return Number(insert.run(key, text, pid, start, host, new Date().toISOString()).lastInsertRowid);
}

/** True if the entry was still there. */
export function removeEntry(db: DatabaseSync, id: number): boolean {
  return statement(db, "DELETE FROM journal WHERE id = ?").run(id).changes > 0;
}

export function entries(db: DatabaseSync): readonly Entry[] {
  // The columns' types hold by the table's being STRICT.
  return statement(
    db,
    "SELECT id, key, text, pid, start, host, begun FROM journal ORDER BY id",
  ).all() as unknown as Entry[];
}

/** The entries whose process has ended. Asks the system once per process. */
export function deadEntries(db: DatabaseSync): readonly Entry[] {
  const alive = new Map<string, boolean>();
  return entries(db).filter((entry) => {
    const process = `${entry.host}/${entry.pid}/${entry.start}`;
    const known = alive.get(process) ?? isAlive(entry, new Date(entry.begun));
    alive.set(process, known);
    return !known;
  });
}
