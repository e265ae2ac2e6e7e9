/**
 * Reading and writing the rows of one record, in SQLite; the caller holds the transaction.
 * Not here: which calls make one transaction (sqlite.ts), the ladder's queries (candidates.ts).
 */
import type { DatabaseSync } from "node:sqlite";
import { canonicalJson } from "../ir/index.ts";
import { mergeVerdict, readRow } from "./decisions.ts";
import { entries } from "./journal.ts";
import {
  extentsText,
  familyHash,
  recordKey,
  type ScopeKey,
  scopeHash,
  scopeTexts,
  shapeOf,
  type TuneKey,
} from "./key.ts";
import { OUTCOMES, type Outcome, type Parsed, recordText, type TuneRecord } from "./record.ts";
import { statement } from "./statement.ts";
import type { MergeCounts, Summary } from "./store.ts";

export function parsedRow(db: DatabaseSync, key: string): Parsed | undefined {
  const row = statement(db, "SELECT text FROM record WHERE key = ?").get(key) as { text: string } | undefined;
  return row && readRow({ key, text: row.text });
}

export function mergeOne(db: DatabaseSync, record: TuneRecord): keyof MergeCounts {
  const key = recordKey(record.key);
  const known = parsedRow(db, key);
  const verdict = mergeVerdict(known, record);
  if (verdict === "kept") return verdict;
  if (known !== undefined && "refused" in known) putAside(db, key, known.refused);
  upsert(db, record);
  return verdict;
}

export function upsert(db: DatabaseSync, record: TuneRecord): void {
  const { template, point } = record.key;
  statement(
    db,
    `INSERT INTO record (key, scope, template, point, outcome, reason, median, text) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (key) DO UPDATE SET outcome = excluded.outcome, reason = excluded.reason, median = excluded.median, text = excluded.text`,
  ).run(
    recordKey(record.key),
    scopeId(db, record.key),
    template,
    canonicalJson(point),
    record.outcome,
    record.reason,
    record.median,
    recordText(record),
  );
}

function scopeId(db: DatabaseSync, scope: ScopeKey): number {
  const hash = scopeHash(scope);
  const found = statement(db, "SELECT id FROM scope WHERE hash = ?").get(hash);
  if (found !== undefined) return Number(found["id"]);
  const { workload, rest } = scopeTexts(scope);
  const { kind, architecture, fingerprint, engine } = scope.device;
  const columns = [hash, shapeId(db, scope), workload, rest, kind, architecture, fingerprint, engine, scope.generator];
  const insert = statement(
    db,
    `INSERT INTO scope (hash, shape, workload, rest, kind, architecture, fingerprint, engine, generator)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  return Number(insert.run(...columns).lastInsertRowid);
}

function shapeId(db: DatabaseSync, scope: ScopeKey): number {
  const [family, extents] = [familyHash(scope), extentsText(scope.workload)];
  const found = statement(db, "SELECT id FROM shape WHERE family = ? AND extents = ?").get(family, extents);
  if (found !== undefined) return Number(found["id"]);
  const { m, n, k } = shapeOf(scope.workload);
  const insert = statement(db, "INSERT INTO shape (family, extents, m, n, k) VALUES (?, ?, ?, ?, ?)");
  return Number(insert.run(family, extents, m, n, k).lastInsertRowid);
}

/** A record's key from the columns beside its text. */
export function keyFromColumns(db: DatabaseSync, key: string): TuneKey {
  const row = statement(
    db,
    "SELECT workload, rest, template, point FROM record JOIN scope ON scope.id = record.scope WHERE key = ?",
  ).get(key) as Record<"workload" | "rest" | "template" | "point", string>;
  return {
    ...JSON.parse(row.rest),
    workload: JSON.parse(row.workload),
    template: row.template,
    point: JSON.parse(row.point),
  } as TuneKey;
}

/** Moves a record whose text no longer reads out of the way of a new one. */
export function putAside(db: DatabaseSync, key: string, reason: string): void {
  const { text } = statement(db, "DELETE FROM record WHERE key = ? RETURNING text").get(key) as { text: string };
  insertDamaged(db, key, text, reason);
}

export function insertDamaged(db: DatabaseSync, key: string, text: string, reason: string): void {
  const insert = statement(db, "INSERT INTO damaged (key, text, reason, found) VALUES (?, ?, ?, ?)");
  insert.run(key, text, reason, new Date().toISOString());
}

export function summarizeStore(db: DatabaseSync, place: string): Summary {
  const counted = statement(db, "SELECT outcome, count(*) AS n FROM record GROUP BY outcome").all();
  const counts = new Map(counted.map((row) => [String(row["outcome"]), Number(row["n"])]));
  const outcomes = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, counts.get(outcome) ?? 0]));
  const one = (sql: string) => Number(Object.values(statement(db, sql).get() ?? {})[0]);
  const devices = `SELECT kind, fingerprint, count(*) AS records FROM record JOIN scope ON scope.id = record.scope
    GROUP BY kind, fingerprint ORDER BY kind, fingerprint`;
  return {
    place,
    bytes: one("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"),
    records: one("SELECT count(*) FROM record"),
    outcomes: outcomes as Record<Outcome, number>,
    workloads: one("SELECT count(DISTINCT workload) FROM scope JOIN record ON record.scope = scope.id"),
    devices: statement(db, devices).all() as unknown as Summary["devices"],
    running: entries(db).map(({ id, key, pid, host, begun }) => ({
      id,
      key,
      owner: `process ${pid} on ${host}`,
      begun,
    })),
    damaged: one("SELECT count(*) FROM damaged"),
  };
}
