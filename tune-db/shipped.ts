/**
 * The records that come with qloom: `records/*.jsonl`, as `exportRecords` writes them.
 * Not here: when they are asked (lookup.ts).
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ImportOptions, readFiles } from "./jsonl.ts";
import { memoryReader } from "./memory.ts";
import type { RecordReader } from "./store.ts";

/** The folder of the shipped records, beside this file in the sources and in the package. */
export const SHIPPED_FOLDER: string = fileURLToPath(new URL("./records/", import.meta.url));

/** A reader over all shipped records; without a folder, over none. Lines that are no records are left out and told to `onRefused`. */
export async function openShipped(
  folder: string = SHIPPED_FOLDER,
  options: Pick<ImportOptions, "onRefused"> = {},
): Promise<RecordReader> {
  const { good } = await readFiles(recordFiles(folder), options);
  return memoryReader("shipped records", good);
}

function recordFiles(folder: string): readonly string[] {
  let names: readonly string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
  return names
    .filter((name) => name.endsWith(".jsonl"))
    .sort()
    .map((name) => join(folder, name));
}
