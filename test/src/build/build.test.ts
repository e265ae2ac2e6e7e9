// What a build writes: the same bytes each time, and kernels that run without qloom, in Node and in a bundle for browsers.

import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { BuildResult } from "../../../src/build/index.ts";
import {
  attention,
  build,
  config,
  dequantize,
  expected,
  head,
  inputs,
  quantize,
  runner,
  small,
  temporaryFolder,
} from "./sample.ts";

const run = promisify(execFile);
const bin = join(import.meta.dirname, "../../../node_modules/.bin");

/** The sample's build. */
let built = "";
let result: BuildResult;

beforeAll(async () => {
  built = await mkdtemp(join(tmpdir(), "qloom-built-"));
  result = await build(config, built);
});

afterAll(() => rm(built, { recursive: true, force: true }));

/** A folder outside of the repository with a copy of the build in `kernels`, the runner and its inputs. */
async function project(): Promise<string> {
  const folder = await temporaryFolder();
  await cp(built, join(folder, "kernels"), { recursive: true });
  await writeFile(join(folder, "run.mjs"), runner);
  await writeFile(join(folder, "inputs.json"), JSON.stringify(inputs));
  return folder;
}

/** Results of the sample's kernels under several names, and names of files. */
type Printed = Readonly<Record<string, Record<string, readonly number[]>>> & {
  readonly given?: readonly string[];
  readonly fetched?: readonly string[];
};

/** Runs a module there and reads the JSON that it prints. */
async function output(folder: string, script: string): Promise<Printed> {
  await writeFile(join(folder, "main.mjs"), script);
  const { stdout } = await run(process.execPath, ["main.mjs"], { cwd: folder });
  return JSON.parse(stdout);
}

/** Equal up to the rounding of f32 sums in any order. */
function expectResults(found: Record<string, readonly number[]> | undefined): void {
  const wanted = expected();
  expect(found?.["codes"]).toEqual(wanted.codes);
  expect(found?.["scales"]).toEqual(wanted.scales);
  expect(found?.["weights"]).toEqual(wanted.weights);
  for (const name of ["attention", "head"] as const) {
    expect(found?.[name]).toHaveLength(wanted[name].length);
    const largest = Math.max(...wanted[name].map(Math.abs));
    for (const [i, y] of wanted[name].entries())
      expect(Math.abs((found?.[name]?.[i] ?? Number.NaN) - y)).toBeLessThan(1e-5 * largest);
  }
}

async function contents(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder)).sort();
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), "hex")])),
  );
}

test("the same config gives the same bytes", async () => {
  const folder = await temporaryFolder();
  const out = join(folder, "kernels");
  const files = await contents(built);
  expect(Object.keys(files)).toMatchInlineSnapshot(`
    [
      "attn-q.strict.wasm",
      "attn-q.wasm",
      "deq.wasm",
      "head.strict.wasm",
      "head.wasm",
      "index.d.ts",
      "index.js",
      "index.ts",
      "manifest.json",
      "package.json",
      "quant.wasm",
      "runtime.d.ts",
      "runtime.js",
    ]
  `);
  await build(config, out);
  expect(await contents(out)).toEqual(files);
  expect(await readdir(folder)).toEqual(["kernels"]);
});

test("a build takes the place of another as a whole", async () => {
  const folder = await project();
  await build(small, join(folder, "kernels"));
  expect((await readdir(join(folder, "kernels"))).filter((name) => name.endsWith(".wasm"))).toEqual(["quant.wasm"]);
  expect((await readdir(folder)).sort()).toEqual(["inputs.json", "kernels", "run.mjs"]);
});

test("kernels run in Node where no package is, and their plain SIMD twins too", async () => {
  const folder = await project();
  const found = await output(
    folder,
    `import * as kernels from "./kernels/index.js";
     import { readFile } from "node:fs/promises";
     import { runAll } from "./run.mjs";
     const inputs = JSON.parse(await readFile("inputs.json", "utf8"));
     const given = [];
     const wasm = (file) => (given.push(file), readFile("kernels/" + file));
     console.log(JSON.stringify({
       best: await runAll(kernels, inputs),
       shared: await runAll(kernels, inputs, { memory: new kernels.WasmMemory() }),
       strict: await runAll(kernels, inputs, { relaxedSimd: false, wasm }),
       given,
     }));`,
  );
  expectResults(found["best"]);
  expectResults(found["shared"]);
  expectResults(found["strict"]);
  const files = await readdir(join(folder, "kernels"));
  const strict = files.filter((file) => file.endsWith(".strict.wasm"));
  expect(strict).toContain("attn-q.strict.wasm");
  for (const file of strict) expect(found.given).toContain(file);
});

// What a browser has: fetch, no process, no Buffer. The module loader alone still reads files.
const browser = `
  const { readFile } = await import("node:fs/promises");
  const inputs = JSON.parse(await readFile("inputs.json", "utf8"));
  const { log } = console;
  const fetched = [];
  const decode = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  globalThis.fetch = async (url) => {
    const isData = url.protocol === "data:";
    fetched.push(isData ? "data" : url.pathname.split("/").at(-1));
    const bytes = isData ? decode(url.pathname.split(",")[1]) : await readFile(url);
    return { ok: true, arrayBuffer: async () => new Uint8Array(bytes).buffer };
  };
  delete globalThis.process;
  delete globalThis.Buffer;
`;

test("they load where there is fetch and nothing of Node", async () => {
  const folder = await project();
  const found = await output(
    folder,
    `${browser}
     const kernels = await import("./kernels/index.js");
     const { runAll } = await import("./run.mjs");
     log(JSON.stringify({ results: await runAll(kernels, inputs), fetched }));`,
  );
  expectResults(found["results"]);
  expect([...(found.fetched ?? [])].sort()).toEqual(["attn-q.wasm", "deq.wasm", "head.wasm", "quant.wasm"]);
});

test("a bundler for browsers takes the module and its files along", async () => {
  const folder = await project();
  await writeFile(
    join(folder, "page.js"),
    'import * as kernels from "./kernels/index.js";\nimport { runAll } from "./run.mjs";\nglobalThis.results = (inputs) => runAll(kernels, inputs);\n',
  );
  await writeFile(join(folder, "index.html"), '<script type="module" src="./page.js"></script>\n');
  await run(join(bin, "vite"), ["build", "--base", "./", "--logLevel", "error"], { cwd: folder });
  const assets = await readdir(join(folder, "dist/assets"));
  const script = assets.find((name) => name.endsWith(".js")) ?? "";
  const text = await readFile(join(folder, "dist/assets", script), "utf8");
  expect(text.match(/\bimport\s*[\w{*"']/)).toBeNull();
  const found = await output(
    folder,
    `${browser}
     globalThis.document = { createElement: () => ({ relList: { supports: () => true } }) };
     await import("./dist/assets/${script}");
     log(JSON.stringify({ results: await globalThis.results(inputs) }));`,
  );
  expectResults(found["results"]);
});

test("nothing in it imports anything but what lies beside it", async () => {
  for (const file of ["index.ts", "index.js", "index.d.ts", "runtime.js", "runtime.d.ts"]) {
    const text = await readFile(join(built, file), "utf8");
    const specifiers = [...text.matchAll(/\b(?:from|import)\s*\(?\s*["']([^"']+)["']/g)].map(
      ([, specifier]) => specifier,
    );
    expect(new Set(specifiers)).toEqual(new Set(file.startsWith("index") ? ["./runtime.js"] : []));
  }
});

test("the types are the workloads'", async () => {
  const folder = await project();
  const consumer = `
    import { kernels, loadAttnQ, loadDeq, loadHead, loadQuant, type AttnQKernel } from "./kernels/index.js";
    const raw = new Uint8Array(1);
    const x = new Float32Array(1);
    const attnQ: AttnQKernel = await kernels["attn-q"]({ relaxedSimd: true });
    const w = attnQ.pack({ raw });
    const y: Float32Array = attnQ.run({ x, w, m: 3 });
    // @ts-expect-error q4_0 is stored as raw blocks
    attnQ.pack({ codes: raw, scales: raw });
    // @ts-expect-error m is known at run time only
    attnQ.run({ x, w });
    // @ts-expect-error there is no bias
    attnQ.run({ x, w, m: 3, bias: x });
    const head = await loadHead();
    head.run({ x, w: head.pack({ codes: raw, scales: raw }), bias: x });
    // @ts-expect-error the bias is missing
    head.run({ x, w });
    // @ts-expect-error there is no such option
    await loadAttnQ({ strict: true });
    const codes: Int8Array = (await loadQuant()).run({ x, m: 1 }).q;
    const weights: Float32Array = (await loadDeq()).run({ w });
    export { codes, weights, y };
  `;
  const compilerOptions = {
    target: "es2024",
    lib: ["es2024", "dom"],
    types: [],
    module: "nodenext",
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    isolatedDeclarations: true,
    declaration: true,
    noEmit: true,
  };
  await writeFile(join(folder, "package.json"), '{ "type": "module" }');
  await writeFile(join(folder, "consumer.ts"), consumer);
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["consumer.ts"] }));
  await run(join(bin, "tsc"), ["-p", folder]);
  // The module as TypeScript runs as it is, and where only declarations are they say the same.
  await mkdir(join(folder, "typed"));
  for (const file of ["index.d.ts", "runtime.d.ts"])
    await writeFile(join(folder, "typed", file), await readFile(join(folder, "kernels", file)));
  await writeFile(join(folder, "consumer.ts"), consumer.replace("./kernels/", "./typed/"));
  await run(join(bin, "tsc"), ["-p", folder]);
});

test("the manifest says what was built and how", async () => {
  const manifest = JSON.parse(await readFile(join(built, "manifest.json"), "utf8"));
  expect(manifest.kernels.map((row: { workload: unknown }) => row.workload)).toEqual([
    attention,
    head,
    quantize,
    dequantize,
  ]);
  expect(Object.keys(manifest.files).sort()).toEqual(
    (await readdir(built)).filter((f) => f !== "manifest.json").sort(),
  );
  const [variant] = manifest.kernels[0].variants;
  expect(variant).toMatchObject({
    file: "attn-q.wasm",
    features: ["relaxed-simd"],
    layout: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  expect(variant.parts.map((part: { template: string; source: string }) => [part.template, part.source])).toEqual([
    ["integer-dot-decode", "template default"],
    ["integer-dot-prefill", "template default"],
  ]);
  expect(result.kernels.map(({ name, loader }) => [name, loader])).toEqual([
    ["attn-q", "loadAttnQ"],
    ["head", "loadHead"],
    ["quant", "loadQuant"],
    ["deq", "loadDeq"],
  ]);
});
