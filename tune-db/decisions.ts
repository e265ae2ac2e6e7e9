/**
 * What becomes of records when stores write: which stays, what a withdrawn one becomes, what a dead process's entry says. The same for
 * every store, whatever it keeps rows in. Not here: reading and writing rows (tables.ts, indexeddb.ts), the order of rows (ranking.ts).
 */
import { recordKey, type TuneKey } from "./key.ts";
import {
  type Configuration,
  configurationSchema,
  type Measurement,
  type Parsed,
  parseRecord,
  sealRecord,
  type TuneRecord,
} from "./record.ts";
import { type MergeCounts, preferred, type StoredRow } from "./store.ts";

/** A row's record, or why it is none. */
export function readRow({ key, text }: StoredRow): Parsed {
  const parsed = parseRecord(text);
  return "record" in parsed && parsed.key !== key ? { refused: "it is stored under another record's key" } : parsed;
}

/** What merging a record does, given what is stored under its key. */
export function mergeVerdict(known: Parsed | undefined, record: TuneRecord): keyof MergeCounts {
  if (known === undefined) return "added";
  return "record" in known && preferred(known.record, record).hash === known.record.hash ? "kept" : "replaced";
}

/**
 * What a withdrawn configuration has on record, given what is stored under its key; undefined where nothing changes. `columns` tells the
 * key of a damaged record from what is stored beside its text. "unknown": nobody said what the configuration is.
 */
export function withdrawn(
  known: Parsed | undefined,
  {
    key,
    reason,
    configuration,
  }: { readonly key: string; readonly reason: string; readonly configuration: Configuration | undefined },
  columns: () => TuneKey = () => {
    throw new Error("a damaged record's key is to be told by its columns");
  },
): TuneRecord | "unknown" | undefined {
  if (known !== undefined && "record" in known) {
    const { record } = known;
    return record.outcome === "quarantined"
      ? undefined
      : sealRecord(record, { ...record, outcome: "quarantined", reason });
  }
  if (known !== undefined) {
    const rebuilt = configuration ?? { key: columns(), label: "", schedule: [], artifact: null };
    return sealRecord(rebuilt, failed("quarantined", reason));
  }
  if (configuration === undefined || recordKey(configuration.key) !== key) return "unknown";
  return sealRecord(configuration, failed("quarantined", reason));
}

/** What the entry of a process or page that is gone says about its configuration; the fault instead, if the entry itself is damaged. */
export function crashRecord(entry: {
  readonly text: string;
  readonly owner: string;
  readonly begun: string;
}): TuneRecord | { readonly damaged: string } {
  let configuration: ReturnType<typeof configurationSchema.safeParse>;
  try {
    configuration = configurationSchema.safeParse(JSON.parse(entry.text));
  } catch {
    return { damaged: "journal entry: not JSON" };
  }
  if (!configuration.success) return { damaged: "journal entry: not a configuration" };
  return sealRecord(configuration.data, failed("crash", `${entry.owner} ended while this ran, begun ${entry.begun}`));
}

const failed = (outcome: "crash" | "quarantined", reason: string): Measurement => ({
  outcome,
  reason,
  samples: [],
  quantum: null,
  maxError: null,
});
