/** What the tune-db's tests share: a workload, a device, records, a folder of their own. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Device, MatmulWorkload } from "../../ir/index.ts";
import {
  type Configuration,
  type Measurement,
  makeKey,
  makeScope,
  type RecordReader,
  type RowFilter,
  recordKey,
  records,
  sealRecord,
  type TuneRecord,
} from "../../tune-db/index.ts";

export const device: Device = {
  kind: "wasm",
  label: "a test machine",
  fingerprint: "zen4-2core",
  architecture: "x86-64",
  engine: "v8 13.6",
  features: ["relaxed-simd"],
  limits: { cores: 2 },
};

export function matmul(m: number | "any" = 1, n = 4096, k = 4096, w = "int4_g32"): MatmulWorkload {
  return { op: "matmul", m, n, k, w, bias: false, numerics: { compute: "i8", xGroup: 32 } };
}

export interface Making {
  readonly workload?: MatmulWorkload;
  readonly device?: Partial<Device>;
  readonly generator?: string;
  readonly layoutVersion?: number;
  readonly rows?: number;
}

/** A configuration of the template "decode" with the point {rows}. */
export function configure(making: Making = {}): Configuration {
  const on = { ...device, ...making.device };
  const scope = makeScope(making.workload ?? matmul(), on, making.layoutVersion ?? 1, making.generator ?? "g1");
  const rows = making.rows ?? 4;
  return {
    key: makeKey(scope, "decode", { rows }),
    label: on.label,
    schedule: [{ op: "split", loop: "n", factor: rows } as { op: string }],
    artifact: `artifact-${rows}`,
  };
}

export function measure(...samples: readonly number[]): Measurement {
  return { outcome: "ok", reason: null, samples, quantum: 1, maxError: 1e-7 };
}

export function failure(outcome: Measurement["outcome"], reason: string): Measurement {
  return { outcome, reason, samples: [], quantum: null, maxError: null };
}

export const NOON: Date = new Date("2026-01-01T12:00:00.000Z");

/** A good record with the given median. */
export function record(median: number, making: Making = {}, now: Date = NOON): TuneRecord {
  return sealRecord(configure(making), measure(median), now);
}

export const keyOf = (of: Configuration): string => recordKey(of.key);

/** A folder that goes when the test ends. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "qloom-tune-db-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

export async function all(reader: RecordReader, filter?: RowFilter): Promise<TuneRecord[]> {
  const list: TuneRecord[] = [];
  for await (const one of records(reader, filter)) list.push(one);
  return list;
}
