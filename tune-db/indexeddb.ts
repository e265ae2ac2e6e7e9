/**
 * The store in a browser, shared by the tabs and workers of one origin: every method that writes is one transaction, and the journal's
 * entries are on the disk before what they name runs. Not here: opening and checking the database (indexeddb-open.ts), reading rows back
 * (indexeddb-rows.ts), the orders (ranking.ts).
 */
import type { IDBPDatabase } from "idb";
import { canonicalJson } from "../ir/index.ts";
import { mergeVerdict, withdrawn } from "./decisions.ts";
import { TuneDbError } from "./errors.ts";
import { connectIndexedDb, explainIndexedDb, placeOf, TABLES, type Tables } from "./indexeddb-open.ts";
import { readEntry, readStoredRow } from "./indexeddb-rows.ts";
import {
  countScopes,
  isWhole,
  keyFromColumns,
  parsedRow,
  putAside,
  type Reading,
  readScopes,
  recoverEntry,
  rowsOf,
  scopesWithRecords,
  upsert,
  type Writing,
} from "./indexeddb-tables.ts";
import { recordKey } from "./key.ts";
import { announce, livingOwners, type Presence } from "./page.ts";
import { countOutcomes, exportedRows, exportedScopes, Gathering, scopeOf, scopesFor } from "./ranking.ts";
import {
  type Configuration,
  configurationSchema,
  type Measurement,
  OUTCOMES,
  sealRecord,
  type TuneRecord,
} from "./record.ts";
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

/** The database's name where nobody says. */
const DEFAULT_NAME = "qloom";

/** Opens the database of this page's origin, making it where there is none. Throws `TuneDbError`; the database is then as it was. */
export async function openIndexedDb(name: string = DEFAULT_NAME): Promise<TuneStore> {
  return new IndexedDbStore(await connectIndexedDb(name), placeOf(name), await announce());
}

class IndexedDbStore implements TuneStore {
  readonly place: string;
  readonly #db: IDBPDatabase<Tables>;
  readonly #page: Presence;
  /** What this store began and has not finished. */
  readonly #begun = new Map<number, Configuration>();

  constructor(db: IDBPDatabase<Tables>, place: string, page: Presence) {
    this.#db = db;
    this.place = place;
    this.#page = page;
  }

  async get(key: string): Promise<TuneRecord | undefined> {
    const parsed = await this.#read((tx) => parsedRow(tx, key));
    return parsed !== undefined && "record" in parsed ? parsed.record : undefined;
  }

  async state(key: string): Promise<State | undefined> {
    const row = await this.#read((tx) => tx.objectStore("qloom-record").get(key));
    const read = row && readStoredRow(row);
    return read !== undefined && "outcome" in read ? { outcome: read.outcome, reason: read.reason } : undefined;
  }

  async candidates(query: CandidateQuery): Promise<Candidates> {
    const { hash, family } = scopeOf(query.scope);
    const gathering = new Gathering(query.rung);
    await this.#read(async (tx) => {
      const table = tx.objectStore("qloom-scope");
      const found = query.rung === "exact" ? [await table.get(hash)] : await table.index("family").getAll(family);
      for (const { hash, distance } of scopesFor(readScopes(found), query))
        if (!gathering.add(distance, (await rowsOf(tx, hash)).filter(isWhole))) break;
    });
    return gathering.candidates;
  }

  async *rows(filter: RowFilter = {}): AsyncIterable<StoredRow> {
    const { scopes, hashes } = await this.#read(async (tx) => ({
      scopes: readScopes(await tx.objectStore("qloom-scope").getAll()),
      hashes: await scopesWithRecords(tx),
    }));
    const known = exportedScopes(scopes, filter).map(({ hash }) => hash);
    // Records whose scope no longer reads come last: they are told as damaged, not left out.
    const lost = filter.scope === undefined ? [...hashes].filter((h) => scopes.every(({ hash }) => hash !== h)) : [];
    for (const hash of [...known, ...lost]) {
      const rows = await this.#read((tx) => rowsOf(tx, hash));
      yield* exportedRows(rows.filter(isWhole), filter);
      yield* rows.filter((row) => !isWhole(row));
    }
  }

  async put(records: readonly TuneRecord[]): Promise<void> {
    await this.#write(async (tx) => {
      for (const record of records) await upsert(tx, record);
    });
  }

  async merge(records: readonly TuneRecord[]): Promise<MergeCounts> {
    return this.#write(async (tx) => {
      const counts = { added: 0, replaced: 0, kept: 0 };
      for (const record of records) {
        const key = recordKey(record.key);
        const known = await parsedRow(tx, key);
        const verdict = mergeVerdict(known, record);
        counts[verdict]++;
        if (verdict === "kept") continue;
        if (known !== undefined && "refused" in known) await putAside(tx, key, known.refused);
        await upsert(tx, record);
      }
      return counts;
    });
  }

  async quarantine(key: string, reason: string, configuration?: Configuration): Promise<void> {
    await this.#write(async (tx) => {
      const known = await parsedRow(tx, key);
      const columns = known === undefined || "record" in known ? undefined : await keyFromColumns(tx, key);
      const record = withdrawn(known, { key, reason, configuration }, () => {
        if (columns === undefined) throw new TuneDbError("damaged-record", this.place, key.slice(0, 12));
        return columns;
      });
      if (record === "unknown") throw new TuneDbError("no-record", this.place, key);
      if (record === undefined) return;
      // A damaged text is put aside, not thrown away.
      if (known !== undefined && "refused" in known) await putAside(tx, key, known.refused);
      await upsert(tx, record);
    });
  }

  async begin(configuration: Configuration): Promise<number> {
    const [key, text] = [recordKey(configuration.key), canonicalJson(configurationSchema.parse(configuration))];
    const entry = { key, text, owner: this.#page.name, begun: new Date().toISOString() };
    const id = await this.#write((tx) => tx.objectStore("qloom-journal").add(entry), "strict");
    this.#begun.set(id, configuration);
    return id;
  }

  async finish(id: number, measurement: Measurement): Promise<TuneRecord> {
    const configuration = this.#begun.get(id);
    if (configuration === undefined) throw new Error(`journal entry ${id} was not begun by this store, or is finished`);
    const record = sealRecord(configuration, measurement);
    await this.#write(async (tx) => {
      await upsert(tx, record);
      await tx.objectStore("qloom-journal").delete(id);
    });
    this.#begun.delete(id);
    return record;
  }

  async cancel(id: number): Promise<void> {
    // Nothing is waited for before the commit: a page that is being left has no time for answers.
    await this.#write(async (tx) => void tx.objectStore("qloom-journal").delete(id));
    this.#begun.delete(id);
  }

  async recover(): Promise<readonly TuneRecord[]> {
    const [values, lives] = [await this.#read((tx) => tx.objectStore("qloom-journal").getAll()), await livingOwners()];
    const dead = values.map(readEntry).filter((entry) => "damaged" in entry || !lives(entry));
    if (dead.length === 0) return [];
    return this.#write(async (tx) => {
      const crashes: TuneRecord[] = [];
      const journal = tx.objectStore("qloom-journal");
      for (const entry of dead) {
        if ((await journal.getKey(entry.id)) === undefined) continue; // another page recovered it meanwhile
        const record = await recoverEntry(tx, entry);
        if (record !== undefined) crashes.push(record);
      }
      return crashes;
    });
  }

  async summary(): Promise<Summary> {
    const found = await this.#read(async (tx) => ({
      values: await tx.objectStore("qloom-record").getAll(),
      scopes: readScopes(await tx.objectStore("qloom-scope").getAll()),
      entries: (await tx.objectStore("qloom-journal").getAll()).map(readEntry),
      damaged: await tx.objectStore("qloom-damaged").count(),
    }));
    const records = found.values.map(readStoredRow);
    const rows = records.filter(isWhole);
    return {
      place: this.place,
      // The browser doesn't tell; what the texts take is the most of it.
      bytes: records.reduce((sum, { text }) => sum + text.length, 0),
      records: records.length,
      outcomes: countOutcomes(rows, OUTCOMES),
      ...countScopes(found.scopes, rows),
      running: found.entries.flatMap((entry) =>
        "damaged" in entry ? [] : [{ id: entry.id, key: entry.key, owner: `page ${entry.owner}`, begun: entry.begun }],
      ),
      damaged: found.damaged,
    };
  }

  async close(): Promise<void> {
    this.#db.close();
    this.#page.end();
  }

  #read<T>(action: (tx: Reading) => Promise<T>): Promise<T> {
    return this.#explained(() => action(this.#db.transaction(TABLES)));
  }

  /** All of the action, or, where it throws, nothing. */
  #write<T>(action: (tx: Writing) => Promise<T>, durability: "default" | "strict" = "default"): Promise<T> {
    return this.#explained(async () => {
      const tx = this.#db.transaction(TABLES, "readwrite", { durability });
      try {
        const result = await action(tx);
        tx.commit();
        await tx.done;
        return result;
      } catch (error) {
        abort(tx);
        await tx.done.catch(() => {});
        // A full disk aborts the transaction by itself: then that is what went wrong.
        throw tx.error ?? error;
      }
    });
  }

  async #explained<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      throw explainIndexedDb(error, this.place);
    }
  }
}

/** Ends a transaction without effect, if it has not ended. */
function abort(tx: Writing): void {
  try {
    tx.abort();
  } catch (error) {
    if (!(error instanceof DOMException && error.name === "InvalidStateError")) throw error;
  }
}
