// Holds the layers, entries, packages and sizes that the README's Design section describes: over the repository, and
// over small projects that break each rule, so that the rules themselves are known to fail.

import { existsSync } from "node:fs";
import { Project } from "ts-morph";
import { describe, expect, test } from "vitest";
import { committedFiles, repositoryManifest, repositorySources } from "./architecture/repository.ts";
import {
  checkBrowsers,
  checkCycles,
  checkEntries,
  checkErrors,
  checkLayers,
  checkLengths,
  checkPackages,
  checkPaths,
  checkUrls,
} from "./architecture/rules.ts";
import { readSources, type Source } from "./architecture/sources.ts";
import { layers } from "./architecture/tables.ts";

/** The sources of a small project held in memory: file path to text. */
function project(files: Readonly<Record<string, string>>): readonly Source[] {
  const inMemory = new Project({ useInMemoryFileSystem: true });
  for (const [path, text] of Object.entries(files)) inMemory.createSourceFile(`/${path}`, text);
  return readSources(inMemory, "/");
}

describe("this repository", () => {
  const sources = repositorySources();

  test("is read whole", () => {
    const read = new Set(sources.map((source) => source.path.split("/")[0]));
    expect([...read].sort()).toEqual([...Object.keys(layers), "test"].filter((folder) => existsSync(folder)).sort());
    expect(sources.find((source) => source.path === "test/architecture.test.ts")?.imports.length).toBeGreaterThan(3);
  });

  test.each([
    ["layers", checkLayers],
    ["entries", checkEntries],
    ["cycles", checkCycles],
    ["packages", (all: readonly Source[]) => checkPackages(all, repositoryManifest())],
    ["browsers", (all: readonly Source[]) => checkBrowsers(all, repositoryManifest())],
    ["addresses", checkUrls],
    ["errors", checkErrors],
    ["lengths", checkLengths],
  ])("keeps the rule of %s", (_name, check) => {
    expect(check(sources)).toEqual([]);
  });

  test("names no path of one machine", () => {
    const files = committedFiles();
    expect(files.map((file) => file.path)).toContain("package.json");
    expect(checkPaths(files)).toEqual([]);
  });
});

describe("layers", () => {
  test("let data and imports run one way only", () => {
    expect(
      checkLayers(
        project({
          "ir/index.ts": 'export type { Step } from "../schedules/index.ts";',
          "schedules/index.ts": 'import { a } from "../backends/index.ts";\nimport { b } from "../ir/index.ts";',
          "backends/wasm/emit.ts": 'export const later = () => import("../../tune-db/index.ts");',
          "tune-db/index.ts": 'export type R = import("../src/index.ts").Result;',
          "src/index.ts": 'import { probe } from "../test/probe.ts";\nimport { b } from "../ir/index.ts";',
          "test/a.test.ts": 'import { a } from "../schedules/split.ts";',
        }),
      ),
    ).toMatchInlineSnapshot(`
      [
        "backends/wasm/emit.ts:1 imports "../../tune-db/index.ts": backends/ may import only ir; move what both need to a layer below, or pass it in as an argument",
        "ir/index.ts:1 imports "../schedules/index.ts": ir/ may import nothing of the project; move what both need to a layer below, or pass it in as an argument",
        "schedules/index.ts:1 imports "../backends/index.ts": schedules/ may import only ir; move what both need to a layer below, or pass it in as an argument",
        "src/index.ts:1 imports "../test/probe.ts": src/ may import only ir, schedules, backends, tune-db; move what both need to a layer below, or pass it in as an argument",
        "tune-db/index.ts:1 imports "../src/index.ts": tune-db/ may import only ir, schedules; move what both need to a layer below, or pass it in as an argument",
      ]
    `);
  });
});

describe("entries", () => {
  test("are the only files imported across folders", () => {
    expect(
      checkEntries(
        project({
          "schedules/primitives/split.ts": 'import { visit } from "../../ir/visit.ts";',
          "src/build/write.ts":
            'import { lookUp } from "../../tune-db/store.ts";\nimport { measure } from "../tuner/measure.ts";',
          "src/cli/main.ts": 'import { run } from "./run.ts";',
        }),
      ),
    ).toMatchInlineSnapshot(`
      [
        "schedules/primitives/split.ts:1 imports "../../ir/visit.ts": across folders only the folder's index is imported; export it from ir/index.ts and import that",
        "src/build/write.ts:1 imports "../../tune-db/store.ts": across folders only the folder's index is imported; export it from tune-db/index.ts and import that",
        "src/build/write.ts:2 imports "../tuner/measure.ts": across folders only the folder's index is imported; export it from src/tuner/index.ts and import that",
      ]
    `);
  });

  test("pass", () => {
    expect(
      checkEntries(
        project({
          "schedules/primitives/split.ts":
            'import { b } from "../../ir/index.ts";\nimport { fail } from "../errors.ts";',
          "src/index.ts": 'export { tune } from "./tuner/index.ts";\nexport { version } from "./version.ts";',
          "src/cli/commands/tune.ts":
            'import { tune } from "../../tuner/index.ts";\nimport { version } from "../../version.ts";\nimport { help } from "../help.ts";',
          "test/ir/visit.test.ts": 'import { visit } from "../../ir/visit.ts";',
        }),
      ),
    ).toEqual([]);
  });
});

describe("cycles", () => {
  test("are named file by file, each knot once, types and lazy imports included", () => {
    expect(
      checkCycles(
        project({
          "ir/a.ts": 'import { b } from "./b.ts";',
          "ir/b.ts": 'import type { C } from "./c.ts";',
          "ir/c.ts": 'import { a } from "./a.ts";\nimport { b } from "./b.ts";',
          "ir/d.ts": 'import { a } from "./a.ts";\nexport const e = () => import("./e.ts");',
          "ir/e.ts": 'export * from "./d.ts";',
          "ir/self.ts": 'import { self } from "./self.ts";',
        }),
      ),
    ).toMatchInlineSnapshot(`
      [
        "ir/a.ts imports ir/b.ts imports ir/c.ts imports ir/a.ts: no import cycles; move what they share to a file that imports neither",
        "ir/d.ts imports ir/e.ts imports ir/d.ts: no import cycles; move what they share to a file that imports neither",
        "ir/self.ts imports ir/self.ts: no import cycles; move what they share to a file that imports neither",
      ]
    `);
  });

  test("are not seen where two ways lead to one file", () => {
    expect(
      checkCycles(
        project({
          "ir/a.ts": 'import { b } from "./b.ts";\nimport { c } from "./c.ts";',
          "ir/b.ts": 'import { c } from "./c.ts";\nnew URL("./a.ts", import.meta.url);',
          "ir/c.ts": "export const c = 1;",
        }),
      ),
    ).toEqual([]);
  });
});

describe("packages", () => {
  const manifest = {
    dependencies: { chevrotain: "1", zod: "1", "ts-morph": "1", "p-queue": "1" },
    peerDependencies: { "onnxruntime-node": "1" },
    devDependencies: { vitest: "1", "onnxruntime-node": "1", "onnxruntime-web": "1" },
  };

  test("stay where their table has them", () => {
    expect(
      checkPackages(
        project({
          "ir/parse.ts": 'import { Lexer } from "chevrotain";\nimport { readFileSync } from "node:fs";',
          "backends/wasm/ops.ts": 'import { z } from "zod/mini";\nimport { join } from "path";',
          "backends/wasm/emit.ts": 'import type { Worker } from "node:worker_threads";',
          "src/tuner/measure.ts": 'import leftPad from "@left/pad/deep";',
          "src/bench/peers.ts": 'import ort from "onnxruntime-node";\nconst web = await import("onnxruntime-web");',
          "test/a.test.ts": 'import { x } from "hoisted";',
        }),
        manifest,
      ),
    ).toMatchInlineSnapshot(`
      [
        "backends/wasm/emit.ts:1 imports "node:worker_threads": node:worker_threads may be imported only in backends/*/runtime.ts, backends/*/runtime/**, tune-db/**, src/**; move the code there, or pass in what it needs",
        "backends/wasm/ops.ts:1 imports "zod/mini": zod may be imported only in ir/**, schedules/**, tune-db/**, src/**; move the code there, or pass in what it needs",
        "backends/wasm/ops.ts:2 imports "path": path may be imported only in backends/*/runtime.ts, backends/*/runtime/**, tune-db/**, src/**; move the code there, or pass in what it needs",
        "ir/parse.ts:1 imports "chevrotain": chevrotain may be imported only in ir/text/**; move the code there, or pass in what it needs",
        "ir/parse.ts:2 imports "node:fs": node:fs may be imported only in backends/*/runtime.ts, backends/*/runtime/**, tune-db/**, src/**; move the code there, or pass in what it needs",
        "src/bench/peers.ts:1 imports "onnxruntime-node": onnxruntime-node may be imported only lazily; use await import("onnxruntime-node") where it is needed",
        "src/bench/peers.ts:2 imports "onnxruntime-web": onnxruntime-web is not installed with qloom; add it to package.json's peerDependencies",
        "src/tuner/measure.ts:1 imports "@left/pad/deep": @left/pad is in no row of test/architecture/tables.ts; do without it, or add a row that says where it belongs",
        "test/a.test.ts:1 imports "hoisted": package.json does not declare hoisted; add it to devDependencies",
      ]
    `);
  });

  test("must be installed with qloom", () => {
    expect(
      checkPackages(project({ "ir/workload.ts": 'import { z } from "zod";' }), { devDependencies: { zod: "1" } }),
    ).toMatchInlineSnapshot(`
      [
        "ir/workload.ts:1 imports "zod": zod is not installed with qloom; add it to package.json's dependencies",
      ]
    `);
  });

  test("pass", () => {
    expect(
      checkPackages(
        project({
          "ir/text/lexer.ts": 'import { Lexer } from "chevrotain";',
          "backends/wasm/runtime/threads.ts": 'import { Worker } from "node:worker_threads";',
          "backends/wasm/runtime.ts": 'import { availableParallelism } from "node:os";',
          "src/bench/peers.ts":
            'import type { InferenceSession } from "onnxruntime-node";\nconst ort = await import("onnxruntime-node");',
          "test/a.test.ts": 'import { test } from "vitest";\nimport { rm } from "node:fs/promises";',
        }),
        manifest,
      ),
    ).toEqual([]);
  });
});

describe("browsers", () => {
  const files = {
    "src/index.ts": 'import { a } from "./a.ts";\nexport const c = () => import("./c.ts");',
    "src/a.ts":
      'import type { Stats } from "node:fs";\nimport { sep } from "node:path";\nimport { z } from "zod";\nimport { Node, type Project } from "ts-morph";',
    "src/b.ts": 'import { readFileSync } from "node:fs";',
    "src/c.ts": 'import { d } from "./d.ts";\nimport type { b } from "./b.ts";',
    "src/d.ts": 'import { Project } from "ts-morph";\nexport const e = () => import("node:fs");',
    "src/f.ts": 'export const g = () => import("./a.ts");',
  };

  test("load what is reached without Node, and bundlers know what is left out", () => {
    expect(checkBrowsers(project(files), {}, ["src/index.ts"])).toMatchInlineSnapshot(`
      [
        "src/a.ts:2 imports "node:path": this file loads in browsers; use nodeModule("node:path") of ir/ where it is needed, or import the file lazily",
        "src/a.ts:4 imports "ts-morph": this file loads in browsers, and ts-morph is not known to; import it lazily, or mark its row in test/architecture/tables.ts",
        "src/c.ts does not load in browsers: add "./dist/src/c.js": false to package.json's browser",
      ]
    `);
  });

  test("may import lazily what they only do without", () => {
    expect(checkBrowsers(project(files), {}, ["src/f.ts"])).toEqual([
      'src/a.ts does not load in browsers: add "./dist/src/a.js": false to package.json\'s browser',
    ]);
  });

  test("pass", () => {
    const { "src/a.ts": _, ...others } = files;
    const left = { browser: { "./dist/src/c.js": false } } as const;
    expect(checkBrowsers(project(others), left, ["src/index.ts"])).toEqual([]);
  });
});

describe("addresses", () => {
  test("of started files survive the build", () => {
    expect(
      checkUrls(
        project({
          "src/tuner/measure.ts":
            'new URL("./worker.ts", import.meta.url);\nnew URL("./data.json", import.meta.url);\nnew URL("../a.ts", base);',
        }),
      ),
    ).toMatchInlineSnapshot(`
      [
        "src/tuner/measure.ts:1 imports "./worker.ts": the build rewrites imports but not addresses; use new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url)",
      ]
    `);
  });
});

describe("errors", () => {
  test("extend the one base", () => {
    expect(
      checkErrors(
        project({
          "ir/errors.ts": "export class QloomError extends Error {}\nexport class IrError extends QloomError {}",
          "src/gguf/errors.ts": "export class GgufError extends TypeError {}\nclass Store extends Map {}",
          "test/a.test.ts": "class Expected extends Error {}",
        }),
      ),
    ).toMatchInlineSnapshot(`
      [
        "src/gguf/errors.ts:1 GgufError extends TypeError: errors that a user can cause extend QloomError of ir/index.ts; extend that",
      ]
    `);
  });
});

describe("lengths", () => {
  test("end at the limit", () => {
    const lines = (count: number): string => "export {};\n".repeat(count);
    expect(checkLengths(project({ "ir/long.ts": lines(401), "ir/whole.ts": lines(400) }))).toMatchInlineSnapshot(`
      [
        "ir/long.ts has 401 lines: a source file has at most 400; move one of its concepts to a file of its own",
      ]
    `);
  });
});

describe("paths", () => {
  const at = (...parts: readonly string[]): string => `/${parts.join("/")}`;

  test("of one machine are found in any file", () => {
    const files = [
      { path: "README.md", text: `Run it:\n\n    cd ${at("home", "ann", "qloom")}\n` },
      { path: "test/data.bin", text: `\0\u00ff${at("root", "x")}\0` },
      { path: "ir/a.ts", text: `const a = "${at("work", "main")}/a.ts", b = '${at("Users", "ann")}';` },
    ];
    const remedy = "no path of one machine is committed; make it relative, or a parameter";
    expect(checkPaths(files)).toEqual([
      `README.md:3 names "${at("home", "ann", "qloom")}": ${remedy}`,
      `test/data.bin:1 names "${at("root", "x")}": ${remedy}`,
      `ir/a.ts:1 names "${at("work", "main")}/a.ts": ${remedy}`,
    ]);
  });

  test("that only look alike pass", () => {
    const text = ["~", ".", "src", "https://example.org"].map((before) => `${before}${at("work", "a")}`).join(" ");
    expect(checkPaths([{ path: "README.md", text: `${text} /workload /homes /home/me/x` }])).toEqual([]);
  });
});
