/**
 * Tensors of exact values, and their bytes: what the interpreter computes on, and how elements lie in memory (little-endian, sub-byte
 * codes dense, see `scalars`). Nothing here knows of kernels.
 */
import { QloomError } from "./errors.ts";
import { wrap } from "./scalar-ops.ts";
import { type Scalar, scalarRange, storageBits } from "./types.ts";

/** A row-major array of exact values of one scalar type. */
export interface Tensor {
  readonly scalar: Scalar;
  readonly shape: readonly number[];
  /** Every value is one of `scalar`; bools are 0 and 1. */
  readonly values: Float64Array<ArrayBuffer>;
  /** 1 where an element has been written; absent where all have. */
  readonly written?: Uint8Array<ArrayBuffer>;
}

/** Number of elements of a shape. */
export const elementCount = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** Bytes that `count` elements take: sub-byte codes are dense, the last byte is filled up. */
export const byteSize = (scalar: Scalar, count: number): number => Math.ceil((count * storageBits(scalar)) / 8);

/** A tensor of values; a typed array counts as its numbers. Throws a `QloomError` for a wrong count or a value that `scalar` can't hold. */
export function tensor(scalar: Scalar, shape: readonly number[], values: ArrayLike<number>): Tensor {
  const count = elementCount(shape);
  if (values.length !== count)
    throw new QloomError(`a tensor of shape [${shape}] has ${count} elements, got ${values.length} values`);
  const exact = Float64Array.from(values);
  exact.forEach((value, i) => {
    if (Number.isNaN(value) ? Number.isNaN(wrap(value, scalar)) : wrap(value, scalar) === value) return;
    throw new QloomError(
      `element ${i} of a tensor of ${scalar} is ${value}, which ${scalar} can't hold; round it first`,
    );
  });
  return { scalar, shape, values: exact };
}

/** A tensor of which no element has been written yet. */
export function emptyTensor(scalar: Scalar, shape: readonly number[]): Tensor {
  const count = elementCount(shape);
  return { scalar, shape, values: new Float64Array(count), written: new Uint8Array(count) };
}

/** The tensor that lies in these bytes. Throws a `QloomError` when there are not exactly as many as the shape takes. */
export function tensorOfBytes(scalar: Scalar, shape: readonly number[], bytes: ArrayBufferView): Tensor {
  const count = elementCount(shape);
  const size = byteSize(scalar, count);
  if (bytes.byteLength !== size)
    throw new QloomError(`${scalar}[${shape}] takes ${size} bytes, got ${bytes.byteLength}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, size);
  const bits = storageBits(scalar);
  const read = readers[scalar];
  const most = scalarRange(scalar)[1];
  const values = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const at = (i * bits) / 8;
    values[i] = bits < 8 ? (view.getUint8(Math.floor(at)) >> ((i * bits) % 8)) & (2 ** bits - 1) : read(view, at);
    if ((values[i] as number) > most)
      throw new QloomError(`byte ${at} is ${values[i]}, which is not a ${scalar}: at most ${most}`);
  }
  return { scalar, shape, values };
}

/** The bytes of a tensor; elements that were never written are 0. */
export function bytesOfTensor(of: Tensor): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(byteSize(of.scalar, of.values.length));
  const view = new DataView(bytes.buffer);
  const bits = storageBits(of.scalar);
  const write = writers[of.scalar];
  of.values.forEach((value, i) => {
    const at = (i * bits) / 8;
    if (bits >= 8) write(view, at, value);
    else bytes[Math.floor(at)] = (bytes[Math.floor(at)] as number) | (value << ((i * bits) % 8));
  });
  return bytes;
}

type Reader = (view: DataView, at: number) => number;
type Writer = (view: DataView, at: number, value: number) => void;

const readByte: Reader = (view, at) => view.getUint8(at);
const writeByte: Writer = (view, at, value) => view.setUint8(at, value);

/** Reads the element whose first byte is `at`; types below 8 bits are read as the byte that holds them. */
export const readers: Readonly<Record<Scalar, Reader>> = {
  bool: readByte,
  u1: readByte,
  u2: readByte,
  u3: readByte,
  u4: readByte,
  u5: readByte,
  u6: readByte,
  u7: readByte,
  u8: readByte,
  u16: (view, at) => view.getUint16(at, true),
  u32: (view, at) => view.getUint32(at, true),
  i8: (view, at) => view.getInt8(at),
  i16: (view, at) => view.getInt16(at, true),
  i32: (view, at) => view.getInt32(at, true),
  f16: (view, at) => view.getFloat16(at, true),
  bf16: (view, at) => bfloatOfBits(view.getUint16(at, true)),
  f32: (view, at) => view.getFloat32(at, true),
  f64: (view, at) => view.getFloat64(at, true),
};

/** Writes the element whose first byte is `at`. */
export const writers: Readonly<Record<Scalar, Writer>> = {
  bool: writeByte,
  u1: writeByte,
  u2: writeByte,
  u3: writeByte,
  u4: writeByte,
  u5: writeByte,
  u6: writeByte,
  u7: writeByte,
  u8: writeByte,
  u16: (view, at, value) => view.setUint16(at, value, true),
  u32: (view, at, value) => view.setUint32(at, value, true),
  i8: (view, at, value) => view.setInt8(at, value),
  i16: (view, at, value) => view.setInt16(at, value, true),
  i32: (view, at, value) => view.setInt32(at, value, true),
  f16: (view, at, value) => view.setFloat16(at, value, true),
  bf16: (view, at, value) => view.setUint16(at, bitsOfBfloat(value), true),
  f32: (view, at, value) => view.setFloat32(at, value, true),
  f64: (view, at, value) => view.setFloat64(at, value, true),
};

const word = new DataView(new ArrayBuffer(4));

/** bf16 is the upper half of an f32. */
function bfloatOfBits(bits: number): number {
  word.setUint32(0, bits * 2 ** 16);
  return word.getFloat32(0);
}

function bitsOfBfloat(value: number): number {
  word.setFloat32(0, value);
  return word.getUint16(0);
}
