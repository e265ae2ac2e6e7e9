// The bundle as it is used: made, unpacked elsewhere, run on SwiftShader with nothing else at hand.

import { execFile, spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findSwiftShader } from "../../../../backends/index.ts";
import { bundleFolder, mostBundleBytes, writeBundle } from "../../../../src/bench/gpu/bundle.ts";
import { gpuReportSchema } from "../../../../src/bench/gpu/schema.ts";

// Waits for a compiler, an archiver and a GPU that is the processor.
const timeout = 300_000;

let folder = "";
let bytes = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "qloom-bundle-test-"));
  bytes = await writeBundle(join(folder, "bundle.tar.gz"), { progress: () => {} });
  await promisify(execFile)("tar", ["-xzf", "bundle.tar.gz"], { cwd: folder });
}, timeout);
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs the unpacked program in a folder of its own; `stopAt` is the line at which it is interrupted. */
async function run(name: string, args: readonly string[], stopAt?: string) {
  const cwd = join(folder, name);
  await mkdir(join(cwd, "bin"), { recursive: true });
  const swiftShader = await findSwiftShader();
  const child = spawn(join(folder, bundleFolder, "run.sh"), args, {
    cwd,
    // No program can be found, no library but the system's own.
    env: { PATH: join(cwd, "bin"), VK_ICD_FILENAMES: swiftShader!.icd },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let told = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    told += text;
    if (stopAt !== undefined && told.includes(stopAt)) child.kill("SIGINT");
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  const text = await readFile(join(cwd, "report.json"), "utf8").catch(() => "null");
  return { code, told, files: await readdir(cwd), text };
}

describe("bundle", () => {
  test("is small enough, and holds one of Dawn's binaries and no tools", async () => {
    expect(bytes).toBeLessThan(mostBundleBytes);
    const app = join(folder, bundleFolder, "app");
    expect(await readdir(join(app, "node_modules/webgpu/dist"))).toEqual(["linux-x64"]);
    expect(await readdir(join(app, "node_modules"))).not.toContain("typescript");
    expect(await readdir(join(folder, bundleFolder))).toEqual(["app", "lib", "node", "run.sh"]);
  });

  test("measures everything and writes one file", { timeout }, async () => {
    const { code, told, files, text } = await run("whole", ["--quick"]);
    expect(told).toContain("report.json: complete");
    expect(code).toBe(0);
    expect(files.sort()).toEqual(["bin", "report.json"]);
    const report = gpuReportSchema.parse(JSON.parse(text));
    expect(report).toMatchObject({ software: true, quick: true, complete: true, failures: [] });
    expect(report.device?.fingerprint).toMatch(/swiftshader/i);
    expect(Object.keys(report.limits?.rates ?? {})).toEqual(expect.arrayContaining(["f32", "i8"]));
    expect(report.decode.map(({ kernels }) => kernels)).toEqual(["default", "tuned"]);
    expect(report.rows.map((r) => r.rows.map(({ m }) => m))).toEqual([
      [1, 2],
      [1, 2],
    ]);
    expect(report.prefill).toHaveLength(2);
    // The reduced space was searched, no more of it.
    expect(report.shapes.map(({ reduced }) => reduced)).toEqual([2]);
    expect(report.targets.every(({ met }) => met !== null)).toBe(true);
  });

  test("interrupted, writes what there is", { timeout }, async () => {
    const { code, text } = await run("stopped", ["--quick"], "numbers for");
    expect(code).toBe(130);
    const report = gpuReportSchema.parse(JSON.parse(text));
    expect(report).toMatchObject({ complete: false, failures: [], shapes: [] });
    expect(report.limits?.read).toHaveLength(1);
  });

  test("says what is wrong with its options", { timeout }, async () => {
    const { code, told, files } = await run("wrong", ["--read-mib", "100"]);
    expect(told).toContain("--read-mib is no power of two");
    expect(code).toBe(1);
    expect(files).toEqual(["bin"]);
  });
});
