// Reads a config: a module whose default export it is, or a GGUF file, which stands for all of its matmuls.

import { stat } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type BuildConfig, parseConfig } from "./config.ts";
import { BuildError, codeOf, reasonOf } from "./errors.ts";

export interface LoadedConfig {
  readonly config: BuildConfig;
  /** The folder that paths in it are relative to. */
  readonly base: string;
}

/** `loadConfig` (on-demand.ts). */
export async function readConfig(file: string): Promise<LoadedConfig> {
  const path = resolve(file);
  await requireFile(path, file);
  const base = dirname(path);
  if (path.endsWith(".gguf")) return { config: { kernels: [{ gguf: basename(path) }] }, base };
  const module = await importModule(path, file);
  if (module["default"] === undefined)
    throw new BuildError(`${file}: has no default export; write export default defineBuild({ kernels: [..] })`);
  return { config: parseConfig(module["default"], file), base };
}

async function requireFile(path: string, file: string): Promise<void> {
  let found: Awaited<ReturnType<typeof stat>>;
  try {
    found = await stat(path);
  } catch (error) {
    throw new BuildError(`${file}: can't be read: ${reasonOf(error)}; name a config (.ts, .js) or a .gguf file`);
  }
  if (!found.isFile()) throw new BuildError(`${file}: is not a file; name a config (.ts, .js) or a .gguf file`);
}

/** What Node exits with where nothing is left to do and a module still waits. */
const unsettled = 13;

async function importModule(path: string, file: string): Promise<Readonly<Record<string, unknown>>> {
  // A config may end the process, or wait for what never comes: Node then exits, without a word or with its own.
  const cutShort = (code: number): void => {
    if (code !== 0 && code !== unsettled) return;
    process.stderr.write(
      `qloom: ${file}: ends the process, or waits for what never comes, before it has a default export\n`,
    );
    process.exitCode = 1;
  };
  process.once("exit", cutShort);
  try {
    return (await import(pathToFileURL(path).href)) as Readonly<Record<string, unknown>>;
  } catch (error) {
    const code = codeOf(error);
    if (code === "ERR_UNKNOWN_FILE_EXTENSION")
      throw new BuildError(`${file}: is neither a config (.ts, .js, .mjs) nor a .gguf file`);
    const what = error instanceof SyntaxError || code?.startsWith("ERR_") ? "does not load" : "throws";
    throw new BuildError(`${file}: ${what}: ${reasonOf(error)}`, { cause: error });
  } finally {
    process.off("exit", cutShort);
  }
}
