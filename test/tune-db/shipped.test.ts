import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { lookup, openShipped, type RefusedLine, recordText } from "../../tune-db/index.ts";
import { all, device, folder, matmul, record } from "./helpers.ts";

test("the records in the repository are whole", async () => {
  const refused: RefusedLine[] = [];
  await openShipped(undefined, { onRefused: (line) => refused.push(line) });
  expect(refused).toEqual([]);
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
