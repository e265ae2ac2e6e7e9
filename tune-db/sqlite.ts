/**
 * The store in a SQLite file, shared by several processes: the write-ahead log lets readers go on during a write, every write holds
 * the lock from its beginning, and every method is one transaction.
 * Not here: opening and checking the file (connect.ts), the tables (schema.ts), the journal's entries (journal.ts).
 */
import type { DatabaseSync } from "node:sqlite";
import { sqliteCandidates } from "./candidates.ts";
import { absolute, connect, type OpenOptions, transaction } from "./connect.ts";
import { crashRecord, withdrawn } from "./decisions.ts";
import { explained, TuneDbError } from "./errors.ts";
import { deadEntries, removeEntry, writeEntry } from "./journal.ts";
import { scopeHash } from "./key.ts";
import { type Configuration, type Measurement, OUTCOMES, sealRecord, type TuneRecord } from "./record.ts";
import { statement } from "./statement.ts";
import type {
  CandidateQuery,
  Candidates,
  MergeCounts,
  RowFilter,
  State,
  StoredRow,
  Summary,
  TuneStore,
} from "./store.ts";
import { insertDamaged, keyFromColumns, mergeOne, parsedRow, putAside, summarizeStore, upsert } from "./tables.ts";

/** The store in a file, or in memory for `:memory:`. Throws `TuneDbError`. */
export function openSqlite(path: string, options: OpenOptions): TuneStore {
  return new SqliteStore(connect(path, options), absolute(path));
}

/** The store over a connection of its own, which `close` closes. */
export class SqliteStore implements TuneStore {
  readonly place: string;
  readonly #db: DatabaseSync;
  /** What this store began and has not finished. */
  readonly #begun = new Map<number, Configuration>();

  /** @internal */
  constructor(db: DatabaseSync, place: string) {
    this.#db = db;
    this.place = place;
  }

  async get(key: string): Promise<TuneRecord | undefined> {
    const parsed = this.#read(() => parsedRow(this.#db, key));
    return parsed !== undefined && "record" in parsed ? parsed.record : undefined;
  }

  async state(key: string): Promise<State | undefined> {
    const select = "SELECT outcome, reason FROM record WHERE key = ?";
    return this.#read(() => statement(this.#db, select).get(key) as State | undefined);
  }

  async candidates(query: CandidateQuery): Promise<Candidates> {
    return this.#read(() => sqliteCandidates(this.#db, query));
  }

  async *rows(filter: RowFilter = {}): AsyncIterable<StoredRow> {
    const wanted = JSON.stringify(filter.outcomes ?? OUTCOMES);
    const scopes = this.#read(() =>
      filter.scope === undefined
        ? statement(this.#db, "SELECT id FROM scope ORDER BY workload, rest").all()
        : statement(this.#db, "SELECT id FROM scope WHERE hash = ?").all(scopeHash(filter.scope)),
    );
    const ofScope = `SELECT key, text FROM record WHERE scope = ? AND outcome IN (SELECT value FROM json_each(?))
      ORDER BY template, point`;
    // A scope at a time: bounded memory, and no cursor stays open while the caller does something else with the store.
    for (const { id } of scopes)
      yield* this.#read(() => statement(this.#db, ofScope).all(id!, wanted) as unknown as StoredRow[]);
  }

  async put(records: readonly TuneRecord[]): Promise<void> {
    this.#write(() => {
      for (const record of records) upsert(this.#db, record);
    });
  }

  async merge(records: readonly TuneRecord[]): Promise<MergeCounts> {
    return this.#write(() => {
      const counts = { added: 0, replaced: 0, kept: 0 };
      for (const record of records) counts[mergeOne(this.#db, record)]++;
      return counts;
    });
  }

  async quarantine(key: string, reason: string, configuration?: Configuration): Promise<void> {
    this.#write(() => {
      const known = parsedRow(this.#db, key);
      const record = withdrawn(known, { key, reason, configuration }, () => keyFromColumns(this.#db, key));
      if (record === "unknown") throw new TuneDbError("no-record", this.place, key);
      if (record === undefined) return;
      // A damaged text is put aside, not thrown away.
      if (known !== undefined && "refused" in known) putAside(this.#db, key, known.refused);
      upsert(this.#db, record);
    });
  }

  async begin(configuration: Configuration): Promise<number> {
    const id = this.#write(() => writeEntry(this.#db, configuration));
    this.#begun.set(id, configuration);
    return id;
  }

  async finish(id: number, measurement: Measurement): Promise<TuneRecord> {
    const configuration = this.#begun.get(id);
    if (configuration === undefined) throw new Error(`journal entry ${id} was not begun by this store, or is finished`);
    const record = sealRecord(configuration, measurement);
    this.#write(() => {
      upsert(this.#db, record);
      removeEntry(this.#db, id);
    });
    this.#begun.delete(id);
    return record;
  }

  async cancel(id: number): Promise<void> {
    this.#write(() => removeEntry(this.#db, id));
    this.#begun.delete(id);
  }

  async recover(): Promise<readonly TuneRecord[]> {
    const dead = this.#read(() => deadEntries(this.#db));
    if (dead.length === 0) return [];
    return this.#write(() => {
      const crashes: TuneRecord[] = [];
      for (const entry of dead) {
        if (!removeEntry(this.#db, entry.id)) continue; // another process recovered it meanwhile
        const record = crashRecord({ ...entry, owner: `the tuning process (pid ${entry.pid})` });
        if ("damaged" in record) insertDamaged(this.#db, entry.key, entry.text, record.damaged);
        else {
          upsert(this.#db, record);
          crashes.push(record);
        }
      }
      return crashes;
    });
  }

  async summary(): Promise<Summary> {
    return this.#read(() => summarizeStore(this.#db, this.place));
  }

  async close(): Promise<void> {
    if (this.#db.isOpen) this.#db.close();
  }

  #read<T>(action: () => T): T {
    return explained(this.place, action);
  }

  #write<T>(action: () => T): T {
    return transaction(this.#db, this.place, action);
  }
}
