/**
 * The records that come with qloom: `records/*.jsonl`, as `exportRecords` writes them.
 * Not here: when they are asked (lookup.ts).
 */
import { findNodeModule } from "../ir/index.ts";
import { type ImportOptions, readFiles } from "./jsonl.ts";
import { memoryReader } from "./memory.ts";
import type { RecordReader } from "./store.ts";

/** The folder of the shipped records, beside this file in the sources and in the package. */
export const shippedFolder: URL = new URL("./records/", import.meta.url);

/** The folder that is read: `QLOOM_RECORDS`, else the shipped one. */
const usualFolder = (): string | URL =>
  findNodeModule<typeof import("node:process")>("node:process")?.env["QLOOM_RECORDS"] || shippedFolder;

/**
 * A reader over all shipped records, or those of the folder that the environment names in `QLOOM_RECORDS`; without a folder, or in a host that reads no files, over none. Lines that are no records are left
 * out and told to `onRefused`.
 */
export async function openShipped(
  folder: string | URL = usualFolder(),
  options: Pick<ImportOptions, "onRefused"> = {},
): Promise<RecordReader> {
  const { good } = await readFiles(recordFiles(folder), options);
  return memoryReader("shipped records", good);
}

function recordFiles(folder: string | URL): readonly string[] {
  const fs = findNodeModule<typeof import("node:fs")>("node:fs");
  const path = findNodeModule<typeof import("node:path")>("node:path");
  const url = findNodeModule<typeof import("node:url")>("node:url");
  if (fs === undefined || path === undefined || url === undefined) return [];
  const place = typeof folder === "string" ? folder : url.fileURLToPath(folder);
  let names: readonly string[];
  try {
    names = fs.readdirSync(place);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
  return names
    .filter((name) => name.endsWith(".jsonl"))
    .sort()
    .map((name) => path.join(place, name));
}
