/**
 * The look-up ladder: the best record for a workload on a device, and why this one.
 *
 *   exact -> nearest shape on this device -> same architecture -> same feature class -> none (the template's default is the caller's)
 *
 * A rung is tried in every reader, in their order, before the next: a record of this very device that was shipped says more than one
 * of another shape that was measured here. A configuration that failed for this very workload and device is skipped on every rung.
 * Not here: the queries (store.ts), what makes a record usable (the caller's, who has the templates).
 */

import type { Device, Workload } from "../ir/index.ts";
import { makeKey, makeScope, recordKey, type ScopeKey, sayShape, type TuneKey } from "./key.ts";
import { parseRecord, type TuneRecord } from "./record.ts";
import { type Candidate, FAILED_OUTCOMES, type RecordReader, RUNGS, type Rung } from "./store.ts";

export interface LookupRequest {
  readonly workload: Workload;
  readonly device: Device;
  readonly layoutVersion: number;
  /** Hash of the compiler. */
  readonly generator: string;
  /** Why a record's template and point cannot serve this workload; undefined when they can. Anything unless given. */
  readonly usable?: (record: TuneRecord, rung: Rung) => string | undefined;
  /** Shapes farther away (sum over m, n, k of |log2 ratio|) are no evidence; 8 unless told. */
  readonly maxDistance?: number;
}

export interface LookupStep {
  readonly rung: Rung;
  /** The reader's place. */
  readonly source: string;
  /** Configurations that came into question: the best of the nearest, and those withheld because they failed. */
  readonly candidates: number;
  /** Key of the record taken. */
  readonly chosen?: string;
  /** One line for people. */
  readonly reason: string;
}

export interface LookupResult {
  readonly rung: Rung | "none";
  readonly record?: TuneRecord;
  /**
   * What would be run: this workload and device with the record's template and point. It is the record's own key on the exact rung.
   * If it fails at load, its `recordKey` is what to quarantine; the record may still be right for its own shape or device.
   */
  readonly key?: TuneKey;
  readonly steps: readonly LookupStep[];
}

const DEFAULT_MAX_DISTANCE = 8;

/** Climbs down the ladder through `readers`. Throws what a reader throws (`TuneDbError`). */
export async function lookup(
  readers: RecordReader | readonly RecordReader[],
  request: LookupRequest,
): Promise<LookupResult> {
  const list: readonly RecordReader[] = "place" in readers ? [readers] : readers;
  const scope = makeScope(request.workload, request.device, request.layoutVersion, request.generator);
  const steps: LookupStep[] = [];
  for (const rung of RUNGS) {
    for (const reader of list) {
      const { step, record } = await tryRung(rung, reader, list, scope, request);
      steps.push(step);
      if (record !== undefined)
        return { rung, record, key: makeKey(scope, record.key.template, record.key.point), steps };
    }
  }
  return { rung: "none", steps };
}

async function tryRung(
  rung: Rung,
  reader: RecordReader,
  readers: readonly RecordReader[],
  scope: ScopeKey,
  request: LookupRequest,
): Promise<{ step: LookupStep; record?: TuneRecord }> {
  const found = await reader.candidates({ rung, scope, maxDistance: request.maxDistance ?? DEFAULT_MAX_DISTANCE });
  const candidates = found.rows.length + found.failed;
  const notes: string[] = [];
  if (found.failed > 0)
    notes.push(`${found.failed} skipped that failed (${found.failures.map(sayFailure).join("; ")})`);

  const refusals = new Map<string, number>();
  for (const candidate of found.rows) {
    const verdict = await judge(candidate, rung, reader, readers, scope, request);
    if ("record" in verdict) {
      const reason = [sayChosen(verdict.record, rung, candidate, scope), ...notes, ...sayRefusals(refusals)].join("; ");
      return {
        step: { rung, source: reader.place, candidates, chosen: candidate.key, reason },
        record: verdict.record,
      };
    }
    refusals.set(verdict.refused, (refusals.get(verdict.refused) ?? 0) + 1);
  }
  const reason = candidates === 0 ? NOTHING[rung] : [...notes, ...sayRefusals(refusals)].join("; ");
  return { step: { rung, source: reader.place, candidates, reason } };
}

const NOTHING = {
  exact: "no record of this workload on this device with these features, engine and generator",
  "nearest-shape": "no record of a near shape of this class on this device",
  architecture: "no record of a near shape of this class on another device of this architecture",
  features: "no record of a near shape of this class on a device with the same features",
} as const satisfies Record<Rung, string>;

async function judge(
  candidate: Candidate,
  rung: Rung,
  reader: RecordReader,
  readers: readonly RecordReader[],
  scope: ScopeKey,
  request: LookupRequest,
): Promise<{ record: TuneRecord } | { refused: string }> {
  const parsed = parseRecord(candidate.text);
  if ("refused" in parsed || parsed.key !== candidate.key) {
    const reason = "refused" in parsed ? parsed.refused : "it is stored under another record's key";
    return {
      refused: `damaged: ${reason}${await withdraw(reader, candidate.key, `the stored record is damaged: ${reason}`)}`,
    };
  }
  const target = recordKey(makeKey(scope, parsed.record.key.template, parsed.record.key.point));
  for (const other of readers) {
    if (other === reader && target === candidate.key) continue;
    const state = await other.state(target);
    if (state !== undefined && (FAILED_OUTCOMES.includes(state.outcome) || state.outcome === "rejected")) {
      return { refused: `${state.outcome} for this workload here: ${state.reason}` };
    }
  }
  const refused = request.usable?.(parsed.record, rung);
  return refused === undefined ? { record: parsed.record } : { refused };
}

/** Quarantines what can be, and says how it went: a database that cannot be written must not keep a kernel from being found. */
async function withdraw(reader: RecordReader, key: string, reason: string): Promise<string> {
  if (reader.quarantine === undefined) return "";
  try {
    await reader.quarantine(key, reason);
    return " (quarantined)";
  } catch (error) {
    return ` (and could not be quarantined: ${error instanceof Error ? error.message : String(error)})`;
  }
}

function sayChosen(record: TuneRecord, rung: Rung, candidate: Candidate, scope: ScopeKey): string {
  const parts = [`${record.key.template} ${JSON.stringify(record.key.point)}`, `median ${sayTime(record.median ?? 0)}`];
  if (rung !== "exact") {
    parts.push(
      `measured at ${sayShape(record.key.workload)}, distance ${candidate.distance.toFixed(2)}`,
      `on ${record.label}`,
    );
    if (record.key.generator !== scope.generator) parts.push("by another generator");
    if (record.key.device.engine !== scope.device.engine) parts.push(`on engine ${record.key.device.engine}`);
  }
  return parts.join(", ");
}

function sayTime(nanoseconds: number): string {
  return nanoseconds < 1e5 ? `${(nanoseconds / 1e3).toFixed(2)} µs` : `${(nanoseconds / 1e6).toFixed(3)} ms`;
}

function sayFailure({ key, outcome, reason }: { key: string; outcome: string; reason: string | null }): string {
  return `${key.slice(0, 12)} ${outcome}: ${reason}`;
}

/** Each reason once, the most frequent first, three at most. */
function sayRefusals(refusals: ReadonlyMap<string, number>): readonly string[] {
  const list = [...refusals].sort((a, b) => b[1] - a[1]);
  const said = list.slice(0, 3).map(([reason, count]) => `${count} refused: ${reason}`);
  return list.length > 3 ? [...said, `and ${list.length - 3} other reasons`] : said;
}
