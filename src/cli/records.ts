// What `qloom db` does with records: listing, export, import, withdrawal. Not here: its options and how it prints.

import { rename, rm, writeFile } from "node:fs/promises";
import { QloomError, type Workload } from "../../ir/index.ts";
import {
  exportRecords,
  type ImportResult,
  importFiles,
  type Outcome,
  openStore,
  type Point,
  recordKey,
  records,
  type Summary,
  type TuneRecord,
} from "../../tune-db/index.ts";
import { openExisting } from "./database.ts";
import { UsageError } from "./errors.ts";

/** A record in a line. */
export interface RecordRow {
  readonly key: string;
  readonly workload: Workload;
  readonly device: string;
  readonly template: string;
  readonly point: Point;
  readonly outcome: Outcome;
  /** Why not ok. */
  readonly reason: string | null;
  readonly medianMs: number | null;
  readonly samples: number;
  readonly createdAt: string;
}

/** Which records are meant. */
export interface RecordFilter {
  readonly workload: (workload: Workload) => boolean;
  readonly outcomes: readonly Outcome[];
}

type Told = (line: string) => void;

export interface Overview {
  readonly summary: Summary;
  readonly quarantined: readonly RecordRow[];
}

/** What the database holds, and what was withdrawn from it. */
export async function summarize(path: string | undefined, note: Told): Promise<Overview> {
  await using store = await disposable(openExisting(path, true));
  const summary = await store.value.summary();
  return { summary, quarantined: await rowsOf(path, { workload: () => true, outcomes: ["quarantined"] }, note) };
}

/** The records of a filter, in the order of export; `note` is told of those that no longer read. */
export async function rowsOf(
  path: string | undefined,
  filter: RecordFilter,
  note: Told,
): Promise<readonly RecordRow[]> {
  await using store = await disposable(openExisting(path, true));
  const rows: RecordRow[] = [];
  const wanted = { outcomes: filter.outcomes };
  for await (const record of records(store.value, wanted, (key, reason) => note(damagedText(key, reason))))
    if (filter.workload(record.key.workload)) rows.push(rowOf(record));
  return rows;
}

const damagedText = (key: string, reason: string): string => `record ${key.slice(0, 12)} is left out: ${reason}`;

function rowOf(record: TuneRecord): RecordRow {
  const { key, label, outcome, reason, median, count, createdAt } = record;
  const { workload, template, point } = key;
  const medianMs = median === null ? null : median / 1e6;
  return {
    key: recordKey(key),
    workload,
    device: label,
    template,
    point,
    outcome,
    reason,
    medianMs,
    samples: count,
    createdAt,
  };
}

/** The records as lines of JSON; into a file, whole or not at all, where one is named. */
export async function exportTo(
  path: string | undefined,
  out: string | undefined,
  note: Told,
): Promise<{ readonly lines: readonly string[]; readonly out: string | undefined }> {
  await using store = await disposable(openExisting(path, true));
  const lines: string[] = [];
  const onDamaged = (key: string, reason: string): void => note(damagedText(key, reason));
  for await (const line of exportRecords(store.value, { onDamaged })) lines.push(line);
  if (out !== undefined) await writeWhole(out, lines.map((line) => `${line}\n`).join(""));
  return { lines, out };
}

async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.new-${process.pid}`;
  try {
    await writeFile(temporary, text, { flush: true });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    const reason = error instanceof Error ? error.message : String(error);
    throw new QloomError(`${path} can't be written: ${reason}; what was there is untouched`, { cause: error });
  }
}

/** Merges files of records; `refused` is told of each line that is none. */
export async function importFrom(
  path: string | undefined,
  files: readonly string[],
  strict: boolean,
  refused: Told,
): Promise<ImportResult> {
  if (files.length === 0) throw new UsageError("db import needs files that qloom db export wrote");
  await using store = await disposable(openStore(path));
  // Awaited here: the store closes when this returns.
  return await importFiles(store.value, files, {
    strict,
    onRefused: ({ source, line, reason }) => refused(`${source}:${line}: ${reason}`),
  });
}

/** Withdraws the record whose key begins with `prefix`; it is then never looked up, until it is measured again. */
export async function withdraw(path: string | undefined, prefix: string, reason: string): Promise<string> {
  await using store = await disposable(openExisting(path));
  const keys: string[] = [];
  for await (const { key } of store.value.rows()) if (key.startsWith(prefix)) keys.push(key);
  const [key] = keys;
  if (key === undefined) throw new QloomError(`no record's key begins with ${prefix}; qloom db list shows them`);
  if (keys.length > 1) throw new QloomError(`${keys.length} records' keys begin with ${prefix}; give more of it`);
  await store.value.quarantine(key, reason);
  return key;
}

/** What `close` ends, for `await using`. */
async function disposable<T extends { close(): Promise<void> }>(
  opened: Promise<T>,
): Promise<{ readonly value: T } & AsyncDisposable> {
  const value = await opened;
  return { value, [Symbol.asyncDispose]: () => value.close() };
}
