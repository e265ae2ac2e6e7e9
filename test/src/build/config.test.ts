// Configs: what they may hold, how they are read from files, and what a user is told where they can't be.

import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { defineBuild, loadConfig, parseConfig } from "../../../src/build/index.ts";
import { config, quantize, small, temporaryFolder } from "./sample.ts";

const messageOf = (action: () => unknown): string => {
  try {
    action();
    return "no error";
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
};

describe("a config", () => {
  test("is data: kernels by workload and files", () => {
    const whole = defineBuild({
      kernels: [...config.kernels, { gguf: "model.gguf", m: 1, numerics: { compute: "f32" }, prefix: "big" }],
      threads: 4,
    });
    expect(parseConfig(whole, "config")).toEqual(whole);
  });

  test("types its formats", () => {
    // @ts-expect-error there is no such format
    defineBuild({ kernels: [{ name: "a", workload: { op: "dequantize", n: 16, k: 64, w: "int9_g32" } }] });
    const format: string = "int4_g32";
    defineBuild({ kernels: [{ name: "a", workload: { op: "dequantize", n: 16, k: 64, w: format } }] });
    // @ts-expect-error there are no kernels
    defineBuild({ gguf: "model.gguf" });
  });

  test.each([
    [undefined],
    [{}],
    [{ kernels: [] }],
    [{ kernels: "model.gguf" }],
    [{ kernels: [3] }],
    [{ kernels: [{ name: "a" }] }],
    [{ kernels: [{ workload: quantize }] }],
    [{ kernels: [{ name: "a b", workload: quantize }] }],
    [{ kernels: [{ name: "../a", workload: quantize }] }],
    [{ kernels: [...small.kernels, { name: "b", workload: { op: "quantize", m: "any", k: -1, group: 32 } }] }],
    [{ kernels: [{ gguf: "" }] }],
    [{ kernels: [{ gguf: "model.gguf", rows: 3 }] }],
    [{ kernels: [{ gguf: "model.gguf", numerics: { compute: "i4" } }] }],
    [{ kernels: small.kernels, outDir: "dist" }],
    [{ kernels: small.kernels, threads: 0 }],
    [{ kernels: small.kernels, threads: 65 }],
    [{ kernels: small.kernels, threads: "all" }],
  ])("can't be %j", (data) => {
    expect(messageOf(() => parseConfig(data, "qloom.config.ts"))).toMatchSnapshot();
  });
});

describe("a config file", () => {
  test("or a GGUF file, for all of its matmuls", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "model.gguf"), "");
    expect(await loadConfig(join(folder, "model.gguf"))).toEqual({
      config: { kernels: [{ gguf: "model.gguf" }] },
      base: folder,
    });
  });

  // In a Node of its own: the test runner loads modules by its own rules.
  test("is a module; one that can't be is told in one line", async () => {
    const folder = await temporaryFolder();
    const kernels = JSON.stringify(small.kernels);
    const texts = {
      "right.config.ts": `const kernels: unknown[] = ${kernels};\nexport default { kernels };\n`,
      "throws.config.ts": 'throw new Error("no model\\nin ~/models");',
      "throws-text.config.ts": 'throw "a text";',
      "throws-unknown.config.ts": "export default { kernels: missing };",
      "unfinished.config.ts": "export default {",
      "lost-import.config.mjs": 'import "./nowhere.js";',
      "enum.config.ts": "enum A {}\nexport default A;",
      "no-default.config.ts": "export const kernels = [];",
      "text.txt": "kernels",
      "empty.config.ts": "export default { kernels: [] };",
      "folder/file": "",
    };
    await mkdir(join(folder, "folder"));
    for (const [name, text] of Object.entries(texts)) await writeFile(join(folder, name), text);
    const module = join(import.meta.dirname, "../../../src/build/on-demand.ts");
    const script = `
      import { loadConfig } from ${JSON.stringify(pathToFileURL(module).href)};
      const messages = {};
      for (const name of ${JSON.stringify([...Object.keys(texts).filter((name) => name !== "folder/file"), "folder", "nowhere.ts"])})
        messages[name] = await loadConfig(name).then(
          ({ config }) => "loads " + config.kernels.length + " kernels",
          (error) => error.name + ": " + error.message.replaceAll(process.cwd(), ".."),
        );
      console.log(JSON.stringify(messages));`;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], {
      cwd: folder,
    });
    expect(JSON.parse(stdout)).toMatchInlineSnapshot(`
      {
        "empty.config.ts": "BuildError: empty.config.ts: kernels: is empty: there is nothing to build",
        "enum.config.ts": "BuildError: enum.config.ts: does not load: TypeScript enum is not supported in strip-only mode",
        "folder": "BuildError: folder: is not a file; name a config (.ts, .js) or a .gguf file",
        "lost-import.config.mjs": "BuildError: lost-import.config.mjs: does not load: Cannot find module '../nowhere.js' imported from ../lost-import.config.mjs",
        "no-default.config.ts": "BuildError: no-default.config.ts: has no default export; write export default defineBuild({ kernels: [..] })",
        "nowhere.ts": "BuildError: nowhere.ts: can't be read: ENOENT: no such file or directory, stat '../nowhere.ts'; name a config (.ts, .js) or a .gguf file",
        "right.config.ts": "loads 1 kernels",
        "text.txt": "BuildError: text.txt: is neither a config (.ts, .js, .mjs) nor a .gguf file",
        "throws-text.config.ts": "BuildError: throws-text.config.ts: throws: a text",
        "throws-unknown.config.ts": "BuildError: throws-unknown.config.ts: throws: missing is not defined",
        "throws.config.ts": "BuildError: throws.config.ts: throws: no model in ~/models",
        "unfinished.config.ts": "BuildError: unfinished.config.ts: does not load: Unexpected token \`<eof>\`. Expected identifier, string literal, numeric literal or [ for the computed key",
      }
    `);
  });

  test.each([
    ["ends the process", "process.exit(0);"],
    ["waits for what never comes", "await new Promise(() => {}); export default {};"],
  ])("that %s is a failure all the same", async (_, text) => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "a.config.mjs"), text);
    const module = pathToFileURL(join(import.meta.dirname, "../../../src/build/on-demand.ts")).href;
    const script = `import { loadConfig } from ${JSON.stringify(module)}; await loadConfig("a.config.mjs");`;
    const args = ["--no-warnings", "--input-type=module", "--eval", script];
    const error = await promisify(execFile)(process.execPath, args, { cwd: folder }).catch((e: unknown) => e);
    expect(error).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(
        "qloom: a.config.mjs: ends the process, or waits for what never comes, before it has a default export\n",
      ),
    });
  });
});
