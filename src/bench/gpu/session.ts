/** What the parts of a run share. Not here: the parts (matmul.ts, shape.ts), their order (run.ts). */
import type { GpuRuntime } from "../../../backends/index.ts";
import type { MatmulWorkload } from "../../../ir/index.ts";
import type { TuneStore } from "../../../tune-db/index.ts";
import {
  type GpuSelection,
  type PartResult,
  progressLine,
  type TuneOptions,
  tuneWorkloads,
} from "../../tuner/index.ts";
import { BenchError } from "../errors.ts";
import { copiesFor } from "./kernel.ts";
import type { Plan } from "./plan.ts";

export interface Session {
  readonly plan: Plan;
  readonly gpu: GpuSelection;
  readonly signal: AbortSignal | undefined;
  readonly progress: (line: string) => void;
  /** The open device, another one after a loss. */
  readonly runtime: () => Promise<GpuRuntime>;
}

export interface TuneTask {
  readonly workload: MatmulWorkload;
  readonly store: TuneStore;
  readonly seconds: number;
  /** The part of the space that is searched, all of it whatever the plan's number of trials. */
  readonly restrict?: TuneOptions["restrict"];
}

/** Tunes a workload into a store, its weights read from memory. Throws a `BenchError` where nothing of it could be measured, the signal's reason when aborted. */
export async function tune(
  { gpu, plan, signal, progress, runtime }: Session,
  { workload, store, seconds, restrict }: TuneTask,
): Promise<readonly PartResult[]> {
  const { device } = await runtime();
  const { results } = await tuneWorkloads({
    ...{ workloads: [workload], device, gpu, store, seconds },
    weightCopies: copiesFor(workload, plan.readBytes),
    ...(restrict === undefined ? plan.trials !== undefined && { trials: plan.trials } : { restrict }),
    ...(signal && { signal }),
    progress: (event) => progress(progressLine(event)),
  });
  signal?.throwIfAborted();
  const { parts, failure } = results[0]!;
  if (failure !== undefined) throw new BenchError(failure);
  return parts;
}

export const percent = (share: number): string => `${Math.round(100 * share)} %`;
