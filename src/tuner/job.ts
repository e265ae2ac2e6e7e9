/**
 * A tuning job: workloads one after the other on this device, each of their parts over its space, within a shared budget. What is measured is stored at once: a job
 * that is stopped or killed loses nothing but the trial that was running.
 */
import PQueue from "p-queue";
import {
  type Device,
  iterationsOf,
  parseWorkload,
  programOf,
  typicalSizes,
  type Workload,
  WorkloadError,
  workloadKey,
} from "../../ir/index.ts";
import { type Point, rivalsFor } from "../../schedules/index.ts";
import { openShipped, type TuneRecord, type TuneStore } from "../../tune-db/index.ts";
import { rangesOf, sharedPacking, typicalWorkload } from "../compile/index.ts";
import { Budget } from "./budget.ts";
import { type EngineName, hostsOf, type StartHost } from "./engines/index.ts";
import type { EngineOptions } from "./engines/options.ts";
import { TunerError } from "./errors.ts";
import type { TimeLimits } from "./measurer.ts";
import type { Progress } from "./progress.ts";
import type { GpuSelection, SamplingOptions, TestHook } from "./protocol.ts";
import type { Restrict } from "./space.ts";
import { bestOf, layoutPoint, tunedDevice } from "./standing.ts";
import { type PartOptions, type PartResult, tunePart } from "./tune-part.ts";

export interface TuneOptions {
  /** What to tune; equal ones once. With m: "any" a single row and then 128 are tuned, on one packing. */
  readonly workloads: readonly Workload[];
  /** This machine, as the engine's probe says (`probeDevice`), and the threads that kernels are granted. */
  readonly device: Device;
  /** How a GPU is chosen, where the device is one: as it was for the probe. */
  readonly gpu?: GpuSelection | undefined;
  /** Where candidates run, or what starts the processes that they run in. @default "node" */
  readonly engine?: EngineName | StartHost;
  readonly store: TuneStore;
  /** Time for the whole job, shared by the size of the weights among what is left to do. The default is measured in any case. */
  readonly seconds?: number;
  /** Points on record at which the job is done, those of earlier runs included; shared likewise. */
  readonly trials?: number;
  /** Of the search, the weights and the inputs. @default 1 */
  readonly seed?: number;
  /** Packed copies of the weights that runs take turns on: with 1, weights that fit a cache are read from it. @default 1 */
  readonly weightCopies?: number;
  /** The part of each space to search, given the space and the template's own choice: all of it unless given. */
  readonly restrict?: Restrict;
  /** @default 0.25 seconds and 5 samples for each trial */
  readonly sampling?: Partial<SamplingOptions>;
  /** What a candidate may take. */
  readonly limits?: TimeLimits;
  /** Stops the job: the report then holds what there is so far. */
  readonly signal?: AbortSignal;
  readonly progress?: (event: Progress) => void;
  /** Makes candidates fail. For tests only. */
  readonly testHook?: TestHook;
}

export interface WorkloadResult {
  readonly workload: Workload;
  /** In the order tuned; fewer than the workload has when the job was stopped or failed. */
  readonly parts: readonly PartResult[];
  /** Why the workload could not be measured, in one line; the job went on with the others. */
  readonly failure: string | undefined;
}

export interface TuneReport {
  readonly results: readonly WorkloadResult[];
  /** What an earlier job was running when it was killed, now on record as crashes. */
  readonly recovered: readonly TuneRecord[];
  readonly stopped: boolean;
}

/**
 * Tunes workloads and stores what was measured.
 *
 * @throws WorkloadError for something that is no workload, TuneDbError when the store fails (what was stored before stays), TunerError for options that can't be.
 * Candidates that crash, hang, trap or are wrong are outcomes and throw nothing; neither does the signal.
 */
export async function tuneWorkloads(options: TuneOptions): Promise<TuneReport> {
  const { store, signal, progress = () => {}, seed = 1, weightCopies = 1, limits = {}, engine = "node" } = options;
  checkOptions(options);
  const workloads = distinct(options.workloads);
  const device = tunedDevice(options.device);
  const recovered = await store.recover();
  const shipped = await openShipped();
  const weights = workloads.flatMap((workload) => rangesOf(workload).map(() => weightOf(workload)));
  const common = {
    device,
    store,
    readers: [store, shipped],
    budget: new Budget(options, weights),
    seed,
    copies: weightCopies,
    sampling: { seconds: 0.25, minSamples: 5, ...options.sampling },
    limits,
    gpu: options.gpu,
    startHost: typeof engine === "string" ? hostsOf(engine, optionsFor(options)) : engine,
    signal,
    restrict: options.restrict,
    testHook: options.testHook,
  };
  // One at a time: two kernels that are timed at once are timed against each other.
  const queue = new PQueue({ concurrency: 1 });
  const jobs = workloads.map((workload, index) =>
    queue.add(async (): Promise<WorkloadResult> => {
      const place = { index, count: workloads.length };
      if (signal?.aborted) return { workload, parts: [], failure: undefined };
      try {
        return await tuneWorkload(workload, common, (event) => progress({ ...event, ...place }));
      } catch (error) {
        queue.clear();
        throw error;
      }
    }),
  );
  const results = await Promise.all(jobs);
  return { results, recovered, stopped: signal?.aborted ?? false };
}

/** A process that is to have a GPU is started so that it finds one. */
const optionsFor = ({ device, gpu }: TuneOptions): EngineOptions =>
  device.kind === "wgsl" ? { gpu: gpu?.software === true ? "software" : "any" } : {};

type Common = Omit<PartOptions, "workload" | "template" | "pinned" | "share" | "onTrial"> & { readonly budget: Budget };
type PlacedEvent<E> = E extends unknown ? Omit<E, "index" | "count"> : never;

async function tuneWorkload(
  workload: Workload,
  common: Common,
  progress: (event: PlacedEvent<Progress>) => void,
): Promise<WorkloadResult> {
  const parts: PartResult[] = [];
  let pinned: Point | undefined;
  const packing = sharedPacking(workload, common.device);
  try {
    for (const range of rangesOf(workload)) {
      const typical = typicalWorkload(workload, range);
      progress({ kind: "start", workload: typical });
      const onTrial: PartOptions["onTrial"] = (trial) => progress({ kind: "trial", workload: typical, ...trial });
      const result = await tuneRivals({ ...common, workload: typical, pinned, onTrial }, packing);
      parts.push(result);
      progress({ kind: "done", result });
      if (result.ended === "stopped") break;
      pinned ??= layoutPoint(result);
    }
    return { workload, parts, failure: undefined };
  } catch (error) {
    if (!(error instanceof TunerError || error instanceof WorkloadError)) throw error;
    progress({ kind: "failed", workload, reason: error.message });
    return { workload, parts, failure: error.message };
  }
}

/** Tunes a part with each template that may serve it, in turn, in equal parts of its share: the fastest one's result. */
async function tuneRivals(
  options: Common & Pick<PartOptions, "workload" | "pinned" | "onTrial">,
  packing: string | undefined,
): Promise<PartResult> {
  const { workload, device, budget } = options;
  const rivals = rivalsFor({ workload, device }, packing);
  const share = budget.next();
  const results: PartResult[] = [];
  const known = (): number =>
    results.flatMap(({ trials }) => Object.values(trials)).reduce((sum, count) => sum + count, 0);
  try {
    for (const [i, template] of rivals.entries()) {
      const left = rivals.length - i;
      const now = performance.now();
      const own = { deadline: now + (share.deadline - now) / left, trials: Math.ceil((share.trials - known()) / left) };
      results.push(await tunePart({ ...options, template, share: own }));
      if (results.at(-1)?.ended === "stopped") break;
    }
  } finally {
    budget.spend(known());
  }
  const best = bestOf(results);
  const tried = results.reduce((sum, result) => sum + result.tried, 0);
  return { ...best, tried, ended: results.at(-1)?.ended ?? best.ended };
}

function checkOptions({ seconds, trials, weightCopies = 1 }: TuneOptions): void {
  const refuse = (name: string, value: unknown, wanted: string): never => {
    throw new TunerError(`${name} = ${String(value)}; it must be ${wanted}`);
  };
  if (seconds !== undefined && !(seconds > 0)) refuse("seconds", seconds, "a number above 0");
  if (trials !== undefined && !(Number.isInteger(trials) && trials > 0))
    refuse("trials", trials, "an integer from 1 up");
  if (!(Number.isInteger(weightCopies) && weightCopies > 0))
    refuse("weightCopies", weightCopies, "an integer from 1 up");
}

/** A workload's part of the budget: large ones take longer to measure and matter more, but not in proportion. One that can't be computed takes nothing. */
function weightOf(workload: Workload): number {
  try {
    const one = "m" in workload ? { ...workload, m: 1 } : workload;
    return Math.sqrt(iterationsOf(programOf(one), typicalSizes(one)));
  } catch (error) {
    if (error instanceof WorkloadError) return 0;
    throw error;
  }
}

/** Each workload once, checked. */
function distinct(workloads: readonly Workload[]): readonly Workload[] {
  return [...new Map(workloads.map((workload) => [workloadKey(parseWorkload(workload)), workload])).values()];
}
