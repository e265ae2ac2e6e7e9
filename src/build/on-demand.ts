/**
 * The calls that read and write files, each loading its code when it is made: ts-morph alone takes longer to load than all the rest of qloom,
 * and browsers, which load the rest, have no files. Not here: what the calls do (build.ts, load-config.ts, folder.ts).
 */
import { findNodeModule } from "../../ir/index.ts";
import type { BuildOptions, BuildResult } from "./build.ts";
import type { BuildConfig } from "./config.ts";
import { BuildError } from "./errors.ts";
import type { LoadedConfig } from "./load-config.ts";

/**
 * Builds the kernels of a config into the folder `out`, which then holds a module (`index.js`, typed), its runtime, a `.wasm` per kernel and a
 * manifest, and needs neither qloom nor anything else. The same config, records and qloom give the same bytes. A build that is there is
 * replaced as a whole, or, where anything fails, not at all.
 *
 * @throws BuildError for a config that can't be, a kernel that does not compile, a folder that can't be replaced, or a host without files
 */
export async function buildFolder(config: BuildConfig, out: string, options: BuildOptions = {}): Promise<BuildResult> {
  needFiles(out);
  return (await import("./build.ts")).build(config, out, options);
}

/** Reads a config file (`.ts`, `.js`, `.mjs`, or `.gguf`). Throws a `BuildError` in one line, whatever the file does. */
export async function loadConfig(file: string): Promise<LoadedConfig> {
  needFiles(file);
  return (await import("./load-config.ts")).readConfig(file);
}

/** The folder that a path stands for, links followed. Throws a `BuildError` unless a build may replace what is there. */
export async function requireReplaceable(out: string): Promise<string> {
  needFiles(out);
  return (await import("./folder.ts")).replaceable(out);
}

function needFiles(path: string): void {
  if (findNodeModule("node:fs") === undefined)
    throw new BuildError(`${path}: this host has no files; build in Node, and serve the folder to it`);
}
