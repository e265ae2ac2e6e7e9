/** The two numbers that a record states about its samples. Not here: deciding which of two candidates is faster (`src/tuner`). */

/** Value at fraction `q` of the sorted samples, linear between neighbours (Hyndman and Fan's type 7). `sorted` is not empty. */
function quantile(sorted: readonly number[], q: number): number {
  const at = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at)]!;
  const high = sorted[Math.ceil(at)]!;
  return low + (high - low) * (at - Math.floor(at));
}

/** Median, and spread = interquartile range (third quartile minus first), in the samples' unit. Both null without samples. */
export function summarize(samples: readonly number[]): {
  readonly median: number | null;
  readonly spread: number | null;
} {
  if (samples.length === 0) return { median: null, spread: null };
  const sorted = [...samples].sort((a, b) => a - b);
  return { median: quantile(sorted, 0.5), spread: quantile(sorted, 0.75) - quantile(sorted, 0.25) };
}
