/// <reference lib="esnext.disposable" preserve="true" />
// An open GGUF file: what its header says, and the bytes of its tensors when they are asked for.
// What the bytes mean is not here (ir/formats).

import { GgufError, quote } from "./errors.ts";
import { readHeader } from "./header.ts";
import { knownMetadata } from "./known.ts";
import type { GgufTensor } from "./layout.ts";
import { layoutTensors } from "./layout.ts";
import type { FileSource } from "./source.ts";
import { openSource } from "./source.ts";
import type { GgufValue } from "./value.ts";

/** What was read of the header; all of it checked. */
export type GgufContents = {
  readonly version: number;
  readonly alignment: number;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  /** `general.architecture`, where there is one. */
  readonly architecture: string | undefined;
  /** Where the file is one of several that hold a model: which, counted from 0, of how many. */
  readonly shard: { readonly index: number; readonly count: number } | undefined;
  /** In the order of the file's list. */
  readonly tensors: readonly GgufTensor[];
  /** The first byte of the data section. */
  readonly dataOffset: number;
  /** What is odd about the file but harms nothing, a line each, worth showing to a person. */
  readonly warnings: readonly string[];
};

/** A GGUF file held open for reading; close it, or declare it with `await using`. */
export class GgufFile implements GgufContents, AsyncDisposable {
  readonly file: string;
  readonly size: number;
  readonly version: number;
  readonly alignment: number;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly architecture: string | undefined;
  readonly shard: { readonly index: number; readonly count: number } | undefined;
  readonly tensors: readonly GgufTensor[];
  readonly dataOffset: number;
  readonly warnings: readonly string[];
  readonly #source: FileSource;
  readonly #byName: ReadonlyMap<string, GgufTensor>;

  /** Use {@link openGguf}. */
  constructor(source: FileSource, contents: GgufContents) {
    this.file = source.file;
    this.size = source.size;
    this.version = contents.version;
    this.alignment = contents.alignment;
    this.metadata = contents.metadata;
    this.architecture = contents.architecture;
    this.shard = contents.shard;
    this.tensors = contents.tensors;
    this.dataOffset = contents.dataOffset;
    this.warnings = contents.warnings;
    this.#source = source;
    this.#byName = new Map(contents.tensors.map((tensor) => [tensor.name, tensor]));
  }

  /** The tensor of this name. Throws GgufError where there is none. */
  tensor(name: string): GgufTensor {
    const tensor = this.#byName.get(name);
    if (tensor !== undefined) return tensor;
    const first = this.tensors.slice(0, 3).map((t) => quote(t.name));
    const has =
      first.length === 0
        ? "the file has none"
        : `the file has ${this.tensors.length}, the first are ${first.join(", ")}`;
    throw new GgufError({ file: this.file, reason: `no tensor is named ${quote(name)}`, remedy: has });
  }

  /** All bytes of a tensor, as they are in the file (blocks of its type, row after row). Throws GgufError. */
  async read(name: string): Promise<Uint8Array<ArrayBuffer>> {
    return this.readRange(name, 0, this.#byteLength(this.tensor(name)));
  }

  /**
   * `length` bytes of a tensor from its byte `start`, for tensors too big to hold twice. Row n is the n-th of
   * `byteLength / n` bytes; expert e of a 3-D tensor the e-th of `byteLength / shape[2]`. Throws GgufError.
   */
  async readRange(name: string, start: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const tensor = this.tensor(name);
    const byteLength = this.#byteLength(tensor);
    const whole = Number.isSafeInteger(start) && Number.isSafeInteger(length);
    if (!whole || start < 0 || length < 0 || start + length > byteLength) {
      throw new GgufError({
        file: this.file,
        reason: `${length} bytes from byte ${start} of tensor ${quote(name)} were asked for`,
        remedy: `it has ${byteLength} bytes`,
      });
    }
    const bytes = this.#allocate(tensor, length);
    await this.#source.read(bytes, tensor.offset + start);
    return bytes;
  }

  #byteLength(tensor: GgufTensor): number {
    if (tensor.byteLength !== undefined) return tensor.byteLength;
    throw new GgufError({
      file: this.file,
      offset: tensor.offset,
      reason: `tensor ${quote(tensor.name)} has the ggml type ${tensor.typeId}, which is not known here`,
      remedy: "quantize the model to a known type, or add the type's row to src/gguf/types.ts",
    });
  }

  #allocate(tensor: GgufTensor, length: number): Uint8Array<ArrayBuffer> {
    try {
      return new Uint8Array(length);
    } catch (cause) {
      throw new GgufError({
        file: this.file,
        offset: tensor.offset,
        reason: `${length} bytes of tensor ${quote(tensor.name)} don't fit into memory`,
        remedy: "read it in parts with readRange",
        cause,
      });
    }
  }

  /** Lets go of the file; reads under way finish first, later ones throw GgufError. May be called again. */
  close(): Promise<void> {
    return this.#source.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * Opens a GGUF file (v2 or v3, little-endian) and reads its header, never more than {@link HEADER_LIMITS}`.bytes` of it.
 * Throws GgufError for whatever is wrong with the file or with opening it.
 */
export async function openGguf(file: string): Promise<GgufFile> {
  const source = await openSource(file);
  try {
    const header = await readHeader(source);
    const known = knownMetadata(file, header);
    const layout = layoutTensors(file, source.size, header, known.alignment);
    const warnings: string[] = [];
    for (const key of header.repaired) {
      warnings.push(
        `${file}: metadata key ${quote(key)} holds text that is not UTF-8; its broken bytes read as U+FFFD`,
      );
    }
    if (known.shard !== undefined) {
      const { index, count } = known.shard;
      warnings.push(
        `${file}: shard ${index + 1} of ${count}: the tensors of the others are not seen; join them with llama-gguf-split --merge`,
      );
    }
    if (layout.trailingBytes !== undefined && layout.trailingBytes > 0) {
      const start = source.size - layout.trailingBytes;
      warnings.push(
        `${file}: byte ${start}: what follows the last tensor (${layout.trailingBytes} bytes) is ignored; the file may be two copied into one`,
      );
    }
    return new GgufFile(source, { ...known, ...layout, version: header.version, metadata: header.metadata, warnings });
  } catch (error) {
    await source.close();
    throw error;
  }
}
