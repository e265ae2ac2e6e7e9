// How the tensors of a header lie in the file: byte lengths, alignment, bounds, overlaps. Used by the reader, and
// byteLengthOf by the writer too. Nothing is read here.

import { GgufError, quote } from "./errors.ts";
import type { Header, TensorInfo } from "./header.ts";
import { shapeText } from "./header.ts";
import type { GgmlTypeName } from "./types.ts";
import { GGML_TYPES, ggmlTypeName } from "./types.ts";

/** A tensor of a file. Its rows are contiguous; element (n, k) is element k of row n. */
export type GgufTensor = {
  readonly name: string;
  /** Extents in ggml order: the contiguous axis first, so shape[0] is k. Empty for a scalar. */
  readonly shape: readonly number[];
  /** Rows: the product of all extents but the first. A matrix of y = x · Wᵀ has n outputs. */
  readonly n: number;
  /** Elements per row. */
  readonly k: number;
  /** A type of `GGML_TYPES`, or `unknown(id)`: then the tensor is listed but can't be read. */
  readonly type: GgmlTypeName | `unknown(${number})`;
  readonly typeId: number;
  /** The first byte in the file. */
  readonly offset: number;
  /** Undefined where the type is unknown. */
  readonly byteLength: number | undefined;
};

export type Layout = {
  readonly tensors: readonly GgufTensor[];
  /** The first byte of the data section: the end of the header, aligned. */
  readonly dataOffset: number;
  /** Bytes after the last tensor and its padding; undefined where a tensor of unknown type may own them. */
  readonly trailingBytes: number | undefined;
};

const DAMAGED = "the file is damaged: download or convert it again";

/** The next multiple of `alignment`, a power of two; exact below 2^53. */
export function alignUp(offset: number, alignment: number): number {
  return Math.ceil(offset / alignment) * alignment;
}

/** Bytes of a tensor, or undefined where a row of k elements isn't whole blocks. Exact: extents multiply to less than 2^53. */
export function byteLengthOf(type: GgmlTypeName, shape: readonly number[]): bigint | undefined {
  const { blockElements, blockBytes } = GGML_TYPES[type];
  if ((shape[0] ?? 1) % blockElements !== 0) return undefined;
  const elements = shape.reduce((product, extent) => product * BigInt(extent), 1n);
  return (elements / BigInt(blockElements)) * BigInt(blockBytes);
}

/**
 * Places the tensors of a header in a file of `size` bytes. Tensors may lie in any order with gaps between them (no tensor
 * reads a gap), but each must be aligned, inside the file, and apart from all others. Throws GgufError.
 */
export function layoutTensors(file: string, size: number, header: Header, alignment: number): Layout {
  const dataOffset = alignUp(header.end, alignment);
  const tensors = header.infos.map((info) => placeTensor(file, size, info, dataOffset, alignment));
  const byOffset = tensors.map((tensor, i) => ({ tensor, at: header.infos[i]!.at }));
  byOffset.sort((a, b) => a.tensor.offset - b.tensor.offset);
  // A tensor of unknown type takes at least one byte.
  const endOf = (tensor: GgufTensor): number => tensor.offset + (tensor.byteLength ?? 1);
  for (let i = 1; i < byOffset.length; i++) {
    const { tensor: before } = byOffset[i - 1]!;
    const { tensor, at } = byOffset[i]!;
    if (tensor.offset < endOf(before)) {
      throw new GgufError({
        file,
        offset: at,
        reason: `tensor ${quote(tensor.name)} starts at byte ${tensor.offset}, inside tensor ${quote(before.name)} (bytes ${before.offset} to ${endOf(before) - 1})`,
        remedy: DAMAGED,
      });
    }
  }
  const last = byOffset.at(-1)?.tensor;
  const end = last === undefined ? dataOffset : alignUp(endOf(last), alignment);
  const trailingBytes = last !== undefined && last.byteLength === undefined ? undefined : Math.max(0, size - end);
  return { tensors, dataOffset, trailingBytes };
}

function placeTensor(file: string, size: number, info: TensorInfo, dataOffset: number, alignment: number): GgufTensor {
  const { name, shape, typeId, at } = info;
  const fail = (reason: string, remedy: string): never => {
    throw new GgufError({ file, offset: at, reason: `tensor ${quote(name)} ${reason}`, remedy });
  };
  if (info.dataOffset % BigInt(alignment) !== 0n) {
    fail(`has the data offset ${info.dataOffset}, not a multiple of the alignment ${alignment}`, DAMAGED);
  }
  const known = ggmlTypeName(typeId);
  const bytes = known === undefined ? 1n : byteLengthOf(known, shape);
  if (known !== undefined && bytes === undefined) {
    const { blockElements } = GGML_TYPES[known];
    fail(`has rows of ${shape[0] ?? 1} elements, not a multiple of the ${blockElements} of a ${known} block`, DAMAGED);
  }
  const offset = BigInt(dataOffset) + info.dataOffset;
  if (offset + bytes! > BigInt(size)) {
    const what =
      known === undefined
        ? `starts at byte ${offset}`
        : `${known} ${shapeText(shape)} takes bytes ${offset} to ${offset + bytes! - 1n}`;
    fail(`${what}, but the file ends at byte ${size}`, "download or copy the file again");
  }
  return {
    name,
    shape,
    n: shape.slice(1).reduce((product, extent) => product * extent, 1),
    k: shape[0] ?? 1,
    type: known ?? `unknown(${typeId})`,
    typeId,
    offset: Number(offset),
    byteLength: known === undefined ? undefined : Number(bytes),
  };
}
