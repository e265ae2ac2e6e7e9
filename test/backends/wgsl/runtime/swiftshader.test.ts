// Unpacking SwiftShader: whole or not at all, by however many processes at once. The packages are small ones of our own.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findSwiftShader, usualPlaces } from "../../../../backends/wgsl/runtime/swiftshader.ts";
import { filesOfTar } from "../../../../backends/wgsl/runtime/tar.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "qloom-swiftshader-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const names = ["libvk_swiftshader.so", "libvulkan.so.1", "vk_swiftshader_icd.json"];

/** A package with these files in its archive. */
async function packaged(files: readonly string[] = [...names, "libEGL.so"]): Promise<string> {
  const at = join(folder, "package");
  await mkdir(join(at, "bin"), { recursive: true });
  await mkdir(join(folder, "content/inner"), { recursive: true });
  for (const name of files) await writeFile(join(folder, "content", name), `${name} `.repeat(200));
  execFileSync("tar", ["-cf", join(folder, "all.tar"), "-C", join(folder, "content"), "."]);
  const tar = await readFile(join(folder, "all.tar"));
  const quick = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } };
  await writeFile(join(at, "bin/swiftshader.tar.br"), brotliCompressSync(tar, quick));
  await writeFile(join(at, "package.json"), JSON.stringify({ version: "1.2.3" }));
  return at;
}

test("the package is unpacked once, only what is needed", async () => {
  const cache = join(folder, "deep/cache");
  const places = { packageFolder: await packaged(), caches: [cache], browsers: [] };
  const found = await findSwiftShader(places);
  expect(found).toEqual({
    folder: join(cache, "swiftshader-1.2.3"),
    icd: join(cache, "swiftshader-1.2.3", "vk_swiftshader_icd.json"),
    source: "npm @sparticuz/chromium 1.2.3",
  });
  expect((await readdir(found!.folder)).sort()).toEqual(names);
  for (const name of names) expect(await readFile(join(found!.folder, name), "utf8")).toBe(`${name} `.repeat(200));
  await rm(join(places.packageFolder, "bin"), { recursive: true });
  expect(await findSwiftShader(places)).toEqual(found);
  expect(await readdir(cache)).toEqual(["swiftshader-1.2.3"]);
});

test("many processes at once get the same whole folder", async () => {
  const cache = join(folder, "cache");
  const places = JSON.stringify({ packageFolder: await packaged(), caches: [cache], browsers: [] });
  const module = new URL("../../../../backends/wgsl/runtime/swiftshader.ts", import.meta.url).href;
  const code = `const { findSwiftShader } = await import(${JSON.stringify(module)}); console.log((await findSwiftShader(${places})).folder);`;
  const outputs = await Promise.all(
    Array.from({ length: 3 }, async () => {
      const child = spawn(process.execPath, ["--input-type=module", "--eval", code], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const chunks: Buffer[] = [];
      child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
      await once(child, "close");
      return Buffer.concat(chunks).toString().trim();
    }),
  );
  expect(new Set(outputs)).toEqual(new Set([join(cache, "swiftshader-1.2.3")]));
  expect(await readdir(cache)).toEqual(["swiftshader-1.2.3"]);
});

test("a damaged archive leaves nothing behind", async () => {
  const cache = join(folder, "cache");
  const places = { packageFolder: await packaged(["libvulkan.so.1"]), caches: [cache], browsers: [] };
  await expect(findSwiftShader(places)).rejects.toThrow("holds no whole libvk_swiftshader.so");
  expect(await readdir(cache)).toEqual([]);
});

test("where the first cache can't be written, the next is taken", async () => {
  const closed = join(folder, "closed");
  // A folder that nobody can write to, root neither: it would have to lie within a file.
  await writeFile(closed, "");
  const places = {
    packageFolder: await packaged(),
    caches: [join(closed, "cache"), join(folder, "open")],
    browsers: [],
  };
  expect((await findSwiftShader(places))?.folder).toBe(join(folder, "open/swiftshader-1.2.3"));
});

test("a browser's own driver, and none at all", async () => {
  const browser = join(folder, "chromium");
  await mkdir(browser);
  for (const name of names) await writeFile(join(browser, name), "");
  const places = { packageFolder: undefined, caches: [], browsers: [join(folder, "missing"), browser] };
  expect(await findSwiftShader(places)).toEqual({ folder: browser, icd: join(browser, names[2]!), source: browser });
  expect(await findSwiftShader({ ...places, browsers: [] })).toBeUndefined();
});

test("the package of this project is found, its cache beside it", () => {
  const { packageFolder, caches } = usualPlaces();
  expect(packageFolder).toMatch(/node_modules[/\\]@sparticuz[/\\]chromium$/);
  expect(caches[0]).toMatch(/node_modules[/\\]\.cache[/\\]qloom$/);
});

test("an archive that is cut off", async () => {
  await packaged();
  const tar = await readFile(join(folder, "all.tar"));
  expect(filesOfTar(tar, names).size).toBe(3);
  const last = tar.lastIndexOf("vk_swiftshader_icd.json vk_");
  expect(() => filesOfTar(tar.subarray(0, last + 10), names)).toThrow("reinstall the package");
  expect(() => filesOfTar(new Uint8Array(3), names)).toThrow("holds no whole libvk_swiftshader.so");
});
