// Time per row of x as rows are added: one kernel for every M, its decode and prefill parts and their tails. No peers: what is measured is whether
// there is a step.

import type { Device } from "../../ir/index.ts";
import { compile } from "../compile/index.ts";
import { interleave, summarize } from "../timing/index.ts";
import { intWeightSource, makeCase, type WeightSource } from "./case.ts";
import { BenchError } from "./errors.ts";
import { numericsOf, type PlainMatmul, storedWeights } from "./ours.ts";
import type { KernelRequest } from "./request.ts";

export interface RowsBench extends KernelRequest {
  readonly n: number;
  readonly k: number;
  /** M goes from 1 up to this. */
  readonly most: number;
  readonly sources: readonly WeightSource[];
}

export interface RowsRow {
  readonly m: number;
  readonly medianMs: number;
  readonly lowMs: number;
  readonly highMs: number;
  readonly gops: number;
  /** Time per row against that of one row less; undefined for the first. */
  readonly step: number | undefined;
}

export interface RowsReport {
  readonly device: Device;
  readonly workload: PlainMatmul;
  readonly rows: readonly RowsRow[];
  /** The largest step. */
  readonly worst: number;
}

/** Measures M = 1, 2, .. in turn. Throws a `BenchError` when a row's result depends on M. */
export async function benchRows({
  n,
  k,
  weights,
  x,
  most,
  seconds,
  seed,
  device,
  db,
  sources,
  signal,
}: RowsBench): Promise<RowsReport> {
  const matmul = makeCase({ m: most, n, k, weights, x, threads: device.threads ?? 1 }, seed, [
    intWeightSource,
    ...sources,
  ]);
  const workload: PlainMatmul = {
    op: "matmul",
    m: "any",
    n,
    k,
    w: matmul.weights.format,
    bias: false,
    numerics: numericsOf(x),
  };
  const kernel = await compile(workload as PlainMatmul & { bias: false }, {
    device,
    ...(db === undefined ? {} : { db }),
  });
  try {
    const w = kernel.pack(storedWeights(matmul.weights));
    const counts = Array.from({ length: most }, (_, i) => i + 1);
    const run = (m: number): Float32Array => kernel.run({ x: matmul.given(m), w, m });
    const all = run(most);
    for (const m of counts)
      if (!run(m).every((value, i) => value === all[i]))
        throw new BenchError(`rows: a row's result at M = ${m} is not the same at M = ${most}`);
    const samples = await interleave(
      counts.map((m) => () => {
        run(m);
      }),
      { seconds, minSamples: 7, signal },
    );
    const times = samples.map(({ ms }) => summarize(ms));
    const rows = counts.map((m, i): RowsRow => {
      const [time, before] = [times[i], times[i - 1]];
      if (time === undefined) throw new BenchError(`rows: M = ${m} was not measured`);
      const step = before && time.median / m / (before.median / (m - 1));
      return {
        m,
        medianMs: time.median,
        lowMs: time.low,
        highMs: time.high,
        gops: (2 * m * n * k) / time.median / 1e6,
        step,
      };
    });
    return { device, workload, rows, worst: Math.max(...rows.map((r) => r.step ?? 0)) };
  } finally {
    kernel.dispose();
  }
}
