/**
 * Scalar types, lane shapes and value types. What a type *can do* (arithmetic) is in `scalar-ops.ts`; what it *costs* is the
 * backends' business.
 */

/** How a scalar's bits are read. */
export type ScalarClass = "bool" | "uint" | "sint" | "float";

export type Scalar =
  | "bool"
  | "u1"
  | "u2"
  | "u3"
  | "u4"
  | "u5"
  | "u6"
  | "u7"
  | "u8"
  | "u16"
  | "u32"
  | "i8"
  | "i16"
  | "i32"
  | "f16"
  | "bf16"
  | "f32"
  | "f64";

/** One scalar type: its width in bits and how the bits are read. */
export interface ScalarRow {
  readonly bits: number;
  readonly class: ScalarClass;
}

/**
 * Every scalar type. Widths below 8 bits exist only in buffers (quantized codes): their values may be cast and nothing
 * else. In memory, widths 1, 2 and 4 are dense, least significant bits first; 3, 5, 6 and 7 take a byte each until
 * `recode` splits them into dense planes.
 */
export const scalars: Readonly<Record<Scalar, ScalarRow>> = {
  bool: { bits: 1, class: "bool" },
  u1: { bits: 1, class: "uint" },
  u2: { bits: 2, class: "uint" },
  u3: { bits: 3, class: "uint" },
  u4: { bits: 4, class: "uint" },
  u5: { bits: 5, class: "uint" },
  u6: { bits: 6, class: "uint" },
  u7: { bits: 7, class: "uint" },
  u8: { bits: 8, class: "uint" },
  u16: { bits: 16, class: "uint" },
  u32: { bits: 32, class: "uint" },
  i8: { bits: 8, class: "sint" },
  i16: { bits: 16, class: "sint" },
  i32: { bits: 32, class: "sint" },
  f16: { bits: 16, class: "float" },
  bf16: { bits: 16, class: "float" },
  f32: { bits: 32, class: "float" },
  f64: { bits: 64, class: "float" },
};

/**
 * The type of a value: a scalar, or a vector of scalars whose lanes form a mixed-radix shape (last axis fastest).
 * Interned: two equal types are the same object.
 */
export interface Type {
  readonly scalar: Scalar;
  /** Lane shape; empty for a scalar value. */
  readonly lanes: readonly number[];
  /** Product of the lane shape; 1 for a scalar value. */
  readonly count: number;
  /** Text form: `i8<4,2,2>`. */
  readonly text: string;
}

/** Lane shapes by their text, so that equal shapes are one array. */
const shapes = new Map<string, readonly number[]>();
/** Types by lane shape, then scalar. */
const interned = new Map<readonly number[], Map<Scalar, Type>>();
const noLanes: readonly number[] = Object.freeze([]);

function shapeOf(lanes: readonly number[]): readonly number[] {
  if (lanes.length === 0) return noLanes;
  if (interned.has(lanes)) return lanes;
  const key = lanes.join();
  let shape = shapes.get(key);
  if (shape === undefined) {
    shape = Object.freeze([...lanes]);
    shapes.set(key, shape);
  }
  return shape;
}

/** The type with this scalar and lane shape. The `lanes` of equal shapes are the same array, too. */
export function typeOf(scalar: Scalar, lanes: readonly number[] = noLanes): Type {
  const shape = shapeOf(lanes);
  let types = interned.get(shape);
  if (types === undefined) {
    types = new Map();
    interned.set(shape, types);
  }
  let type = types.get(scalar);
  if (type === undefined) {
    const text = shape.length === 0 ? scalar : `${scalar}<${shape.join(",")}>`;
    const count = shape.reduce((product, size) => product * size, 1);
    type = Object.freeze({ scalar, lanes: shape, count, text });
    types.set(scalar, type);
  }
  return type;
}

/** Type of loop variables, symbols and indices. */
export const indexType: Type = typeOf("i32");
export const boolType: Type = typeOf("bool");

export const isFloat = (scalar: Scalar): boolean => scalars[scalar].class === "float";
export const isInteger = (scalar: Scalar): boolean =>
  scalars[scalar].class === "uint" || scalars[scalar].class === "sint";
export const isSigned = (scalar: Scalar): boolean => scalars[scalar].class === "sint";

/** Bits that an element of this type takes in a buffer (see `scalars`). */
export function storageBits(scalar: Scalar): number {
  const { bits } = scalars[scalar];
  if (bits >= 8) return bits;
  return bits === 1 || bits === 2 || bits === 4 ? bits : 8;
}

/** Whether values of this type may only be cast (quantized codes). */
export const isSubByte = (scalar: Scalar): boolean => scalar !== "bool" && scalars[scalar].bits < 8;

/** Smallest and largest value of an integer or bool type; infinite for floats. */
export function scalarRange(scalar: Scalar): readonly [number, number] {
  const { bits, class: kind } = scalars[scalar];
  if (kind === "float") return [-Infinity, Infinity];
  if (kind === "sint") return [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
  return [0, 2 ** bits - 1];
}
