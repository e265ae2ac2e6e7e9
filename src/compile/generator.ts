/** The identity of the compiler: records made by another one may stand for other kernels. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Version of the packed layouts that kernels read; raised when the same layout step packs otherwise. */
export const layoutVersion = 1;

/** What decides which code a template and point become. */
const folders = ["ir", "schedules", "backends/wasm"] as const;

let known: string | undefined;

/** A hash over the compiler's own files. */
export function generatorHash(): string {
  known ??= hashFiles(join(dirname(fileURLToPath(import.meta.url)), "..", ".."));
  return known;
}

function hashFiles(root: string): string {
  const hash = createHash("sha256");
  for (const folder of folders) {
    const files = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" });
    for (const file of files.filter((f) => /(?<!\.d)\.[jt]s$/.test(f)).sort())
      hash.update(`${folder}/${file}\n`).update(readFileSync(join(root, folder, file)));
  }
  return hash.digest("hex").slice(0, 16);
}
