// A package's package.json, as far as loading its modules in a browser needs it: which file each specifier stands for. Not here: where
// packages lie (packages.ts).

import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";

/** The conditions that hold in a browser that imports. */
const conditions: ReadonlySet<string> = new Set(["browser", "import", "default"]);

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports?: unknown;
  readonly main: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
}

const names = z.record(z.string(), z.string()).default({});

const schema: z.ZodType<Manifest> = z.object({
  name: z.string().min(1),
  version: z.string().min(1),
  exports: z.unknown(),
  main: z.string().default("index.js"),
  dependencies: names,
  peerDependencies: names,
});

/** The manifest in a folder; undefined where there is none of a package. */
export function readManifest(folder: string): Manifest | undefined {
  return schema.safeParse(readJson(folder)).data;
}

/** Whether Node takes a file for CommonJS: by its ending, else by the nearest package.json from its folder up to `root`. */
export function isCommonJs(file: string, root: string): boolean {
  if (!file.endsWith(".js")) return file.endsWith(".cjs");
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    const manifest = readJson(folder);
    if (manifest !== undefined) return typed.safeParse(manifest).success === false;
    if (folder === root || folder === dirname(folder)) return true;
  }
}

const typed = z.object({ type: z.literal("module") });

function readJson(folder: string): unknown {
  const file = join(folder, "package.json");
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}

/**
 * What may be imported of a package: subpath (`.`, `./deep`, or `./folder/` for all below it) to path (`lib/index.js`, `lib/folder/`). Patterns
 * that change a name's end can't be told to a browser and are left out.
 */
export function exportedPaths(manifest: Manifest): ReadonlyMap<string, string> {
  const { exports, main } = manifest;
  if (exports === undefined || exports === null)
    return new Map([
      [".", plain(main)],
      ["./", ""],
    ]);
  const isMap = typeof exports === "object" && Object.keys(exports).some((key) => key.startsWith("."));
  const found = new Map<string, string>();
  for (const [key, value] of isMap ? Object.entries(exports) : [[".", exports] as const]) {
    const target = resolve(value);
    if (target === undefined) continue;
    const [from, to] = [key.split("*"), plain(target).split("*")] as const;
    if (from.length === 1) found.set(key, plain(target));
    else if (from[1] === to[1] && from[0]?.endsWith("/") && isFolder(to[0])) found.set(from[0], to[0] ?? "");
  }
  return found;
}

const isFolder = (path: string | undefined): boolean => path === "" || path?.endsWith("/") === true;
const plain = (path: string): string => path.replace(/^\.\//, "");

/** The first target whose conditions hold. */
function resolve(target: unknown): string | undefined {
  if (typeof target === "string") return target;
  if (typeof target !== "object" || target === null) return undefined;
  const options = Array.isArray(target)
    ? target
    : Object.entries(target).flatMap(([condition, value]) => (conditions.has(condition) ? [value] : []));
  for (const option of options) {
    const found = resolve(option);
    if (found !== undefined) return found;
  }
  return undefined;
}
