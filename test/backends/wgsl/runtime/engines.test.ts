// The runtime on real devices: Dawn in Node and wgpu in Deno, each in a process of its own that starts with the variables its driver needs.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { beforeAll, describe, expect, test } from "vitest";
import { gpuEnvironment } from "../../../../backends/wgsl/runtime/index.ts";
import { checkNames, type Outcome } from "./suite.ts";

const suite = new URL("./suite-main.ts", import.meta.url).pathname;
const deno = createRequire(import.meta.url).resolve("deno/bin.cjs");

const engines: Readonly<Record<string, readonly string[]>> = {
  "Dawn in Node": [suite],
  "wgpu in Deno": [deno, "run", "--allow-all", suite],
};

async function outcomes(args: readonly string[]): Promise<readonly Outcome[]> {
  const { env } = await gpuEnvironment();
  const child = spawn(process.execPath, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
  const [code] = (await once(child, "close")) as [number | null];
  const said = Buffer.concat(err).toString();
  if (code !== 0) throw new Error(`the suite ended with ${code}:\n${said}`);
  console.warn(said.trim());
  const lines = Buffer.concat(out).toString().trim().split("\n");
  return lines.map((line) => JSON.parse(line) as Outcome);
}

describe.each(Object.keys(engines))("%s", (engine) => {
  let found: readonly Outcome[] = [];
  beforeAll(async () => {
    found = await outcomes(engines[engine]!);
  });

  test.each(checkNames)("%s", (check) => {
    const outcome = found.find((o) => o.check === check);
    expect(outcome).toBeDefined();
    expect(outcome?.failure).toBeUndefined();
  });
});
