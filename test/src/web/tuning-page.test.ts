/** The page of `qloom serve` in a real Chromium: what a visitor sees and does. */
import { readFile } from "node:fs/promises";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import {
  type Chromium,
  launchChromium,
  modulePath,
  serve,
  tuningPage,
  type WebServer,
} from "../../../src/web/index.ts";
import { importRecords, openStore } from "../../../tune-db/index.ts";

let server: WebServer;
let chromium: Chromium;

beforeAll(async () => {
  [server, chromium] = await Promise.all([
    tuningPage().then((page) => serve({ page })),
    launchChromium({ gpu: "software" }),
  ]);
}, 120_000);
afterAll(async () => {
  await chromium?.close();
  await server?.close();
});

/** A page that is ready to tune; its errors fail the test. */
async function visit(search: string, address: string = server.url): Promise<Page> {
  const page = await chromium.open("about:blank");
  return ready(page, `${address}${search}`);
}

async function ready(page: Page, url: string): Promise<Page> {
  const errors: Error[] = [];
  page.on("pageerror", (error) => errors.push(error));
  onTestFinished(async () => {
    await page.close();
    expect(errors).toEqual([]);
  });
  await page.goto(url);
  await until(page, '!document.querySelector("#start").disabled');
  return page;
}

const until = (page: Page, condition: string): Promise<unknown> =>
  page.waitForFunction(condition, undefined, { timeout: 60_000 });
const textOf = (page: Page, selector: string): Promise<string> => page.innerText(selector);
const said = (page: Page, text: string): Promise<unknown> =>
  until(page, `document.querySelector("#status").textContent.startsWith(${JSON.stringify(text)})`);

const cells = (page: Page): Promise<readonly string[][]> =>
  page.$$eval("#rows tr", (rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent ?? "")));

/** What the page's database holds, asked there. */
const summary = (database: string): string =>
  `import("${modulePath("tune-db/index")}").then(({ openIndexedDb }) => openIndexedDb("${database}")).then((store) => store.summary())`;

const tiny = "shapes=64x64&m=1&trials=2&seconds=60";

test("tunes a tiny matmul on WebGPU and Wasm, shows it, keeps it over a reload, exports it, and the SQLite store imports it", async () => {
  const page = await visit(`?${tiny}&db=whole`);
  const untuned = ["", "", "", "", ""];
  expect(await cells(page)).toEqual([
    ["64x64 int4_g32", "WebGPU", "1", ...untuned, expect.stringMatching(/^0 of \d+$/), ""],
    ["64x64 int4_g32", "WebAssembly", "1", ...untuned, expect.stringMatching(/^0 of \d+$/), ""],
  ]);
  expect(await textOf(page, "#start")).toBe("Start");
  expect(await textOf(page, '[data-target="webgpu"]')).toMatch(/Packed dot products\s+(yes|no)\s/);
  expect(await textOf(page, '[data-target="wasm"]')).toMatch(/Relaxed SIMD\s+(yes|no)\s/);
  expect(await textOf(page, "#devices")).not.toMatch(/Not here|isolated/);
  await page.click("#start");
  await said(page, "Done for now.");
  const tuned = await cells(page);
  const number = expect.stringMatching(/^\d+(\.\d+)?$/);
  const speedUp = expect.stringMatching(/^(none|\d\S*×)$/);
  const [trials, point] = [expect.stringMatching(/^2 of \d+$/), expect.stringMatching(/^[a-z-]+( \w+=[\w-]+)+$/)];
  expect(tuned).toEqual([
    ["64x64 int4_g32", "WebGPU", "1", number, number, speedUp, number, number, trials, point],
    ["64x64 int4_g32", "WebAssembly", "1", number, number, speedUp, number, number, trials, point],
  ]);
  expect(await page.getAttribute("#bars svg", "aria-label")).toMatch(
    /^64x64, M = 1 on WebGPU: default \S+ ms, tuned \S+ ms; 64x64, M = 1 on WebAssembly: default \S+ ms, tuned \S+ ms$/,
  );

  await page.reload();
  await until(page, '!document.querySelector("#start").disabled');
  expect(await cells(page)).toEqual(tuned);
  expect(await textOf(page, "#start")).toBe("Go on");
  expect(await textOf(page, "#records")).toBe("4 records of 1 kernel in this browser.");

  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#export")]);
  expect(download.suggestedFilename()).toMatch(/^qloom-records-\d{4}-\d\d-\d\d\.jsonl$/);
  const exported = await readFile(await download.path(), "utf8");
  const store = await openStore(":memory:");
  onTestFinished(() => store.close());
  expect(await importRecords(store, exported.split("\n"))).toEqual({ added: 4, replaced: 0, kept: 0, refused: [] });
  expect((await store.summary()).devices.map(({ kind, records }) => [kind, records])).toEqual([
    ["wasm", 2],
    ["wgsl", 2],
  ]);

  const other = await visit(`?${tiny}&target=wasm&db=other`);
  const file = { name: "records.jsonl", mimeType: "application/jsonl", buffer: Buffer.from(`${exported}rubbish\n`) };
  await other.setInputFiles("#import", file);
  await until(other, 'document.querySelector("#transfer").textContent !== ""');
  expect(await textOf(other, "#transfer")).toBe(
    "records.jsonl: 4 added, 0 replaced, 0 kept, 1 line refused (line 5: not JSON).",
  );
  expect(await cells(other)).toEqual(tuned.slice(1));
}, 180_000);

test("a job is stopped, gone on with, and goes on by itself after a reload; nothing is held against what was running", async () => {
  const page = await visit("?shapes=256x256&m=1&target=wasm&seconds=600&db=long");
  const done = 'Number(document.querySelector("#rows td:nth-child(9)")?.textContent.split(" ")[0])';
  await page.click("#start");
  await until(page, `${done} > 0`);
  expect(await textOf(page, "#status")).toBe("Tuning 256x256, M = 1, on WebAssembly (1 of 1).");
  expect(await textOf(page, "#detail")).toMatch(
    /^trial \d+ of \d+ · best \S+ ms, default \S+ ms · at most \d+:\d\d left$/,
  );
  const before = Number(await page.evaluate(done));
  await until(page, `${summary("long")}.then(({ running }) => running.length === 1)`);
  await page.reload();
  await until(page, `${done} > ${before}`);
  await page.click("#stop");
  await said(page, "Stopped.");
  await until(page, '!document.querySelector("#start").hidden');
  expect(await textOf(page, "#status")).toBe("Stopped. What was measured is kept: go on whenever you like.");
  expect(await textOf(page, "#start")).toBe("Go on");
  expect(await textOf(page, "#records")).toBe(`${await page.evaluate(done)} records of 1 kernel in this browser.`);
  expect(await page.evaluate(summary("long"))).toMatchObject({ outcomes: { crash: 0, hang: 0 }, running: [] });

  // As another tab that tunes does.
  await page.evaluate(() => void navigator.locks.request("qloom-job", () => new Promise(() => {})));
  await page.click("#start");
  await said(page, "another tab is tuning: stop it there, or wait until it is done.");
  expect(await page.isVisible("#start")).toBe(true);
}, 180_000);

test("a page without WebGPU says what to do, and tunes with WebAssembly", async () => {
  const page = await chromium.open("about:blank");
  await page.addInitScript(() => delete (Navigator.prototype as { gpu?: unknown }).gpu);
  await ready(page, `${server.url}?shapes=64x64&m=1&trials=1&db=without`);
  expect(await textOf(page, '[data-target="webgpu"]')).toMatch(
    /Not here: .* has no WebGPU: use Chrome .* kernels for Wasm run without a GPU\./,
  );
  expect(await page.isDisabled('#targets input[value="webgpu"]')).toBe(true);
  await page.click("#start");
  await said(page, "Done for now.");
  expect((await cells(page)).map(([, target]) => target)).toEqual(["WebAssembly"]);
}, 120_000);

test("a page without cross-origin isolation says what that costs, and what to do", async () => {
  const plain = await serve({ page: await tuningPage(), isolated: false });
  onTestFinished(() => plain.close());
  const page = await visit("?shapes=64x64&target=wasm", plain.url);
  expect(await textOf(page, '[data-target="wasm"]')).toMatch(
    /not cross-origin isolated: .* as qloom serve does without --no-isolated\./,
  );
}, 60_000);

test("an address that can't be meant, and a browser that keeps nothing, are told in a line", async () => {
  const page = await chromium.open("about:blank");
  onTestFinished(() => page.close());
  await page.goto(`${server.url}?m=few`);
  await until(page, '!document.querySelector("#problem").hidden');
  expect(await textOf(page, "#problem")).toBe(
    "the address’s parameter m=few must be any, or a whole number from 1 up.",
  );
  await page.addInitScript(() => Object.defineProperty(globalThis, "indexedDB", { value: undefined }));
  await page.goto(`${server.url}?shapes=64x64&target=wasm`);
  await until(page, '!document.querySelector("#start").disabled');
  expect(await textOf(page, "#problem")).toMatch(
    /the browser keeps no data for this page; .* export them before you leave\.$/,
  );
}, 60_000);
