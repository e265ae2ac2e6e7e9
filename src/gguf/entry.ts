// One entry of a header's metadata: a key and a value of any type. What a key means is not here (known.ts).

import type { HeaderCursor } from "./cursor.ts";
import { HEADER_LIMITS } from "./cursor.ts";
import { quote } from "./errors.ts";
import type { GgufArray, GgufBigType, GgufNumberType, GgufValue, GgufValueType } from "./value.ts";
import { BIGS, NUMBERS, narrow, VALUE_TYPES, valueTypeOf } from "./value.ts";

export const DAMAGED = "the file is damaged or no GGUF file: download or convert it again";

/** `valid` is false where a string of the value isn't UTF-8; its broken bytes are U+FFFD then. */
export type Entry = { readonly key: string; readonly value: GgufValue; readonly valid: boolean };

// What the readers of values share. `label` is the key for messages, made once and not for each of a million strings.
type Reading = { readonly cursor: HeaderCursor; readonly label: string; readonly string: () => string };

/** Reads an entry whose key is not in `before` yet. */
export function readEntry(cursor: HeaderCursor, before: ReadonlyMap<string, unknown>): Entry {
  const start = cursor.offset;
  cursor.spend(8);
  const key = readName(cursor, "key");
  const label = `metadata key ${quote(key)}`;
  if (before.has(key)) cursor.fail(`${label} is there twice`, DAMAGED, start);
  let valid = true;
  const what = `a string of ${label}`;
  const string = (): string => {
    const read = cursor.string(what);
    valid &&= read.valid;
    return read.text;
  };
  const reading = { cursor, label, string };
  const value = readValue(reading, readType(reading));
  return { key, value, valid };
}

/** A metadata key or a tensor name: not empty, UTF-8. */
export function readName(cursor: HeaderCursor, kind: string): string {
  const start = cursor.offset;
  const what = `the ${kind} of ${cursor.place}`;
  const { text, valid } = cursor.string(what);
  if (!valid) cursor.fail(`${what} is not UTF-8: ${quote(text)}`, DAMAGED, start);
  if (text === "") cursor.fail(`${what} is empty`, DAMAGED, start);
  return text;
}

function readType({ cursor, label }: Reading): GgufValueType {
  const start = cursor.offset;
  const id = cursor.u32();
  return valueTypeOf(id) ?? cursor.fail(`${label} has the unknown value type ${id}`, DAMAGED, start);
}

function readValue(reading: Reading, type: GgufValueType): GgufValue {
  switch (type) {
    case "string":
      return { type, value: reading.string() };
    case "bool":
      return { type, value: readBool(reading) };
    case "array":
      return readArray(reading, 1);
    case "u64":
    case "i64":
      return { type, value: narrow(BIGS[type].get(reading.cursor.view(8), 0)) };
    default:
      return { type, value: NUMBERS[type].get(reading.cursor.view(NUMBERS[type].bytes), 0) };
  }
}

function readBool({ cursor, label }: Reading): boolean {
  const byte = cursor.u8();
  if (byte > 1) cursor.fail(`${label} is ${byte} where a bool is 0 or 1`, DAMAGED, cursor.offset - 1);
  return byte === 1;
}

function readArray(reading: Reading, depth: number): GgufArray {
  const { cursor, label } = reading;
  if (depth > HEADER_LIMITS.arrayDepth) {
    cursor.fail(`${label} nests arrays more than ${HEADER_LIMITS.arrayDepth} deep`, DAMAGED);
  }
  cursor.spend(8);
  const items = readType(reading);
  const length = cursor.count(`the array length of ${label}`, VALUE_TYPES[items].leastBytes);
  switch (items) {
    case "string":
      return { type: "array", items, value: repeat(length, reading.string) };
    case "bool":
      cursor.spend(Math.ceil(length / 4));
      return { type: "array", items, value: repeat(length, () => readBool(reading)) };
    case "array":
      return { type: "array", items, value: repeat(length, () => readArray(reading, depth + 1)) };
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
