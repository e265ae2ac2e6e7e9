/**
 * The interpreter's memory: a kernel's buffers with their contents, bound to tensors or made anew, and the rules of access: bounds,
 * reads of what was never written, declared value ranges. What an access means is in `nodes.ts`; where an index comes from, in `evaluate.ts`.
 */

import { constant } from "./build.ts";
import { InterpretError } from "./errors.ts";
import type { Buffer, Expr } from "./nodes.ts";
import { byteSize, bytesOfTensor, elementCount, readers, type Tensor, tensorOfBytes, writers } from "./tensor.ts";
import { type Scalar, scalars, storageBits } from "./types.ts";
import { substituter } from "./visit.ts";

/** Contents of a buffer. */
export interface Memory {
  readonly buffer: Buffer;
  /** Extents of the index: the buffer's shape with the symbols' values in place, or its size in bytes. */
  readonly shape: readonly number[];
  /** Values of an element: more than one only in register buffers with lanes. */
  readonly width: number;
  /** The value at a position, from `locate`; `scalar` is what the access reads (the buffer's own unless its unit is the byte). */
  readonly read: (position: number, scalar: Scalar) => number;
  /** The values themselves, where elements are counted: positions index them. */
  readonly elements?: { readonly values: Float64Array; readonly written: Uint8Array | undefined };
  readonly write: (position: number, scalar: Scalar, value: number) => void;
  /** Whether the value at a position has been written. */
  readonly isWritten: (position: number, scalar: Scalar) => boolean;
  /** A function that puts the present contents back. */
  readonly snapshot: () => () => void;
}

/** The number that an expression of symbols has. Throws an `InterpretError` when a symbol in it has no value. */
export function sizeOf(e: Expr, symbols: Readonly<Record<string, number>>): number {
  const values = new Map(Object.entries(symbols).map(([name, value]) => [name, constant(value)]));
  const size = substituter(values)(e);
  if (size.kind !== "const") throw new InterpretError("a size depends on a symbol that was given no value");
  return size.value;
}

/** Memory whose index counts elements, over these values. */
export function elementMemory(
  buffer: Buffer,
  shape: readonly number[],
  values: Float64Array,
  written: Uint8Array | undefined,
): Memory {
  return {
    buffer,
    shape,
    width: elementCount(buffer.lanes),
    elements: { values, written },
    read: (position) => values[position] as number,
    write: (position, _scalar, value) => {
      values[position] = value;
      if (written) written[position] = 1;
    },
    isWritten: (position) => written === undefined || written[position] === 1,
    snapshot: () => {
      const [before, flags] = [values.slice(), written?.slice()];
      return () => {
        values.set(before);
        if (flags) written?.set(flags);
      };
    },
  };
}

/** A register or workgroup buffer: nothing in it is written yet. */
export function localMemory(buffer: Buffer, shape: readonly number[]): Memory {
  if (buffer.unit === "byte") {
    const size = shape[0] as number;
    return byteMemory(buffer, new Uint8Array(size), new Uint8Array(size));
  }
  const count = elementCount(shape) * elementCount(buffer.lanes);
  return elementMemory(buffer, shape, new Float64Array(count), new Uint8Array(count));
}

/** Memory whose index counts bytes; an access of any width may stand at any address, as on the machines. */
export function byteMemory(buffer: Buffer, bytes: Uint8Array<ArrayBuffer>, written: Uint8Array | undefined): Memory {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    buffer,
    shape: [bytes.length],
    width: 1,
    read: (position, scalar) => readers[scalar](view, position),
    write: (position, scalar, value) => {
      writers[scalar](view, position, value);
      written?.fill(1, position, position + storageBits(scalar) / 8);
    },
    isWritten: (position, scalar) => {
      for (let i = 0; written && i < scalars[scalar].bits / 8; i++) if (written[position + i] !== 1) return false;
      return true;
    },
    snapshot: () => {
      const [before, flags] = [bytes.slice(), written?.slice()];
      return () => {
        bytes.set(before);
        if (flags) written?.set(flags);
      };
    },
  };
}

/** A tensor bound to a global buffer for one kernel: `commit` puts back what the kernel wrote where that was not done in place. */
export interface Binding {
  readonly memory: Memory;
  readonly commit: () => void;
}

/** Binds a tensor to a global buffer. Throws an `InterpretError` where type, shape or values do not fit the declaration. */
export function bindTensor(
  kernel: string,
  buffer: Buffer,
  given: Tensor,
  symbols: Readonly<Record<string, number>>,
): Binding {
  const shape = buffer.shape.map((size) => sizeOf(size, symbols));
  checkRange(kernel, buffer, given, symbols);
  if (buffer.unit === "byte") return bindBytes(kernel, buffer, shape, given);
  if (given.scalar !== buffer.scalar || `${given.shape}` !== `${shape}`)
    throw new InterpretError(
      `${kernel}: ${buffer.name} is ${buffer.scalar}[${shape.join(", ")}], got a tensor ${given.scalar}[${given.shape.join(", ")}]`,
    );
  return { memory: elementMemory(buffer, shape, given.values, given.written), commit: () => {} };
}

function checkRange(
  kernel: string,
  { name, scalar, range, below }: Buffer,
  given: Tensor,
  symbols: Readonly<Record<string, number>>,
): void {
  const declared = below ? ([0, sizeOf(below, symbols) - 1] as const) : range;
  if (declared === undefined || given.scalar !== scalar) return;
  const [low, high] = declared;
  const at = given.values.findIndex((value, i) => !(value >= low && value <= high) && given.written?.[i] !== 0);
  if (at >= 0)
    throw new InterpretError(
      `${kernel}: element ${at} of ${name} is ${given.values[at]}, outside its declared range ${low}..${high}`,
    );
}

function bindBytes(kernel: string, buffer: Buffer, shape: readonly number[], given: Tensor): Binding {
  const size = byteSize(given.scalar, given.values.length);
  if (shape[0] !== size)
    throw new InterpretError(
      `${kernel}: ${buffer.name} has ${shape[0]} bytes, got a tensor ${given.scalar}[${given.shape.join(", ")}] of ${size} bytes`,
    );
  const bits = storageBits(given.scalar);
  const bytes = bytesOfTensor(given);
  const { written } = given;
  const firstByte = (i: number): number => Math.floor((i * bits) / 8);
  const lastByte = (i: number): number => Math.floor(((i + 1) * bits - 1) / 8);
  const flags = written && new Uint8Array(size);
  written?.forEach((flag, i) => {
    if (flag === 1) flags?.fill(1, firstByte(i), lastByte(i) + 1);
  });
  return {
    memory: byteMemory(buffer, bytes, flags),
    commit: () => {
      given.values.set(tensorOfBytes(given.scalar, given.shape, bytes).values);
      written?.forEach((_, i) => {
        written[i] = Number(flags?.[firstByte(i)] === 1 && flags[lastByte(i)] === 1);
      });
    },
  };
}
