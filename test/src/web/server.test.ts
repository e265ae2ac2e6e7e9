// The server: what it gives and as what, and what it refuses.

import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { generatorHash } from "../../../src/compile/index.ts";
import { modulePath, serve, type WebServer } from "../../../src/web/index.ts";
import { findPackages } from "../../../src/web/packages.ts";
import { findFile } from "../../../src/web/roots.ts";

let server: WebServer;

beforeAll(async () => {
  server = await serve({ page: { title: "a <b>", module: modulePath("src/index") } });
});
afterAll(() => server.close());

interface Answer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** Asks with the path as it stands: `fetch` would resolve it first. */
function ask(path: string, options: { method?: string; headers?: Record<string, string> } = {}): Promise<Answer> {
  const { hostname, port } = new URL(server.url);
  return new Promise((resolve, reject) => {
    request({ hostname, port, path, ...options }, async (response) => {
      let text = "";
      for await (const chunk of response) text += chunk;
      resolve({ status: response.statusCode, headers: response.headers, text });
    })
      .on("error", reject)
      .end();
  });
}

describe("gives", () => {
  test("a page that finds the library and its packages by name", async () => {
    const { status, headers, text } = await ask("/");
    expect([status, headers["content-type"]]).toEqual([200, "text/html; charset=utf-8"]);
    expect(text).toContain("<title>a &lt;b&gt;</title>");
    expect(text).toContain('<script type="module" src="/qloom/src/index.ts"></script>');
    const { imports, scopes } = JSON.parse(/<script type="importmap">(.*)<\/script>/.exec(text)?.[1] ?? "");
    expect(imports).toMatchObject({
      qloom: "/qloom/src/index.ts",
      zod: expect.stringMatching(/^\/modules\/zod@[\d.]+\/index\.js$/),
      "@noble/hashes/sha2.js": expect.stringMatching(/^\/modules\/@noble\/hashes@[\d.]+\/sha2\.js$/),
    });
    const ofQueue = Object.entries<Record<string, string>>(scopes).find(([path]) =>
      path.startsWith("/modules/p-queue@"),
    );
    expect(Object.keys(ofQueue?.[1] ?? {})).toContain("eventemitter3");
  });

  test("modules without types, on their lines", async () => {
    const { status, headers, text } = await ask("/qloom/src/compile/generator.ts?again#there");
    expect([status, headers["content-type"]]).toEqual([200, "text/javascript; charset=utf-8"]);
    const source = readFileSync(join(import.meta.dirname, "../../../src/compile/generator.ts"), "utf8");
    const isPlain = (line: string): boolean => /^(import \{ generatorStamp|export const layoutVersion)/.test(line);
    expect(text.split("\n").findIndex(isPlain)).toBe(source.split("\n").findIndex(isPlain));
    expect(text.split("\n").filter(isPlain)).toEqual(source.split("\n").filter(isPlain));
    expect([source.includes("Record<"), text.includes("Record<")]).toEqual([true, false]);
  });

  test("a file once, as long as it is the same", async () => {
    const path = modulePath("src/version");
    const { headers, text } = await ask(path);
    const tag = String(headers["etag"]);
    expect(headers["cache-control"]).toBe("no-cache");
    const again = await ask(path, { headers: { "if-none-match": tag } });
    expect(again).toMatchObject({ status: 304, text: "", headers: { "cross-origin-embedder-policy": "require-corp" } });
    expect(await ask(path, { headers: { "if-none-match": '"other"' } })).toMatchObject({ status: 200, text });
  });

  test("the compiler's hash, which pages can't find out", async () => {
    const { text } = await ask(modulePath("src/compile/generator-stamp"));
    expect(text).toContain(`"wasm":"${generatorHash()}"`);
  });

  test("CommonJS as a module", async () => {
    const { folders } = findPackages(join(import.meta.dirname, "../../.."), ["p-queue"]);
    const path = [...folders.keys()].find((one) => one.startsWith("/modules/eventemitter3@"));
    const [wrapped, module] = [await ask(`${path}index.js`), await ask(`${path}index.mjs`)];
    expect(wrapped.text).toMatch(/^export default module\.exports;$/m);
    expect(wrapped.headers["content-type"]).toBe("text/javascript; charset=utf-8");
    expect(module.text).not.toContain("module.exports");
  });

  test("bytes that were published, until they are withdrawn", async () => {
    const path = server.publish(new TextEncoder().encode("abc"));
    const { headers, text } = await ask(path);
    expect([headers["content-type"], text]).toEqual(["application/octet-stream", "abc"]);
    server.withdraw(path);
    expect(await ask(path)).toMatchObject({ status: 404, text: `${path}: nothing is served there\n` });
  });

  test("heads", async () => {
    const { status, headers, text } = await ask("/qloom/src/index.ts", { method: "HEAD" });
    expect([status, text]).toEqual([200, ""]);
    expect(Number(headers["content-length"])).toBeGreaterThan(1000);
  });

  test("isolation, unless told", async () => {
    const { headers } = await ask("/");
    expect(headers).toMatchObject({
      "cross-origin-embedder-policy": "require-corp",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
      "x-content-type-options": "nosniff",
    });
    const plain = await serve({ isolated: false });
    const answer = await fetch(plain.url);
    await plain.close();
    expect(answer.headers.has("cross-origin-embedder-policy")).toBe(false);
  });
});

describe("refuses", () => {
  test.each([
    ["/qloom/src/../package.json", 403],
    ["/qloom/src/../../package.json", 403],
    ["/qloom/src/%2e%2e/package.json", 403],
    ["/qloom/src/..%2fpackage.json", 403],
    ["/qloom/src/..%5cpackage.json", 403],
    ["/qloom/src/x%00.ts", 403],
    ["/qloom/package.json", 404],
    ["/qloom/test/src/web/server.test.ts", 404],
    ["/qloom/.git/config", 404],
    ["/qloom/src/", 404],
    ["/qloom/src//etc/hostname", 404],
    ["/qloom/src/none.ts", 404],
    ["/modules/vitest@4.1.12/package.json", 404],
    ["/etc/hostname", 404],
    ["//etc/hostname", 404],
    ["/%zz", 400],
  ])("%s", async (path, status) => {
    const answer = await ask(path);
    expect([answer.status, answer.headers["content-type"]]).toEqual([status, "text/plain; charset=utf-8"]);
  });

  test("links that lead out", async () => {
    const base = realpathSync(mkdtempSync(join(tmpdir(), "qloom-web-")));
    const folder = join(base, "inner");
    mkdirSync(folder);
    writeFileSync(join(base, "secret"), "");
    writeFileSync(join(folder, "open"), "");
    symlinkSync(join(base, "secret"), join(folder, "link"));
    symlinkSync(join(folder, "open"), join(folder, "own"));
    const roots = [{ path: "/a/", folder, isPackage: false }];
    await expect(findFile(roots, "/a/own")).resolves.toMatchObject({ file: join(folder, "open") });
    await expect(findFile(roots, "/a/link")).rejects.toMatchObject({
      status: 403,
      message: "/a/link: leads elsewhere",
    });
    rmSync(base, { recursive: true });
  });

  test("other methods, and pages of elsewhere", async () => {
    expect(await ask("/", { method: "POST" })).toMatchObject({ status: 405, headers: { allow: "GET, HEAD" } });
    const { status, text } = await ask("/", { headers: { host: "example.org" } });
    expect([status, text]).toEqual([403, `asked for as example.org; open ${server.url}\n`]);
  });

  test("a port that is taken, a package that is not there", async () => {
    const port = Number(new URL(server.url).port);
    await expect(serve({ port })).rejects.toThrow(`port ${port} is taken; name another, or 0 for any that is free`);
    await expect(serve({ packages: ["no-such-package"] })).rejects.toThrow(
      "the page needs the package no-such-package: npm i -D no-such-package",
    );
  });
});
