// What samples of a time say: middle, spread, and whether two sets of them differ by more than their noise. Pure
// functions of numbers; taking the samples is timing.ts.

import { splitmix32, uniform } from "./random.ts";

/** A number to so many significant digits, and never with an exponent where it is large. */
export const figures = (value: number, digits: number): string =>
  value >= 10 ** digits - 0.5 ? value.toFixed(0) : value.toPrecision(digits);

/** Median and spread of a set of samples, in the samples' unit. */
export interface Summary {
  readonly count: number;
  readonly median: number;
  /** The 10 % and 90 % quantiles: what an ordinary lucky and unlucky sample took. */
  readonly low: number;
  readonly high: number;
  /** Median absolute deviation from the median, unscaled. */
  readonly mad: number;
}

/** How long `a` takes measured in `b`s. */
export interface Comparison {
  /** median(a) / median(b): below 1 means that a is faster. */
  readonly ratio: number;
  /** The interval that holds the ratio with the confidence asked for. */
  readonly low: number;
  readonly high: number;
  /** "same" when the difference is within the noise or the margin: not a win for either. */
  readonly verdict: "faster" | "slower" | "same";
}

export interface CompareOptions {
  /**
   * Sample i of a and sample i of b were taken in the same round: they are resampled together, which cancels what slows
   * both. @default false
   */
  readonly paired?: boolean;
  /** @default 0.95 */
  readonly confidence?: number;
  /**
   * Relative difference that is never a win, however sure: where code and data happen to lie moves times this much.
   * @default 0.01
   */
  readonly margin?: number;
  /** @default 1 */
  readonly seed?: number;
}

/** With fewer samples the bootstrap is too sure: of 3 it calls equals different 9 times in 100, of 5 four times. */
const fewestComparable = 5;
const resamples = 500;

/**
 * The q-quantile, 0 <= q <= 1, linear between order statistics (type 7 of Hyndman and Fan, 1996).
 *
 * @throws RangeError when there are no samples.
 */
export function quantile(samples: readonly number[], q: number): number {
  return quantileOfSorted(Float64Array.from(samples).sort(), q);
}

/** @throws RangeError when there are no samples. */
export function median(samples: readonly number[]): number {
  return quantile(samples, 0.5);
}

/** @throws RangeError when there are no samples. */
export function summarize(samples: readonly number[]): Summary {
  const sorted = Float64Array.from(samples).sort();
  const middle = quantileOfSorted(sorted, 0.5);
  return {
    count: sorted.length,
    median: middle,
    low: quantileOfSorted(sorted, 0.1),
    high: quantileOfSorted(sorted, 0.9),
    mad: quantileOfSorted(sorted.map((sample) => Math.abs(sample - middle)).sort(), 0.5),
  };
}

/**
 * Compares two sets of times. The interval is the percentile bootstrap of the ratio of medians: no assumption on how the
 * noise is distributed, which for times is skewed and has two modes as often as not.
 *
 * @throws RangeError when a set is empty, or the sets are paired and differ in length.
 */
export function compare(a: readonly number[], b: readonly number[], options: CompareOptions = {}): Comparison {
  const { paired = false, confidence = 0.95, margin = 0.01, seed = 1 } = options;
  if (paired && a.length !== b.length) {
    throw new RangeError(`compare: ${a.length} samples can't be paired with ${b.length}`);
  }
  const ratio = median(a) / median(b);
  if (Math.min(a.length, b.length) < fewestComparable) return { ratio, low: 0, high: Infinity, verdict: "same" };

  const random = splitmix32(seed);
  const draw = (count: number) => Uint32Array.from({ length: count }, () => Math.floor(uniform(random) * count));
  const medianAt = (samples: readonly number[], indices: Uint32Array) =>
    quantileOfSorted(Float64Array.from(indices, (index) => samples[index]!).sort(), 0.5);
  const ratios = new Float64Array(resamples);
  for (let i = 0; i < resamples; i++) {
    const ofA = draw(a.length);
    ratios[i] = medianAt(a, ofA) / medianAt(b, paired ? ofA : draw(b.length));
  }
  ratios.sort();
  const low = quantileOfSorted(ratios, (1 - confidence) / 2);
  const high = quantileOfSorted(ratios, (1 + confidence) / 2);
  const verdict = high < 1 && ratio < 1 - margin ? "faster" : low > 1 && ratio > 1 + margin ? "slower" : "same";
  return { ratio, low, high, verdict };
}

function quantileOfSorted(sorted: Float64Array, q: number): number {
  if (sorted.length === 0) throw new RangeError("statistics: no samples");
  const at = (sorted.length - 1) * q;
  const below = sorted[Math.floor(at)]!;
  return below + (sorted[Math.ceil(at)]! - below) * (at - Math.floor(at));
}
