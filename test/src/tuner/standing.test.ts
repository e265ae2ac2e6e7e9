/** What the records say of a part is what the job that made them said. */
import { expect, test } from "vitest";
import { standingsOf, tuneWorkloads } from "../../../src/tuner/index.ts";
import { store } from "./helpers.ts";
import { device, job, matmul } from "./setting.ts";

test("parts stand by their records as the job left them, the second on the first one's packing", async () => {
  const db = await store();
  const workload = matmul("any");
  const empty = await standingsOf(workload, device, db);
  expect(empty.map(({ workload: of }) => "m" in of && of.m)).toEqual([1, 128]);
  for (const { default: reference, tuned, gain, trials } of empty)
    expect([reference, tuned, gain, Object.values(trials)]).toEqual([
      undefined,
      undefined,
      undefined,
      [0, 0, 0, 0, 0, 0, 0],
    ]);
  const report = await tuneWorkloads(job({ workloads: [workload], store: db, trials: 4 }));
  const parts = report.results[0]!.parts.map(({ tried: _, ended: __, ...standing }) => standing);
  expect(parts).toHaveLength(2);
  expect(await standingsOf(workload, device, db)).toEqual(parts);
});
