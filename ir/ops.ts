/**
 * The scalar-op table: for each operation its operands, its result type and its exact value. Backends add a spelling per
 * row; the interpreter, the constant folder and the interval analysis read this table. Adding an operation is one row here.
 *
 * Integers wrap at the width of their type (two's complement). Floats round to nearest even at the width of their type after every
 * operation; NaN is any NaN.
 */
import { isFloat, isSigned, type Scalar, scalars } from "./types.ts";

export type OpName =
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "floordiv"
  | "mod"
  | "min"
  | "max"
  | "and"
  | "or"
  | "xor"
  | "shl"
  | "shr"
  | "eq"
  | "ne"
  | "lt"
  | "le"
  | "select"
  | "neg"
  | "abs"
  | "sqrt"
  | "floor"
  | "trunc"
  | "nearest"
  | "round";

/** Which operand types a row takes and what it gives back. */
export type OpSignature =
  /** Operands and result share one type. */
  | "same"
  /** Two operands of one type, a bool result. */
  | "compare"
  /** A bool, then two operands of the result's type. */
  | "select";

export type OpDomain = "int" | "float" | "number" | "bits" | "any";

export interface OpRow {
  readonly arity: 1 | 2 | 3;
  readonly signature: OpSignature;
  /** Types of the operands: integers, floats, both, integers and bool, or any. */
  readonly domain: OpDomain;
  readonly commutative?: true;
  /** Infix spelling in the text form; without one the row prints as a call. */
  readonly infix?: string;
  /** The mathematical value before rounding or wrapping to `scalar` (operands are exact values of their type; bools are 0 and 1). */
  readonly eval: (a: number, b: number, c: number, scalar: Scalar) => number;
}

/** Round half to even, as f32 `nearest` does. */
function nearestEven(a: number): number {
  const floor = Math.floor(a);
  const fraction = a - floor;
  if (fraction < 0.5) return floor;
  if (fraction > 0.5) return floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** Floating min and max give NaN when an operand is NaN, and order -0 below 0, as Wasm does and `Math.min` too. */
export const ops: Readonly<Record<OpName, OpRow>> = {
  add: { arity: 2, signature: "same", domain: "number", commutative: true, infix: "+", eval: (a, b) => a + b },
  sub: { arity: 2, signature: "same", domain: "number", infix: "-", eval: (a, b) => a - b },
  mul: {
    arity: 2,
    signature: "same",
    domain: "number",
    commutative: true,
    infix: "*",
    eval: (a, b, _c, scalar) =>
      isFloat(scalar) || Math.abs(a * b) <= Number.MAX_SAFE_INTEGER ? a * b : Math.imul(a, b),
  },
  /** Division of floats. */
  div: { arity: 2, signature: "same", domain: "float", infix: "/", eval: (a, b) => a / b },
  /** Quotient rounded down; the divisor is positive. */
  floordiv: { arity: 2, signature: "same", domain: "int", infix: "//", eval: (a, b) => Math.floor(a / b) },
  /** `a - floordiv(a, b) * b`, in 0..b-1; the divisor is positive. */
  mod: { arity: 2, signature: "same", domain: "int", infix: "%", eval: (a, b) => a - Math.floor(a / b) * b },
  min: { arity: 2, signature: "same", domain: "number", commutative: true, eval: (a, b) => Math.min(a, b) },
  max: { arity: 2, signature: "same", domain: "number", commutative: true, eval: (a, b) => Math.max(a, b) },
  and: { arity: 2, signature: "same", domain: "bits", commutative: true, infix: "&", eval: (a, b) => a & b },
  or: { arity: 2, signature: "same", domain: "bits", commutative: true, infix: "|", eval: (a, b) => a | b },
  xor: { arity: 2, signature: "same", domain: "bits", commutative: true, infix: "^", eval: (a, b) => a ^ b },
  /** Shift left by 0..width-1. */
  shl: { arity: 2, signature: "same", domain: "int", infix: "<<", eval: (a, b) => a * 2 ** b },
  /** Shift right by 0..width-1: arithmetic for signed, logical for unsigned types. */
  shr: {
    arity: 2,
    signature: "same",
    domain: "int",
    infix: ">>",
    eval: (a, b) => Math.floor(a / 2 ** b),
  },
  eq: {
    arity: 2,
    signature: "compare",
    domain: "number",
    commutative: true,
    infix: "==",
    eval: (a, b) => Number(a === b),
  },
  ne: {
    arity: 2,
    signature: "compare",
    domain: "number",
    commutative: true,
    infix: "!=",
    eval: (a, b) => Number(a !== b),
  },
  lt: { arity: 2, signature: "compare", domain: "number", infix: "<", eval: (a, b) => Number(a < b) },
  le: { arity: 2, signature: "compare", domain: "number", infix: "<=", eval: (a, b) => Number(a <= b) },
  select: { arity: 3, signature: "select", domain: "any", eval: (a, b, c) => (a !== 0 ? b : c) },
  neg: { arity: 1, signature: "same", domain: "number", eval: (a) => -a },
  /** Absolute value; the smallest signed integer stays itself. */
  abs: { arity: 1, signature: "same", domain: "number", eval: (a) => Math.abs(a) },
  sqrt: { arity: 1, signature: "same", domain: "float", eval: (a) => Math.sqrt(a) },
  floor: { arity: 1, signature: "same", domain: "float", eval: (a) => Math.floor(a) },
  trunc: { arity: 1, signature: "same", domain: "float", eval: (a) => Math.trunc(a) },
  /** To the nearest integer, halves to even. */
  nearest: { arity: 1, signature: "same", domain: "float", eval: (a) => nearestEven(a) },
  /** To the nearest integer, halves away from zero (C's `roundf`). */
  round: { arity: 1, signature: "same", domain: "float", eval: (a) => Math.sign(a) * Math.floor(Math.abs(a) + 0.5) },
};

const bitsView = new DataView(new ArrayBuffer(8));

/** A float rounded to bf16: the upper half of its f32 bits, to nearest even. */
function roundToBf16(value: number): number {
  if (Number.isNaN(value)) return value;
  bitsView.setFloat32(0, value);
  const bits = bitsView.getUint32(0);
  bitsView.setUint32(0, (bits + 0x7fff + ((bits >>> 16) & 1)) & 0xffff0000);
  return bitsView.getFloat32(0);
}

/** A mathematical value as a value of `scalar`: floats round, integers wrap, bool is 0 or 1. The argument is finite for integers. */
export function wrap(value: number, scalar: Scalar): number {
  switch (scalar) {
    case "f64":
      return value;
    case "f32":
      return Math.fround(value);
    case "f16":
      return Math.f16round(value);
    case "bf16":
      return roundToBf16(value);
    case "bool":
      return value !== 0 ? 1 : 0;
    case "i32":
      return value | 0;
    case "u32":
      return value >>> 0;
    default: {
      const { bits } = scalars[scalar];
      const low = value & (2 ** bits - 1);
      return isSigned(scalar) && low >= 2 ** (bits - 1) ? low - 2 ** bits : low;
    }
  }
}

/** The value of an operation on exact operands, as a value of `scalar` (the operands' type; for `select` the result's). */
export function evalOp(op: OpName, scalar: Scalar, a: number, b = 0, c = 0): number {
  const row = ops[op];
  const value = row.eval(a, b, c, scalar);
  return row.signature === "compare" ? value : wrap(value, scalar);
}

/** `cast` in `value` mode (see `Cast`). */
export function castValue(value: number, from: Scalar, to: Scalar): number {
  if (isFloat(to) || !isFloat(from)) return wrap(value, to);
  if (Number.isNaN(value)) return 0;
  const { bits, class: kind } = scalars[to];
  const [low, high] = kind === "sint" ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1];
  return Math.min(high, Math.max(low, Math.trunc(value))) + 0;
}

/** `cast` in `bits` mode between types of equal width. */
export function castBits(value: number, from: Scalar, to: Scalar): number {
  writeBits(bitsView, from, value);
  return readBits(bitsView, to);
}

function writeBits(view: DataView, scalar: Scalar, value: number): void {
  switch (scalar) {
    case "f64":
      view.setFloat64(0, value, true);
      break;
    case "f32":
      view.setFloat32(0, value, true);
      break;
    case "f16":
      view.setFloat16(0, value, true);
      break;
    case "bf16":
      view.setFloat32(0, value, true);
      view.setUint16(0, view.getUint16(2, true), true);
      break;
    default:
      view.setUint32(0, value >>> 0, true);
  }
}

function readBits(view: DataView, scalar: Scalar): number {
  switch (scalar) {
    case "f64":
      return view.getFloat64(0, true);
    case "f32":
      return view.getFloat32(0, true);
    case "f16":
      return view.getFloat16(0, true);
    case "bf16":
      view.setUint16(2, view.getUint16(0, true), true);
      view.setUint16(0, 0, true);
      return view.getFloat32(0, true);
    default:
      return wrap(view.getInt32(0, true), scalar);
  }
}
