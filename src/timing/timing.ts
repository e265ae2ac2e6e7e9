// Takes samples of how long functions run: measures the timer's quantum, sizes batches by it, and interleaves
// contestants so that whatever slows the machine slows all of them alike. Loads in browsers. Not here: what the samples
// mean (statistics.ts), what is run, or ending a run that hangs (that takes a process).

import { median } from "./statistics.ts";

/** Milliseconds since some fixed moment. */
export type Clock = () => number;

/** A function to be timed; a promise is awaited inside the timed span. */
export type Run = () => void | Promise<void>;

/** Runs that are timed where they happen, in a page or on a GPU: the way to them and back is no part of them. */
export interface TimedRuns {
  /** The smallest step of the clock there, in milliseconds. */
  readonly quantumMs: number;
  /** Runs so many times, one after the other; gives the milliseconds of all. */
  time(count: number): Promise<number>;
}

/** What can be sampled. */
export type Contestant = Run | TimedRuns;

export interface BatchOptions {
  /** @default performance.now */
  readonly clock?: Clock;
  /** Shortest sample worth taking. @default 2 */
  readonly minMs?: number;
  /** A sample spans at least this many steps of the clock, so that rounding is below 1 %. @default 100 */
  readonly quanta?: number;
}

export interface InterleaveOptions extends BatchOptions {
  /** Time to spend on samples, all contestants together; sizing the batches comes on top. */
  readonly seconds: number;
  /** Samples that each contestant gets even when the time is up. @default 5 */
  readonly minSamples?: number;
  /** Milliseconds of one run of each contestant, where they are known: nothing is run to find them out. */
  readonly runMs?: readonly number[];
  /** Ends the measurement; interleave then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** The times of one contestant: sample i of every contestant comes from the same round. */
export interface Samples {
  /** Runs per sample. */
  readonly batch: number;
  /** Milliseconds per run, in the order measured, the first sample dropped. */
  readonly ms: readonly number[];
}

/** A run this many times longer than a sample has to be refills the caches in a few per cent of its time. */
const coldRuns = 20;

const performanceClock: Clock = () => performance.now();

/** The clock's smallest step in milliseconds: the median of several, since a preempted one looks longer. */
export function timerQuantum(clock: Clock = performanceClock): number {
  const steps = Array.from({ length: 15 }, () => {
    const start = clock();
    let now = start;
    while (now === start) now = clock();
    return now - start;
  });
  return median(steps);
}

/** How many runs one sample needs, so that it lasts `minMs` and many quanta. Runs the contestant until it knows. */
export async function batchSize(run: Contestant, options: BatchOptions = {}): Promise<number> {
  const { clock = performanceClock } = options;
  const target = shortestSample(run, options);
  await timeRuns(run, 1, clock);
  for (let batch = 1; ; ) {
    const ms = await timeRuns(run, batch, clock);
    if (ms >= target) return batch;
    // Towards the target by what was measured, a little beyond; bounded because a short time is measured badly.
    batch = Math.ceil(batch * Math.min(10, Math.max(1.5, (1.2 * target) / ms)));
  }
}

function shortestSample(run: Contestant, { clock = performanceClock, minMs = 2, quanta = 100 }: BatchOptions): number {
  return Math.max(minMs, quanta * (typeof run === "function" ? timerQuantum(clock) : run.quantumMs));
}

/**
 * Samples the contestants in rounds, A B C A B C, until the time is up, and drops the first round.
 *
 * A short run is preceded by an untimed one in each sample: the contestant before has just evicted its data from the
 * caches, and everyone is measured warm.
 *
 * @returns one {@link Samples} per contestant, in order.
 */
export async function interleave(contestants: readonly Contestant[], options: InterleaveOptions): Promise<Samples[]> {
  const { clock = performanceClock, minMs = 2, minSamples = 5, seconds, signal, runMs } = options;
  const batches: number[] = [];
  for (const [i, run] of contestants.entries()) {
    signal?.throwIfAborted();
    const known = runMs?.[i];
    const batch = known === undefined ? await batchSize(run, options) : (1.2 * shortestSample(run, options)) / known;
    batches.push(Math.max(1, Math.ceil(batch)));
  }
  const ms: number[][] = contestants.map(() => []);
  const end = clock() + seconds * 1000;
  for (let round = 0; round <= minSamples || clock() < end; round++) {
    for (const [i, run] of contestants.entries()) {
      await pause();
      signal?.throwIfAborted();
      const batch = batches[i]!;
      const last = ms[i]!.at(-1) ?? runMs?.[i] ?? 0;
      if (batch > 1 || last < coldRuns * minMs) await timeRuns(run, 1, clock);
      const sample = (await timeRuns(run, batch, clock)) / batch;
      if (round > 0) ms[i]!.push(sample);
    }
  }
  return ms.map((times, i) => ({ batch: batches[i]!, ms: times }));
}

/** Milliseconds of so many runs, by `clock` unless they are timed elsewhere. */
export async function timeRuns(run: Contestant, count: number, clock: Clock = performanceClock): Promise<number> {
  if (typeof run !== "function") return run.time(count);
  const start = clock();
  for (let i = 0; i < count; i++) {
    const pending = run();
    if (pending) await pending;
  }
  return clock() - start;
}

/** Lets timers, signals and input in: promises alone never would. Browsers have no `setImmediate`, and make nested timers wait for 4 ms. */
function pause(): Promise<void> {
  if (typeof setImmediate === "function") return new Promise((resolve) => void setImmediate(resolve));
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
