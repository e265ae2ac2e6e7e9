// Writes GGUF v3 files that ggml reads too: metadata, then tensors back to back, each padded to the alignment.
// Nothing of the file is seen under its name before all of it is on the disk.

import type { FileHandle } from "node:fs/promises";
import { nodeModule } from "../../ir/index.ts";
import { encodeHeader } from "./encode.ts";
import { GgufError, quote, systemError } from "./errors.ts";
import { shapeText } from "./header.ts";
import { knownMetadata } from "./known.ts";
import { alignUp, byteLengthOf } from "./layout.ts";
import type { GgmlTypeName } from "./types.ts";
import { GGML_TYPES } from "./types.ts";
import type { GgufValue } from "./value.ts";

/** Bytes of a tensor: at once, or in pieces, so that a model need not be in memory. */
export type TensorData = Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

export type TensorToWrite = {
  readonly name: string;
  readonly type: GgmlTypeName;
  /** ggml order: the contiguous axis (K) first. One to four extents from 1 up, or none for a scalar. */
  readonly shape: readonly number[];
  /** Blocks of the type, row after row; as many bytes as type and shape say. Pieces are asked for once, in order. */
  readonly data: TensorData;
};

export type GgufToWrite = {
  /** In the order of the file; a Map or `Object.entries(...)`. `general.alignment` (32 if not there) is obeyed. */
  readonly metadata: Iterable<readonly [key: string, value: GgufValue]>;
  readonly tensors: readonly TensorToWrite[];
};

/**
 * Writes a GGUF v3 file. It appears under `file` only when it is complete and on the disk; until then, and after any failure, what was
 * there before is untouched. Throws GgufError for what can't be stored and for failures of the disk; what the pieces
 * of a tensor's data throw passes through.
 */
export async function writeGguf(file: string, contents: GgufToWrite): Promise<void> {
  const metadata = [...contents.metadata];
  const { alignment } = knownMetadata(file, { metadata: new Map(metadata) });
  const lengths = contents.tensors.map((tensor) => checkTensor(file, tensor));
  let dataOffset = 0;
  const infos = contents.tensors.map(({ name, type, shape }, i) => {
    const info = { name, typeId: GGML_TYPES[type].id, shape, dataOffset };
    dataOffset = alignUp(dataOffset + lengths[i]!, alignment);
    return info;
  });
  const header = encodeHeader(file, metadata, infos);
  await replaceFile(file, async (write) => {
    await write(header);
    await write(padding(header.length, alignment));
    for (const [i, tensor] of contents.tensors.entries()) {
      await writeTensor(file, tensor, lengths[i]!, write);
      await write(padding(lengths[i]!, alignment));
    }
  });
}

type Write = (bytes: Uint8Array) => Promise<void>;

function padding(length: number, alignment: number): Uint8Array {
  return new Uint8Array(alignUp(length, alignment) - length);
}

/** The byte length that a tensor must have. */
function checkTensor(file: string, { name, type, shape }: TensorToWrite): number {
  const fail = (reason: string, remedy: string): never => {
    throw new GgufError({ file, reason: `tensor ${quote(name)} ${shapeText(shape)} ${reason}`, remedy });
  };
  if (shape.length > 4) fail("has more than 4 dimensions", "fold some of them");
  if (!shape.every((extent) => Number.isSafeInteger(extent) && extent >= 1)) {
    fail("has an extent that is no integer from 1 up", "leave out empty tensors");
  }
  const length = byteLengthOf(type, shape);
  if (length === undefined) {
    return fail(
      `has rows that aren't whole ${type} blocks of ${GGML_TYPES[type].blockElements}`,
      "choose another type",
    );
  }
  if (length > BigInt(Number.MAX_SAFE_INTEGER)) fail("takes 2^53 bytes or more", "split it");
  return Number(length);
}

async function writeTensor(file: string, tensor: TensorToWrite, length: number, write: Write): Promise<void> {
  const pieces = tensor.data instanceof Uint8Array ? [tensor.data] : tensor.data;
  let given = 0;
  const check = (ok: boolean, what: string): void => {
    if (ok) return;
    throw new GgufError({
      file,
      reason: `tensor ${quote(tensor.name)} got ${what} of data, but ${tensor.type} ${shapeText(tensor.shape)} takes ${length}`,
      remedy: "give as many bytes as the type and shape say",
    });
  };
  for await (const piece of pieces) {
    given += piece.length;
    check(given <= length, `${given} bytes or more`);
    await write(piece);
  }
  check(given === length, `${given} bytes`);
}

// The temporary file is beside the target, because a rename is atomic only within one file system.
async function replaceFile(file: string, fill: (write: Write) => Promise<void>): Promise<void> {
  const { open, rename, rm } = nodeModule<typeof import("node:fs/promises")>("node:fs/promises", `writing ${file}`);
  const { basename, dirname, join } = nodeModule<typeof import("node:path")>("node:path", `writing ${file}`);
  const temporary = join(dirname(file), `.${basename(file)}.${crypto.randomUUID()}.tmp`);
  const onDisk = async <T>(call: Promise<T>): Promise<T> => {
    try {
      return await call;
    } catch (error) {
      throw systemError(file, "write", error);
    }
  };
  const handle: FileHandle = await onDisk(open(temporary, "wx"));
  try {
    try {
      await fill((bytes) => onDisk(handle.writeFile(bytes)));
      await onDisk(handle.sync()); // before the rename: a crash must not leave the name on a file without its bytes
    } finally {
      await handle.close();
    }
    await onDisk(rename(temporary, file));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
