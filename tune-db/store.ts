/**
 * What a place that keeps records offers: `RecordReader` to look up in, `TuneStore` to write to. Asynchronous, so that stores behind
 * a network or in a browser fit. A store keeps each record's text under its key and finds it again by scope and family; it never
 * hands out a record as read: `parseRecord` does that, so that no store can pass on a damaged one.
 * Not here: SQLite (sqlite.ts), the order of the rungs and why a candidate is taken (lookup.ts).
 */
import { TuneDbError } from "./errors.ts";
import type { ScopeKey } from "./key.ts";
import { type Configuration, type Measurement, type Outcome, parseRecord, type TuneRecord } from "./record.ts";

/** Rungs of the look-up ladder that a reader answers, best first. */
export const RUNGS = ["exact", "nearest-shape", "architecture", "features"] as const;

/**
 * Which scopes a rung takes. All but the first stay within the wanted scope's family, and each leaves out what the rung above took.
 * - `exact`: the very scope
 * - `nearest-shape`: same device fingerprint; another shape, engine or generator
 * - `architecture`: same architecture, another device
 * - `features`: another architecture
 */
export type Rung = (typeof RUNGS)[number];

export interface CandidateQuery {
  readonly rung: Rung;
  readonly scope: ScopeKey;
  /** Scopes whose shape is farther away (`shapeDistance`) are left out. */
  readonly maxDistance: number;
}

export interface StoredRow {
  readonly key: string;
  readonly text: string;
}

export interface Candidate extends StoredRow {
  readonly distance: number;
}

export interface State {
  readonly outcome: Outcome;
  readonly reason: string | null;
}

export interface Candidates {
  /**
   * Records with outcome `ok`: shapes by distance, of one shape the same generator, then the same engine first, in a scope by median.
   * At most `CANDIDATE_SCOPES` scopes that have any, and `CANDIDATES_PER_SCOPE` of each.
   */
  readonly rows: readonly Candidate[];
  /** How many configurations of these scopes are withheld because they failed when run. */
  readonly failed: number;
  /** Up to `FAILURES_SHOWN` of them. */
  readonly failures: readonly (State & { readonly key: string })[];
}

/** Each candidate may cost its taker an attempt to apply a schedule. */
export const CANDIDATE_SCOPES = 8;
export const CANDIDATES_PER_SCOPE: Readonly<Record<Rung, number>> = {
  exact: 32,
  "nearest-shape": 4,
  architecture: 4,
  features: 4,
};
export const FAILURES_SHOWN = 4;

/** Outcomes of configurations that ran and must not be taken. `rejected` ones never ran. */
export const FAILED_OUTCOMES: readonly Outcome[] = ["crash", "hang", "wrong", "trap", "quarantined"];

export interface RowFilter {
  readonly scope?: ScopeKey;
  readonly outcomes?: readonly Outcome[];
}

export interface RecordReader {
  /** Where the records lie, for people. */
  readonly place: string;
  candidates(query: CandidateQuery): Promise<Candidates>;
  /** What is known of one configuration, by `recordKey`. */
  state(key: string): Promise<State | undefined>;
  /** All rows in the order of export (`scopeTexts`, template, point). */
  rows(filter?: RowFilter): AsyncIterable<StoredRow>;
  /** Withdraws a configuration for good; absent where nothing can be written. */
  quarantine?(key: string, reason: string): Promise<void>;
}

export interface MergeCounts {
  readonly added: number;
  readonly replaced: number;
  readonly kept: number;
}

export interface RunningEntry {
  readonly id: number;
  readonly key: string;
  /** What began it, for people: a process, a page. */
  readonly owner: string;
  readonly begun: string;
}

export interface Summary {
  readonly place: string;
  readonly bytes: number;
  readonly records: number;
  readonly outcomes: Readonly<Record<Outcome, number>>;
  readonly workloads: number;
  readonly devices: readonly { readonly kind: string; readonly fingerprint: string; readonly records: number }[];
  /** Configurations begun and not finished: running now, or left by a process that died. */
  readonly running: readonly RunningEntry[];
  /** Texts that no longer read as records, put aside when they were found. */
  readonly damaged: number;
}

/** Every method either does all of its work or, throwing a `TuneDbError`, nothing. */
export interface TuneStore extends RecordReader {
  /** The record of a configuration; undefined where there is none that reads as one. */
  get(key: string): Promise<TuneRecord | undefined>;
  /** Stores what was measured here; replaces what was known of the same configurations, a quarantine included. */
  put(records: readonly TuneRecord[]): Promise<void>;
  /** Stores what was measured elsewhere: the union, `preferred` deciding between two records of one configuration. */
  merge(records: readonly TuneRecord[]): Promise<MergeCounts>;
  /** Gives the configuration the outcome `quarantined`. One that the store does not hold yet has to be given. */
  quarantine(key: string, reason: string, configuration?: Configuration): Promise<void>;
  /** Writes down, durably, what is about to run; returns the entry's id. */
  begin(configuration: Configuration): Promise<number>;
  /** Stores the outcome of an entry that this store began, and removes the entry. */
  finish(id: number, measurement: Measurement): Promise<TuneRecord>;
  /** Removes an entry that was stopped for reasons of ours (Ctrl-C): nothing is held against the configuration. */
  cancel(id: number): Promise<void>;
  /** Turns entries of processes that are no longer alive into records of outcome `crash`. A tuning job starts with this. */
  recover(): Promise<readonly TuneRecord[]>;
  summary(): Promise<Summary>;
  close(): Promise<void>;
}

/**
 * Which of two records of one configuration stays: a quarantined one (seen to fail once is enough), else the one with more samples,
 * else the newer, else the one with the greater hash. A total order, so that the order of merging does not matter.
 */
export function preferred(a: TuneRecord, b: TuneRecord): TuneRecord {
  const rank = (record: TuneRecord) =>
    [record.outcome === "quarantined" ? 1 : 0, record.count, record.createdAt, record.hash] as const;
  const [left, right] = [rank(a), rank(b)];
  for (let i = 0; i < left.length; i++) {
    if (left[i]! !== right[i]!) return left[i]! > right[i]! ? a : b;
  }
  return a;
}

/** The readable records of a reader, in the order of export. `onDamaged` is told of the others; without it they throw `TuneDbError`. */
export async function* records(
  reader: RecordReader,
  filter?: RowFilter,
  onDamaged?: (key: string, reason: string) => void,
): AsyncIterable<TuneRecord> {
  for await (const row of reader.rows(filter)) {
    const parsed = parseRecord(row.text);
    if ("record" in parsed && parsed.key === row.key) yield parsed.record;
    else {
      const reason = "refused" in parsed ? parsed.refused : "it is stored under another record's key";
      if (onDamaged === undefined)
        throw new TuneDbError("damaged-record", reader.place, `${row.key.slice(0, 12)}: ${reason}`);
      onDamaged(row.key, reason);
    }
  }
}
