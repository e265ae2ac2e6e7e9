/** Stores and folders of the tuner's tests; what needs no test runner is in setting.ts. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { canonicalJson } from "../../../ir/index.ts";
import type { Point } from "../../../schedules/index.ts";
import { openStore, records, type TuneRecord, type TuneStore } from "../../../tune-db/index.ts";

/** A folder that goes when the test ends. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "qloom-tuner-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

export async function store(place: string = join(folder(), "tune.sqlite")): Promise<TuneStore> {
  const opened = await openStore(place);
  onTestFinished(() => opened.close());
  return opened;
}

export async function all(from: TuneStore): Promise<readonly TuneRecord[]> {
  const list: TuneRecord[] = [];
  for await (const record of records(from)) list.push(record);
  return list;
}

/** The record of a point of a workload with a fixed M. */
export async function recordOf(from: TuneStore, point: Point): Promise<TuneRecord | undefined> {
  return (await all(from)).find((record) => canonicalJson(record.key.point) === canonicalJson(point));
}

export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 30));
}
