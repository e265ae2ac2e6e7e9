// Reads a file's header front to back through a window that grows, so that of a file of many GiB only the first few MiB
// are ever in memory. Every length is checked against the file and the limits before anything is allocated.
// What the fields mean is not here (header.ts).

import { nodeModule } from "../../ir/index.ts";
import { GgufError } from "./errors.ts";
import type { ByteSource } from "./source.ts";

/**
 * What a header may cost. Real headers (a vocabulary of 256 Ki tokens with its merges) stay under 20 MiB and 1 Mi units.
 * A unit stands for about 32 bytes of JavaScript heap, so that a hostile header costs 128 MiB in bytes and as much in objects.
 */
export const HEADER_LIMITS: Readonly<Record<"bytes" | "units" | "arrayDepth", number>> = {
  bytes: 2 ** 27,
  units: 2 ** 22,
  arrayDepth: 8,
};

const FIRST_WINDOW = 2 ** 20;

const isUtf8 = (bytes: Uint8Array): boolean =>
  nodeModule<typeof import("node:buffer")>("node:buffer", "reading a GGUF file").isUtf8(bytes);

// Not an error: tells item() that the window must reach `end` before the item can be read.
class WindowTooSmall {
  readonly end: number;

  constructor(end: number) {
    this.end = end;
  }
}

/** The reading position in a header. Fields are read inside {@link item}; all failures are {@link GgufError}s. */
export class HeaderCursor {
  readonly file: string;
  /** What is being read, for messages: "metadata entry 3 of 20". */
  place = "the fixed header";
  readonly #source: ByteSource;
  // The same bytes twice: as numbers and as text.
  #window: DataView<ArrayBuffer> = new DataView(new ArrayBuffer(0));
  #bytes: Buffer<ArrayBuffer> = Buffer.alloc(0);
  #at = 0;
  #units = 0;

  constructor(source: ByteSource) {
    this.file = source.file;
    this.#source = source;
  }

  /** The byte of the file that is read next. */
  get offset(): number {
    return this.#at;
  }

  /** The bytes of the file from here to its end. */
  get remaining(): number {
    return this.#source.size - this.#at;
  }

  /** Runs `read`, which reads one item without waiting; where the window ends inside the item, grows it and runs `read` again. */
  async item<T>(read: () => T): Promise<T> {
    for (;;) {
      const at = this.#at;
      const units = this.#units;
      try {
        return read();
      } catch (signal) {
        if (!(signal instanceof WindowTooSmall)) throw signal;
        this.#at = at;
        this.#units = units;
        await this.#grow(signal.end);
      }
    }
  }

  async #grow(end: number): Promise<void> {
    const old = this.#window.byteLength;
    const most = Math.min(this.#source.size, HEADER_LIMITS.bytes);
    const length = Math.min(Math.max(end, FIRST_WINDOW, 2 * old), most);
    const bytes = new Uint8Array(length);
    bytes.set(new Uint8Array(this.#window.buffer));
    await this.#source.read(bytes.subarray(old), old);
    this.#window = new DataView(bytes.buffer);
    this.#bytes = Buffer.from(bytes.buffer);
  }

  /** Throws the {@link GgufError} of this file; `offset` defaults to the current position. */
  fail(reason: string, remedy: string, offset: number = this.#at): never {
    throw new GgufError({ file: this.file, offset, reason, remedy });
  }

  /** Moves past `length` bytes, once they are known to be in the file, the limits and the window; returns where they start. */
  #take(length: number): number {
    const at = this.#at;
    const end = at + length;
    if (end > this.#source.size) {
      this.fail(
        `the file ends inside ${this.place}: ${length} bytes are needed here, ${this.remaining} are left`,
        "download or copy the file again",
      );
    }
    if (end > HEADER_LIMITS.bytes) {
      this.fail(
        `the header is longer than ${HEADER_LIMITS.bytes} bytes, the most that is read of one`,
        "check where the file comes from; no known model needs such a header",
      );
    }
    if (end > this.#window.byteLength) throw new WindowTooSmall(end);
    this.#at = end;
    return at;
  }

  /** Accounts for objects about to be made of the header; see {@link HEADER_LIMITS}. */
  spend(units: number): void {
    this.#units += units;
    if (this.#units > HEADER_LIMITS.units) {
      this.fail(
        `the header holds more values than the ${HEADER_LIMITS.units} units that are read of one (${this.place})`,
        "check where the file comes from; no known model needs so many",
      );
    }
  }

  u8(): number {
    return this.#window.getUint8(this.#take(1));
  }

  u32(): number {
    return this.#window.getUint32(this.#take(4), true);
  }

  u64(): bigint {
    return this.#window.getBigUint64(this.#take(8), true);
  }

  /** A u64 that counts things of at least `leastBytes` each: refused where the rest of the file can't hold as many. */
  count(what: string, leastBytes: number): number {
    const at = this.#at;
    const count = this.u64();
    if (count > BigInt(Math.floor(this.remaining / leastBytes))) {
      this.fail(
        `${what} is ${count}, more than the ${this.remaining} bytes that follow can hold`,
        "the file is damaged or cut short: download or copy it again",
        at,
      );
    }
    return Number(count);
  }

  /** The next `length` bytes as a view into the window, good until the next item. */
  view(length: number): DataView<ArrayBuffer> {
    return new DataView(this.#window.buffer, this.#take(length), length);
  }

  /** A string: a u64 length and as many bytes of UTF-8. `valid` is false where it isn't, and then the text is repaired. */
  string(what: string): { text: string; valid: boolean } {
    const length = this.count(`the length of ${what}`, 1);
    this.spend(1 + Math.ceil(length / 32));
    const at = this.#take(length);
    // Of the ways to decode a million short strings the fastest; what is broken comes back as U+FFFD, which may also be meant.
    const text = this.#bytes.toString("utf8", at, at + length);
    const valid = !text.includes("\ufffd") || isUtf8(this.#bytes.subarray(at, at + length));
    return { text, valid };
  }
}
