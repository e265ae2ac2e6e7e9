/**
 * How long work takes on a GPU: by the device's timestamps where they can be believed, else by the wall. Not here: how a pass is timed
 * (pass-clock.ts), what makes timestamps believable (stamps.ts), what samples mean.
 */
import { distrust, impossible, longMs, stampedMs, stampQuantum, type TimedPass } from "./stamps.ts";

/** Runs work and says how long it took. `W` is what it runs: prepared launches. Passes are run one at a time. */
export interface PassClock<W> {
  /** Whether the device has timestamps at all. */
  readonly hasStamps: boolean;
  /** Smallest step of the wall's clock in milliseconds. */
  readonly wallQuantumMs: number;
  /** Work to calibrate with: the more of it, the longer. */
  readonly probe: W;
  /** Runs the work so many times, or not at all, in one pass. */
  pass(work: W, times: number): Promise<TimedPass>;
}

/** A sample spans at least so many quanta, so that rounding is below 1 %, and so many milliseconds. */
const quantaPerSample = 100;
const shortestMs = 2;
/** What a submission takes on the wall varies by about this part of it. */
const overheadNoise = 0.1;
/** Work is repeated at most so often in one pass: recording more takes longer than it tells. */
const mostTimes = 2 ** 16;
/** The probe, which keeps any processor busy for microseconds, takes long before that. */
const mostProbes = 2 ** 14;

/** What calibration found. */
export interface TimerFacts {
  readonly clock: "timestamps" | "wall";
  /** In words, why this clock. */
  readonly why: string;
  /** Smallest step of the clock in milliseconds. */
  readonly quantumMs: number;
  /** What a submission of nothing takes on the wall, in milliseconds. */
  readonly overheadMs: number;
}

/** Times work on one device. Made by {@link calibrate}. */
export class GpuTimer<W> {
  readonly #passes: PassClock<W>;
  #facts: TimerFacts;
  /** One pass at a time: others would lengthen it. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(passes: PassClock<W>, facts: TimerFacts) {
    this.#passes = passes;
    this.#facts = facts;
  }

  /** What it measures by; changes, once and for good, from timestamps to the wall where the device is caught lying. */
  get facts(): TimerFacts {
    return this.#facts;
  }

  /** The shortest sample worth taking, in milliseconds. */
  get sampleMs(): number {
    return Math.max(shortestMs, quantaPerSample * this.#facts.quantumMs);
  }

  /** Milliseconds that the work takes, so many times over in one pass. */
  async time(work: W, times = 1): Promise<number> {
    const pass = await this.#alone(() => this.#passes.pass(work, times));
    if (this.#facts.clock === "timestamps") {
      const why = impossible([pass]);
      if (why === undefined) return stampedMs(pass);
      this.#facts = wallFacts(this.#passes, this.#facts.overheadMs, why);
    }
    return Math.max(0, pass.wallMs - this.#facts.overheadMs);
  }

  /** How many times the work has to be run for a sample. Runs it until it knows. */
  async batchSize(work: W): Promise<number> {
    await this.time(work);
    for (let times = 1; ; ) {
      const ms = await this.time(work, times);
      if (ms >= this.sampleMs || times >= mostTimes) return times;
      // Towards the target by what was measured, a little beyond; bounded because a short time is measured badly.
      times = Math.min(mostTimes, Math.ceil(times * Math.min(10, Math.max(1.5, (1.2 * this.sampleMs) / ms))));
    }
  }

  #alone<T>(action: () => Promise<T>): Promise<T> {
    const next = this.#last.then(action);
    this.#last = next.catch(() => {});
    return next;
  }
}

/** Finds out what the device's clock is worth, in some tenths of a second. */
export async function calibrate<W>(passes: PassClock<W>): Promise<GpuTimer<W>> {
  const { probe } = passes;
  await passes.pass(probe, 1);
  const empty: number[] = [];
  for (let i = 0; i < 9; i++) empty.push((await passes.pass(probe, 0)).wallMs);
  const overheadMs = empty.sort((a, b) => a - b)[4]!;
  if (!passes.hasStamps)
    return new GpuTimer(passes, wallFacts(passes, overheadMs, "the device has no timestamp queries"));

  const times = await longEnough(passes, overheadMs);
  if (times === undefined)
    return new GpuTimer(passes, wallFacts(passes, overheadMs, "the device seems to run nothing"));
  const seen: TimedPass[] = [];
  for (let i = 0; i < 3; i++) seen.push(await passes.pass(probe, times));
  // Lengths that differ by little, whatever the device makes of equal work.
  for (let i = 0; i < 16; i++) seen.push(await passes.pass(probe, Math.ceil(times / 32) + i));
  const why = distrust(seen, overheadMs);
  if (why !== undefined) return new GpuTimer(passes, wallFacts(passes, overheadMs, why));
  const quantumMs = stampQuantum(seen);
  return new GpuTimer(passes, {
    clock: "timestamps",
    why: "the device's timestamps agree with the wall",
    quantumMs,
    overheadMs,
  });
}

/** How often the probe has to run to take long on the wall; undefined where it never does. */
async function longEnough<W>(passes: PassClock<W>, overheadMs: number): Promise<number | undefined> {
  for (let times = 1; ; ) {
    const ms = (await passes.pass(passes.probe, times)).wallMs - overheadMs;
    if (ms >= 1.5 * longMs) return times;
    if (times >= mostProbes) return undefined;
    times = Math.min(mostProbes, Math.ceil(times * Math.min(10, Math.max(2, (2 * longMs) / Math.max(ms, 0.01)))));
  }
}

function wallFacts<W>({ wallQuantumMs }: PassClock<W>, overheadMs: number, why: string): TimerFacts {
  return { clock: "wall", why, quantumMs: Math.max(wallQuantumMs, overheadNoise * overheadMs), overheadMs };
}
