// A GGUF header as bytes, the counterpart of header.ts. Refuses what the format can't hold or its reader would refuse.

import { HEADER_LIMITS } from "./cursor.ts";
import { GgufError, quote } from "./errors.ts";
import type { GgufArray, GgufBigType, GgufNumberType, GgufValue } from "./value.ts";
import { BIGS, NUMBERS, VALUE_TYPES } from "./value.ts";

export type InfoToWrite = {
  readonly name: string;
  readonly typeId: number;
  readonly shape: readonly number[];
  readonly dataOffset: number;
};

const VERSION = 3;
const utf8 = new TextEncoder();

/** Encodes the fixed header, the metadata and the tensor infos; ends where the padding before the data begins. */
export function encodeHeader(
  file: string,
  metadata: readonly (readonly [key: string, value: GgufValue])[],
  infos: readonly InfoToWrite[],
): Uint8Array {
  const out = new Encoder(file);
  out.bytes(utf8.encode("GGUF"));
  out.number("u32", VERSION);
  out.big("u64", infos.length);
  out.big("u64", metadata.length);
  checkNames(
    file,
    metadata.map(([key]) => key),
    "metadata keys",
  );
  for (const [key, value] of metadata) {
    out.place = `metadata key ${quote(key)}`;
    out.string(key);
    out.number("u32", VALUE_TYPES[value.type].id);
    out.value(value);
  }
  checkNames(
    file,
    infos.map(({ name }) => name),
    "tensors",
  );
  for (const { name, typeId, shape, dataOffset } of infos) {
    out.place = `tensor ${quote(name)}`;
    out.string(name);
    out.number("u32", shape.length);
    for (const extent of shape) out.big("u64", extent);
    out.number("u32", typeId);
    out.big("u64", dataOffset);
  }
  return out.result();
}

function checkNames(file: string, names: readonly string[], kind: string): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (name === "") throw new GgufError({ file, reason: `one of the ${kind} has an empty name`, remedy: "name it" });
    if (seen.has(name))
      throw new GgufError({ file, reason: `two ${kind} are named ${quote(name)}`, remedy: "rename one" });
    seen.add(name);
  }
}

/** Bytes that grow; every value is checked against its type. */
class Encoder {
  /** What is being written, for messages. */
  place = "the fixed header";
  readonly #file: string;
  #view: DataView<ArrayBuffer> = new DataView(new ArrayBuffer(2 ** 12));
  #length = 0;

  constructor(file: string) {
    this.#file = file;
  }

  result(): Uint8Array {
    return new Uint8Array(this.#view.buffer, 0, this.#length);
  }

  number(type: GgufNumberType, value: number): void {
    const { bytes, range, set } = NUMBERS[type];
    if (range !== undefined && !(Number.isInteger(value) && value >= range[0] && value <= range[1])) {
      this.#fail(`${value} is no ${type}`);
    }
    const at = this.#make(bytes); // may put another #view in place
    set(this.#view, at, value);
  }

  big(type: GgufBigType, value: number | bigint): void {
    const { range, set } = BIGS[type];
    // Beyond 2^53 a number may not be the integer that was meant.
    if (typeof value === "number" && !Number.isSafeInteger(value)) this.#fail(`${value} is no exact ${type}`);
    const integer = BigInt(value);
    if (integer < range[0] || integer > range[1]) this.#fail(`${value} is no ${type}`);
    const at = this.#make(8);
    set(this.#view, at, integer);
  }

  string(text: string): void {
    if (!text.isWellFormed()) this.#fail(`${quote(text)} holds half a surrogate pair, which UTF-8 can't`);
    const bytes = utf8.encode(text);
    this.big("u64", bytes.length);
    this.bytes(bytes);
  }

  bytes(bytes: Uint8Array): void {
    const at = this.#make(bytes.length);
    new Uint8Array(this.#view.buffer).set(bytes, at);
  }

  value(value: GgufValue): void {
    switch (value.type) {
      case "string":
        this.string(value.value);
        break;
      case "bool":
        this.number("u8", value.value ? 1 : 0);
        break;
      case "array":
        this.#array(value, 1);
        break;
      case "u64":
      case "i64":
        this.big(value.type, value.value);
        break;
      default:
        this.number(value.type, value.value);
    }
  }

  #array(array: GgufArray, depth: number): void {
    if (depth > HEADER_LIMITS.arrayDepth) this.#fail(`arrays nest more than ${HEADER_LIMITS.arrayDepth} deep`);
    this.number("u32", VALUE_TYPES[array.items].id);
    this.big("u64", array.value.length);
    switch (array.items) {
      case "string":
        for (const text of array.value) this.string(text);
        break;
      case "bool":
        for (const bool of array.value) this.number("u8", bool ? 1 : 0);
        break;
      case "array":
        for (const inner of array.value) this.#array(inner, depth + 1);
        break;
      case "u64":
      case "i64":
        for (let i = 0; i < array.value.length; i++) this.big(array.items, array.value[i]!);
        break;
      default:
        for (let i = 0; i < array.value.length; i++) this.number(array.items, array.value[i]!);
    }
  }

  /** Makes room for `bytes` more and returns where they go. */
  #make(bytes: number): number {
    const at = this.#length;
    const end = at + bytes;
    if (end > HEADER_LIMITS.bytes)
      this.#fail(`the header grows past ${HEADER_LIMITS.bytes} bytes, the most that is read`);
    if (end > this.#view.byteLength) {
      const larger = new Uint8Array(Math.max(end, 2 * this.#view.byteLength));
      larger.set(this.result());
      this.#view = new DataView(larger.buffer);
    }
    this.#length = end;
    return at;
  }

  #fail(reason: string): never {
    throw new GgufError({ file: this.#file, reason: `${this.place}: ${reason}`, remedy: "mend the value or its type" });
  }
}
