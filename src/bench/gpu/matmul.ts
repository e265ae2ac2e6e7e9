/** One matmul on a GPU, by what it could do at most: a row of x, a few rows, many rows. Not here: tuning it. */
import type { MatmulWorkload } from "../../../ir/index.ts";
import type { TuneStore } from "../../../tune-db/index.ts";
import { resolveGpu } from "../../compile/index.ts";
import { type Figure, perTime, sample } from "./figure.ts";
import { copiesFor, GpuKernel, type Problem } from "./kernel.ts";
import { arithmeticOf, type GpuLimits } from "./limits.ts";
import type { DecodeRow, MatmulReport, PrefillRow, RowsRow } from "./report.ts";
import { percent, type Session } from "./session.ts";
import { weightBytes } from "./share.ts";

export interface MatmulTask {
  /** For any M. */
  readonly workload: MatmulWorkload;
  /** Its numbers, of as many rows as prefill has. */
  readonly problem: Problem;
  readonly limits: GpuLimits;
  /** Which kernels: the template's default, or those that a store has records of. */
  readonly kernels: MatmulReport["kernels"];
  readonly store: TuneStore;
}

/** M = 1, 2, .., the weights read from memory each time. */
export async function measureRows(
  session: Session,
  task: MatmulTask,
): Promise<{ readonly decode: DecodeRow; readonly rows: RowsRow }> {
  const { workload, limits } = task;
  const read = limits.read.at(-1)!;
  const copies = copiesFor(workload, read.bytes);
  const counts = Array.from({ length: session.plan.mostRows }, (_, i) => i + 1);
  const times = await timesOf(session, task, copies, counts);
  const [ms] = times;
  const bytes = weightBytes(workload);
  const rate = perTime(bytes / 1e6, ms!);
  const share = rate.median / read.limit.rate.median;
  session.progress(`M = 1: ${rate.median.toPrecision(3)} GB/s of weights, ${percent(share)} of reading alone`);
  const of = reportOf(task);
  return {
    decode: { ...of, copies, bytes, ms: ms!, rate, share },
    rows: { ...of, copies, rows: counts.map((m, i) => rowOf(m, times[i]!, times[i - 1])) },
  };
}

const rowOf = (m: number, ms: Figure, before: Figure | undefined): RowsRow["rows"][number] => ({
  m,
  ms,
  ...(before && { step: ms.median / m / (before.median / (m - 1)) }),
});

/** As many rows as the plan has for prefill. */
export async function measurePrefill(session: Session, task: MatmulTask): Promise<PrefillRow> {
  const { workload, limits } = task;
  const m = session.plan.prefillRows;
  const [ms] = await timesOf(session, task, 1, [m]);
  const rate = perTime((2 * m * workload.n * workload.k) / 1e6, ms!);
  const against = arithmeticOf(workload, limits);
  const share = rate.median / limits.rates[against]!.rate.median;
  session.progress(`M = ${m}: ${rate.median.toPrecision(3)} GOP/s, ${percent(share)} of ${against} on registers`);
  return { ...reportOf(task), m, ms: ms!, rate, against, share };
}

/** Milliseconds of a run for each number of rows, timed side by side. */
async function timesOf(
  session: Session,
  { workload, problem, kernels, store }: MatmulTask,
  copies: number,
  counts: readonly number[],
): Promise<readonly Figure[]> {
  const { signal, plan } = session;
  const runtime = await session.runtime();
  const { artifact } = await resolveGpu(workload, runtime, kernels === "tuned" ? store : false);
  const kernel = await GpuKernel.load(runtime, artifact, problem, copies);
  try {
    const runs = [];
    for (const m of counts) runs.push(await kernel.timed(m));
    return await sample(runs, { seconds: plan.seconds * counts.length, minSamples: plan.minSamples, signal });
  } finally {
    kernel.dispose();
  }
}

const reportOf = ({ workload: { n, k, w, numerics }, kernels }: MatmulTask): MatmulReport => ({
  ...{ n, k, w, kernels },
  compute: numerics.compute,
});
