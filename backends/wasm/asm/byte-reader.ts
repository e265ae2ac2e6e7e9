// A cursor over bytes with the primitive encodings of the WebAssembly binary format, the counterpart of byte-writer.ts.
// What the bytes mean is in decode.ts.

import { WasmDecodeError } from "./errors.ts";

const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads bytes one after the other; anything missing or malformed is a WasmDecodeError that says where. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = start;
    this.#end = end;
  }

  get offset(): number {
    return this.#at;
  }

  get done(): boolean {
    return this.#at === this.#end;
  }

  fail(reason: string, offset: number = this.#at): never {
    throw new WasmDecodeError(offset, reason);
  }

  /** A reader of the next bytes, whose count stands before them; this one goes on after them. */
  sized(what: string): ByteReader {
    const length = this.u32();
    const start = this.#take(length, what);
    return new ByteReader(this.#bytes, start, start + length);
  }

  /** Says that everything has to be read by now. */
  expectEnd(what: string): void {
    if (!this.done) this.fail(`${this.#end - this.#at} bytes too many in ${what}`);
  }

  byte(): number {
    return this.#view.getUint8(this.#take(1, "a byte"));
  }

  bytes(count: number): Uint8Array {
    const start = this.#take(count, `${count} bytes`);
    return this.#bytes.slice(start, start + count);
  }

  u32(): number {
    const start = this.#at;
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value < 2 ** 32 ? value : this.fail("an integer above 32 bits", start);
    }
    return this.fail("a LEB128 integer longer than 5 bytes", start);
  }

  s32(): number {
    const start = this.#at;
    const value = this.s64();
    return value === BigInt.asIntN(32, value) ? Number(value) : this.fail("an integer above 32 bits", start);
  }

  s64(): bigint {
    const start = this.#at;
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, byte & 0x40 ? value - (1n << (shift + 7n)) : value);
    }
    return this.fail("a LEB128 integer longer than 10 bytes", start);
  }

  f32(): number {
    return this.#view.getFloat32(this.#take(4, "an f32"), true);
  }

  f64(): number {
    return this.#view.getFloat64(this.#take(8, "an f64"), true);
  }

  string(): string {
    const length = this.u32();
    const start = this.#take(length, "a string");
    try {
      return text.decode(this.#bytes.subarray(start, start + length));
    } catch {
      return this.fail("a string that is not UTF-8", start);
    }
  }

  /** A list: its length, then the items. */
  list<T>(item: (index: number) => T): T[] {
    const count = this.u32();
    const items: T[] = [];
    for (let index = 0; index < count; index++) items.push(item(index));
    return items;
  }

  #take(count: number, what: string): number {
    const start = this.#at;
    if (count > this.#end - start) this.fail(`the end comes before ${what} is complete`);
    this.#at = start + count;
    return start;
  }
}
