// The header of a GGUF file, v2 or v3: fixed part, metadata, tensor infos. Checks what each field may be by itself;
// how the tensors lie in the file is checked in layout.ts, the metadata that qloom relies on in known.ts.

import { HEADER_LIMITS, HeaderCursor } from "./cursor.ts";
import { quote } from "./errors.ts";
import type { ByteSource } from "./source.ts";
import type { GgufArray, GgufBigType, GgufNumberType, GgufValue, GgufValueType } from "./value.ts";
import { BIGS, NUMBERS, narrow, VALUE_TYPES, valueTypeOf } from "./value.ts";

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
const DAMAGED = "the file is damaged or no GGUF file: download or convert it again";

/** Reads and checks a header. Throws GgufError and nothing else, whatever the bytes are. */
export async function readHeader(source: ByteSource): Promise<Header> {
  const cursor = new HeaderCursor(source);
  const fixed = await cursor.item(() => readFixed(cursor));
  const metadata = new Map<string, GgufValue>();
  const repaired = new Set<string>();
  for (let i = 0; i < fixed.metadataCount; i++) {
    cursor.place = `metadata entry ${i + 1} of ${fixed.metadataCount}`;
    await cursor.item(() => readEntry(cursor, metadata, repaired));
  }
  const infos: TensorInfo[] = [];
  const names = new Set<string>();
  for (let i = 0; i < fixed.tensorCount; i++) {
    cursor.place = `tensor info ${i + 1} of ${fixed.tensorCount}`;
    infos.push(await cursor.item(() => readInfo(cursor, names)));
  }
  return { version: fixed.version, metadata, infos, end: cursor.offset, repaired };
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

// Adds to `metadata` only as its last step, because item() may run it several times.
function readEntry(cursor: HeaderCursor, metadata: Map<string, GgufValue>, repaired: Set<string>): void {
  const start = cursor.offset;
  cursor.spend(8);
  const key = readName(cursor, "key");
  if (metadata.has(key)) cursor.fail(`metadata key ${quote(key)} is there twice`, DAMAGED, start);
  let valid = true;
  const readString = (): string => {
    const { text, valid: ok } = cursor.string(`a string of ${quote(key)}`);
    valid &&= ok;
    return text;
  };
  const value = readValue(cursor, readType(cursor, key), key, readString);
  if (!valid) repaired.add(key);
  metadata.set(key, value);
}

/** A metadata key or a tensor name: not empty, UTF-8. */
function readName(cursor: HeaderCursor, kind: string): string {
  const start = cursor.offset;
  const { text, valid } = cursor.string(`the ${kind} of ${cursor.place}`);
  if (!valid) cursor.fail(`the ${kind} of ${cursor.place} is not UTF-8: ${quote(text)}`, DAMAGED, start);
  if (text === "") cursor.fail(`the ${kind} of ${cursor.place} is empty`, DAMAGED, start);
  return text;
}

function readType(cursor: HeaderCursor, key: string): GgufValueType {
  const start = cursor.offset;
  const id = cursor.u32();
  return valueTypeOf(id) ?? cursor.fail(`metadata key ${quote(key)} has the unknown value type ${id}`, DAMAGED, start);
}

function readValue(cursor: HeaderCursor, type: GgufValueType, key: string, readString: () => string): GgufValue {
  switch (type) {
    case "string":
      return { type, value: readString() };
    case "bool":
      return { type, value: readBool(cursor, key) };
    case "array":
      return readArray(cursor, key, readString, 1);
    case "u64":
    case "i64":
      return { type, value: narrow(BIGS[type].get(cursor.view(8), 0)) };
    default:
      return { type, value: NUMBERS[type].get(cursor.view(NUMBERS[type].bytes), 0) };
  }
}

function readBool(cursor: HeaderCursor, key: string): boolean {
  const byte = cursor.u8();
  if (byte > 1) cursor.fail(`metadata key ${quote(key)} is ${byte} where a bool is 0 or 1`, DAMAGED, cursor.offset - 1);
  return byte === 1;
}

function readArray(cursor: HeaderCursor, key: string, readString: () => string, depth: number): GgufArray {
  if (depth > HEADER_LIMITS.arrayDepth) {
    cursor.fail(`metadata key ${quote(key)} nests arrays more than ${HEADER_LIMITS.arrayDepth} deep`, DAMAGED);
  }
  cursor.spend(8);
  const items = readType(cursor, key);
  const length = cursor.count(`the array length of ${quote(key)}`, VALUE_TYPES[items].leastBytes);
  switch (items) {
    case "string":
      return { type: "array", items, value: repeat(length, readString) };
    case "bool":
      cursor.spend(Math.ceil(length / 4));
      return { type: "array", items, value: repeat(length, () => readBool(cursor, key)) };
    case "array":
      return { type: "array", items, value: repeat(length, () => readArray(cursor, key, readString, depth + 1)) };
    case "u64":
    case "i64":
      return { type: "array", items, value: readBigs(cursor, items, length) };
    default:
      return { type: "array", items, value: readNumbers(cursor, items, length) };
  }
}

// push and not new Array(length): an array as long as a hostile length says would be allocated before its items are seen.
function repeat<T>(length: number, read: () => T): T[] {
  const values: T[] = [];
  for (let i = 0; i < length; i++) values.push(read());
  return values;
}

function readNumbers(cursor: HeaderCursor, items: GgufNumberType, length: number): ArrayLike<number> {
  const row = NUMBERS[items];
  const view = cursor.view(length * row.bytes); // before the allocation: it checks the limits
  const values = row.array(length);
  for (let i = 0; i < length; i++) values[i] = row.get(view, i * row.bytes);
  return values;
}

function readBigs(cursor: HeaderCursor, items: GgufBigType, length: number): ArrayLike<bigint> {
  const row = BIGS[items];
  const view = cursor.view(length * 8);
  const values = row.array(length);
  for (let i = 0; i < length; i++) values[i] = row.get(view, i * 8);
  return values;
}

// Adds to `names` only as its last step, because item() may run it several times.
function readInfo(cursor: HeaderCursor, names: Set<string>): TensorInfo {
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
  const shape = repeat(rank, () => cursor.u64());
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
  names.add(name);
  return { name, shape: shape.map(Number), typeId, dataOffset, at };
}

/** A shape as messages show it: ggml order. */
export function shapeText(shape: readonly (number | bigint)[]): string {
  return `[${shape.join(", ")}]`;
}
