// Replacing a folder as a whole: nothing but a build is replaced, and whatever fails leaves what was there.

import { execFile } from "node:child_process";
import type * as Fs from "node:fs/promises";
import { mkdir, readdir, readFile, rename, symlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { replaceFolder } from "../../../src/build/folder.ts";
import { temporaryFolder } from "./sample.ts";

vi.mock("node:fs/promises", async (original) => {
  const fs = await original<typeof Fs>();
  return { ...fs, writeFile: vi.fn(fs.writeFile), rename: vi.fn(fs.rename) };
});

const real = await vi.importActual<typeof Fs>("node:fs/promises");

beforeEach(() => {
  vi.mocked(writeFile).mockReset().mockImplementation(real.writeFile);
  vi.mocked(rename).mockReset().mockImplementation(real.rename);
});

/** A build whose files say which one it is. */
const files = (content: string): ReadonlyMap<string, string> =>
  new Map([
    ["index.js", content],
    ["k.wasm", content],
    ["manifest.json", JSON.stringify({ qloomBuild: 1, files: { "index.js": "", "k.wasm": "" } })],
  ]);

/** A folder in which `kernels` holds a build called old. */
async function withBuild(): Promise<{ parent: string; out: string }> {
  const parent = await temporaryFolder();
  const out = join(parent, "kernels");
  await replaceFolder(out, files("old"));
  return { parent, out };
}

const content = (out: string): Promise<string> => readFile(join(out, "index.js"), "utf8");

/** The message, with the folder's random name left out. */
async function failure(promise: Promise<unknown>, parent: string): Promise<string> {
  return promise.then(
    () => "no failure",
    (error: Error) => error.message.replaceAll(parent, "..").replaceAll(String(process.pid), "PID"),
  );
}

const systemError = (code: string, words: string): Error =>
  Object.assign(new Error(`${code}: ${words}`), { code, syscall: "write" });

describe("a build", () => {
  test("is made with the folders above it, and replaced", async () => {
    const parent = await temporaryFolder();
    const out = join(parent, "dist", "kernels");
    await replaceFolder(out, files("first"));
    await replaceFolder(out, files("second"));
    expect(await content(out)).toBe("second");
    expect((await readdir(out)).sort()).toEqual(["index.js", "k.wasm", "manifest.json"]);
    expect(await readdir(join(parent, "dist"))).toEqual(["kernels"]);
  });

  test("takes an empty folder, and what a link leads to", async () => {
    const parent = await temporaryFolder();
    const [empty, link] = [join(parent, "empty"), join(parent, "link")];
    await mkdir(empty);
    await symlink(empty, link);
    await replaceFolder(link, files("first"));
    await replaceFolder(link, files("second"));
    expect(await content(empty)).toBe("second");
    expect((await readdir(parent)).sort()).toEqual(["empty", "link"]);
  });
});

describe("what is no build is not replaced", () => {
  test("a file", async () => {
    const parent = await temporaryFolder();
    const out = join(parent, "kernels");
    await writeFile(out, "mine");
    expect(await failure(replaceFolder(out, files("new")), parent)).toMatchInlineSnapshot(
      `"../kernels: is not a folder; name another with --out"`,
    );
    expect(await readFile(out, "utf8")).toBe("mine");
  });

  test("a folder of files", async () => {
    const parent = await temporaryFolder();
    await writeFile(join(parent, "notes.txt"), "mine");
    expect(await failure(replaceFolder(parent, files("new")), parent)).toMatchInlineSnapshot(
      `"..: holds files and is no qloom build, so it is not replaced; name another folder with --out, or empty it"`,
    );
    await writeFile(join(parent, "manifest.json"), '{"name":"a manifest of another sort"}');
    expect(await failure(replaceFolder(parent, files("new")), parent)).toMatch("is no qloom build");
    expect(await readFile(join(parent, "notes.txt"), "utf8")).toBe("mine");
  });

  test("a build that somebody put a file into", async () => {
    const { parent, out } = await withBuild();
    await writeFile(join(out, "notes.txt"), "mine");
    expect(await failure(replaceFolder(out, files("new")), parent)).toMatchInlineSnapshot(
      `"../kernels: holds notes.txt, which no build wrote, so it is not replaced; move that elsewhere"`,
    );
    expect(await content(out)).toBe("old");
  });

  test("a path through a file", async () => {
    const parent = await temporaryFolder();
    await writeFile(join(parent, "file"), "mine");
    expect(await failure(replaceFolder(join(parent, "file", "kernels"), files("new")), parent)).toMatchInlineSnapshot(
      `"../file/kernels: can't be written: EEXIST: file already exists, mkdir '../file'; a part of the path is a file: name another folder with --out (what was there is untouched)"`,
    );
  });
});

describe("a failure leaves the old build whole and nothing beside it", () => {
  test.each([
    ["ENOSPC", "no space left on device, write"],
    ["EROFS", "read-only file system, open"],
    ["EACCES", "permission denied, open"],
  ])("%s while writing", async (code, words) => {
    const { parent, out } = await withBuild();
    vi.mocked(writeFile).mockImplementationOnce(real.writeFile).mockRejectedValueOnce(systemError(code, words));
    expect(await failure(replaceFolder(out, files("new")), parent)).toMatchSnapshot();
    expect(await content(out)).toBe("old");
    expect(await readdir(parent)).toEqual(["kernels"]);
  });

  test("the new folder can't take its place", async () => {
    const { parent, out } = await withBuild();
    vi.mocked(rename)
      .mockImplementationOnce(real.rename)
      .mockRejectedValueOnce(systemError("EBUSY", "resource busy or locked, rename"));
    expect(await failure(replaceFolder(out, files("new")), parent)).toMatchInlineSnapshot(
      `"../kernels: can't be written: EBUSY: resource busy or locked, rename; try again, or name another folder with --out (what was there is untouched)"`,
    );
    expect(await content(out)).toBe("old");
    expect(await readdir(parent)).toEqual(["kernels"]);
  });

  test("an interruption", async () => {
    const { parent, out } = await withBuild();
    const controller = new AbortController();
    vi.mocked(writeFile).mockImplementationOnce(async (...args) => {
      await real.writeFile(...args);
      controller.abort(new Error("interrupted"));
    });
    expect(await failure(replaceFolder(out, files("new"), controller.signal), parent)).toBe("interrupted");
    expect(await content(out)).toBe("old");
    expect(await readdir(parent)).toEqual(["kernels"]);
  });

  test("a file that appears while the build is written", async () => {
    const { parent, out } = await withBuild();
    vi.mocked(writeFile).mockImplementationOnce(async (...args) => {
      await real.writeFile(...args);
      await real.writeFile(join(out, "notes.txt"), "mine");
    });
    expect(await failure(replaceFolder(out, files("new")), parent)).toMatch("holds notes.txt");
    expect((await readdir(out)).sort()).toEqual(["index.js", "k.wasm", "manifest.json", "notes.txt"]);
  });
});

test("what a killed build left is cleared away, and an old folder that had stepped aside comes back", async () => {
  const { parent, out } = await withBuild();
  const { stdout } = await promisify(execFile)(process.execPath, ["-p", "process.pid"]);
  const dead = stdout.trim();
  const hidden = (kind: string, pid: string): string => join(parent, `.${basename(out)}.${kind}-${pid}`);
  await mkdir(hidden("new", dead));
  await real.rename(out, hidden("old", dead));
  // Of a process that still runs: a build under way, not touched.
  await mkdir(hidden("new", String(process.ppid)));
  vi.mocked(writeFile).mockRejectedValueOnce(systemError("ENOSPC", "no space left on device, write"));
  await expect(replaceFolder(out, files("new"))).rejects.toThrow("ENOSPC");
  expect(await content(out)).toBe("old");
  expect((await readdir(parent)).sort()).toEqual([basename(hidden("new", String(process.ppid))), "kernels"]);
});
