/**
 * The ladder's rungs as SQL: the shapes of the family in the order of their distance, of each shape the scopes that the rung takes, of
 * each scope its fastest records. It stops as soon as there are enough, so that its cost grows with the number of shapes, of which
 * there are few, and not with the number of records or devices.
 */
import type { DatabaseSync } from "node:sqlite";
import { familyHash, type ScopeKey, SYMBOL_DISTANCE, scopeHash, shapeOf } from "./key.ts";
import { statement } from "./statement.ts";
import {
  CANDIDATE_SCOPES,
  CANDIDATES_PER_SCOPE,
  type Candidate,
  type CandidateQuery,
  type Candidates,
  FAILED_OUTCOMES,
  FAILURES_SHOWN,
  type Rung,
  type State,
} from "./store.ts";

const RUNG_CONDITIONS = {
  exact: "hash = $hash",
  "nearest-shape": "architecture = $architecture AND fingerprint = $fingerprint AND hash <> $hash",
  architecture: "architecture = $architecture AND fingerprint <> $fingerprint",
  features: "architecture <> $architecture",
} as const satisfies Record<Rung, string>;

/** `shapeDistance`, one axis. */
const along = (axis: "m" | "n" | "k") =>
  `CASE WHEN ${axis} IS NULL AND $${axis} IS NULL THEN 0 WHEN ${axis} IS NULL OR $${axis} IS NULL THEN ${SYMBOL_DISTANCE} ` +
  `ELSE abs(${axis} - $${axis}) END`;

const SHAPES = `SELECT id, ${along("m")} + ${along("n")} + ${along("k")} AS distance FROM shape
  WHERE family = $family AND distance <= $maxDistance ORDER BY distance, extents`;

const scopesOf = (rung: Rung) => `SELECT id FROM scope WHERE shape = $shape AND ${RUNG_CONDITIONS[rung]}
  ORDER BY generator <> $generator, engine <> $engine, architecture, fingerprint, generator, engine`;

const BEST = "SELECT key, text FROM record WHERE scope = ? AND outcome = 'ok' ORDER BY median, key LIMIT ?";
const FAILED = `FROM record WHERE scope = ? AND outcome IN (${FAILED_OUTCOMES.map((outcome) => `'${outcome}'`).join(", ")})`;

export function sqliteCandidates(db: DatabaseSync, { rung, scope, maxDistance }: CandidateQuery): Candidates {
  const best = statement(db, BEST);
  const countFailed = statement(db, `SELECT count(*) AS n ${FAILED}`);
  const showFailed = statement(db, `SELECT key, outcome, reason ${FAILED} ORDER BY key LIMIT ${FAILURES_SHOWN}`);

  const rows: Candidate[] = [];
  const failures: (State & { key: string })[] = [];
  let failed = 0;
  let filled = 0;
  for (const { id, distance } of scopes(db, rung, scope, maxDistance)) {
    const records = best.all(id, CANDIDATES_PER_SCOPE[rung]) as unknown as { key: string; text: string }[];
    for (const { key, text } of records) rows.push({ key, text, distance });
    const count = Number(countFailed.get(id)?.["n"]);
    failed += count;
    if (count > 0 && failures.length < FAILURES_SHOWN)
      failures.push(...(showFailed.all(id) as unknown as typeof failures));
    if (records.length > 0 && ++filled === CANDIDATE_SCOPES) break;
  }
  return { rows, failed, failures: failures.slice(0, FAILURES_SHOWN) };
}

/** The rung's scopes, nearest first. */
function* scopes(
  db: DatabaseSync,
  rung: Rung,
  scope: ScopeKey,
  maxDistance: number,
): Iterable<{ id: number; distance: number }> {
  const { fingerprint, architecture, engine } = scope.device;
  const wanted = { fingerprint, architecture, engine, generator: scope.generator, hash: scopeHash(scope) };
  const near = {
    family: familyHash(scope),
    maxDistance: rung === "exact" ? 0 : maxDistance,
    ...shapeOf(scope.workload),
  };
  const ofShape = statement(db, scopesOf(rung));
  for (const shape of statement(db, SHAPES).iterate(near)) {
    const distance = Number(shape["distance"]);
    for (const { id } of ofShape.iterate({ shape: shape["id"]!, ...wanted })) yield { id: Number(id), distance };
  }
}
