/** How a part stands by its records: what tuning it came to so far, in this run or earlier ones. Measures nothing. */
import { type Device, parseWorkload, type Workload } from "../../ir/index.ts";
import { type Point, rivalsFor } from "../../schedules/index.ts";
import type { Outcome, TuneStore } from "../../tune-db/index.ts";
import { kernelFeatures, rangesOf, sharedPacking, typicalWorkload } from "../compile/index.ts";
import { compareRecorded, type Final } from "./finals.ts";
import { Ledger } from "./ledger.ts";
import { countPoints, strategyFor } from "./search/index.ts";
import { makeField } from "./space.ts";

/** A point and its recorded time. */
export interface Timing {
  readonly point: Point;
  readonly ms: number;
  /** Interquartile range of the samples. */
  readonly spreadMs: number;
  readonly samples: number;
}

/** A part by its records. */
export interface Standing {
  /** With a fixed M. */
  readonly workload: Workload;
  readonly template: string;
  readonly strategy: string;
  /** Right points of the space (of all templates that the tuner tries). */
  readonly points: number | undefined;
  /** The template's own choice: what an untuned kernel has. */
  readonly default: Timing | undefined;
  /** What a look-up gives now; undefined where no point is right. */
  readonly tuned: Timing | undefined;
  /** The second against the first; undefined unless both are there. */
  readonly gain: Final | undefined;
  /** Points on record by outcome. */
  readonly trials: Readonly<Record<Outcome, number>>;
}

/** The device as records have it: with the features that kernels may use. */
export const tunedDevice = (device: Device): Device => ({ ...device, features: kernelFeatures(device) });

/**
 * How the parts of a workload stand on a device, in the order in which they are tuned.
 *
 * @throws WorkloadError for something that is no workload, TuneDbError when the store can't be read
 */
export async function standingsOf(workload: Workload, device: Device, store: TuneStore): Promise<readonly Standing[]> {
  const standings: Standing[] = [];
  let pinned: Point | undefined;
  const packing = sharedPacking(parseWorkload(workload), tunedDevice(device));
  for (const range of rangesOf(parseWorkload(workload))) {
    const target = { workload: typicalWorkload(workload, range), device: tunedDevice(device) };
    const rivals: Standing[] = [];
    for (const template of rivalsFor(target, packing)) {
      const field = makeField(template, target, pinned);
      rivals.push(standingIn(await Ledger.open(store, field, target.workload, target.device), target.workload));
    }
    const standing = bestOf(rivals);
    standings.push(standing);
    pinned ??= layoutPoint(standing);
  }
  return standings;
}

/** A part by its records with each of its templates: how the fastest stands, with the points and trials of all. */
export function bestOf<S extends Standing>(rivals: readonly S[]): S {
  const msOf = ({ tuned }: Standing): number => tuned?.ms ?? Infinity;
  const best = rivals.reduce((a, b) => (msOf(b) < msOf(a) ? b : a));
  const outcomes = Object.keys(best.trials) as Outcome[];
  const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
  return {
    ...best,
    points: rivals.some(({ points }) => points === undefined) ? undefined : sum(rivals.map((r) => r.points as number)),
    trials: Object.fromEntries(outcomes.map((outcome) => [outcome, sum(rivals.map((r) => r.trials[outcome]))])),
  };
}

/** The point whose packing the other parts of the workload read. */
export const layoutPoint = (standing: Standing): Point | undefined => standing.tuned?.point ?? standing.default?.point;

/** How the part of a ledger stands. */
export function standingIn(ledger: Ledger, workload: Workload): Standing {
  const { template, space, reference } = ledger.field;
  const points = countPoints(space);
  const fastest = ledger.fastest()?.point;
  return {
    workload,
    template: template.name,
    strategy: strategyFor(points).name,
    points,
    default: timingOf(ledger, reference),
    tuned: fastest && timingOf(ledger, fastest),
    gain: fastest && compareRecorded({ ledger }, fastest),
    trials: ledger.outcomes(),
  };
}

export function timingOf(ledger: Ledger, point: Point): Timing | undefined {
  const record = ledger.record(point);
  const ms = ledger.msOf(point);
  if (record === undefined || ms === undefined) return undefined;
  return { point, ms, spreadMs: (record.spread ?? 0) / 1e6, samples: record.count };
}
