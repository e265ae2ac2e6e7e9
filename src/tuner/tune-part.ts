/**
 * Tunes one part of a workload: a workload with a fixed M, over the space of a template. Points on record are not measured again, so the same job goes on where an
 * earlier one ended.
 */
import type { Device, Workload } from "../../ir/index.ts";
import { type Point, rejection, type Template } from "../../schedules/index.ts";
import type { Outcome, RecordReader, TuneStore } from "../../tune-db/index.ts";
import type { Share } from "./budget.ts";
import type { StartHost } from "./engines/index.ts";
import { runFinals } from "./finals.ts";
import { Ledger } from "./ledger.ts";
import { Measurer, type TimeLimits } from "./measurer.ts";
import type { GpuSelection, SamplingOptions, TestHook } from "./protocol.ts";
import { countPoints, strategyFor } from "./search/index.ts";
import { keyOf, makeField, nearestPoint, type Restrict } from "./space.ts";
import { type Standing, standingIn, type Timing, timingOf } from "./standing.ts";
import { type Bench, tryPoint } from "./trial.ts";

/** What a part is tuned with. */
export interface PartOptions {
  /** With a fixed M. */
  readonly workload: Workload;
  /** One that takes it. */
  readonly template: Template;
  /** With the features that kernels may use. */
  readonly device: Device;
  readonly store: TuneStore;
  /** Where good points for other shapes and devices are known from. */
  readonly readers: readonly RecordReader[];
  readonly share: Share;
  readonly seed: number;
  readonly copies: number;
  readonly sampling: SamplingOptions;
  readonly limits: TimeLimits;
  /** How a GPU is chosen, where the device is one. */
  readonly gpu: GpuSelection | undefined;
  /** Starts measuring processes. */
  readonly startHost: StartHost;
  /** Axes of the layout that are decided: the winner of another part with the same packed weights. */
  readonly pinned: Point | undefined;
  /** The part of the space to search; all of it unless given. */
  readonly restrict?: Restrict | undefined;
  readonly signal: AbortSignal | undefined;
  readonly testHook: TestHook | undefined;
  readonly onTrial: (trial: TrialNews) => void;
}

/** What has just been tried, and where that leaves the part. */
export interface TrialNews {
  readonly point: Point;
  readonly outcome: Outcome;
  readonly reason: string | null;
  /** Points on record, this one included. */
  readonly trial: number;
  /** Points that there will be at most; undefined where only time or the strategy limits them. */
  readonly of: number | undefined;
  readonly default: Timing | undefined;
  /** The point to beat, and its time: the default's recorded time by the ratio that was measured, trial beside trial. */
  readonly best: { readonly point: Point; readonly ms: number } | undefined;
  /** Seconds until this part is done, as far as can be told. */
  readonly etaSeconds: number | undefined;
}

/** What tuning a part came to. */
export interface PartResult extends Standing {
  /** Points tried in this run. */
  readonly tried: number;
  /** `searched`: the strategy has no more to try. */
  readonly ended: "searched" | "budget" | "stopped";
}

/** What the search may take of a part's time; the rest is for the finals. */
const searchShare = 0.85;

export async function tunePart(options: PartOptions): Promise<PartResult> {
  const { workload, device, store, share, sampling, copies, signal } = options;
  const target = { workload, device };
  const field = makeField(options.template, target, options.pinned, options.restrict);
  const ledger = await Ledger.open(store, field, workload, device);
  const points = countPoints(field.space);
  const strategy = strategyFor(points);
  const measurer = new Measurer(
    { workload, device, gpu: options.gpu, seed: options.seed, copies, testHook: options.testHook },
    options.limits,
    signal,
    options.startHost,
  );
  const bench: Bench = { ledger, measurer, sampling, copies, twins: new Map() };
  const seeds = await firstPoints(ledger, options.readers);
  const incumbent = makeIncumbent(ledger);
  const began = performance.now();
  let tried = 0;
  let ended: PartResult["ended"] = "searched";

  const next = (): Point | undefined => {
    // Whatever the budget: what an untuned kernel has, and something that may win.
    const least = [field.reference, ...seeds.slice(0, 1)].find((point) => !ledger.has(point));
    if (least !== undefined) return least;
    if (ledger.tried.length >= share.trials || performance.now() >= began + searchShare * (share.deadline - began)) {
      ended = "budget";
      return undefined;
    }
    const { space } = field;
    const { seed } = options;
    return strategy.next({ space, seeds, tried: ledger.tried, has: (p) => ledger.has(p), seed });
  };

  try {
    for (let point = next(); point !== undefined; point = next()) {
      const before = incumbent.get();
      const { wins } = await tryPoint(bench, point, incumbent.get);
      const mayWin = rejection(field.space, point) === undefined;
      const beside = incumbent.get();
      if (mayWin && ledger.msOf(point) !== undefined && (wins || beside === undefined || !incumbent.mayWin(beside)))
        incumbent.set(point);
      for (const old of [before, point])
        if (old !== undefined && keyOf(old) !== keyOf(incumbent.get() ?? {}))
          await measurer.drop(ledger.candidate(old));
      tried++;
      options.onTrial(
        news(ledger, point, incumbent.get(), limitOf(points, share.trials), {
          tried,
          seconds: (performance.now() - began) / 1000,
          left: (share.deadline - performance.now()) / 1000,
        }),
      );
    }
    const winner = incumbent.get();
    if (tried > 0 && winner !== undefined) await runFinals(bench, winner, () => performance.now() >= share.deadline);
  } catch (error) {
    if (!signal?.aborted) throw error;
    ended = "stopped";
  } finally {
    measurer.close();
  }
  return { ...standingIn(ledger, workload), tried, ended };
}

/** The default, as near as the space has it, then what is known from elsewhere. */
async function firstPoints(ledger: Ledger, readers: readonly RecordReader[]): Promise<readonly Point[]> {
  const { space, reference } = ledger.field;
  const nearest = nearestPoint(space, reference);
  return [...(nearest === undefined ? [] : [nearest]), ...(await ledger.knownElsewhere(readers))];
}

interface Incumbent {
  readonly get: () => Point | undefined;
  readonly set: (point: Point) => void;
  /** The reference may be timed against although its layout is not the pinned one. */
  readonly mayWin: (point: Point) => boolean;
}

/** The point to beat. One that was withdrawn is succeeded by the best of the others. */
function makeIncumbent(ledger: Ledger): Incumbent {
  const { space, reference } = ledger.field;
  const right = (point: Point | undefined): Point | undefined =>
    point !== undefined && ledger.msOf(point) !== undefined ? point : undefined;
  let current: Point | undefined;
  return {
    get: () => {
      current = right(current) ?? right(ledger.leader()) ?? right(reference);
      return current;
    },
    set: (point) => {
      current = point;
    },
    mayWin: (point) => rejection(space, point) === undefined,
  };
}

/** Points that a part can have on record at most. */
const limitOf = (points: number | undefined, trials: number): number | undefined => {
  const least = Math.min(points ?? Infinity, trials);
  return Number.isFinite(least) ? least : undefined;
};

function news(
  ledger: Ledger,
  point: Point,
  best: Point | undefined,
  of: number | undefined,
  { tried, seconds, left }: { readonly tried: number; readonly seconds: number; readonly left: number },
): TrialNews {
  const { outcome, reason } = ledger.record(point)!;
  const trial = ledger.tried.length;
  const reference = timingOf(ledger, ledger.field.reference);
  const score = best && ledger.scoreOf(best);
  const ms = best && (reference && score !== undefined ? reference.ms * score : ledger.msOf(best));
  const byTrials = of === undefined ? Infinity : (Math.max(0, of - trial) * seconds) / tried;
  const eta = Math.min(byTrials, Math.max(0, left));
  return {
    point,
    outcome,
    reason,
    trial,
    of,
    default: reference,
    best: best && ms !== undefined ? { point: best, ms } : undefined,
    etaSeconds: Number.isFinite(eta) ? eta : undefined,
  };
}
