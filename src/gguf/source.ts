// Bytes at a position of an open file: the one place that reads. Knows nothing of GGUF.

import type { FileHandle } from "node:fs/promises";
import { nodeModule } from "../../ir/index.ts";
import { GgufError, systemError } from "./errors.ts";

/** Something of known size that can be read anywhere. `read` fills `into` or throws a {@link GgufError}. */
export type ByteSource = {
  readonly file: string;
  readonly size: number;
  read(into: Uint8Array, position: number): Promise<void>;
};

const LONGEST_READ = 2 ** 28; // one read call takes less than 2 GiB on every system

/** A regular file opened for reading, as a {@link ByteSource}. */
export class FileSource implements ByteSource {
  readonly file: string;
  readonly size: number;
  readonly #handle: FileHandle;
  #closing: Promise<void> | undefined;

  /** @internal */
  constructor(file: string, size: number, handle: FileHandle) {
    this.file = file;
    this.size = size;
    this.#handle = handle;
  }

  async read(into: Uint8Array, position: number): Promise<void> {
    if (this.#closing !== undefined) {
      throw new GgufError({
        file: this.file,
        reason: "the file was closed",
        remedy: "read its tensors before close()",
      });
    }
    let done = 0;
    while (done < into.length) {
      const length = Math.min(into.length - done, LONGEST_READ);
      const { bytesRead } = await this.#read(into, done, length, position + done);
      if (bytesRead === 0) {
        throw new GgufError({
          file: this.file,
          offset: position + done,
          reason: `the file had ${this.size} bytes when it was opened and is shorter now`,
          remedy: "open it again when nothing writes to it",
        });
      }
      done += bytesRead;
    }
  }

  async #read(into: Uint8Array, at: number, length: number, position: number): Promise<{ bytesRead: number }> {
    try {
      return await this.#handle.read(into, at, length, position);
    } catch (error) {
      throw systemError(this.file, "read", error);
    }
  }

  /** Closes the file when the reads under way are done; a second call does nothing more. */
  close(): Promise<void> {
    this.#closing ??= this.#handle.close();
    return this.#closing;
  }
}

/** Opens a regular file. Others are refused before they are opened: opening a pipe would wait for its writer forever. */
export async function openSource(file: string): Promise<FileSource> {
  const { open, stat } = nodeModule<typeof import("node:fs/promises")>("node:fs/promises", `opening ${file}`);
  try {
    if (!(await stat(file)).isFile()) {
      throw new GgufError({ file, reason: "not a regular file", remedy: "pass the path of a .gguf file" });
    }
    const handle = await open(file, "r");
    try {
      return new FileSource(file, (await handle.stat()).size, handle);
    } catch (error) {
      await handle.close();
      throw error;
    }
  } catch (error) {
    throw systemError(file, "open", error);
  }
}
