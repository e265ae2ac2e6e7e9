/**
 * A reader over records in memory: for shipped records, and as the plainest form of what every store must answer.
 * Not here: reading files (shipped.ts, jsonl.ts), the orders (ranking.ts).
 */
import { recordKey, scopeHash } from "./key.ts";
import { exportedRows, exportedScopes, Gathering, type Row, rowOf, type Scope, scopeOf, scopesFor } from "./ranking.ts";
import type { TuneRecord } from "./record.ts";
import {
  type CandidateQuery,
  type Candidates,
  preferred,
  type RecordReader,
  type RowFilter,
  type StoredRow,
} from "./store.ts";

interface FilledScope extends Scope {
  readonly rows: Row[];
}

/** A reader over `list`; of several records of one configuration the preferred one counts. */
export function memoryReader(place: string, list: Iterable<TuneRecord>): RecordReader {
  const byKey = new Map<string, TuneRecord>();
  for (const record of list) {
    const key = recordKey(record.key);
    const known = byKey.get(key);
    byKey.set(key, known === undefined ? record : preferred(known, record));
  }
  const scopes = indexScopes(byKey.values());
  return {
    place,
    candidates: async (query) => candidatesOf(scopes, query),
    state: async (key) => byKey.get(key),
    rows: (filter) => rowsOf(scopes, filter),
  };
}

function indexScopes(records: Iterable<TuneRecord>): readonly FilledScope[] {
  const byHash = new Map<string, FilledScope>();
  for (const record of records) {
    const hash = scopeHash(record.key);
    const scope = byHash.get(hash) ?? { ...scopeOf(record.key), rows: [] };
    byHash.set(hash, scope);
    scope.rows.push(rowOf(record));
  }
  return [...byHash.values()];
}

async function* rowsOf(scopes: readonly FilledScope[], filter: RowFilter = {}): AsyncIterable<StoredRow> {
  for (const { rows } of exportedScopes(scopes, filter)) yield* exportedRows(rows, filter);
}

function candidatesOf(scopes: readonly FilledScope[], query: CandidateQuery): Candidates {
  const gathering = new Gathering(query.rung);
  for (const { distance, rows } of scopesFor(scopes, query)) if (!gathering.add(distance, rows)) break;
  return gathering.candidates;
}
