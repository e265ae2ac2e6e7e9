/**
 * The end of a part. Medians of trials that are minutes apart are not comparable (the machine was slower or faster then), and of many trials the lowest median is the
 * luckiest; but the lowest median is what a look-up takes. So the reference, the winner, and every point whose record claims to be faster than the winner are timed
 * once more, interleaved, and their records replaced, until the fastest on record is one of those.
 */
import type { Point } from "../../schedules/index.ts";
import { compare } from "../timing/index.ts";
import { keyOf } from "./space.ts";
import type { Bench } from "./trial.ts";

/** Rounds after which records stand as they are, and points of doubtful record in each. */
const mostRounds = 4;
const perRound = 4;

/** How the winner compares with the reference. */
export interface Final {
  /** Time of the winner in times of the reference's. */
  readonly ratio: number;
  /** `same`: the difference is below the noise, which is no gain. */
  readonly verdict: "faster" | "slower" | "same";
}

/** Times finalists again; `late` ends it after a round. To be called with at least one right point on record. */
export async function runFinals(bench: Bench, incumbent: Point, late: () => boolean): Promise<void> {
  const { ledger } = bench;
  const confirmed = new Set<string>();
  for (let round = 0; round < mostRounds && (round === 0 || !late()); round++) {
    const winner =
      round === 0 ? incumbent : (ledger.fastest((point) => confirmed.has(keyOf(point)))?.point ?? incumbent);
    const doubtful = ledger.fasterThan(winner).filter((point) => !confirmed.has(keyOf(point)));
    if (round > 0 && doubtful.length === 0) return;
    const chosen = [ledger.field.reference, winner, ...doubtful.slice(0, perRound)];
    const timed = await timeAgain(bench, chosen);
    if (timed.length === 0) return;
    for (const point of timed) confirmed.add(keyOf(point));
  }
}

/** Times the right ones of these points and replaces their records; gives those that it could time, none where there was nothing to compare. */
async function timeAgain(bench: Bench, points: readonly Point[]): Promise<readonly Point[]> {
  const { ledger, measurer, sampling, copies } = bench;
  const finalists = new Map<string, Point>();
  for (const point of points) if (ledger.msOf(point) !== undefined) finalists.set(keyOf(point), point);
  for (const held of ledger.tried.map((t) => t.point))
    if (!finalists.has(keyOf(held))) await measurer.drop(ledger.candidate(held));
  if (finalists.size < 2) return [];
  for (const point of finalists.values()) {
    const { failure } = await measurer.ensure(ledger.candidate(point));
    if (failure === undefined) continue;
    await ledger.quarantine(point, failure);
    // The process was started again, without those that it held.
    return timeAgain(bench, points);
  }
  const contestants = [...finalists.values()];
  const seconds = sampling.seconds * contestants.length;
  const timed = await measurer.time(
    contestants.map((point) => ledger.candidate(point)),
    { ...sampling, seconds },
  );
  // Whose fault it is, is not known; the records of the trials stand.
  if ("failure" in timed) return [];
  const { samples, quantum } = timed.value;
  await ledger.replace(
    contestants.map((point, i) => ({
      point,
      result: { ms: samples[i]!, quantum, maxError: ledger.record(point)!.maxError ?? 0, copies },
    })),
  );
  return contestants;
}

/** Compares two points by their recorded samples; those of finalists are of the same rounds. */
export function compareRecorded({ ledger }: Pick<Bench, "ledger">, point: Point): Final | undefined {
  const { reference } = ledger.field;
  const [own, others] = [ledger.record(point)?.samples, ledger.record(reference)?.samples];
  if (own === undefined || others === undefined || own.length === 0 || others.length === 0) return undefined;
  if (keyOf(point) === keyOf(reference)) return { ratio: 1, verdict: "same" };
  const { ratio, verdict } = compare(own, others, { paired: own.length === others.length });
  return { ratio, verdict };
}
