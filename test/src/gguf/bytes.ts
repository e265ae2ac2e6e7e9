// GGUF files byte by byte, right or wrong, for the tests of the reader. Made without src/gguf's writer, so that the
// reader is not tested against its own mistakes.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GgufError, openGguf } from "../../../src/gguf/index.ts";

export const VECTORS: string = new URL("../../vectors/ggml-quants.gguf", import.meta.url).pathname;

type Bytes = Uint8Array | readonly number[] | string;

export function concat(...parts: readonly Bytes[]): Uint8Array {
  return Buffer.concat(parts.map((part) => (part instanceof Uint8Array ? part : Buffer.from(part as string))));
}

export function u32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

export function u64(value: bigint | number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

/** Length and bytes. */
export function text(bytes: Bytes): Uint8Array {
  const body = concat(bytes);
  return concat(u64(body.length), body);
}

/** A metadata entry: key, value type id, the value's bytes. */
export function entry(key: Bytes, typeId: number, ...value: readonly Bytes[]): Uint8Array {
  return concat(text(key), u32(typeId), ...value);
}

export type Info = { name?: Bytes; shape?: readonly (number | bigint)[]; typeId?: number; offset?: number | bigint };

/** A tensor info; by default "t", f32 [8], at the start of the data. */
export function info({ name = "t", shape = [8], typeId = 0, offset = 0 }: Info = {}): Uint8Array {
  return concat(text(name), u32(shape.length), ...shape.map(u64), u32(typeId), u64(offset));
}

export type Parts = {
  magic?: Bytes;
  version?: number;
  tensorCount?: number | bigint;
  metadataCount?: number | bigint;
  entries?: readonly Uint8Array[];
  infos?: readonly Uint8Array[];
  /** Bytes of the data section, which starts at the next multiple of `alignment`. */
  data?: number;
  alignment?: number;
};

/** A file; without arguments a right one, with one tensor. */
export function gguf(parts: Parts = {}): Uint8Array {
  const { magic = "GGUF", version = 3, entries = [], infos = [info()], data = 32, alignment = 32 } = parts;
  const { tensorCount = infos.length, metadataCount = entries.length } = parts;
  const header = concat(magic, u32(version), u64(tensorCount), u64(metadataCount), ...entries, ...infos);
  return concat(header, new Uint8Array((alignment - (header.length % alignment)) % alignment), new Uint8Array(data));
}

/** Runs `use` with a new folder, which is gone afterwards. */
export async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "qloom-gguf-"));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What `action` throws, which must be a GgufError, as its one line with the folder left out. */
export async function failureOf(folder: string, action: () => unknown): Promise<string> {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof GgufError)) throw error;
    if (error.message.includes("\n")) throw new Error(`not one line: ${error.message}`);
    return error.message.replaceAll(`${folder}/`, "");
  }
  return "nothing was thrown";
}

/** What opening a file of these bytes throws. */
export function openFailure(bytes: Uint8Array): Promise<string> {
  return inFolder(async (folder) => {
    const file = join(folder, "t.gguf");
    await writeFile(file, bytes);
    return failureOf(folder, async () => (await openGguf(file)).close());
  });
}
