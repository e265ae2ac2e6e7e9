/**
 * Replaces a folder by a new one as a whole: written beside it, then renamed into its place. Whatever goes wrong before that leaves the old
 * folder as it was. Not here: what is written.
 */
import { lstat, mkdir, readdir, readFile, realpath, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { BuildError, codeOf, reasonOf } from "./errors.ts";
import { type Files, filesListedIn, manifestFile } from "./manifest.ts";

/** What errors advise, by the system's code. */
const remedies: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full: free some space",
  EDQUOT: "the quota is used up: free some space",
  EACCES: "make the folder writable, or name another with --out",
  EPERM: "make the folder writable, or name another with --out",
  EROFS: "name a folder on a disk that can be written with --out",
  ENOTDIR: "a part of the path is a file: name another folder with --out",
  EEXIST: "a part of the path is a file: name another folder with --out",
};

/** The folder that a path stands for, links followed. Throws a `BuildError` unless a build may replace what is there. */
export async function replaceable(out: string): Promise<string> {
  const path = await real(resolve(out));
  const found = await orUndefined(lstat(path), "ENOENT", "ENOTDIR");
  if (found === undefined) return path;
  if (!found.isDirectory()) throw new BuildError(`${out}: is not a folder; name another with --out`);
  const present = await readdir(path);
  if (present.length === 0) return path;
  const text = await orUndefined(readFile(join(path, manifestFile), "utf8"), "ENOENT", "EISDIR");
  const own = text === undefined ? undefined : filesListedIn(text);
  if (own === undefined)
    throw new BuildError(
      `${out}: holds files and is no qloom build, so it is not replaced; name another folder with --out, or empty it`,
    );
  const foreign = present.find((name) => !own.includes(name));
  if (foreign !== undefined)
    throw new BuildError(`${out}: holds ${foreign}, which no build wrote, so it is not replaced; move that elsewhere`);
  return path;
}

/** The path with its links followed, as far as it exists. */
async function real(path: string): Promise<string> {
  return (await orUndefined(realpath(path), "ENOENT", "ENOTDIR")) ?? path;
}

/**
 * Writes `files` as the folder `out`, replacing a build that is there. Throws a `BuildError`; what was there is then untouched.
 *
 * @param signal stops the writing, up to the moment of the replacement
 */
export async function replaceFolder(out: string, files: Files, signal?: AbortSignal): Promise<void> {
  const path = await replaceable(out);
  const temporary = join(dirname(path), `.${basename(path)}.new-${process.pid}`);
  try {
    await mkdir(dirname(path), { recursive: true });
    await removeLeftovers(path);
    await mkdir(temporary);
    for (const [name, content] of files) {
      signal?.throwIfAborted();
      await writeFile(join(temporary, name), content, { flag: "wx", flush: true });
    }
    signal?.throwIfAborted();
    await replaceable(out);
    await swap(temporary, path);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => {});
    if (signal?.aborted === true || error instanceof BuildError) throw error;
    const remedy = remedies[codeOf(error) ?? ""] ?? "try again, or name another folder with --out";
    throw new BuildError(`${out}: can't be written: ${reasonOf(error)}; ${remedy} (what was there is untouched)`, {
      cause: error,
    });
  }
}

/** Renaming replaces no folder that holds files: the old one steps aside first, and back where the new one can't take its place. */
async function swap(temporary: string, path: string): Promise<void> {
  const old = join(dirname(path), `.${basename(path)}.old-${process.pid}`);
  const hadOld = (await orUndefined(lstat(path), "ENOENT")) !== undefined;
  if (hadOld) await rename(path, old);
  try {
    await rename(temporary, path);
  } catch (error) {
    if (hadOld) await rename(old, path);
    throw error;
  }
  await rm(old, { recursive: true, force: true });
}

/** What builds that were killed left beside the folder: half-written new ones go, and an old one that had stepped aside comes back. */
async function removeLeftovers(path: string): Promise<void> {
  const prefix = `.${basename(path)}.`;
  for (const name of await readdir(dirname(path))) {
    const [, kind, pid] = (name.startsWith(prefix) && /^(new|old)-(\d+)$/.exec(name.slice(prefix.length))) || [];
    if (kind === undefined || isAlive(Number(pid))) continue;
    const leftover = join(dirname(path), name);
    const missing = (await orUndefined(lstat(path), "ENOENT")) === undefined;
    if (kind === "old" && missing) await rename(leftover, path);
    else await rm(leftover, { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

/** The promise's value, or undefined where it fails with one of these codes. */
async function orUndefined<T>(promise: Promise<T>, ...codes: readonly string[]): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (codes.includes(codeOf(error) ?? "")) return undefined;
    throw error;
  }
}
