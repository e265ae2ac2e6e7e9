/**
 * Exact arithmetic on fractions of big integers, and rounding of a fraction to a float or integer type: formulas that share nothing with
 * `ir/scalar-ops.ts`, to test it against.
 */
import { type Scalar, scalars } from "../../ir/index.ts";

/** numerator / denominator, the denominator positive. */
export interface Fraction {
  readonly n: bigint;
  readonly d: bigint;
}

/** The fraction that a finite double is. */
export function fractionOf(value: number): Fraction {
  let d = 1n;
  let scaled = value;
  while (!Number.isInteger(scaled)) {
    scaled *= 2;
    d *= 2n;
  }
  return { n: BigInt(scaled), d };
}

export const plus = (a: Fraction, b: Fraction): Fraction => ({ n: a.n * b.d + b.n * a.d, d: a.d * b.d });
export const times = (a: Fraction, b: Fraction): Fraction => ({ n: a.n * b.n, d: a.d * b.d });
export const negated = (a: Fraction): Fraction => ({ n: -a.n, d: a.d });
export const over = (a: Fraction, b: Fraction): Fraction =>
  b.n > 0n ? { n: a.n * b.d, d: a.d * b.n } : { n: -a.n * b.d, d: -a.d * b.n };

/** A fraction close enough to the root that both round alike in every type. */
export function rootOf(a: Fraction): Fraction {
  if (a.n === 0n) return a;
  const shift = 2500n;
  const square = (a.n << (2n * shift)) / a.d;
  let root = 1n << BigInt(Math.ceil(square.toString(2).length / 2));
  for (let next = (root + square / root) >> 1n; next < root; next = (root + square / root) >> 1n) root = next;
  // A root that is not whole is told from one that is: half a unit more never ties.
  const whole = root * root * a.d === a.n << (2n * shift);
  return { n: 2n * root + (whole ? 0n : 1n), d: 2n << shift };
}

/** Quotient rounded down. */
export const floorOf = ({ n, d }: Fraction): bigint => (n >= 0n ? n / d : -((-n + d - 1n) / d));

/** The nearest integer, halves to even. */
export function nearestOf(a: Fraction): bigint {
  const floor = floorOf(a);
  const twice = 2n * (a.n - floor * a.d);
  if (twice === a.d) return floor + (floor & 1n);
  return twice < a.d ? floor : floor + 1n;
}

/** Significant bits, smallest and largest exponent of each float type. */
const floats: Partial<Record<Scalar, readonly [number, number, number]>> = {
  f16: [11, -14, 15],
  bf16: [8, -126, 127],
  f32: [24, -126, 127],
  f64: [53, -1022, 1023],
};

const power = (exponent: number): Fraction =>
  exponent >= 0 ? { n: 1n << BigInt(exponent), d: 1n } : { n: 1n, d: 1n << BigInt(-exponent) };

/** The value of a type nearest to a fraction, to even; integers of more than the type's bits wrap. */
export function roundTo(scalar: Scalar, a: Fraction): number {
  const row = floats[scalar];
  if (row === undefined) {
    const { bits, class: kind } = scalars[scalar];
    const whole = floorOf(a);
    return Number(kind === "sint" ? BigInt.asIntN(bits, whole) : BigInt.asUintN(bits, whole));
  }
  if (a.n === 0n) return 0;
  const [precision, smallest, largest] = row;
  const size: Fraction = { n: a.n < 0n ? -a.n : a.n, d: a.d };
  let exponent = size.n.toString(2).length - size.d.toString(2).length;
  if (size.n * power(exponent).d < size.d * power(exponent).n) exponent--;
  exponent = Math.max(exponent, smallest);
  // In units of the last place the value is an integer of `precision` bits.
  const place = power(exponent - precision + 1);
  const units = nearestOf(over(size, place));
  const tooLarge = units * place.n >= (power(largest + 1).n * place.d) / power(largest + 1).d;
  const value = tooLarge ? Infinity : Number(units) * 2 ** Math.max(exponent - precision + 1, -1074);
  return a.n < 0n ? -value : value;
}
