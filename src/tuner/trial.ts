/**
 * One trial: a point is built, written down, run and judged, and timed beside the incumbent. Whatever happens to the point is an outcome on record; only abortion and
 * faults of the setting or the database throw.
 */
import type { Point } from "../../schedules/index.ts";
import { compare, median } from "../timing/index.ts";
import type { Ledger } from "./ledger.ts";
import type { Measurer, TimeAnswer } from "./measurer.ts";
import type { Built, Failure, SamplingOptions } from "./protocol.ts";
import { keyOf } from "./space.ts";

/** What trials of one part share. */
export interface Bench {
  readonly ledger: Ledger;
  readonly measurer: Measurer;
  readonly sampling: SamplingOptions;
  readonly copies: number;
  /** Points by the kernels that they make. */
  readonly twins: Map<string, Point>;
}

/** How a point did against the incumbent. */
export interface TrialResult {
  /** Faster by more than the noise. */
  readonly wins: boolean;
}

/**
 * Tries a point that is not on record, beside the incumbent where there is one. An incumbent that fails on the way is withdrawn, and the best of the others takes
 * its place.
 */
export async function tryPoint(bench: Bench, point: Point, incumbent: () => Point | undefined): Promise<TrialResult> {
  const { ledger, measurer, twins } = bench;
  const candidate = ledger.candidate(point);
  await standingIncumbent(bench, incumbent);
  const built = await measurer.build(candidate);
  if (built.failure !== undefined) return refuse(ledger, point, built.failure);
  const twin = twins.get(built.value.kernels);
  if (twin !== undefined) {
    await measurer.drop(candidate);
    return refuse(ledger, point, { outcome: "rejected", reason: `it makes the same kernels as ${keyOf(twin)}` });
  }
  twins.set(built.value.kernels, point);
  return run(bench, point, built.value, incumbent);
}

async function refuse(ledger: Ledger, point: Point, failure: Failure): Promise<TrialResult> {
  await ledger.refuse(point, failure);
  return { wins: false };
}

async function run(
  bench: Bench,
  point: Point,
  { schedule, artifact }: Built,
  incumbent: () => Point | undefined,
): Promise<TrialResult> {
  const { ledger, measurer, copies } = bench;
  const entry = await ledger.begin(point, schedule, artifact);
  try {
    const checked = await measurer.check(ledger.candidate(point));
    if (checked.failure !== undefined) {
      await ledger.finish(entry, checked.failure);
      return { wins: false };
    }
    const { timed, beside } = await timeBeside(bench, point, incumbent);
    if ("failure" in timed) {
      await ledger.finish(entry, timed.failure);
      return { wins: false };
    }
    const [own = [], others] = timed.value.samples;
    const sampled = { ms: own, quantum: timed.value.quantum, maxError: checked.value.maxError, copies };
    const { score, wins } = judge(ledger, own, others, beside);
    await ledger.finish(entry, sampled, score);
    return { wins };
  } catch (error) {
    // Stopped for reasons of ours: nothing is held against the point. What stopped us says more than a database that fails now.
    await ledger.store.cancel(entry).catch(() => {});
    throw error;
  }
}

/** Score against the incumbent's, so that a machine that is slow for a while does not count; against recorded times where there is none. */
function judge(
  ledger: Ledger,
  own: readonly number[],
  others: readonly number[] | undefined,
  beside: Point | undefined,
): { readonly score: number; readonly wins: boolean } {
  const known = beside === undefined ? undefined : ledger.scoreOf(beside);
  if (others === undefined || known === undefined) {
    const reference = ledger.msOf(ledger.field.reference) ?? median(own);
    return { score: median(own) / reference, wins: true };
  }
  const { ratio, verdict } = compare(own, others, { paired: true });
  return { score: known * ratio, wins: verdict === "faster" };
}

interface Beside {
  readonly timed: TimeAnswer;
  readonly beside: Point | undefined;
}

/** A failure beside the incumbent is the newcomer's, unless the incumbent can't stand alone in a fresh process either. */
async function timeBeside(bench: Bench, point: Point, incumbent: () => Point | undefined): Promise<Beside> {
  const { ledger, measurer, sampling } = bench;
  const candidate = ledger.candidate(point);
  for (;;) {
    const beside = incumbent();
    const contestants = [candidate, ...(beside === undefined ? [] : [ledger.candidate(beside)])];
    const timed = await measurer.time(contestants, sampling, true);
    if (!("failure" in timed) || timed.candidate === candidate || beside === undefined) return { timed, beside };
    const alone = await standsAlone(bench, beside);
    if (alone === undefined) {
      const reason = `beside ${keyOf(beside)}: ${timed.failure.reason}`;
      return { timed: { failure: { ...timed.failure, reason }, candidate }, beside };
    }
    await ledger.quarantine(beside, alone);
    await standingIncumbent(bench, incumbent);
    const again = await measurer.ensure(candidate);
    if (again.failure !== undefined) return { timed: { failure: again.failure, candidate }, beside };
  }
}

/** Undefined when a point can be checked and timed by itself, else why not. */
async function standsAlone({ ledger, measurer, sampling }: Bench, point: Point): Promise<Failure | undefined> {
  const candidate = ledger.candidate(point);
  const ensured = await measurer.ensure(candidate);
  if (ensured.failure !== undefined) return ensured.failure;
  const timed = await measurer.time([candidate], { ...sampling, seconds: 0 });
  return "failure" in timed ? timed.failure : undefined;
}

/** Loads the incumbent where the process does not hold it; one that no longer runs is withdrawn, and the next takes its place. */
async function standingIncumbent({ ledger, measurer }: Bench, incumbent: () => Point | undefined): Promise<void> {
  for (let point = incumbent(); point !== undefined; point = incumbent()) {
    const { failure } = await measurer.ensure(ledger.candidate(point));
    if (failure === undefined) return;
    await ledger.quarantine(point, failure);
  }
}
