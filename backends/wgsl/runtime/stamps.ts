/**
 * What timestamps are worth: their quantum, and whether they can be believed. Plain functions over what was measured; not here: measuring
 * (pass-clock.ts), and what follows from it (timer.ts).
 */

/** A pass over the work, as the device and the program saw it. */
export interface TimedPass {
  /** Milliseconds from the submission until it was known to be done. */
  readonly wallMs: number;
  /** The device's timestamps in nanoseconds; undefined where it has none. */
  readonly stamps?: { readonly begin: bigint; readonly end: bigint };
}

/** A pass of so many milliseconds outlasts what surrounds it: its two times must agree. */
export const longMs = 10;

/** How much longer than the wall a device may say that a pass took: clocks differ a little, and browsers round theirs. */
const fastestClock = 1.25;
const wallRoundingMs = 2;
/** A device that says less than this part of the wall, of every long pass, counts something else than time. */
const slowestClock = 0.25;

const msOf = (ns: bigint): number => Number(ns) / 1e6;

/** Milliseconds between the timestamps of a pass; 0 where it has none. */
export function stampedMs({ stamps }: TimedPass): number {
  return stamps === undefined ? 0 : msOf(stamps.end - stamps.begin);
}

/** Why the timestamps of these passes, in the order in which they ran, can't be right, whatever else the machine was doing; undefined where they can. */
export function impossible(passes: readonly TimedPass[]): string | undefined {
  let before: bigint | undefined;
  for (const pass of passes) {
    const { stamps, wallMs } = pass;
    if (stamps === undefined) return "the device gives no timestamps";
    if (stamps.end < stamps.begin) return "a pass ended before it began";
    if (before !== undefined && stamps.begin < before) return "time ran backwards from one pass to the next";
    before = stamps.end;
    if (stampedMs(pass) > fastestClock * wallMs + wallRoundingMs) return disagreement(pass);
  }
  return undefined;
}

/**
 * Why the timestamps of these passes, several of them long, can't be believed; undefined where they can.
 *
 * @param overheadMs what a pass over nothing takes on the wall
 */
export function distrust(passes: readonly TimedPass[], overheadMs: number): string | undefined {
  const reason = impossible(passes);
  if (reason !== undefined) return reason;
  const long = passes.filter(({ wallMs }) => wallMs - overheadMs >= longMs);
  if (long.length === 0) return undefined;
  if (long.every((pass) => stampedMs(pass) === 0)) return `passes of ${ms(long[0]!.wallMs)} take no time`;
  // A busy machine can keep a pass waiting, and then the wall is longer: not every time.
  const fit = long.some((pass) => stampedMs(pass) >= slowestClock * (pass.wallMs - overheadMs));
  return fit ? undefined : disagreement(long[0]!);
}

const disagreement = (pass: TimedPass): string =>
  `the device counts ${ms(stampedMs(pass))} for what took ${ms(pass.wallMs)}`;

const ms = (value: number): string => `${value.toPrecision(3)} ms`;

/**
 * The step of the device's timestamps in milliseconds, from how long many passes took: they differ by multiples of it. Larger than the true
 * step where that is far below what the passes differ by, which makes samples longer than they need be and nothing else.
 */
export function stampQuantum(passes: readonly TimedPass[]): number {
  const lengths = passes.flatMap(({ stamps }) => (stamps === undefined ? [] : [Number(stamps.end - stamps.begin)]));
  const points = [...new Set([0, ...lengths])].sort((a, b) => a - b);
  const steps = points.slice(1).map((point, i) => point - points[i]!);
  // Where a step is no whole number of nanoseconds, equal lengths differ by one or two.
  const real = steps.filter((step) => step > 2);
  return real.length === 0 ? 0 : Math.min(...real) / 1e6;
}
