// The command line as a real process: its streams, its signals, its answer to an old Node.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { version } from "../../../src/index.ts";

const sample = join(import.meta.dirname, "sample.ts");
const main = join(import.meta.dirname, "../../../src/cli/main.ts");

function start(...args: readonly string[]) {
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  return { child, out: child.stdout, err: child.stderr };
}

async function ended(child: ChildProcess): Promise<number | null> {
  const [code] = (await once(child, "close")) as [number | null];
  return code;
}

test("prints the version and exits with 0", async () => {
  const { child, out, err } = start(main, "--version");
  expect(await Promise.all([ended(child), text(out), text(err)])).toEqual([0, `${version}\n`, ""]);
});

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)("keeps what a command has at %s and exits with %i", async (signal, code) => {
  const { child, out, err } = start(sample, "weave", "keep", "--m", "1");
  child.stderr.once("data", () => child.kill(signal));
  expect(await Promise.all([ended(child), text(out), text(err)])).toEqual([
    code,
    "keep\n",
    `weaving keep\nqloom: stopping; once more to quit at once\nqloom: interrupted by ${signal}\n`,
  ]);
});

test("ends quietly when its reader has seen enough", async () => {
  const { child, out, err } = start(sample, "weave", "much", "--m", "1");
  out.once("data", () => out.destroy());
  expect(await Promise.all([ended(child), text(err)])).toEqual([0, "weaving much\n"]);
});

test("ends when it is done, whatever a config has left open, with all printed", async () => {
  const folder = await mkdtemp(join(tmpdir(), "qloom-process-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const kernels = [{ name: "q", workload: { op: "quantize", m: "any", k: 64, group: 32 } }];
  const config = join(folder, "a.config.mjs");
  await writeFile(config, `setInterval(() => {}, 1000);\nexport default ${JSON.stringify({ kernels })};\n`);
  const { child, out } = start(main, "build", config, "--out", join(folder, "out"), "--untuned", "--json");
  const [code, json] = await Promise.all([ended(child), text(out)]);
  expect(code).toBe(0);
  expect(JSON.parse(json)).toMatchObject({ kernels: [{ name: "q" }] });
});

test("refuses an older Node in one line", async () => {
  const older = 'Object.defineProperty(process, "versions", { value: { node: "20.20.2" } })';
  const { child, out, err } = start("--import", `data:text/javascript,${encodeURIComponent(older)}`, main, "--version");
  expect(await Promise.all([ended(child), text(out), text(err)])).toEqual([
    1,
    "",
    expect.stringMatching(/^qloom needs Node 24 or newer, this is v[\d.]+; install [^\n]+\n$/),
  ]);
});
