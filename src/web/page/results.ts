/** The table's content: a row for each kernel, number of rows of x, and target, from records and from what a running job tells. No elements. */
import {
  canonicalJson,
  containerBytes,
  type Device,
  formatOf,
  type MatmulWorkload,
  type Workload,
  workloadKey,
} from "../../../ir/index.ts";
import type { TuneStore } from "../../../tune-db/index.ts";
import type { NamedMatmul } from "../../models/index.ts";
import { type Progress, type Standing, standingsOf } from "../../tuner/index.ts";
import type { TargetName } from "./settings.ts";

export interface ResultRow {
  readonly id: string;
  readonly kernel: NamedMatmul;
  readonly target: TargetName;
  /** With a fixed M. */
  readonly workload: MatmulWorkload;
  readonly state: "standing" | "tuning" | "failed";
  readonly defaultMs: number | undefined;
  readonly tunedMs: number | undefined;
  /** How many times faster the tuned kernel is: 1 where the difference is below the noise. */
  readonly speedUp: number | undefined;
  readonly template: string;
  readonly point: Readonly<Record<string, number | string>> | undefined;
  readonly trials: number;
  /** Trials that there can be at most, where that is known. */
  readonly of: number | undefined;
  readonly note: string | undefined;
}

export const rowId = (target: TargetName, workload: Workload): string => `${target} ${workloadKey(workload)}`;

/** The rows of a kernel by its records alone. */
export async function standingRows(
  kernel: NamedMatmul,
  target: TargetName,
  device: Device,
  store: TuneStore,
): Promise<readonly ResultRow[]> {
  return (await standingsOf(kernel.workload, device, store)).map((standing) => rowOf(kernel, target, standing));
}

export function rowOf(kernel: NamedMatmul, target: TargetName, standing: Standing): ResultRow {
  const { default: reference, tuned, gain } = standing;
  const workload = standing.workload as MatmulWorkload;
  return {
    id: rowId(target, workload),
    kernel,
    target,
    workload,
    state: "standing",
    defaultMs: reference?.ms,
    tunedMs: tuned?.ms,
    speedUp: gain && (gain.verdict === "same" ? 1 : 1 / gain.ratio),
    template: standing.template,
    point: tuned?.point,
    trials: Object.values(standing.trials).reduce((sum, count) => sum + count, 0),
    of: standing.points,
    note: undefined,
  };
}

/** A row after what a job has told of it; of other rows nothing changes. */
export function updated(row: ResultRow, event: Progress): ResultRow {
  switch (event.kind) {
    case "start":
      return { ...row, state: "tuning", note: undefined };
    case "trial": {
      const { best, default: reference, trial, of } = event;
      const speedUp = best && reference && Math.max(1, reference.ms / best.ms);
      const [defaultMs, tunedMs, point] = [reference?.ms, best?.ms, best?.point];
      return { ...row, state: "tuning", defaultMs, tunedMs, speedUp, point, trials: trial, of };
    }
    case "done":
      return rowOf(row.kernel, row.target, event.result);
    case "failed":
      return { ...row, state: "failed", note: event.reason };
  }
}

/** Whether a job's event is about a row. */
export function concerns(row: ResultRow, event: Progress): boolean {
  const workload = event.kind === "done" ? event.result.workload : event.workload;
  // What failed is told with its M as it was asked for.
  return event.kind === "failed"
    ? canonicalJson(row.kernel.workload) === canonicalJson(workload) ||
        workloadKey(row.workload) === workloadKey(workload)
    : workloadKey(row.workload) === workloadKey(workload);
}

/** Rates of a matmul that takes so many milliseconds: weights as stored, x and y read and written once; a product and a sum each. */
export function ratesOf(
  { m, n, k, w }: MatmulWorkload,
  ms: number,
): { readonly gigabytes: number; readonly gigaoperations: number } {
  const rows = Number(m);
  const weights = Object.values(containerBytes(formatOf(w), n, k)).reduce((sum, bytes) => sum + bytes, 0);
  return { gigabytes: (weights + 4 * rows * (n + k)) / ms / 1e6, gigaoperations: (2 * rows * n * k) / ms / 1e6 };
}
