/** A job of the page: kernels tuned on one target after the other, by one tab at a time. Not here: what is shown of it (main.ts). */
import type { Device } from "../../../ir/index.ts";
import type { TuneStore } from "../../../tune-db/index.ts";
import type { NamedMatmul } from "../../models/index.ts";
import { type Progress, pageHosts, tuneWorkloads } from "../../tuner/index.ts";
import { WebError } from "../errors.ts";
import type { TargetName } from "./settings.ts";

export interface TuningOptions {
  readonly store: TuneStore;
  /** On which of them, one after the other. */
  readonly targets: readonly { readonly name: TargetName; readonly device: Device }[];
  readonly kernels: readonly NamedMatmul[];
  /** For all targets together. */
  readonly seconds: number;
  readonly trials: number | undefined;
  readonly seed: number;
  readonly signal: AbortSignal;
  readonly progress: (target: TargetName, event: Progress) => void;
}

export interface TuningReport {
  /** `searched`: there is no more to try. `time`: the time is up, or the trials are there. */
  readonly ended: "stopped" | "time" | "searched";
  /** Configurations that had ended a page while they ran, now on record as crashes. */
  readonly crashes: number;
}

/** Locked by the page that tunes. */
const lock = "qloom-job";

/**
 * Tunes in this page.
 *
 * @throws WebError when another page of this browser is tuning, TuneDbError when the database fails: what was stored before stays
 */
export async function tuneHere(options: TuningOptions): Promise<TuningReport> {
  // Two jobs at once would measure each other. Where there are no locks the visitor has to know.
  const { locks } = navigator as { readonly locks?: LockManager };
  if (locks === undefined) return run(options);
  return locks.request(lock, { ifAvailable: true }, (held) => {
    if (held === null) throw new WebError("another tab is tuning: stop it there, or wait until it is done");
    return run(options);
  });
}

async function run({ targets, kernels, seconds, trials, progress, ...options }: TuningOptions): Promise<TuningReport> {
  const deadline = performance.now() + 1000 * seconds;
  let crashes = 0;
  let ended: TuningReport["ended"] = "searched";
  for (const [i, { name, device }] of targets.entries()) {
    // What one target leaves goes to those after it; each has its defaults measured in any case.
    const left = Math.max(1, (deadline - performance.now()) / 1000);
    const { recovered, results } = await tuneWorkloads({
      ...options,
      seconds: left / (targets.length - i),
      ...(trials !== undefined && { trials }),
      workloads: kernels.map(({ workload }) => workload),
      device,
      engine: pageHosts(),
      progress: (event) => progress(name, event),
    });
    crashes += recovered.length;
    if (results.some(({ parts }) => parts.some((part) => part.ended === "budget"))) ended = "time";
  }
  return { ended: options.signal.aborted ? "stopped" : ended, crashes };
}
