/**
 * What a candidate is in the measuring process, on whatever device: checked on guarded memory, then sampled. Not here: how a device does that
 * (`contestant-*.ts`).
 */
import { QloomError } from "../../../ir/index.ts";
import type { Artifact } from "../../compile/index.ts";
import type { TimedRuns } from "../../timing/index.ts";
import type { Checked, Failure, HookStage } from "../protocol.ts";

/** Ends the work on a candidate with an outcome. */
export class CandidateFailure extends QloomError {
  override name = "CandidateFailure";
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.reason);
    this.failure = failure;
  }
}

/** A candidate that times its own runs. All but `dispose` throw a `CandidateFailure` for what the candidate does wrong. */
export interface Contestant extends TimedRuns {
  /** Identity of its packed weights, as they lie in memory. */
  readonly layout: string;
  /**
   * Loads, packs, runs once and judges. Every tensor that the candidate may read is followed by poison, every one that it may write stands between sentinels, now and
   * while it is timed.
   */
  check(): Promise<Checked>;
  /** Runs until its times have stopped falling, and gives the milliseconds of a run from then on. */
  settle(): Promise<number>;
  /** Makes sure that results and memory still are what they were when it was checked. */
  recheck(): Promise<void>;
  dispose(): void;
}

/** Tells the test's hook, if there is one, how far a candidate has come. */
export type Tell = (stage: HookStage, outputs?: Readonly<Record<string, Uint8Array>>) => Promise<void>;

/** Packed weights that contestants share. */
export interface SharedPacked {
  readonly bytes: number;
  free(): void;
}

/** Bytes of packed weights that are kept although no contestant reads them: the next of that layout need not be packed for. */
const mostKept = 2 ** 28;

/** Frees the oldest packed weights (by layout, the latest last) that no contestant reads. */
export function trimPacked(packed: Map<string, SharedPacked>, contestants: Iterable<Contestant>): void {
  const used = new Set([...contestants].map(({ layout }) => layout));
  let kept = 0;
  for (const [layout, weights] of [...packed].reverse()) {
    if (used.has(layout)) continue;
    kept += weights.bytes;
    if (kept <= mostKept) continue;
    weights.free();
    packed.delete(layout);
  }
}

/** What contestants of one setting share: the device's memory, inputs, packed weights. */
export interface Arena {
  contestant(artifact: Artifact, tell: Tell): Contestant;
  /** Frees the oldest packed weights that none of these reads. */
  trim(contestants: Iterable<Contestant>): void;
  /** Gives all of it back; contestants are disposed of before. */
  dispose(): void;
}
