/**
 * Runs a contestant until its times have stopped falling, so that what is sampled is the steady state.
 *
 * V8 compiles a module's functions twice, quickly at first and well once they have run for a while, in the background: times fall in a step that may come late on a busy
 * machine. The measuring process therefore has the first of the two compilers switched off (see `engines/`), and what is left to fall (caches, pages touched for the first
 * time, clock rates) does so within a few runs.
 */
import { batchSize, type TimedRuns } from "../../timing/index.ts";

export interface WarmUpOptions {
  readonly clock?: () => number;
  /** Time after which it is given up. @default 200 */
  readonly maxMs?: number;
}

/** Shortest span of runs that is compared with the ones before. */
const windowMs = 3;
/** A window is an improvement when it is this much faster than the best before. */
const improvement = 0.97;
/** Windows without improvement after which times count as steady. */
const patience = 3;

/** Gives the milliseconds of a run in the best window. */
export function warmUp(run: () => void, options: WarmUpOptions = {}): number {
  const { clock = () => performance.now(), maxMs = 200 } = options;
  const begin = clock();
  let best = Infinity;
  for (let calm = 0; calm < patience && clock() - begin < maxMs; ) {
    const start = clock();
    let runs = 0;
    do {
      run();
      runs++;
    } while (clock() - start < windowMs);
    const ms = (clock() - start) / runs;
    calm = ms < best * improvement ? 0 : calm + 1;
    best = Math.min(best, ms);
  }
  return best;
}

/** The same for what times itself: samples of its own, one after the other, are its windows. */
export async function settle(timed: TimedRuns, options: WarmUpOptions = {}): Promise<number> {
  const { clock = () => performance.now(), maxMs = 200 } = options;
  const begin = clock();
  const batch = await batchSize(timed, { minMs: windowMs });
  let best = Infinity;
  for (let calm = 0; calm < patience && clock() - begin < maxMs; ) {
    const ms = (await timed.time(batch)) / batch;
    calm = ms < best * improvement ? 0 : calm + 1;
    best = Math.min(best, ms);
  }
  return Number.isFinite(best) ? best : (await timed.time(batch)) / batch;
}
