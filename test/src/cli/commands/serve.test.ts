/** `qloom serve` as a process: it says where the page is, serves it with the headers asked for, and ends at Ctrl-C. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { serve } from "../../../../src/web/index.ts";
import { qloom } from "../run.ts";

const main = join(import.meta.dirname, "../../../../src/cli/main.ts");

async function start(...args: readonly string[]) {
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", main, "serve", "--port", "0", ...args],
    {
      stdio: ["ignore", "inherit", "pipe"],
    },
  );
  onTestFinished(() => void child.kill("SIGKILL"));
  const lines = createInterface({ input: child.stderr });
  const [line] = (await once(lines, "line")) as [string];
  const url = /^open (http:\/\/127\.0\.0\.1:\d+\/) in a browser; Ctrl-C ends$/.exec(line)?.[1];
  expect(url, line).toBeDefined();
  return { child, url: url as string };
}

test("serves the page, isolated unless told otherwise, until it is interrupted", async () => {
  const [isolated, plain] = await Promise.all([start(), start("--no-isolated")]);
  const page = await fetch(isolated.url);
  expect(page.headers.get("cross-origin-opener-policy")).toBe("same-origin");
  expect(page.headers.get("cross-origin-embedder-policy")).toBe("require-corp");
  const text = await page.text();
  expect(text).toContain("<title>qloom: tune this device</title>");
  for (const [, address] of text.matchAll(/(?:src|href)="(\/[^"]+)"/g))
    expect((await fetch(new URL(address as string, isolated.url))).status, address).toBe(200);
  expect((await fetch(plain.url)).headers.get("cross-origin-opener-policy")).toBeNull();
  isolated.child.kill("SIGINT");
  expect(await once(isolated.child, "close")).toEqual([130, null]);
});

test("a port that is taken is named, with what to do", async () => {
  const other = await serve();
  onTestFinished(() => other.close());
  const { port } = new URL(other.url);
  expect(await qloom("serve", "--port", port)).toEqual({
    code: 1,
    out: "",
    err: `qloom: port ${port} is taken; name another, or 0 for any that is free\n`,
  });
});
