/** Variants of a kernel against each other: all are checked, all are timed at a glance, the best at length; the fastest is a limit. */
import { compileShaders, type GpuLaunch, type GpuRuntime, launchable } from "../../../backends/index.ts";
import { type Kernel, lower } from "../../../ir/index.ts";
import type { TimedRuns } from "../../timing/index.ts";
import { BenchError } from "../errors.ts";
import { type Figure, perTime, sample, timedOn } from "./figure.ts";

/** A rate, and the variant of the kernel that reached it. */
export interface Limit {
  /** 10^9 per second. */
  readonly rate: Figure;
  readonly variant: Readonly<Record<string, number | string>>;
  /** Variants that were right, and timed. */
  readonly tried: number;
}

export interface ContestOptions {
  /** Fewer variants and samples, for adapters that are the processor. */
  readonly quick?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Variants that are sampled at length. */
const finalists = 3;
const sampling = { seconds: 0.2, minSamples: 9 };
const glance = { seconds: 0, minSamples: 2 };

/** A variant that takes part. */
export interface Entrant<V> {
  readonly variant: V;
  readonly launches: readonly GpuLaunch[];
  /** Bytes or operations of a run. */
  readonly amount: number;
  /** Throws where the results are not what they must be. */
  readonly check: () => Promise<void>;
}

/** The fastest. Throws a `BenchError` where none is right. Checks all, times all at a glance and the best at length. */
export async function contest<V extends Limit["variant"]>(
  runtime: GpuRuntime,
  what: string,
  entrants: readonly Entrant<V>[],
  { signal, quick = false }: ContestOptions,
): Promise<Limit> {
  const right: Entrant<V>[] = [];
  let fault = "there is no variant";
  for (const entrant of entrants) {
    signal?.throwIfAborted();
    try {
      await runtime.launch(entrant.launches);
      await entrant.check();
      right.push(entrant);
    } catch (error) {
      if (!(error instanceof BenchError)) throw error;
      fault = error.message;
    }
  }
  if (right.length === 0) throw new BenchError(`${what}: no variant of the kernel is right on this device: ${fault}`);
  const runs = await Promise.all(right.map(async (e) => timedOn(runtime, [await runtime.prepare(e.launches)])));
  const amounts = right.map(({ amount }) => amount);
  const order = await ranking(runs, amounts, signal);
  const best = order.slice(0, quick ? 1 : finalists);
  const figures = await sample(
    best.map((i) => runs[i]!),
    { ...(quick ? { ...sampling, seconds: 0 } : sampling), signal },
  );
  const rates = best.map((i, at) => ({ variant: right[i]!.variant, rate: perTime(amounts[i]! / 1e6, figures[at]!) }));
  const top = rates.reduce((a, c) => (c.rate.median > a.rate.median ? c : a));
  return { ...top, tried: right.length };
}

/** Indices, the fastest first. */
async function ranking(
  runs: readonly TimedRuns[],
  amounts: readonly number[],
  signal: AbortSignal | undefined,
): Promise<readonly number[]> {
  if (runs.length === 1) return [0];
  const figures = await sample(runs, { ...glance, signal });
  const rate = (i: number): number => amounts[i]! / figures[i]!.median;
  return runs.map((_, i) => i).sort((a, c) => rate(c) - rate(a));
}

/** A kernel as a shader of the device. */
export function shaderOf(runtime: GpuRuntime, kernel: Kernel): GpuLaunch["shader"] {
  const [shader] = compileShaders([lower(kernel, "wgsl")], runtime.device.features);
  return launchable(shader!);
}

/** Throws a `BenchError` at the first difference. */
export const requireSame = (what: string, actual: ArrayLike<number>, wanted: ArrayLike<number>): void => {
  for (let i = 0; i < wanted.length; i++)
    if (actual[i] !== wanted[i]) throw new BenchError(`${what}: result ${i} is ${actual[i]}, not ${wanted[i]}`);
};
