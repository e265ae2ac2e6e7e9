/** The tuner inside a page: it measures in workers of that page, keeps records in memory, and can end a worker that hangs. */
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Chromium, launchChromium, modulePath, serve, type WebServer } from "../../../src/web/index.ts";
import { brief, faultyAnywhere, firstPoints, matmul } from "./setting.ts";

let server: WebServer | undefined;
let chromium: Chromium | undefined;
let page: Page;

beforeAll(async () => {
  server = await serve();
  chromium = await launchChromium({ gpu: "software" });
  page = await chromium.open(server.url);
});
afterAll(async () => {
  await chromium?.close();
  await server?.close();
});

const workload = matmul();
const points = firstPoints(workload, 3);

/** Runs in the page, as a page's own script would. */
const script = (options: object): string => `(async () => {
  const [tuner, tuneDb] = await Promise.all([import("${modulePath("src/tuner/index")}"), import("${modulePath("tune-db/index")}")]);
  const engine = tuner.pageHosts();
  const device = await tuner.probeDevice(engine, "wasm");
  const store = tuneDb.openMemoryStore();
  const report = await tuner.tuneWorkloads({ device, engine, store, ...${JSON.stringify(options)} });
  const [part] = report.results[0].parts;
  return { trials: part.trials, tuned: part.tuned.ms, records: (await store.summary()).records, failure: report.results[0].failure };
})()`;

test("tunes, and goes on where a candidate hangs, traps or is wrong", async () => {
  const testHook = faultyAnywhere([
    [points[1]!, "hang"],
    [points[2]!, "trap"],
  ]);
  const options = { workloads: [workload], trials: 4, sampling: brief, limits: { run: 1 }, testHook };
  const report = await page.evaluate(script(options));
  expect(report).toMatchObject({ trials: { hang: 1, trap: 1 }, records: 4, failure: undefined });
  expect((report as { tuned: number }).tuned).toBeGreaterThan(0);
}, 60_000);
