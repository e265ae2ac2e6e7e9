/**
 * Reading and writing the rows of one record, in a browser's database; the caller holds the transaction.
 * Not here: which calls make one transaction (indexeddb.ts), the tables themselves (indexeddb-open.ts).
 */
import type { IDBPTransaction } from "idb";
import { workloadKey } from "../ir/index.ts";
import { crashRecord, readRow } from "./decisions.ts";
import type { RecordRow, TABLES, Tables } from "./indexeddb-open.ts";
import { readStoredRow, readStoredScope, type StoredEntry } from "./indexeddb-rows.ts";
import { scopeHash, type TuneKey } from "./key.ts";
import { rowOf, type Scope, scopeOf } from "./ranking.ts";
import type { Parsed, TuneRecord } from "./record.ts";
import type { StoredRow, Summary } from "./store.ts";

export type Reading = IDBPTransaction<Tables, typeof TABLES, "readonly" | "readwrite">;
export type Writing = IDBPTransaction<Tables, typeof TABLES, "readwrite">;

export async function parsedRow(tx: Reading, key: string): Promise<Parsed | undefined> {
  const row = await tx.objectStore("qloom-record").get(key);
  return row && readRow({ key, text: readStoredRow(row).text });
}

export async function upsert(tx: Writing, record: TuneRecord): Promise<void> {
  await tx.objectStore("qloom-scope").put(scopeOf(record.key));
  await tx.objectStore("qloom-record").put({ ...rowOf(record), scope: scopeHash(record.key) });
}

/** A record's key from what stands beside its text; undefined where that is damaged too. */
export async function keyFromColumns(tx: Reading, key: string): Promise<TuneKey | undefined> {
  const row = readStoredRow(await tx.objectStore("qloom-record").get(key));
  if (!isWhole(row)) return undefined;
  const scope = readStoredScope(await tx.objectStore("qloom-scope").get(row.scope));
  return scope && { ...scope.scope, template: row.template, point: JSON.parse(row.point) as TuneKey["point"] };
}

/** Moves a record whose text no longer reads out of the way of a new one. */
export async function putAside(tx: Writing, key: string, reason: string): Promise<void> {
  const { text } = readStoredRow(await tx.objectStore("qloom-record").get(key));
  await tx.objectStore("qloom-record").delete(key);
  await insertDamaged(tx, key, text, reason);
}

export async function insertDamaged(tx: Writing, key: string, text: string, reason: string): Promise<void> {
  await tx.objectStore("qloom-damaged").add({ key, text, reason, found: new Date().toISOString() });
}

/** Removes the entry of a page that is gone and stores what it says; gives the crash, if it says one. */
export async function recoverEntry(tx: Writing, entry: StoredEntry): Promise<TuneRecord | undefined> {
  await tx.objectStore("qloom-journal").delete(entry.id);
  const whole = "damaged" in entry ? undefined : entry;
  const record = whole && crashRecord({ ...whole, owner: "the page that tuned" });
  if (record !== undefined && !("damaged" in record)) {
    await upsert(tx, record);
    return record;
  }
  const text = whole?.text ?? JSON.stringify("damaged" in entry ? entry.damaged : entry);
  await insertDamaged(tx, whole?.key ?? "", text, record?.damaged ?? "journal entry: not an entry");
  return undefined;
}

type Told = RecordRow | StoredRow;

/** Whether the columns beside the text are what they were. */
export const isWhole = (row: Told): row is RecordRow => "outcome" in row;

export async function rowsOf(tx: Reading, scope: string): Promise<readonly Told[]> {
  return (await tx.objectStore("qloom-record").index("scope").getAll(scope)).map(readStoredRow);
}

/** The scopes that read. */
export const readScopes = (values: readonly unknown[]): readonly Scope[] =>
  values.map(readStoredScope).filter((scope) => scope !== undefined);

/** Hashes of the scopes that records name. */
export async function scopesWithRecords(tx: Reading): Promise<ReadonlySet<string>> {
  const hashes = new Set<string>();
  const index = tx.objectStore("qloom-record").index("scope");
  for (let at = await index.openKeyCursor(null, "nextunique"); at !== null; at = await at.continue())
    hashes.add(at.key);
  return hashes;
}

/** How many workloads and devices the rows are of. */
export function countScopes(
  scopes: readonly Scope[],
  rows: readonly RecordRow[],
): Pick<Summary, "workloads" | "devices"> {
  const counts = new Map<string, number>();
  for (const { scope } of rows) counts.set(scope, (counts.get(scope) ?? 0) + 1);
  const workloads = new Set<string>();
  const devices = new Map<string, Summary["devices"][number]>();
  for (const { scope, hash } of scopes) {
    const more = counts.get(hash) ?? 0;
    if (more === 0) continue;
    workloads.add(workloadKey(scope.workload));
    const { kind, fingerprint } = scope.device;
    const id = `${kind} ${fingerprint}`;
    devices.set(id, { kind, fingerprint, records: (devices.get(id)?.records ?? 0) + more });
  }
  const order = [...devices].sort(([a], [b]) => (a < b ? -1 : 1));
  return { workloads: workloads.size, devices: order.map(([, device]) => device) };
}
