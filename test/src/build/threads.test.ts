// Builds for several threads: in Node and in real pages they share a run where memory can be shared, run on one thread where not, and give the same bits.

import { execFile } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import type { MatmulWorkload } from "../../../ir/index.ts";
import { launchChromium } from "../../../src/web/index.ts";
import { build, temporaryFolder } from "./sample.ts";

const run = promisify(execFile);
const bin = join(import.meta.dirname, "../../../node_modules/.bin");

/** Large enough for its rows to be shared. */
const workload: MatmulWorkload = {
  op: "matmul",
  m: "any",
  n: 1024,
  k: 512,
  w: "int4_g32",
  bias: false,
  numerics: { compute: "i8", xGroup: 32 },
};

/** In plain JavaScript: two results as hashes, and whether the kernel's packed tensors serve another that runs on one thread. */
const runner = `
  const weights = { codes: new Uint8Array(1024 * 256), scales: new Float32Array(1024 * 16) };
  weights.codes.forEach((_, i, codes) => (codes[i] = (i * 2654435761) >>> 24));
  weights.scales.forEach((_, i, scales) => (scales[i] = 1 + (i % 7)));
  const x = Float32Array.from({ length: 9 * 512 }, (_, i) => Math.sin(i));
  // FNV-1a.
  const hashOf = (y) =>
    new Uint8Array(y.buffer).reduce((hash, byte) => Math.imul(hash ^ byte, 16777619), -2128831035) + " of " + new Set(y).size;
  export async function runAll({ loadProj, ApiError, WasmMemory }, options = {}) {
    const kernel = await loadProj(options);
    const w = kernel.pack(weights);
    const results = [1, 9].map((m) => hashOf(kernel.run({ x: x.subarray(0, m * 512), w, m })));
    const alone = await loadProj({ ...options, threads: 1 });
    const again = hashOf(alone.run({ x, w: alone.loadPacked(w.toBytes()), m: 9 })) === results[1];
    alone.dispose();
    globalThis.started?.push(globalThis.live);
    kernel.dispose();
    return { results, again };
  }
  export const refusalOf = ({ loadProj }, options) => loadProj(options).then(() => "", ({ name, message }) => name + ": " + message);
`;

/** A folder with the build, for threads or not. */
async function project(threads?: number): Promise<string> {
  const folder = await temporaryFolder();
  const kernels = [{ name: "proj", workload }];
  await build({ kernels, ...(threads !== undefined && { threads }) }, join(folder, "kernels"));
  await writeFile(join(folder, "run.mjs"), runner);
  return folder;
}

async function output<T>(folder: string, script: string): Promise<T> {
  await writeFile(join(folder, "main.mjs"), script);
  const { stdout } = await run(process.execPath, ["main.mjs"], { cwd: folder });
  return JSON.parse(stdout);
}

interface Results {
  readonly results: readonly string[];
  readonly again: boolean;
}

/** What one thread computes, from a build that knows of no others. */
const alone = async (): Promise<Results> =>
  output(
    await project(),
    `import * as kernels from "./kernels/index.js";
     import { runAll } from "./run.mjs";
     console.log(JSON.stringify(await runAll(kernels)));`,
  );

/** Counts the workers that a process starts. */
const counted = `
  import threads from "node:worker_threads";
  import { syncBuiltinESMExports } from "node:module";
  const { Worker } = threads;
  globalThis.live = 0;
  globalThis.started = [];
  threads.Worker = class extends Worker {
    constructor(...args) {
      super(...args);
      globalThis.live++;
      this.once("exit", () => globalThis.live--);
    }
  };
  syncBuiltinESMExports();`;

test("in Node they share a run, with the result of one, and packed tensors are the same", {
  timeout: 120_000,
}, async () => {
  const folder = await project(2);
  expect((await readdir(join(folder, "kernels"))).filter((f) => /wasm$|worker/.test(f)).sort()).toEqual([
    "proj.strict.threads.wasm",
    "proj.strict.wasm",
    "proj.threads.wasm",
    "proj.wasm",
    "worker.js",
  ]);
  const found = await output<Record<string, Results> & { started: readonly number[]; refusals: readonly string[] }>(
    folder,
    `${counted}
     const kernels = await import("./kernels/index.js");
     const { runAll, refusalOf } = await import("./run.mjs");
     const taken = [];
     const { readFile } = await import("node:fs/promises");
     const wasm = (file) => (taken.push(file), readFile("kernels/" + file));
     const shared = () => new kernels.WasmMemory({ shared: true });
     console.log(JSON.stringify({
       default: await runAll(kernels, { wasm }),
       three: await runAll(kernels, { threads: 3, memory: shared() }),
       sharedAlone: await runAll(kernels, { threads: 1, memory: shared() }),
       unshared: await runAll(kernels, { memory: new kernels.WasmMemory() }),
       strict: await runAll(kernels, { threads: 2, relaxedSimd: false }),
       strictAlone: await runAll(kernels, { memory: new kernels.WasmMemory(), relaxedSimd: false }),
       refusals: [
         await refusalOf(kernels, { threads: 2, memory: new kernels.WasmMemory() }),
         await refusalOf(kernels, { threads: 0 }),
         await refusalOf(kernels, { threads: 65 }),
       ],
       taken, started,
     }));`,
  );
  const { results } = await alone();
  for (const name of ["default", "three", "sharedAlone", "unshared"])
    expect(found[name], name).toEqual({ results, again: true });
  expect(found["strict"]).toEqual(found["strictAlone"]);
  expect(found["strict"]?.again).toBe(true);
  expect(found["taken"]).toEqual(["proj.threads.wasm", "proj.wasm"]);
  // A machine of one core has no others to share with.
  expect(found.started[0]).toBe(Math.min(2, navigator.hardwareConcurrency) - 1);
  expect(found.started[1]).toBe(2);
  expect(found.refusals).toEqual([
    'ApiError: threads = 2: the memory is not shared; make one with {"shared":true}',
    "ApiError: threads = 0: a number from 1 to 64",
    "ApiError: threads = 65: a number from 1 to 64",
  ]);
});

test("a build for one refuses more", async () => {
  const folder = await project(1);
  expect((await readdir(join(folder, "kernels"))).filter((f) => /wasm$|worker/.test(f)).sort()).toEqual([
    "proj.strict.wasm",
    "proj.wasm",
  ]);
  const refusal = await output<string>(
    folder,
    `import * as kernels from "./kernels/index.js";
     import { refusalOf } from "./run.mjs";
     console.log(JSON.stringify(await refusalOf(kernels, { threads: 2 })));`,
  );
  expect(refusal).toBe("ApiError: threads = 2: the kernels were built for one; build them with threads in the config");
});

const types: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".wasm": "application/wasm",
};

/** Serves a folder; gives its address. */
async function serveFolder(folder: string, isolated: boolean): Promise<string> {
  const server = createServer(async ({ url = "/" }, response) => {
    const file = url === "/" ? "/index.html" : url;
    const body = await readFile(join(folder, file)).catch(() => undefined);
    response.writeHead(body === undefined ? 404 : 200, {
      "content-type": types[extname(file)] ?? "application/octet-stream",
      ...(isolated && {
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-embedder-policy": "require-corp",
      }),
    });
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

test("in Chromium, bundled, they share a run in a page that is isolated, and run on one thread in one that is not", {
  timeout: 120_000,
}, async () => {
  const folder = await project(2);
  await writeFile(
    join(folder, "page.js"),
    'import * as kernels from "./kernels/index.js";\nimport { runAll, refusalOf } from "./run.mjs";\nglobalThis.qloom = { run: (options) => runAll(kernels, options), refusal: (options) => refusalOf(kernels, options) };\n',
  );
  await writeFile(join(folder, "index.html"), '<script type="module" src="./page.js"></script>\n');
  await run(join(bin, "vite"), ["build", "--base", "./", "--logLevel", "error"], { cwd: folder });
  const { results } = await alone();
  const chromium = await launchChromium();
  onTestFinished(() => chromium.close());
  for (const isolated of [true, false]) {
    const page = await chromium.open(await serveFolder(join(folder, "dist"), isolated));
    const workers: string[] = [];
    page.on("worker", (worker) => workers.push(worker.url()));
    await page.waitForFunction("globalThis.qloom");
    expect(await page.evaluate("crossOriginIsolated")).toBe(isolated);
    expect(await page.evaluate("qloom.run()")).toEqual({ results, again: true });
    const others = Math.min(2, await page.evaluate<number>("navigator.hardwareConcurrency")) - 1;
    expect(workers.length).toBe(isolated ? others : 0);
    if (isolated) expect(await page.evaluate("qloom.run({ threads: 3 })")).toEqual({ results, again: true });
    else
      expect(await page.evaluate("qloom.refusal({ threads: 2 })")).toMatch(
        /^ApiError: threads = 2: threads need shared memory/,
      );
    await expect.poll(() => page.workers().length).toBe(0);
  }
});
