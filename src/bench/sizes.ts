// Cost against size: square matmuls from small to large, each against the time that the machine's own limits would allow it, measured beside it.

import type { Device, MatmulWorkload, Workload } from "../../ir/index.ts";
import { compile } from "../compile/index.ts";
import { argumentsOf } from "../runtime/index.ts";
import { interleave, summarize } from "../timing/index.ts";
import { makeProblem } from "../tuner/index.ts";
import { BenchError } from "./errors.ts";
import { limitMs, measureLimits } from "./limits.ts";
import { numericsOf } from "./ours.ts";
import type { Plot } from "./plot.ts";
import type { KernelRequest } from "./request.ts";

/** The time for samples is that of each size. */
export interface SizesBench extends KernelRequest {
  readonly m: number;
  /** N = K of each. */
  readonly sizes: readonly number[];
  readonly progress: (line: string) => void;
}

export interface SizesRow {
  /** N and K. */
  readonly size: number;
  readonly medianMs: number;
  readonly lowMs: number;
  readonly highMs: number;
  readonly gops: number;
  /** What streaming the weights once, or the arithmetic alone, takes: the longer of the two. */
  readonly limitMs: number;
  readonly by: "memory" | "arithmetic";
}

export interface SizesReport {
  readonly device: Device;
  /** Of the first size. */
  readonly workload: MatmulWorkload;
  readonly sizes: readonly SizesRow[];
}

/** Measures each size in turn, its limits just before it. Throws a `BenchError` where a result is wrong. */
export async function benchSizes(bench: SizesBench): Promise<SizesReport> {
  const { m, weights, x, sizes, device, progress, signal } = bench;
  const rows: SizesRow[] = [];
  const workloads = sizes.map(
    (size): MatmulWorkload => ({ op: "matmul", m, n: size, k: size, w: weights, bias: false, numerics: numericsOf(x) }),
  );
  for (const workload of workloads) {
    signal.throwIfAborted();
    progress(`${workload.n} x ${workload.k}`);
    rows.push(await measure(workload, bench));
  }
  return { device, workload: workloads[0] as MatmulWorkload, sizes: rows };
}

async function measure(workload: MatmulWorkload, { device, db, seed, seconds, signal }: SizesBench): Promise<SizesRow> {
  const m = workload.m as number;
  const problem = makeProblem(workload, seed);
  const kernel = await compile<Workload>(workload, { device, ...(db === undefined ? {} : { db }) });
  try {
    const stored = Object.entries(problem.weights).map(([name, bytes]) => [name.replace(/^w\./, ""), bytes]);
    const w = kernel.pack(Object.fromEntries(stored));
    const run = (): Float32Array => kernel.run({ ...argumentsOf(problem.inputs), w, m } as never) as Float32Array;
    const y = run();
    const { fault } = problem.judge(() => new Uint8Array(y.buffer as ArrayBuffer));
    if (fault !== undefined) throw new BenchError(`sizes: ${workload.n} x ${workload.k}: ${fault}`);
    const limits = await measureLimits(device, [workload]);
    const [samples] = await interleave([() => void run()], { seconds, minSamples: 7, signal });
    const { median, low, high } = summarize(samples?.ms ?? []);
    const limit = limitMs(workload, m, limits);
    return {
      size: workload.n,
      ...{ medianMs: median, lowMs: low, highMs: high },
      gops: (2 * m * workload.n * workload.k) / median / 1e6,
      ...{ limitMs: limit.ms, by: limit.by },
    };
  } finally {
    kernel.dispose();
  }
}

/** Speed against size, with what the limits allow. */
export function sizesPlot({ device, workload, sizes }: SizesReport): Plot {
  const { m, w } = workload;
  const { threads = 1 } = device;
  const gops = (size: number, ms: number): number => (2 * (m as number) * size * size) / ms / 1e6;
  return {
    title: `${w}, M = ${m}: speed against size, on ${device.label}`,
    x: { label: "N = K", scale: "log2" },
    y: { label: "GOP/s", scale: "linear" },
    series: [
      { name: "qloom", points: sizes.map(({ size, gops: reached }) => [size, reached]) },
      {
        name: `limit of ${threads === 1 ? "one thread" : `${threads} threads`}`,
        points: sizes.map((row) => [row.size, gops(row.size, row.limitMs)]),
        isLimit: true,
      },
    ],
  };
}
