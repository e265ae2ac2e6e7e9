/**
 * Where an element lies: the one place that turns logical indices into linear ones, in elements and in bytes, and takes byte
 * addresses apart again. Not here: what is stored there (`unpack.ts`), or which part of an address is worth a pointer (`induct.ts`).
 */
import { type Affine, addAffine, affineOf, exprOf } from "../affine.ts";
import { add, floordiv, lanes, mul, variable } from "../build.ts";
import { check } from "../errors.ts";
import type { Buffer, Expr } from "../nodes.ts";
import { storageBits } from "../types.ts";

const zero: Affine = { constant: 0, terms: new Map(), lanes: undefined, shape: [] };

/** The linear form times a number. */
export const scale = (form: Affine, factor: number): Affine =>
  factor === 1 ? form : addAffine({ ...zero, shape: form.shape }, form, factor);

/** The linear form plus a number. */
export const shift = (form: Affine, by: number): Affine => ({ ...form, constant: form.constant + by });

/** A product of numbers and symbols. */
interface Product {
  readonly number: number;
  readonly symbols: Expr | undefined;
}

const one: Product = { number: 1, symbols: undefined };

const times = ({ number, symbols }: Product, e: Expr): Product =>
  e.kind === "const" ? { number: number * e.value, symbols } : { number, symbols: symbols ? mul(symbols, e) : e };

/** The row-major position of an element, counted in elements. */
export function elementIndex(buffer: Pick<Buffer, "shape">, index: readonly Expr[]): Affine {
  const terms = new Map<Expr, number>();
  let constant = 0;
  let shape: readonly number[] = [];
  let strides: number[] | undefined;
  const plusTerm = (atom: Expr, c: number): void => {
    const sum = (terms.get(atom) ?? 0) + c;
    if (sum === 0) terms.delete(atom);
    else terms.set(atom, sum);
  };
  const plus = (at: Expr, { number, symbols }: Product): void => {
    if (at.type.lanes.length > 0) shape = at.type.lanes;
    const form = affineOf(at);
    if (symbols === undefined) {
      constant += number * form.constant;
      for (const [atom, c] of form.terms) plusTerm(atom, number * c);
      if (form.lanes) strides = form.lanes.strides.map((stride, i) => (strides?.[i] ?? 0) + number * stride);
      return;
    }
    if (form.constant !== 0) plusTerm(symbols, number * form.constant);
    for (const [atom, c] of form.terms) plusTerm(mul(atom, symbols), number * c);
    if (form.lanes) plusTerm(mul(lanes(form.lanes.sizes, form.lanes.strides), symbols), number);
  };
  let stride = one;
  for (let axis = index.length - 1; axis >= 0; axis--) {
    plus(index[axis] as Expr, stride);
    stride = times(stride, buffer.shape[axis] as Expr);
  }
  const pattern = strides?.some((by) => by !== 0) ? { sizes: shape, strides } : undefined;
  return { constant, terms, lanes: pattern, shape };
}

/** Number of elements: a number where every extent is constant. */
export function elementCount(buffer: Pick<Buffer, "shape">): Expr | number {
  const { number, symbols } = buffer.shape.reduce(times, one);
  return symbols === undefined ? number : number === 1 ? symbols : mul(symbols, number);
}

/** Size of a global buffer in bytes, rounded up. */
export function byteSize(buffer: Buffer): Expr | number {
  const bits = storageBits(buffer.scalar);
  const count = elementCount(buffer);
  if (typeof count === "number") return Math.ceil((count * bits) / 8);
  const inBits = exprOf(scale(affineOf(count), bits >= 8 ? bits / 8 : bits));
  return bits >= 8 ? inBits : floordiv(add(inBits, 7), 8);
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
