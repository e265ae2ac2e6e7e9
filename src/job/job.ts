/**
 * The main job: a model's matmuls are tuned on this machine, compared with a peer and with the machine's limits, built ahead of time, and the build is checked
 * against the model's tensors. Read top to bottom in `runJob`. For WebGPU they are tuned and compared; what is built ahead of time is for Wasm.
 */
import type { Device, Workload } from "../../ir/index.ts";
import type { TuneStore } from "../../tune-db/index.ts";
import { benchMatmul, type Limits, limitMs, measureLimits, PeerMissingError, type PeerName } from "../bench/index.ts";
import { buildFolder, gatherJobs, type Job, loaderOf, requireReplaceable, type Skipped } from "../build/index.ts";
import { progressLine, type TuneOptions, tuneWorkloads, type WorkloadResult } from "../tuner/index.ts";
import { type Check, checkBuild } from "./check.ts";
import { modelOf, modelOfWorkload } from "./model.ts";

export interface JobOptions {
  /** A GGUF file, or a workload alone; without either the shapes of a well-known model. */
  readonly gguf?: string | undefined;
  readonly workload?: Workload | undefined;
  /** The folder that the kernels are built into. */
  readonly out: string;
  readonly device: Device;
  /** Where candidates run. @default Node */
  readonly engine?: TuneOptions["engine"];
  /** How a GPU is chosen, where the device is one. */
  readonly gpu?: TuneOptions["gpu"];
  readonly store: TuneStore;
  /** Time for tuning, all workloads together. */
  readonly seconds?: number | undefined;
  readonly trials?: number | undefined;
  readonly seed?: number | undefined;
  /** A peer to compare with, where it takes the shape; none when its package is missing. */
  readonly peer?: PeerName | undefined;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

/** One line of the table: a workload with a number of rows. Times are medians in ms. */
export interface JobRow {
  readonly kernel: string;
  readonly tensors: number;
  readonly workload: Workload;
  readonly defaultMs: number | undefined;
  readonly tunedMs: number | undefined;
  readonly peer: { readonly name: string; readonly weights: string; readonly ms: number } | undefined;
  /** The part of the machine's limit that a tuned matmul reaches, and which limit it is. */
  readonly share: { readonly of: number; readonly by: "memory" | "arithmetic" } | undefined;
  /** Why it could not be measured. */
  readonly failure: string | undefined;
}

export interface JobReport {
  readonly model: string;
  readonly device: Device;
  /** Undefined where they are not measured: of other devices than Wasm, and of operators that are no matmul. */
  readonly limits: Limits | undefined;
  readonly rows: readonly JobRow[];
  readonly skipped: readonly Skipped[];
  /** Where the kernels are; undefined when the job was stopped before, and where none are built. */
  readonly out: string | undefined;
  readonly checks: readonly Check[];
  readonly stopped: boolean;
}

/** Runs the main job. When the signal aborts, what was measured is kept and the report holds what there is; the same job goes on from there. */
export async function runJob(options: JobOptions): Promise<JobReport> {
  const { device, store, out, signal, progress, seed = 1 } = options;
  const base = process.cwd();
  const isWasm = device.kind === "wasm";
  if (isWasm) await requireReplaceable(out); // Before the hours of tuning, not after them.
  const model = options.workload ? modelOfWorkload(options.workload) : modelOf(options.gguf);
  const { jobs, skipped } = await gatherJobs(model.config, base);
  for (const { matmul, tensors, reason } of skipped)
    progress(`${matmul} (${tensors === 1 ? "1 tensor" : `${tensors} tensors`}) is skipped: ${reason}`);

  const workloads = jobs.map((job) => job.workload);
  const matmuls = workloads.filter((workload) => workload.op === "matmul");
  const isLimited = isWasm && matmuls.length > 0;
  if (isLimited) progress("measuring what this machine could do at most");
  const limits = isLimited ? await measureLimits(device, matmuls) : undefined;
  const tuned = await tuneWorkloads({
    workloads,
    device,
    store,
    seed,
    signal,
    gpu: options.gpu,
    ...(options.engine === undefined ? {} : { engine: options.engine }),
    ...(options.seconds === undefined ? {} : { seconds: options.seconds }),
    ...(options.trials === undefined ? {} : { trials: options.trials }),
    progress: (event) => progress(progressLine(event)),
  });
  const rows: JobRow[] = [];
  const peerTime = peerTimer(options);
  for (const [i, job] of jobs.entries()) rows.push(...(await rowsOf(job, tuned.results[i], limits, peerTime)));
  const report = { model: model.label, device, limits, rows, skipped };
  if (signal.aborted) return { ...report, out: undefined, checks: [], stopped: true };
  if (!isWasm) return { ...report, out: undefined, checks: [], stopped: false };

  progress(`building into ${out}`);
  await buildFolder({ ...model.config, threads: device.threads ?? 1 }, out, {
    base,
    db: store,
    device,
    progress,
    signal,
  });
  const checks = await checkBuild(out, jobs, base, loaderOf, progress);
  return { ...report, out, checks, stopped: false };
}

/** The rows of one kernel: one per part that was tuned. */
async function rowsOf(
  job: Job,
  result: WorkloadResult | undefined,
  limits: Limits | undefined,
  peerTime: PeerTimer,
): Promise<readonly JobRow[]> {
  const tensors = job.tensors.reduce((sum, { names }) => sum + names.length, 0);
  const common = { kernel: job.name, tensors, failure: result?.failure };
  if (result === undefined || result.parts.length === 0)
    return [
      {
        ...common,
        workload: job.workload,
        defaultMs: undefined,
        tunedMs: undefined,
        peer: undefined,
        share: undefined,
      },
    ];
  const rows: JobRow[] = [];
  for (const part of result.parts) {
    const { workload } = part;
    const limit = limits && workload.op === "matmul" ? limitMs(workload, workload.m as number, limits) : undefined;
    const ms = part.tuned?.ms;
    rows.push({
      ...common,
      workload,
      defaultMs: part.default?.ms,
      tunedMs: ms,
      peer: await peerTime(workload),
      share: ms === undefined || limit === undefined ? undefined : { of: limit.ms / ms, by: limit.by },
    });
  }
  return rows;
}

/** Weights that the peers take, by bits of our codes: the narrowest that holds them. */
const peerWeights: Readonly<Record<string, string>> = {
  q4_0: "int4_g32",
  q4_1: "int4_g32",
  q4_K: "int4_g32",
  q8_0: "int8_g32",
};
/** Larger weights take a peer's set-up minutes. */
const largestForPeer = 2 ** 26;

type PeerTimer = (workload: Workload) => Promise<JobRow["peer"]>;

/** Times the peer on a workload with a fixed M; where its package is missing that is told once, and nothing is tried again. */
function peerTimer({ peer, device, signal, progress }: JobOptions): PeerTimer {
  let missing = false;
  return async (workload) => {
    if (workload.op !== "matmul") return undefined;
    const { m, n, k, w, numerics } = workload;
    const weights = peerWeights[w] ?? (/^int[248]_g(16|32|64|128|256)$/.test(w) ? w : undefined);
    if (missing || peer === undefined || signal.aborted) return undefined;
    if (weights === undefined || n * k > largestForPeer || typeof m !== "number") return undefined;
    const x = numerics.compute === "i8" ? "i8_g32" : numerics.compute;
    try {
      progress(`${peer}: m=${m} n=${n} k=${k} ${weights}`);
      const { rows } = await benchMatmul(
        {
          m,
          n,
          k,
          weights,
          x,
          threads: device.threads ?? 1,
          peers: [peer],
          seconds: 0.3,
          device,
          signal,
          note: progress,
        },
        {},
      );
      const row = rows.find((r) => r.who === peer);
      return row && { name: peer, weights, ms: row.medianMs };
    } catch (error) {
      if (signal.aborted) return undefined;
      missing = error instanceof PeerMissingError;
      progress(`${peer} is left out: ${(error as Error).message}`);
      return undefined;
    }
  };
}
