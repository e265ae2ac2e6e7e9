// `qloom build` and `qloom device` as a user sees them. What a build holds is tested in test/src/build.

import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { qloom } from "../run.ts";
import { folder } from "./database.ts";

const config =
  'export default { kernels: [{ name: "quant", workload: { op: "quantize", m: "any", k: 64, group: 32 } }] };\n';

async function project(text: string = config): Promise<{ path: string; file: string; out: string }> {
  const path = await folder();
  const file = join(path, "qloom.config.mjs");
  await writeFile(file, text);
  return { path, file, out: join(path, "kernels") };
}

describe("qloom build", () => {
  test("writes a folder and says how to load it", async () => {
    const { file, out } = await project();
    const ran = await qloom("build", file, "--out", out, "--untuned");
    expect({
      ...ran,
      out: ran.out.replaceAll(out, "OUT").replace(/[\d.]+ (bytes|KiB)/, "SIZE"),
    }).toMatchInlineSnapshot(`
      {
        "code": 0,
        "err": "1 of 1: quant
      ",
        "out": "loadQuant  quantize m=any k=64 group=32  quant.wasm SIZE (template default)
      OUT: import { loadQuant } from "OUT/index.js"
      ",
      }
    `);
    expect(await readdir(out)).toContain("quant.wasm");
  });

  test("for several threads, as the config says or the flag", async () => {
    const { file, out } = await project(config.replace("default {", "default { threads: 2,"));
    expect((await qloom("build", file, "--out", out, "--untuned")).code).toBe(0);
    expect(await readdir(out)).toEqual(expect.arrayContaining(["quant.threads.wasm", "quant.wasm", "worker.js"]));
    expect(await readFile(join(out, "index.ts"), "utf8")).toContain("most: 2");
    expect((await qloom("build", file, "--out", out, "--untuned", "--threads", "3")).code).toBe(0);
    expect(await readFile(join(out, "index.ts"), "utf8")).toContain("most: 3");
    expect((await qloom("build", file, "--out", out, "--untuned", "--threads", "1")).code).toBe(0);
    expect((await readdir(out)).filter((name) => /wasm$|worker/.test(name))).toEqual(["quant.wasm"]);
    expect(await qloom("build", file, "--threads", "65")).toMatchObject({
      code: 2,
      err: 'qloom: --threads must be a whole number from 1 to 64, not "65"; see qloom build --help\n',
    });
  });

  test("as JSON", async () => {
    const { file, out } = await project();
    const ran = await qloom("build", file, "--out", out, "--untuned", "--json");
    expect(ran.code).toBe(0);
    expect(JSON.parse(ran.out)).toMatchObject({
      out,
      kernels: [{ name: "quant", loader: "loadQuant", variants: [{ file: "quant.wasm", features: [] }] }],
      skipped: [],
    });
  });

  test.each([
    ["a config that throws", 'throw new Error("no weights");'],
    ["a config that is none", "export default { kernels: 3 };"],
    ["a kernel that can't be", config.replace("k: 64", "k: 65")],
    ["a file that is not there", 'export default { kernels: [{ gguf: "nowhere.gguf" }] };'],
  ])("%s is one line, and what was built stays", async (_what, text) => {
    const { path, file, out } = await project();
    await qloom("build", file, "--out", out, "--untuned");
    const before = (await readdir(out)).sort();
    const wrong = join(path, "wrong.config.mjs");
    await writeFile(wrong, text);
    const ran = await qloom("build", wrong, "--out", out, "--untuned");
    expect({ code: ran.code, out: ran.out }).toEqual({ code: 1, out: "" });
    expect(ran.err.replaceAll(path, "..")).toMatchSnapshot();
    expect(ran.err).toMatch(/^qloom: [^\n]+\n$/);
    expect((await readdir(out)).sort()).toEqual(before);
  });

  test("replaces no folder of other files", async () => {
    const { path, file } = await project();
    const ran = await qloom("build", file, "--out", path, "--untuned");
    expect(ran.code).toBe(1);
    expect(ran.err).toContain("holds files and is no qloom build");
    expect(await readdir(path)).toEqual(["qloom.config.mjs"]);
  });

  test("needs a config", async () => {
    expect(await qloom("build")).toEqual({
      code: 2,
      out: "",
      err: "qloom: <config> is missing; see qloom build --help\n",
    });
  });
});

test("qloom device tells what there is", async () => {
  const { code, out } = await qloom("device");
  expect(code).toBe(0);
  expect(out).toMatch(/^device {8}[^\n]+\nkind {10}wasm\n/);
  const device = JSON.parse((await qloom("device", "--json")).out);
  expect(device).toMatchObject({ kind: "wasm", engine: expect.stringMatching(/^v8 /) });
  expect(await qloom("device", "now")).toMatchObject({
    code: 2,
    err: expect.stringMatching('unexpected argument "now"'),
  });
});
