// What the arithmetic instructions mean, for one number: written from the specification (section 4.3), with bigints for
// integers, independent of any engine. The scalar and the lane-wise tests share these.

type Integer = (a: bigint, b: bigint, bits: number) => bigint;
type Float = (a: number, b: number) => number;

// Not Math.min: these are also for bigints, and where one is NaN the second operand is the answer.
const lesser = <T extends number | bigint>(a: T, b: T): T => (a < b ? a : b);
const greater = <T extends number | bigint>(a: T, b: T): T => (a > b ? a : b);
const clamp = (value: bigint, low: bigint, high: bigint): bigint => (value < low ? low : value > high ? high : value);
const signedClamp = (value: bigint, bits: number): bigint =>
  clamp(value, -(1n << BigInt(bits - 1)), (1n << BigInt(bits - 1)) - 1n);
const unsignedClamp = (value: bigint, bits: number): bigint => clamp(value, 0n, (1n << BigInt(bits)) - 1n);
const unsigned = (value: bigint, bits: number): bigint => BigInt.asUintN(bits, value);
const amount = (b: bigint, bits: number): bigint => unsigned(b, bits) % BigInt(bits);

/** Two integers to one. Operands come signed, unsigned for names ending in `_u`; results wrap. */
export const integerBinary: Readonly<Record<string, Integer>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div_s: (a, b) => a / b,
  div_u: (a, b) => a / b,
  rem_s: (a, b) => a % b,
  rem_u: (a, b) => a % b,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shl: (a, b, bits) => a << amount(b, bits),
  shr_s: (a, b, bits) => a >> amount(b, bits),
  shr_u: (a, b, bits) => a >> amount(b, bits),
  rotl: (a, b, bits) => {
    const value = unsigned(a, bits);
    return (value << amount(b, bits)) | (value >> (BigInt(bits) - amount(b, bits)));
  },
  rotr: (a, b, bits) => {
    const value = unsigned(a, bits);
    return (value >> amount(b, bits)) | (value << (BigInt(bits) - amount(b, bits)));
  },
  add_sat_s: (a, b, bits) => signedClamp(a + b, bits),
  add_sat_u: (a, b, bits) => unsignedClamp(a + b, bits),
  sub_sat_s: (a, b, bits) => signedClamp(a - b, bits),
  sub_sat_u: (a, b, bits) => unsignedClamp(a - b, bits),
  min_s: lesser,
  min_u: lesser,
  max_s: greater,
  max_u: greater,
  avgr_u: (a, b) => (a + b + 1n) >> 1n,
  q15mulr_sat_s: (a, b, bits) => signedClamp((a * b + 0x4000n) >> 15n, bits),
};

/** One integer to one, operands signed. */
export const integerUnary: Readonly<Record<string, (a: bigint, bits: number) => bigint>> = {
  abs: (a) => (a < 0n ? -a : a),
  neg: (a) => -a,
  clz: (a, bits) => BigInt(bits - (unsigned(a, bits) === 0n ? 0 : unsigned(a, bits).toString(2).length)),
  ctz: (a, bits) => BigInt(a === 0n ? bits : a.toString(2).length - a.toString(2).lastIndexOf("1") - 1),
  popcnt: (a, bits) => BigInt([...unsigned(a, bits).toString(2)].filter((digit) => digit === "1").length),
};

/** Two numbers to a truth value. Integer operands as in `integerBinary`. */
export const comparisons: Readonly<Record<string, (a: bigint | number, b: bigint | number) => boolean>> = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  lt: (a, b) => a < b,
  gt: (a, b) => a > b,
  le: (a, b) => a <= b,
  ge: (a, b) => a >= b,
};

/** Two floats to one, before rounding to f32 (which is innocuous here after the rounding to f64). */
export const floatBinary: Readonly<Record<string, Float>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  min: Math.min,
  max: Math.max,
  pmin: (a, b) => lesser(b, a),
  pmax: (a, b) => greater(b, a),
  copysign: (a, b) => (b < 0 || Object.is(b, -0) ? -Math.abs(a) : Math.abs(a)),
};

/** One float to one, before rounding to f32. */
export const floatUnary: Readonly<Record<string, (a: number) => number>> = {
  abs: Math.abs,
  neg: (a) => -a,
  ceil: Math.ceil,
  floor: Math.floor,
  trunc: Math.trunc,
  sqrt: Math.sqrt,
  nearest: (a) => {
    const below = Math.floor(a);
    if (!Number.isFinite(a) || a === below) return a;
    const rounded = a - below === 0.5 ? 2 * Math.round(below / 2) : Math.round(a);
    return rounded === 0 && a < 0 ? -0 : rounded;
  },
};

/** A float to the integer towards zero, to the nearest one in range where it does not fit, NaN to 0. */
export function truncateSaturating(value: number, bits: number, isSigned: boolean): bigint {
  if (Number.isNaN(value)) return 0n;
  const limit = 2 ** 70;
  const whole = BigInt(Math.trunc(Math.min(limit, Math.max(-limit, value))));
  return isSigned ? signedClamp(whole, bits) : unsignedClamp(whole, bits);
}

/** Clamps to the signed or unsigned range of `bits` bits. */
export const saturate = (value: bigint, bits: number, isSigned: boolean): bigint =>
  isSigned ? signedClamp(value, bits) : unsignedClamp(value, bits);
