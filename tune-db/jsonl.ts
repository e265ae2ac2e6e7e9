/**
 * Records as JSON Lines: one canonical record a line in a fixed order, so that equal stores give equal files, a new trial is one new
 * line in a diff, and two files merge by keeping the lines of both.
 * Not here: which of two records of one configuration stays (`preferred` in store.ts).
 */
import { nodeModule } from "../ir/index.ts";
import { TuneDbError } from "./errors.ts";
import { parseRecord, recordText, type TuneRecord } from "./record.ts";
import { type MergeCounts, type RecordReader, type RowFilter, records, type TuneStore } from "./store.ts";

/** A line that was not imported: its number (from 1), the file or other source, and why. */
export interface RefusedLine {
  readonly source: string;
  readonly line: number;
  readonly reason: string;
}

export interface ImportOptions {
  /** What the lines come from, for messages. */
  readonly source?: string;
  readonly onRefused?: (refused: RefusedLine) => void;
  /** Import nothing if any line is refused. */
  readonly strict?: boolean;
}

export interface ImportResult extends MergeCounts {
  readonly refused: readonly RefusedLine[];
}

export interface ExportOptions {
  readonly filter?: RowFilter;
  /** Told of records that no longer read as such, which are left out; without it they throw. */
  readonly onDamaged?: (key: string, reason: string) => void;
}

/** Longer lines are refused unread; the longest record of any real space is a hundredth of it. */
const MAX_LINE = 4 * 1024 * 1024;

const MERGE_MARKER = /^(<{7}|={7}|>{7}|\|{7})/;

/** The records of a store, a line each without its line end. */
export async function* exportRecords(reader: RecordReader, options: ExportOptions = {}): AsyncIterable<string> {
  for await (const record of records(reader, options.filter, options.onDamaged)) yield recordText(record);
}

/** Merges the good lines into `store` in one transaction; importing again changes nothing. Throws `TuneDbError`, having stored nothing. */
export async function importRecords(
  store: TuneStore,
  lines: Iterable<string> | AsyncIterable<string>,
  options: ImportOptions = {},
): Promise<ImportResult> {
  const { good, refused } = await readLines(lines, options);
  return mergeAll(store, good, refused, options);
}

/** Imports several files as one: all of their good lines in one transaction. */
export async function importFiles(
  store: TuneStore,
  files: readonly string[],
  options: Omit<ImportOptions, "source"> = {},
): Promise<ImportResult> {
  const { good, refused } = await readFiles(files, options);
  return mergeAll(store, good, refused, options);
}

async function mergeAll(
  store: TuneStore,
  good: readonly TuneRecord[],
  refused: readonly RefusedLine[],
  options: ImportOptions,
) {
  const nothing = { added: 0, replaced: 0, kept: 0 };
  const counts = good.length === 0 || (options.strict && refused.length > 0) ? nothing : await store.merge(good);
  return { ...counts, refused };
}

export interface Lines {
  readonly good: readonly TuneRecord[];
  readonly refused: readonly RefusedLine[];
}

/** The records in some files. Throws a one-line error for a file that cannot be read. */
export async function readFiles(files: readonly string[], options: Omit<ImportOptions, "source"> = {}): Promise<Lines> {
  const good: TuneRecord[] = [];
  const refused: RefusedLine[] = [];
  for (const source of files) {
    const read = await readFileLines(source, options);
    good.push(...read.good);
    refused.push(...read.refused);
  }
  return { good, refused };
}

async function readFileLines(source: string, options: ImportOptions): Promise<Lines> {
  const { createReadStream } = nodeModule<typeof import("node:fs")>("node:fs", `reading ${source}`);
  try {
    return await readLines(splitLines(createReadStream(source, "utf8")), { ...options, source });
  } catch (error) {
    throw error instanceof Error && "syscall" in error
      ? new TuneDbError("unreadable", source, error.message, error)
      : error;
  }
}

/** Cut at line feeds only: JSON text may hold the other characters that some call line ends. A line beyond MAX_LINE is not kept whole. */
async function* splitLines(chunks: AsyncIterable<string>): AsyncIterable<string> {
  let held = "";
  for await (const chunk of chunks) {
    const [first = "", ...more] = chunk.split("\n");
    if (held.length <= MAX_LINE) held += first;
    for (const part of more) {
      yield held;
      held = part;
    }
  }
  if (held !== "") yield held;
}

async function readLines(lines: Iterable<string> | AsyncIterable<string>, options: ImportOptions): Promise<Lines> {
  const good: TuneRecord[] = [];
  const refused: RefusedLine[] = [];
  let line = 0;
  for await (const given of lines) {
    line++;
    const text = (line === 1 ? given.replace(/^\ufeff/, "") : given).trim();
    if (text === "") continue;
    const read = readLine(text);
    if (typeof read !== "string") {
      good.push(read);
      continue;
    }
    refused.push({ source: options.source ?? "input", line, reason: read });
    options.onRefused?.(refused.at(-1)!);
  }
  return { good, refused };
}

/** The record, or why there is none. */
function readLine(text: string): TuneRecord | string {
  if (text.length > MAX_LINE) return `longer than ${MAX_LINE} characters`;
  if (MERGE_MARKER.test(text)) return "a merge conflict marker; delete it and keep the lines of both sides";
  const parsed = parseRecord(text);
  return "record" in parsed ? parsed.record : parsed.refused;
}
