import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Feature, programOf } from "../../ir/index.ts";
import { applySchedule, type Point, scheduleOf, type Target, templateNamed } from "../../schedules/index.ts";
import { lookup, openShipped, type RefusedLine, recordText } from "../../tune-db/index.ts";
import { shippedFolder } from "../../tune-db/shipped.ts";
import { all, device, folder, matmul, record } from "./helpers.ts";

test("the records in the repository are whole", async () => {
  const refused: RefusedLine[] = [];
  const reader = await openShipped(shippedFolder, { onRefused: (line) => refused.push(line) });
  expect(refused).toEqual([]);
  // They are of kernels that can still be derived.
  for (const { key } of await all(reader)) {
    const { kind, features } = key.device;
    const device: Target["device"] = { kind: kind as "wasm", features: features as readonly Feature[], limits: {} };
    const target: Target = { workload: key.workload, device };
    const template = templateNamed(key.template);
    expect(template?.refuses(target), key.template).toBeUndefined();
    if (template !== undefined)
      applySchedule(programOf(key.workload), scheduleOf(template, target, key.point as Point));
  }
});

test("all files of the folder are read; lines that are no records are told", async () => {
  const dir = folder();
  writeFileSync(join(dir, "a.jsonl"), `${recordText(record(1))}\nrubbish\n`);
  writeFileSync(join(dir, "b.jsonl"), recordText(record(2, { rows: 8 })));
  writeFileSync(join(dir, "README.md"), "not records");
  const refused: RefusedLine[] = [];
  const reader = await openShipped(dir, { onRefused: (line) => refused.push(line) });
  expect(await all(reader)).toHaveLength(2);
  expect(refused).toEqual([{ source: join(dir, "a.jsonl"), line: 2, reason: "not JSON" }]);
  const found = await lookup(reader, { workload: matmul(), device, layoutVersion: 1, generator: "g1" });
  expect(found).toMatchObject({ rung: "exact", steps: [{ source: "shipped records" }] });
});

test("without the folder there are none", async () => {
  expect(await all(await openShipped(join(folder(), "none")))).toEqual([]);
});
