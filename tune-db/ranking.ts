/**
 * The orders that `store.ts` states, over rows at hand: which scopes a rung takes and in which order, which records of each, what comes
 * first in an export. For stores that have no query language. Not here: SQLite, which has one (candidates.ts); where rows lie.
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
import { type Outcome, recordText, type TuneRecord } from "./record.ts";
import {
  CANDIDATE_SCOPES,
  CANDIDATES_PER_SCOPE,
  type Candidate,
  type CandidateQuery,
  type Candidates,
  FAILED_OUTCOMES,
  FAILURES_SHOWN,
  type RowFilter,
  type Rung,
  type State,
  type StoredRow,
} from "./store.ts";

/** A record's text with what finds and orders it without its being read. */
export interface Row extends StoredRow, State {
  readonly template: string;
  /** Canonical JSON. */
  readonly point: string;
  readonly median: number | null;
}

/** A scope with the hashes by which it is found. */
export interface Scope {
  readonly scope: ScopeKey;
  readonly hash: string;
  readonly family: string;
}

export function rowOf(record: TuneRecord): Row {
  const { key, outcome, reason, median } = record;
  const point = canonicalJson(key.point);
  return { key: recordKey(key), template: key.template, point, outcome, reason, median, text: recordText(record) };
}

export function scopeOf({ workload, layoutVersion, device, generator }: ScopeKey): Scope {
  const scope = { workload, layoutVersion, device, generator };
  return { scope, hash: scopeHash(scope), family: familyHash(scope) };
}

type Match = (found: Scope, wanted: Scope) => boolean;

const sameFamily: Match = (found, wanted) => found.family === wanted.family;
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

/** The scopes that a query takes, with their distance, the nearest first. */
export function scopesFor<S extends Scope>(
  scopes: readonly S[],
  { rung, scope, maxDistance }: CandidateQuery,
): readonly (S & { readonly distance: number })[] {
  const wanted = scopeOf(scope);
  const shape = shapeOf(scope.workload);
  const near = scopes
    .filter((found) => MATCHES[rung](found, wanted))
    .map((found) => ({ ...found, distance: shapeDistance(shapeOf(found.scope.workload), shape) }))
    .filter(({ distance }) => distance <= maxDistance);
  return sorted(near, (one) => [one.distance, ...ties(one.scope, scope)]);
}

/** Gathers a rung's answer from its scopes, to be given in the order of `scopesFor` until it is full. */
export class Gathering {
  readonly #rung: Rung;
  readonly #rows: Candidate[] = [];
  readonly #failures: (State & { readonly key: string })[] = [];
  #filled = 0;

  constructor(rung: Rung) {
    this.#rung = rung;
  }

  /** Takes a scope's rows; false once there are enough. */
  add(distance: number, rows: readonly Row[]): boolean {
    const best = sorted(
      rows.filter(({ outcome }) => outcome === "ok"),
      ({ median, key }) => [median ?? 0, key],
    );
    for (const { key, text } of best.slice(0, CANDIDATES_PER_SCOPE[this.#rung]))
      this.#rows.push({ key, text, distance });
    for (const { key, outcome, reason } of sorted(rows, (row) => [row.key]))
      if (FAILED_OUTCOMES.includes(outcome)) this.#failures.push({ key, outcome, reason });
    if (best.length > 0) this.#filled++;
    return this.#filled < CANDIDATE_SCOPES;
  }

  get candidates(): Candidates {
    const failures = this.#failures.slice(0, FAILURES_SHOWN);
    return { rows: this.#rows, failed: this.#failures.length, failures };
  }
}

/** Scopes in the order of export. */
export function exportedScopes<S extends Scope>(scopes: readonly S[], { scope }: RowFilter): readonly S[] {
  const wanted = scope && scopeHash(scope);
  const taken = scopes.filter(({ hash }) => wanted === undefined || hash === wanted);
  return sorted(taken, (one) => Object.values(scopeTexts(one.scope)));
}

/** A scope's rows in the order of export. */
export function exportedRows(rows: readonly Row[], { outcomes }: RowFilter): readonly StoredRow[] {
  const taken = rows.filter(({ outcome }) => outcomes === undefined || outcomes.includes(outcome));
  return sorted(taken, ({ template, point }) => [template, point]).map(({ key, text }) => ({ key, text }));
}

/** How often each outcome comes. */
export function countOutcomes(rows: readonly Row[], all: readonly Outcome[]): Readonly<Record<Outcome, number>> {
  const counts = Object.fromEntries(all.map((outcome) => [outcome, 0])) as Record<Outcome, number>;
  for (const { outcome } of rows) counts[outcome]++;
  return counts;
}

/** What orders scopes that are equally near: a shape at a time, of each the wanted generator and engine first, then any fixed order. */
function ties(found: ScopeKey, wanted: ScopeKey): readonly (number | string)[] {
  const { architecture, fingerprint, engine } = found.device;
  const others = [Number(found.generator !== wanted.generator), Number(engine !== wanted.device.engine)];
  return [extentsText(found.workload), ...others, architecture, fingerprint, found.generator, engine];
}

/** A sorted copy: by the first item of `tuple` in which two differ. */
export function sorted<T>(list: readonly T[], tuple: (item: T) => readonly (number | string)[]): T[] {
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
