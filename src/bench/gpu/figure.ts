/** Measured numbers as reports hold them, and taking the samples of contestants on a GPU. Not here: what is measured. */
import type { GpuRuntime, Prepared } from "../../../backends/index.ts";
import { interleave, type Summary, summarize, type TimedRuns } from "../../timing/index.ts";

/** A number with its spread. */
export interface Figure {
  readonly median: number;
  /** The 10 % and 90 % quantiles of the samples. */
  readonly low: number;
  readonly high: number;
  readonly samples: number;
}

export const figureOf = ({ median, low, high, count }: Summary): Figure => ({ median, low, high, samples: count });

/** `amount` per time, where the figure is a time in milliseconds; one that a clock takes for none is one nanosecond. */
export const perTime = (amount: number, { median, low, high, samples }: Figure): Figure => {
  const per = (ms: number): number => amount / Math.max(ms, 1e-6);
  return { median: per(median), low: per(high), high: per(low), samples };
};

/** Launches as something to sample: each run is one of them in turn, after the one before; turns are always whole. */
export async function timedOn(runtime: GpuRuntime, runs: readonly Prepared[]): Promise<TimedRuns> {
  const timer = await runtime.timer();
  const turn: Prepared = {
    label: runs[0]!.label,
    tensors: [...new Set(runs.flatMap(({ tensors }) => tensors))],
    dispatches: runs.flatMap(({ dispatches }) => dispatches),
  };
  return {
    get quantumMs() {
      return timer.facts.quantumMs;
    },
    time: async (count) => {
      const turns = Math.ceil(count / runs.length);
      return ((await timer.time(turn, turns)) * count) / (turns * runs.length);
    },
  };
}

export interface SampleOptions {
  /** Time to spend on samples, all contestants together. */
  readonly seconds: number;
  readonly minSamples: number;
  readonly signal: AbortSignal | undefined;
}

/** Milliseconds of one run of each contestant. */
export async function sample(
  contestants: readonly TimedRuns[],
  { seconds, minSamples, signal }: SampleOptions,
): Promise<readonly Figure[]> {
  const samples = await interleave(contestants, { seconds, minSamples, ...(signal && { signal }) });
  return samples.map(({ ms }) => figureOf(summarize(ms)));
}
