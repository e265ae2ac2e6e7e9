// The header of a GGUF file, v2 or v3: fixed part, metadata, tensor infos. Checks what each field may be by itself;
// how the tensors lie in the file is checked in layout.ts, the metadata that qloom relies on in known.ts.

import { HeaderCursor } from "./cursor.ts";
import { DAMAGED, readEntry, readName } from "./entry.ts";
import { quote } from "./errors.ts";
import type { ByteSource } from "./source.ts";
import type { GgufValue } from "./value.ts";

/** A tensor info as it stands in the file. */
export type TensorInfo = {
  readonly name: string;
  /** ggml order: the contiguous axis (K) first. */
  readonly shape: readonly number[];
  readonly typeId: number;
  /** Relative to the data section. */
  readonly dataOffset: bigint;
  /** Where the info itself starts in the file, for messages. */
  readonly at: number;
};

export type Header = {
  readonly version: number;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  /** Where the entry of each key starts in the file, for messages. */
  readonly entryAt: ReadonlyMap<string, number>;
  readonly infos: readonly TensorInfo[];
  /** The first byte after the last tensor info. */
  readonly end: number;
  /** Keys whose strings were not all UTF-8; their broken bytes were replaced by U+FFFD. */
  readonly repaired: ReadonlySet<string>;
};

const MAGIC = 0x46554747; // "GGUF" read as a little-endian u32
const VERSIONS: readonly number[] = [2, 3];
const MOST_DIMENSIONS = 4;
const LEAST_ENTRY_BYTES = 8 + 1 + 4 + 1; // key length, one byte of key, value type, value
const LEAST_INFO_BYTES = 8 + 1 + 4 + 4 + 8; // name length, one byte of name, no dimensions, type, offset

/** Reads and checks a header. Throws GgufError and nothing else, whatever the bytes are. */
export async function readHeader(source: ByteSource): Promise<Header> {
  const cursor = new HeaderCursor(source);
  const fixed = await cursor.item(() => readFixed(cursor));
  const metadata = new Map<string, GgufValue>();
  const entryAt = new Map<string, number>();
  const repaired = new Set<string>();
  for (let i = 0; i < fixed.metadataCount; i++) {
    cursor.place = `metadata entry ${i + 1} of ${fixed.metadataCount}`;
    const at = cursor.offset;
    const { key, value, valid } = await cursor.item(() => readEntry(cursor, metadata));
    metadata.set(key, value);
    entryAt.set(key, at);
    if (!valid) repaired.add(key);
  }
  const infos: TensorInfo[] = [];
  const names = new Set<string>();
  for (let i = 0; i < fixed.tensorCount; i++) {
    cursor.place = `tensor info ${i + 1} of ${fixed.tensorCount}`;
    const info = await cursor.item(() => readInfo(cursor, names));
    names.add(info.name);
    infos.push(info);
  }
  return { version: fixed.version, metadata, entryAt, infos, end: cursor.offset, repaired };
}

function readFixed(cursor: HeaderCursor): { version: number; tensorCount: number; metadataCount: number } {
  const magic = cursor.u32();
  if (magic !== MAGIC) {
    const shown = magic.toString(16).padStart(8, "0").match(/../g)!.reverse().join(" ");
    cursor.fail(
      `the file starts with the bytes ${shown}, not with 47 47 55 46 ("GGUF")`,
      "pass a GGUF file (a Git LFS pointer or a web page may have been saved in its place)",
      0,
    );
  }
  const version = cursor.u32();
  const swapped = ((version & 0xff) << 24) | ((version & 0xff00) << 8) | ((version >>> 8) & 0xff00) | (version >>> 24);
  if (version !== swapped && VERSIONS.includes(swapped)) {
    cursor.fail("the file is big-endian", "convert the model for little-endian machines", 4);
  }
  if (!VERSIONS.includes(version)) {
    cursor.fail(
      `GGUF version ${version} is not one of those that are read (${VERSIONS.join(", ")})`,
      "convert the model again with a current llama.cpp",
      4,
    );
  }
  const tensorCount = cursor.count("the tensor count", LEAST_INFO_BYTES);
  const metadataCount = cursor.count("the metadata count", LEAST_ENTRY_BYTES);
  return { version, tensorCount, metadataCount };
}

function readInfo(cursor: HeaderCursor, names: ReadonlySet<string>): TensorInfo {
  const at = cursor.offset;
  cursor.spend(16);
  const name = readName(cursor, "name");
  if (names.has(name)) cursor.fail(`two tensors are named ${quote(name)}`, DAMAGED, at);
  const rankAt = cursor.offset;
  const rank = cursor.u32();
  if (rank > MOST_DIMENSIONS) {
    cursor.fail(`tensor ${quote(name)} has ${rank} dimensions, more than ${MOST_DIMENSIONS}`, DAMAGED, rankAt);
  }
  const shapeAt = cursor.offset;
  const shape = Array.from({ length: rank }, () => cursor.u64());
  if (shape.includes(0n))
    cursor.fail(`tensor ${quote(name)} has a dimension of 0 in ${shapeText(shape)}`, DAMAGED, shapeAt);
  if (shape.reduce((product, extent) => product * extent, 1n) > BigInt(Number.MAX_SAFE_INTEGER)) {
    cursor.fail(
      `the dimensions ${shapeText(shape)} of tensor ${quote(name)} multiply to 2^53 or more`,
      DAMAGED,
      shapeAt,
    );
  }
  const typeId = cursor.u32();
  const dataOffset = cursor.u64();
  return { name, shape: shape.map(Number), typeId, dataOffset, at };
}

/** A shape as messages show it: ggml order. */
export function shapeText(shape: readonly (number | bigint)[]): string {
  return `[${shape.join(", ")}]`;
}
