/**
 * What is known of the points of one part: the records of earlier runs and of this one, and their scores for the search. Writes everything down: a configuration
 * before it runs, its outcome after. Not here: running anything (trial.ts), choosing points (search/).
 */
import type { Device, Workload } from "../../ir/index.ts";
import { type Point, rejection, type Schedule } from "../../schedules/index.ts";
import {
  type Configuration,
  type Measurement,
  makeKey,
  makeScope,
  OUTCOMES,
  type Outcome,
  parseRecord,
  type RecordReader,
  recordKey,
  records,
  type ScopeKey,
  sealRecord,
  type TuneRecord,
  type TuneStore,
} from "../../tune-db/index.ts";
import { generatorHash, layoutVersion } from "../compile/index.ts";
import type { Candidate, Failure } from "./protocol.ts";
import type { Tried } from "./search/index.ts";
import { type Field, keyOf, transfer } from "./space.ts";

/** Points of other shapes and devices that the search begins with. */
const mostSeeds = 4;
/** As the look-up has it. */
const seedDistance = 8;

/** Samples in milliseconds, as they are recorded. */
export interface Sampled {
  readonly ms: readonly number[];
  /** The timer's smallest step in milliseconds. */
  readonly quantum: number;
  readonly maxError: number;
  readonly copies: number;
}

export class Ledger {
  readonly store: TuneStore;
  readonly field: Field;
  readonly #scope: ScopeKey;
  readonly #label: string;
  /** By point. */
  readonly #records = new Map<string, TuneRecord>();
  readonly #tried: Tried[] = [];

  private constructor(store: TuneStore, field: Field, scope: ScopeKey, label: string) {
    this.store = store;
    this.field = field;
    this.#scope = scope;
    this.#label = label;
  }

  /** With what earlier runs have recorded of the same workload, device and compiler. */
  static async open(store: TuneStore, field: Field, workload: Workload, device: Device): Promise<Ledger> {
    const scope = makeScope(workload, device, layoutVersion, generatorHash(device.kind));
    const ledger = new Ledger(store, field, scope, device.label);
    for await (const record of records(store, { scope }, () => {})) {
      const point = record.key.point as Point;
      if (record.key.template !== field.template.name || rejection(field.whole, point) !== undefined) continue;
      ledger.#records.set(keyOf(point), record);
    }
    const reference = ledger.msOf(field.reference) ?? ledger.fastest()?.ms ?? 1;
    for (const record of ledger.#records.values()) {
      const point = record.key.point as Point;
      const ms = ledger.msOf(point);
      ledger.#tried.push({ point, score: ms === undefined ? undefined : ms / reference });
    }
    return ledger;
  }

  candidate(point: Point): Candidate {
    return { template: this.field.template.name, point };
  }

  record(point: Point): TuneRecord | undefined {
    return this.#records.get(keyOf(point));
  }

  has(point: Point): boolean {
    return this.#records.has(keyOf(point));
  }

  /** All points on record, in the order tried. */
  get tried(): readonly Tried[] {
    return this.#tried;
  }

  scoreOf(point: Point): number | undefined {
    return this.#tried.find((t) => keyOf(t.point) === keyOf(point))?.score;
  }

  /** The recorded median of a point that is right. */
  msOf(point: Point): number | undefined {
    const record = this.record(point);
    return record?.outcome === "ok" && record.median !== null ? record.median / 1e6 : undefined;
  }

  /** The point that a look-up would take: the lowest median among those that may win (and that the condition holds for). */
  fastest(
    condition: (point: Point) => boolean = () => true,
  ): { readonly point: Point; readonly ms: number } | undefined {
    return this.#able().find(({ point }) => condition(point));
  }

  /** Points that may win and whose records claim to be faster than this one's, the fastest first. */
  fasterThan(point: Point): readonly Point[] {
    const limit = this.msOf(point) ?? Infinity;
    return this.#able().flatMap((other) => (other.ms < limit ? [other.point] : []));
  }

  /** Points that may win and are right, the fastest on record first. */
  #able(): readonly { readonly point: Point; readonly ms: number }[] {
    const able = this.#tried.flatMap(({ point }) => {
      const ms = rejection(this.field.space, point) === undefined ? this.msOf(point) : undefined;
      return ms === undefined ? [] : [{ point, ms }];
    });
    return able.sort((a, b) => a.ms - b.ms);
  }

  /** The best score among those that may win. */
  leader(): Point | undefined {
    const able = this.#tried.filter((t) => t.score !== undefined && rejection(this.field.space, t.point) === undefined);
    return able.sort((a, b) => a.score! - b.score!)[0]?.point;
  }

  /** How many points came to each outcome. */
  outcomes(): Readonly<Record<Outcome, number>> {
    const counts = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0])) as Record<Outcome, number>;
    for (const { outcome } of this.#records.values()) counts[outcome]++;
    return counts;
  }

  /** Points that were good for other shapes or devices, the nearest first. */
  async knownElsewhere(readers: readonly RecordReader[]): Promise<readonly Point[]> {
    const found = new Map<string, Point>();
    for (const rung of ["nearest-shape", "architecture"] as const) {
      for (const reader of readers) {
        const { rows } = await reader.candidates({ rung, scope: this.#scope, maxDistance: seedDistance });
        for (const { text } of rows) {
          const parsed = parseRecord(text);
          if ("refused" in parsed || parsed.record.key.template !== this.field.template.name) continue;
          const point = transfer(this.field.space, parsed.record.key.point);
          if (point !== undefined) found.set(keyOf(point), point);
        }
      }
    }
    return [...found.values()].slice(0, mostSeeds);
  }

  // ------------------------------------------------------------------------------------------------------- writing down

  /** Writes down that a point is about to run; the result is for `finish` or `cancel`. */
  begin(point: Point, schedule: Schedule, artifact: string): Promise<number> {
    return this.store.begin(this.#configuration(point, schedule, artifact));
  }

  async finish(entry: number, result: Sampled | Failure, score?: number): Promise<void> {
    this.#remember(await this.store.finish(entry, measurementOf(result)), score);
  }

  /** Records a point that was not run. */
  async refuse(point: Point, failure: Failure): Promise<void> {
    const record = sealRecord(this.#configuration(point, [], null), measurementOf(failure));
    await this.store.put([record]);
    this.#remember(record, undefined);
  }

  /** Replaces the samples of points that were measured again. */
  async replace(measured: readonly { readonly point: Point; readonly result: Sampled }[]): Promise<void> {
    const sealed = measured.map(({ point, result }) => sealRecord(this.record(point)!, measurementOf(result)));
    await this.store.put(sealed);
    for (const record of sealed) this.#records.set(keyOf(record.key.point as Point), record);
  }

  /** Withdraws a point that was right and no longer is. */
  async quarantine(point: Point, { outcome, reason }: Failure): Promise<void> {
    const record = this.record(point)!;
    const told = `measured again: ${outcome}: ${reason}`;
    await this.store.quarantine(recordKey(record.key), told, record);
    const withdrawn = await this.store.get(recordKey(record.key));
    if (withdrawn !== undefined) this.#remember(withdrawn, undefined);
  }

  #configuration(point: Point, schedule: Schedule, artifact: string | null): Configuration {
    const key = makeKey(this.#scope, this.field.template.name, point);
    // As JSON has it: steps may carry options that are undefined.
    const steps = JSON.parse(JSON.stringify(schedule)) as Configuration["schedule"];
    return { key, label: this.#label, schedule: steps, artifact };
  }

  #remember(record: TuneRecord, score: number | undefined): void {
    const point = record.key.point as Point;
    this.#records.set(keyOf(point), record);
    const at = this.#tried.findIndex((t) => keyOf(t.point) === keyOf(point));
    if (at >= 0) this.#tried[at] = { point, score };
    else this.#tried.push({ point, score });
  }
}

function measurementOf(result: Sampled | Failure): Measurement {
  if ("outcome" in result)
    return { outcome: result.outcome, reason: result.reason, samples: [], quantum: null, maxError: null };
  const { ms, quantum, maxError, copies } = result;
  const samples = ms.map((one) => one * 1e6);
  return { outcome: "ok", reason: null, samples, quantum: quantum * 1e6, maxError, copies };
}
