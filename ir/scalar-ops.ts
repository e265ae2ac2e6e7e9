/**
 * The scalar-op table: for each operation its operands, its result type and its exact value. Backends add a spelling per
 * row; the interpreter, the constant folder and the interval analysis read this table. Adding an operation is one row here.
 *
 * Integers wrap at the width of their type (two's complement). Floats round to nearest even at the width of their type after every
 * operation; NaN is any NaN.
 */
import { exponential } from "./exponential.ts";
import { isFloat, isInteger, isSigned, type Scalar, scalars } from "./types.ts";

export type OpName =
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "floordiv"
  | "mod"
  | "min"
  | "max"
  | "pmin"
  | "pmax"
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
  | "popcount"
  | "sqrt"
  | "floor"
  | "trunc"
  | "nearest"
  | "round"
  | "exp";

/** Which operand types a row takes and what it gives back. */
export type OpSignature =
  /** Operands and result share one type. */
  | "same"
  /** Two operands of one type, a bool result. */
  | "compare"
  /** A bool, then two operands of the result's type. */
  | "select";

export type OpDomain = "int" | "single" | "float" | "number" | "bits" | "any";

/** The types that operands of each kind of row may have. */
export const domains: Readonly<Record<OpDomain, (scalar: Scalar) => boolean>> = {
  int: isInteger,
  single: (s) => s === "f32",
  float: isFloat,
  number: (s) => s !== "bool",
  bits: (s) => !isFloat(s),
  any: () => true,
};

export interface OpRow {
  readonly arity: 1 | 2 | 3;
  readonly signature: OpSignature;
  /** Types of the operands: integers, f32, floats, integers and floats, integers and bool, or any. */
  readonly domain: OpDomain;
  readonly commutative?: true;
  /** Infix spelling in the text form; without one the row prints as a call. */
  readonly infix?: string;
  /** The mathematical value before rounding or wrapping to `scalar` (operands are exact values of their type; bools are 0 and 1). */
  readonly eval: (a: number, b: number, c: number, scalar: Scalar) => number;
}

/** Round half to even; a negative value that rounds to zero gives -0. */
function nearestEven(a: number): number {
  const size = Math.abs(a);
  // From 2^52 up every double is whole; below, adding 2^52 rounds the fraction away.
  const rounded = size < 2 ** 52 ? size + 2 ** 52 - 2 ** 52 : size;
  return a < 0 || Object.is(a, -0) ? -rounded : rounded;
}

/** Round half away from zero. */
function roundAway(a: number): number {
  const whole = Math.trunc(a);
  return Math.abs(a - whole) >= 0.5 ? whole + Math.sign(a) : whole;
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
  /** `b < a ? b : a` and `a < b ? b : a`: one instruction where `min` takes many; the second operand counts only if it compares, which NaN does not. */
  pmin: { arity: 2, signature: "same", domain: "float", eval: (a, b) => (b < a ? b : a) },
  pmax: { arity: 2, signature: "same", domain: "float", eval: (a, b) => (a < b ? b : a) },
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
  /** How many bits are set, of two's complement where it is signed. */
  popcount: { arity: 1, signature: "same", domain: "int", eval: (a, _b, _c, scalar) => popcount(a, scalar) },
  sqrt: { arity: 1, signature: "same", domain: "float", eval: (a) => Math.sqrt(a) },
  floor: { arity: 1, signature: "same", domain: "float", eval: (a) => Math.floor(a) },
  trunc: { arity: 1, signature: "same", domain: "float", eval: (a) => Math.trunc(a) },
  /** To the nearest integer, halves to even. */
  nearest: { arity: 1, signature: "same", domain: "float", eval: (a) => nearestEven(a) },
  /** To the nearest integer, halves away from zero (C's `roundf`). */
  round: { arity: 1, signature: "same", domain: "float", eval: (a) => roundAway(a) },
  /** e^a, as `exponential` says. */
  exp: { arity: 1, signature: "same", domain: "single", eval: (a) => exponential(a) },
};

function popcount(a: number, scalar: Scalar): number {
  const { bits } = scalars[scalar];
  let rest = bits < 32 ? a & (2 ** bits - 1) : a >>> 0;
  let count = 0;
  for (; rest > 0; rest >>>= 1) count += rest & 1;
  return count;
}

const bitsView = new DataView(new ArrayBuffer(8));

const largestBf16 = (2 - 2 ** -7) * 2 ** 127;

/** A double rounded to bf16 in one step (by way of f32 it would be rounded twice), to nearest even. */
function roundToBf16(value: number): number {
  if (!Number.isFinite(value) || value === 0) return value;
  bitsView.setFloat64(0, value);
  const exponent = ((bitsView.getUint32(0) >>> 20) & 0x7ff) - 1023;
  // The last place of a bf16 of this size: 8 significant bits, fewer below the smallest normal number.
  const place = 2 ** (Math.max(exponent, -126) - 7);
  const rounded = nearestEven(value / place) * place;
  return Math.abs(rounded) > largestBf16 ? Math.sign(value) * Infinity : rounded;
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
