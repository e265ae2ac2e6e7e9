// A database with records of a small workload on this very machine, for the tests of commands that ask it.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { probeWasm } from "../../../../backends/index.ts";
import type { Device, MatmulWorkload } from "../../../../ir/index.ts";
import type { Point } from "../../../../schedules/index.ts";
import {
  artifactHash,
  buildArtifact,
  generatorHash,
  kernelFeatures,
  layoutVersion,
  planPart,
} from "../../../../src/compile/index.ts";
import { makeKey, makeScope, openStore, sealRecord, type TuneRecord } from "../../../../tune-db/index.ts";

export const workload: MatmulWorkload = {
  op: "matmul",
  m: 1,
  n: 16,
  k: 32,
  w: "f32",
  bias: false,
  numerics: { compute: "f32" },
};

/** The flags that mean it. */
export const flags: readonly string[] = ["--m", "1", "--n", "16", "--k", "32", "--weights", "f32", "--x", "f32"];

/** A folder that goes when the test ends. */
export async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "qloom-cli-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** This machine as `compile` looks its records up. */
export async function thisDevice(): Promise<Device> {
  const device = await probeWasm();
  return { ...device, features: kernelFeatures(device) };
}

/** A good record of the workload with other choices on some axes of the default point; `artifact` replaces the true hash. */
export async function recordOf(axes: Point, medianMs: number, artifact?: string): Promise<TuneRecord> {
  const device = await thisDevice();
  const target = { workload, device };
  const range = { name: "all", min: 1, max: 1 };
  const plan = planPart(target, range, { ...planPart(target, range).point, ...axes });
  const scope = makeScope(workload, device, layoutVersion, generatorHash());
  const configuration = {
    key: makeKey(scope, plan.template, plan.point),
    label: device.label,
    schedule: plan.schedule,
    artifact: artifact ?? artifactHash(buildArtifact(target, [plan])),
  };
  const samples = [medianMs * 1e6];
  const measured = { outcome: "ok", reason: null, samples, quantum: 1, maxError: 0 } as const;
  return sealRecord(configuration, measured, new Date("2026-01-01T12:00:00.000Z"));
}

/** The path of a new database that holds these records. */
export async function databaseOf(...records: readonly TuneRecord[]): Promise<string> {
  const path = join(await folder(), "tune.sqlite");
  const store = await openStore(path);
  await store.put(records);
  await store.close();
  return path;
}
