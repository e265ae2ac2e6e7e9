// A growing byte buffer with the primitive encodings of the WebAssembly binary format (section 5.2): LEB128 integers,
// floats, strings. What the bytes mean is in encode.ts. The counterpart for reading is byte-reader.ts.

const text = new TextEncoder();
const canonicalNan32 = 0x7fc00000;
const canonicalNan64 = 0x7ff8000000000000n;

/** Writes bytes one after the other; refuses numbers that the encoding cannot hold with a RangeError. */
export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #length = 0;

  /** @param capacity bytes to start with; the buffer doubles as needed */
  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  /** Forgets what was written and keeps the buffer. */
  clear(): void {
    this.#length = 0;
  }

  /** A copy of what was written. */
  toBytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  byte(value: number): void {
    if ((value & 0xff) !== value) throw new RangeError(`${value} is not a byte (0 to 255)`);
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  /** A few bytes: an opcode, a vector. */
  bytes(values: readonly number[]): void {
    this.#reserve(values.length);
    for (const value of values) {
      if ((value & 0xff) !== value) throw new RangeError(`${value} is not a byte (0 to 255)`);
      this.#bytes[this.#length++] = value;
    }
  }

  /** Many bytes. */
  copy(values: Uint8Array): void {
    this.#reserve(values.length);
    this.#bytes.set(values, this.#length);
    this.#length += values.length;
  }

  /** Unsigned LEB128, 0 to 2^32 - 1. */
  u32(value: number): void {
    if (value >>> 0 !== value) throw new RangeError(`${value} is not an unsigned 32-bit integer`);
    this.#reserve(5);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#length++] = rest;
  }

  /** Signed LEB128, -2^31 to 2^31 - 1. */
  s32(value: number): void {
    if ((value | 0) !== value) throw new RangeError(`${value} is not a signed 32-bit integer`);
    this.#reserve(5);
    let rest = value;
    while (rest < -0x40 || rest > 0x3f) {
      this.#bytes[this.#length++] = (rest & 0x7f) | 0x80;
      rest >>= 7;
    }
    this.#bytes[this.#length++] = rest & 0x7f;
  }

  /** Signed LEB128, -2^63 to 2^63 - 1. */
  s64(value: bigint): void {
    if (BigInt.asIntN(64, value) !== value) throw new RangeError(`${value} is not a signed 64-bit integer`);
    this.#reserve(10);
    let rest = value;
    while (rest < -0x40n || rest > 0x3fn) {
      this.#bytes[this.#length++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#bytes[this.#length++] = Number(rest & 0x7fn);
  }

  /** Rounded to nearest. Engines may pick any bits for a NaN, so it is written as the canonical one. */
  f32(value: number): void {
    this.#reserve(4);
    if (Number.isNaN(value)) this.#view.setUint32(this.#length, canonicalNan32, true);
    else this.#view.setFloat32(this.#length, value, true);
    this.#length += 4;
  }

  /** As `f32`, in 8 bytes. */
  f64(value: number): void {
    this.#reserve(8);
    if (Number.isNaN(value)) this.#view.setBigUint64(this.#length, canonicalNan64, true);
    else this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  /** A string: its length in UTF-8 bytes, then the bytes. A lone surrogate has no UTF-8 and is refused. */
  string(value: string): void {
    if (!value.isWellFormed()) throw new RangeError(`${JSON.stringify(value)} has a lone surrogate`);
    const encoded = text.encode(value);
    this.u32(encoded.length);
    this.copy(encoded);
  }

  /** What another writer holds, preceded by its length. */
  sized(content: ByteWriter): void {
    this.u32(content.#length);
    this.copy(content.#bytes.subarray(0, content.#length));
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
    grown.set(this.#bytes);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}
