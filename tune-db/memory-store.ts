/**
 * The store in memory: for hosts without files, and for records that nobody is to keep. It ends with the process, so that there is never an entry
 * of a dead one to recover.
 * Not here: how candidates are found (memory.ts).
 */
import { workloadKey } from "../ir/index.ts";
import { mergeVerdict, withdrawn } from "./decisions.ts";
import { TuneDbError } from "./errors.ts";
import { recordKey } from "./key.ts";
import { memoryReader } from "./memory.ts";
import {
  type Configuration,
  configurationSchema,
  type Measurement,
  OUTCOMES,
  type Outcome,
  type Parsed,
  recordText,
  sealRecord,
  type TuneRecord,
} from "./record.ts";
import type {
  CandidateQuery,
  Candidates,
  MergeCounts,
  RecordReader,
  RowFilter,
  State,
  StoredRow,
  Summary,
  TuneStore,
} from "./store.ts";

interface Begun {
  readonly configuration: Configuration;
  readonly begun: string;
}

/** An empty store; `place` names it for people. Export what it is to keep (`exportRecords`). */
export function openMemoryStore(place: string = "memory"): TuneStore {
  return new MemoryStore(place);
}

class MemoryStore implements TuneStore {
  readonly place: string;
  readonly #records = new Map<string, TuneRecord>();
  readonly #begun = new Map<number, Begun>();
  #lastId = 0;
  /** Made when it is asked, until something is written. */
  #reader: RecordReader | undefined;

  constructor(place: string) {
    this.place = place;
  }

  get #current(): RecordReader {
    this.#reader ??= memoryReader(this.place, this.#records.values());
    return this.#reader;
  }

  #set(record: TuneRecord): void {
    this.#records.set(recordKey(record.key), record);
    this.#reader = undefined;
  }

  #known(key: string): Parsed | undefined {
    const record = this.#records.get(key);
    return record && { record, key };
  }

  async get(key: string): Promise<TuneRecord | undefined> {
    return this.#records.get(key);
  }

  async state(key: string): Promise<State | undefined> {
    const found = this.#records.get(key);
    return found && { outcome: found.outcome, reason: found.reason };
  }

  async candidates(query: CandidateQuery): Promise<Candidates> {
    return this.#current.candidates(query);
  }

  rows(filter?: RowFilter): AsyncIterable<StoredRow> {
    return this.#current.rows(filter);
  }

  async put(records: readonly TuneRecord[]): Promise<void> {
    for (const record of records) this.#set(record);
  }

  async merge(records: readonly TuneRecord[]): Promise<MergeCounts> {
    const counts = { added: 0, replaced: 0, kept: 0 };
    for (const record of records) {
      const verdict = mergeVerdict(this.#known(recordKey(record.key)), record);
      counts[verdict]++;
      if (verdict !== "kept") this.#set(record);
    }
    return counts;
  }

  async quarantine(key: string, reason: string, configuration?: Configuration): Promise<void> {
    const record = withdrawn(this.#known(key), { key, reason, configuration });
    if (record === "unknown") throw new TuneDbError("no-record", this.place, key);
    if (record !== undefined) this.#set(record);
  }

  async begin(configuration: Configuration): Promise<number> {
    const begun = { configuration: configurationSchema.parse(configuration), begun: new Date().toISOString() };
    this.#begun.set(++this.#lastId, begun);
    return this.#lastId;
  }

  async finish(id: number, measurement: Measurement): Promise<TuneRecord> {
    const entry = this.#begun.get(id);
    if (entry === undefined) throw new Error(`journal entry ${id} was not begun by this store, or is finished`);
    const record = sealRecord(entry.configuration, measurement);
    this.#set(record);
    this.#begun.delete(id);
    return record;
  }

  async cancel(id: number): Promise<void> {
    this.#begun.delete(id);
  }

  async recover(): Promise<readonly TuneRecord[]> {
    return [];
  }

  async summary(): Promise<Summary> {
    const list = [...this.#records.values()];
    const count = (outcome: Outcome): number => list.filter((record) => record.outcome === outcome).length;
    const outcomes = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, count(outcome)]));
    const devices = Map.groupBy(list, ({ key: { device } }) => JSON.stringify([device.kind, device.fingerprint]));
    return {
      place: this.place,
      bytes: list.reduce((sum, record) => sum + recordText(record).length, 0),
      records: list.length,
      outcomes: outcomes as Record<Outcome, number>,
      workloads: new Set(list.map(({ key }) => workloadKey(key.workload))).size,
      devices: [...devices.keys()].sort().map((name) => {
        const [kind = "", fingerprint = ""] = JSON.parse(name) as readonly string[];
        return { kind, fingerprint, records: devices.get(name)?.length ?? 0 };
      }),
      running: [...this.#begun].map(([id, { configuration, begun }]) => {
        return { id, key: recordKey(configuration.key), owner: "this process", begun };
      }),
      damaged: 0,
    };
  }

  async close(): Promise<void> {}
}
