/**
 * A reader over records in memory: for shipped records, and as the plainest form of what every store must answer.
 * Not here: reading files (shipped.ts, jsonl.ts).
 */
import { canonicalJson } from "../ir/index.ts";
import {
  compareText,
  extentsText,
  familyHash,
  recordKey,
  type ScopeKey,
  scopeHash,
  scopeTexts,
  shapeDistance,
  shapeOf,
} from "./key.ts";
import { recordText, type TuneRecord } from "./record.ts";
import {
  CANDIDATE_SCOPES,
  CANDIDATES_PER_SCOPE,
  type Candidate,
  type CandidateQuery,
  type Candidates,
  FAILED_OUTCOMES,
  FAILURES_SHOWN,
  preferred,
  type RecordReader,
  type RowFilter,
  type Rung,
  type State,
  type StoredRow,
} from "./store.ts";

interface Indexed {
  readonly key: string;
  readonly record: TuneRecord;
}

interface Scope {
  readonly scope: ScopeKey;
  readonly hash: string;
  readonly family: string;
  readonly rows: Indexed[];
}

type Match = (found: Scope, wanted: Scope) => boolean;

const sameFamily = (found: Scope, wanted: Scope) => found.family === wanted.family;
const same = (name: "architecture" | "fingerprint", found: Scope, wanted: Scope) =>
  found.scope.device[name] === wanted.scope.device[name];

const MATCHES = {
  exact: (found, wanted) => found.hash === wanted.hash,
  "nearest-shape": (found, wanted) =>
    sameFamily(found, wanted) &&
    same("architecture", found, wanted) &&
    same("fingerprint", found, wanted) &&
    found.hash !== wanted.hash,
  architecture: (found, wanted) =>
    sameFamily(found, wanted) && same("architecture", found, wanted) && !same("fingerprint", found, wanted),
  features: (found, wanted) => sameFamily(found, wanted) && !same("architecture", found, wanted),
} as const satisfies Record<Rung, Match>;

/** A reader over `list`; of several records of one configuration the preferred one counts. */
export function memoryReader(place: string, list: Iterable<TuneRecord>): RecordReader {
  const byKey = new Map<string, TuneRecord>();
  for (const record of list) {
    const key = recordKey(record.key);
    const known = byKey.get(key);
    byKey.set(key, known === undefined ? record : preferred(known, record));
  }
  const scopes = indexScopes(byKey);
  return {
    place,
    candidates: async (query) => candidatesOf(scopes, query),
    state: async (key) => byKey.get(key),
    rows: (filter) => rowsOf(scopes, filter),
  };
}

function describeScope(scope: ScopeKey): Scope {
  return { scope, hash: scopeHash(scope), family: familyHash(scope), rows: [] };
}

function indexScopes(byKey: ReadonlyMap<string, TuneRecord>): readonly Scope[] {
  const byHash = new Map<string, Scope>();
  for (const [key, record] of byKey) {
    const hash = scopeHash(record.key);
    const scope = byHash.get(hash) ?? describeScope(record.key);
    byHash.set(hash, scope);
    scope.rows.push({ key, record });
  }
  return [...byHash.values()];
}

async function* rowsOf(scopes: readonly Scope[], filter: RowFilter = {}): AsyncIterable<StoredRow> {
  const wanted = filter.scope === undefined ? undefined : scopeHash(filter.scope);
  for (const { hash, rows } of sorted(scopes, ({ scope }) => Object.values(scopeTexts(scope)))) {
    if (wanted !== undefined && hash !== wanted) continue;
    for (const { key, record } of sorted(rows, (row) => [
      row.record.key.template,
      canonicalJson(row.record.key.point),
    ])) {
      if (filter.outcomes === undefined || filter.outcomes.includes(record.outcome))
        yield { key, text: recordText(record) };
    }
  }
}

function candidatesOf(scopes: readonly Scope[], { rung, scope, maxDistance }: CandidateQuery): Candidates {
  const wanted = describeScope(scope);
  const shape = shapeOf(scope.workload);
  const near = scopes
    .filter((found) => MATCHES[rung](found, wanted))
    .map((found) => ({ ...found, distance: shapeDistance(shapeOf(found.scope.workload), shape) }))
    .filter(({ distance }) => distance <= maxDistance);

  const rows: Candidate[] = [];
  const failures: (State & { key: string })[] = [];
  let filled = 0;
  for (const found of sorted(near, (one) => [one.distance, ...ties(one.scope, scope)])) {
    const best = sorted(found.rows, ({ key, record }) => [record.median ?? 0, key]).filter(
      ({ record }) => record.outcome === "ok",
    );
    for (const { key, record } of best.slice(0, CANDIDATES_PER_SCOPE[rung])) {
      rows.push({ key, text: recordText(record), distance: found.distance });
    }
    for (const { key, record } of sorted(found.rows, (row) => [row.key])) {
      if (FAILED_OUTCOMES.includes(record.outcome))
        failures.push({ key, outcome: record.outcome, reason: record.reason });
    }
    if (best.length > 0 && ++filled === CANDIDATE_SCOPES) break;
  }
  return { rows, failed: failures.length, failures: failures.slice(0, FAILURES_SHOWN) };
}

/** What orders scopes that are equally near: a shape at a time, of each the wanted generator and engine first, then any fixed order. */
function ties(found: ScopeKey, wanted: ScopeKey): readonly (number | string)[] {
  const { architecture, fingerprint, engine } = found.device;
  const others = [Number(found.generator !== wanted.generator), Number(engine !== wanted.device.engine)];
  return [extentsText(found.workload), ...others, architecture, fingerprint, found.generator, engine];
}

/** A sorted copy: by the first item of `tuple` in which two differ. */
function sorted<T>(list: readonly T[], tuple: (item: T) => readonly (number | string)[]): T[] {
  const keyed = list.map((item) => ({ item, by: tuple(item) }));
  keyed.sort((a, b) => {
    for (let i = 0; i < a.by.length; i++) {
      const [x, y] = [a.by[i]!, b.by[i]!];
      const order = typeof x === "number" ? x - Number(y) : compareText(x, String(y));
      if (order !== 0) return order;
    }
    return 0;
  });
  return keyed.map(({ item }) => item);
}
