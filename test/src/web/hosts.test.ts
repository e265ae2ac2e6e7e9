// The library in a real Chromium, from served modules, and in Deno: what it computes there is what it computes in Node, bit for bit.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as qloom from "../../../src/index.ts";
import {
  type Chromium,
  callInPage,
  launchChromium,
  modulePath,
  serve,
  type WebServer,
} from "../../../src/web/index.ts";
import { type Computed, compute, large, workloads } from "./compute.ts";

let chromium: Chromium;
let servers: readonly WebServer[] = [];
let pages: Readonly<Record<"isolated" | "plain", Page>>;
let inNode: readonly Computed[];

beforeAll(async () => {
  servers = [await serve(), await serve({ isolated: false })];
  chromium = await launchChromium();
  console.warn(`Chromium ${chromium.version} (${chromium.executable})`);
  const [isolated, plain] = await Promise.all(servers.map(({ url }) => chromium.open(url)));
  pages = { isolated: isolated!, plain: plain! };
  for (const page of [isolated!, plain!]) await page.evaluate('import("qloom").then(() => {})');
  inNode = await Promise.all(workloads.map((workload) => compute(qloom, workload)));
});

afterAll(async () => {
  await chromium?.close();
  for (const server of servers) await server.close();
});

/** Runs a function of the library in a page: its text, since a page can't see this file. */
const inPage = <A extends readonly unknown[], T>(
  page: Page,
  run: (library: typeof qloom, ...args: A) => T,
  ...args: A
): Promise<Awaited<T>> =>
  page.evaluate(`import("qloom").then((library) => (${run})(library, ...${JSON.stringify(args)}))`);

describe.each(["isolated", "plain"] as const)("in a page that is %s", (name) => {
  test("memory is shared where it may be", async () => {
    const device = await inPage(pages[name], (library) => library.probeWasm());
    expect(device.features.includes("shared-memory")).toBe(name === "isolated");
    expect(await pages[name].evaluate("crossOriginIsolated")).toBe(name === "isolated");
  });

  test.each(workloads.map((workload, i) => [workload.w, workload, i] as const))(
    "a kernel for %s is Node's, and so is its result",
    async (_, workload, i) => {
      const { explanation, ...computed } = await inPage(pages[name], compute, workload);
      const { explanation: __, ...expected } = inNode[i]!;
      expect(computed).toEqual(expected);
      expect(new Set(expected.y).size).toBeGreaterThan(200);
      expect(explanation[0]).toMatch(/^all: exact \(a store in memory\): no record of this workload/);
    },
  );
});

describe("threads", () => {
  test("in a page that is isolated share a run, with Node's result", async () => {
    const { y } = await compute(qloom, large, 1);
    for (const threads of [1, 2, 3]) {
      expect((await inPage(pages.isolated, compute, large, threads)).y).toEqual(y);
      expect((await compute(qloom, large, threads)).y).toEqual(y);
    }
  });

  test("have ended with the kernels that they shared", async () => {
    await expect.poll(() => pages.isolated.workers().length).toBe(0);
    const [started] = await Promise.all([
      pages.isolated.waitForEvent("worker"),
      inPage(pages.isolated, compute, large, 2),
    ]);
    expect(started.url()).toMatch(/\/qloom\/src\/runtime\/threads\/worker\.ts$/);
    await expect.poll(() => pages.isolated.workers().length).toBe(0);
  });

  test("in a page that is not isolated are refused, and one computes the same", async () => {
    const { y } = await compute(qloom, large);
    expect((await inPage(pages.plain, compute, large, 1)).y).toEqual(y);
    const refusal = inPage(
      pages.plain,
      async ({ compile }, workload) =>
        compile(workload, { threads: 2, db: false }).then(
          () => "",
          ({ name, message }: Error) => `${name}: ${message}`,
        ),
      large,
    );
    expect(await refusal).toMatchInlineSnapshot(
      `"ApiError: threads = 2: threads need shared memory, which browsers give to pages that are cross-origin isolated; send the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp, or compile for one thread"`,
    );
  });
});

describe("in a page", () => {
  test("the compiler is the one that serves it", async () => {
    expect(await inPage(pages.plain, (library) => library.generatorHash())).toBe(qloom.generatorHash());
  });

  test("what needs files or SQLite says so", async () => {
    const refusals = await inPage(pages.plain, async ({ buildFolder, openGguf, openStore }) => {
      const words = async (promise: Promise<unknown>) =>
        promise.then(
          () => "",
          (error: Error) => `${error.name}: ${error.message}`,
        );
      return [
        await words(buildFolder({ kernels: [] }, "kernels")),
        await words(openGguf("model.gguf")),
        await words(openStore()),
      ];
    });
    expect(refusals).toMatchInlineSnapshot(`
      [
        "BuildError: kernels: this host has no files; build in Node, and serve the folder to it",
        "QloomError: opening model.gguf: needs node:fs/promises, which this host lacks; do it in Node",
        "TuneDbError: tune-db of this user is a SQLite file, which needs Node's node:sqlite; use Node, an open store (openMemoryStore), or db: false for no database",
      ]
    `);
  });

  test("without a database being named, the template's default is taken and the reason noted", async () => {
    const { explanation } = await inPage(
      pages.plain,
      async ({ compile }, workload) => {
        const { explanation, dispose } = await compile(workload);
        dispose();
        return { explanation };
      },
      workloads[0]!,
    );
    expect(explanation.at(-1)).toMatch(/^the database is not used: tune-db of this user is a SQLite file/);
  });

  test("modules are called from here, and what they throw arrives in their words", async () => {
    const call = (name: string, ...args: readonly string[]) =>
      callInPage<{ code: string }>(pages.plain, modulePath("src/index"), name, ...args);
    const names = await call("formatNames");
    expect(await names.jsonValue()).toEqual(qloom.formatNames());
    await expect(call("parseWorkload", "nothing")).rejects.toThrow(/^workload: .*object/);
    await expect(callInPage(pages.plain, "/qloom/src/none.ts", "x")).rejects.toThrow(
      /^Failed to fetch dynamically imported module: .*\/qloom\/src\/none\.ts$/,
    );
  });
});

test("in Deno a kernel is Node's, and so is its result", async () => {
  const deno = join(import.meta.dirname, "../../../node_modules/.bin/deno");
  const script = join(import.meta.dirname, "children/deno.ts");
  const permissions = ["--allow-read", "--allow-sys", "--allow-env", "--no-prompt"];
  const { stdout } = await promisify(execFile)(deno, ["run", "--quiet", "--no-check", ...permissions, script]);
  const { computed, onTwo, label } = JSON.parse(stdout) as {
    computed: readonly Computed[];
    onTwo: Computed;
    label: string;
  };
  expect(computed).toEqual(inNode);
  expect(onTwo.y).toEqual((await compute(qloom, large)).y);
  expect(label).toMatch(/, Deno 2\.[\d.]+$/);
});

test("a browser that can't be had is told in one line", async () => {
  await expect(launchChromium({ executable: "/no/chromium" })).rejects.toThrow(
    "/no/chromium: is no file that can be run; the option executable names it: name a Chromium's executable",
  );
  await expect(launchChromium({ executable: process.execPath })).rejects.toThrow(/ does not start: .*QLOOM_CHROMIUM$/);
});
