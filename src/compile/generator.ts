/** The identity of the compiler: records made by another one may stand for other kernels. */
import { type Device, nodeModule, sha256 } from "../../ir/index.ts";
import { generatorStamp } from "./generator-stamp.ts";

/** Version of the packed layouts that kernels read; raised when the same layout step packs otherwise. */
export const layoutVersion = 1;

type Kind = Device["kind"];

/** What decides which code a template and point become on a kind of device. */
const folders = {
  wasm: ["ir", "schedules", "backends/legalize", "backends/wasm"],
  wgsl: ["ir", "schedules", "backends/legalize", "backends/wgsl"],
  reference: ["ir", "schedules"],
} as const satisfies Record<Kind, readonly string[]>;

const known = new Map<Kind, string>(Object.entries(generatorStamp) as [Kind, string][]);

/** A hash over the compiler's own files, as far as they matter to a kind of device. */
export function generatorHash(kind: Kind = "wasm"): string {
  const hash = known.get(kind) ?? hashFiles(folders[kind]);
  known.set(kind, hash);
  return hash;
}

/** The text of generator-stamp.ts that tells the hashes of these files. Needs Node. */
export function stampText(): string {
  const hashes = Object.fromEntries(Object.keys(folders).map((kind) => [kind, generatorHash(kind as Kind)]));
  return `export const generatorStamp = ${JSON.stringify(hashes)};\n`;
}

function hashFiles(of: readonly string[]): string {
  const need = "hashing the compiler's files";
  const { readdirSync, readFileSync } = nodeModule<typeof import("node:fs")>("node:fs", need);
  const { dirname, join } = nodeModule<typeof import("node:path")>("node:path", need);
  const { fileURLToPath } = nodeModule<typeof import("node:url")>("node:url", need);
  const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
  const parts: (string | Uint8Array)[] = [];
  for (const folder of of) {
    const files = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" });
    for (const file of files.filter((f) => /(?<!\.d)\.[jt]s$/.test(f)).sort())
      parts.push(`${folder}/${file}\n`, readFileSync(join(root, folder, file)));
  }
  return sha256(...parts).slice(0, 16);
}
