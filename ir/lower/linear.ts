/**
 * Where an element lies: the one place that turns logical indices into linear ones, in elements and in bytes, and takes byte
 * addresses apart again. Not here: what is stored there (`unpack.ts`), or which part of an address is worth a pointer (`induct.ts`).
 */
import { type Affine, addAffine, affineOf } from "../affine.ts";
import { add, floordiv, mul, variable } from "../build.ts";
import { check } from "../errors.ts";
import type { Buffer, Expr } from "../nodes.ts";
import { storageBits } from "../types.ts";

const zero: Affine = { constant: 0, terms: new Map(), lanes: undefined, shape: [] };

/** The linear form times a number. */
export const scale = (form: Affine, factor: number): Affine =>
  factor === 1 ? form : addAffine({ ...zero, shape: form.shape }, form, factor);

/** The linear form plus a number. */
export const shift = (form: Affine, by: number): Affine => ({ ...form, constant: form.constant + by });

/** The row-major position of an element, counted in elements. */
export function elementIndex(buffer: Pick<Buffer, "shape">, index: readonly Expr[]): Affine {
  const terms = new Map<Expr, number>();
  let constant = 0;
  let shape: readonly number[] = [];
  let strides: number[] | undefined;
  const plus = (e: Expr, factor: number): void => {
    if (e.type.lanes.length > 0) shape = e.type.lanes;
    if (e.kind === "const") {
      constant += factor * e.value;
      return;
    }
    // Most indices are single names and patterns.
    const form: Pick<Affine, "constant" | "terms" | "lanes"> =
      e.kind === "lanes"
        ? { constant: 0, terms: zero.terms, lanes: { sizes: shape, strides: e.strides } }
        : affineOf(e);
    constant += factor * form.constant;
    for (const [atom, c] of form.terms) terms.set(atom, (terms.get(atom) ?? 0) + factor * c);
    if (form.lanes) strides = form.lanes.strides.map((stride, i) => (strides?.[i] ?? 0) + factor * stride);
  };
  let stride: Expr | number = 1;
  for (let axis = index.length - 1; axis >= 0; axis--) {
    const at = index[axis] as Expr;
    if (typeof stride === "number") plus(at, stride);
    else plus(mul(at, stride), 1);
    const extent = buffer.shape[axis] as Expr;
    if (axis > 0)
      stride = typeof stride === "number" && extent.kind === "const" ? stride * extent.value : mul(extent, stride);
  }
  for (const [atom, c] of terms) if (c === 0) terms.delete(atom);
  const lanes = strides?.some((by) => by !== 0) ? { sizes: shape, strides } : undefined;
  return { constant, terms, lanes, shape };
}

/** Number of elements: a number where every extent is constant. */
export function elementCount(buffer: Pick<Buffer, "shape">): Expr | number {
  return buffer.shape.reduce<Expr | number>(
    (n, extent) => (typeof n === "number" && extent.kind === "const" ? n * extent.value : mul(extent, n)),
    1,
  );
}

/** Size of a global buffer in bytes, rounded up. */
export function byteSize(buffer: Buffer): Expr | number {
  const bits = storageBits(buffer.scalar);
  const count = elementCount(buffer);
  if (typeof count === "number") return Math.ceil((count * bits) / 8);
  return bits >= 8 ? mul(count, bits / 8) : floordiv(add(mul(count, bits), 7), 8);
}

/** Bytes that one element takes; sub-byte elements have none. */
export function bytesOf(buffer: Pick<Buffer, "name" | "scalar">): number {
  check(
    buffer.scalar !== "bool",
    () => `${buffer.name}: bools have no layout in memory; store u8 and compare with 0 on loading`,
  );
  return storageBits(buffer.scalar) / 8;
}

/** The linear form of a byte address in a global buffer. */
export const addressAt = (name: string, bytes: Affine): Affine => addAffine(affineOf(variable(`&${name}`)), bytes);
