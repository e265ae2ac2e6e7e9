/**
 * f32 quotients and square roots by integer arithmetic: WGSL lets a device be wrong by 2.5 units in the last place. Rounded to nearest even
 * for all normal operands and results; subnormal ones count as zeros, which WGSL lets a device do with every operation.
 */
import { b, castBits, type Expr, typeOf } from "../../ir/index.ts";
import { like, logOf, type OpRule } from "../legalize/index.ts";

const infinity = 0x7f800000;

const bitsOfFloat = (x: Expr): Expr =>
  x.kind === "const" ? b.constant(castBits(x.value, "f32", "u32"), typeOf("u32", x.type.lanes)) : b.bitcast("u32", x);
const exponentOf = (bits: Expr): Expr => b.cast("i32", b.and(b.shr(bits, 23), like(0xff, bits)));
/** The 24 bits of a normal number. */
const mantissaOf = (bits: Expr): Expr => b.or(b.and(bits, like(0x7fffff, bits)), like(0x800000, bits));
const sizeOf = (bits: Expr): Expr => b.and(bits, like(0x7fffffff, bits));
const isNan = (bits: Expr): Expr => b.lt(like(infinity, bits), sizeOf(bits));
const isInfinite = (bits: Expr): Expr => b.op("eq", sizeOf(bits), like(infinity, bits));
const isZero = (bits: Expr): Expr => b.lt(sizeOf(bits), like(0x800000, bits));

export const exactDivision: readonly OpRule[] = [
  // x / 2^n = x * 2^-n
  {
    name: "division-power",
    ops: ["div"],
    apply: (e, x, d) => {
      const log = e.type.scalar === "f32" ? logOf(d) : undefined;
      return log === undefined || Math.abs(log) > 126 ? undefined : b.mul(x, like(2 ** -log, d));
    },
  },
  // long division of the mantissas, the first digit a bit, then three of 8 bits: 24 bits and one to round by; no quotient of two such numbers is a tie
  {
    name: "division",
    ops: ["div"],
    apply: (e, x, y) => (e.type.scalar === "f32" ? quotient(bitsOfFloat(x), bitsOfFloat(y)) : undefined),
  },
];

function quotient(x: Expr, y: Expr): Expr {
  const [dividend, divisor] = [mantissaOf(x), mantissaOf(y)];
  const isBelow = b.lt(dividend, divisor);
  let rest = b.op("sub", b.select(isBelow, b.shl(dividend, 1), dividend), divisor);
  let digits: Expr = b.constant(1, rest.type);
  for (let i = 0; i < 3; i++) {
    const next = b.shl(rest, 8);
    const digit = b.floordiv(next, divisor);
    digits = b.or(b.shl(digits, 8), digit);
    if (i < 2) rest = b.op("sub", next, b.mul(digit, divisor));
  }
  const mantissa = b.cast("i32", b.shr(b.add(digits, like(1, digits)), 1));
  const exponent = b.op("sub", b.op("sub", b.add(exponentOf(x), 127), exponentOf(y)), b.cast("i32", isBelow));
  // A mantissa of 25 bits carries into the exponent.
  const whole = b.add(b.shl(b.op("sub", exponent, like(1, exponent)), 23), mantissa);
  const inRange = b.select(b.lt(whole, like(0x800000, whole)), like(0, whole), whole);
  const finite = b.cast("u32", b.select(b.lt(like(254, exponent), exponent), like(infinity, whole), inRange));
  const sign = b.and(b.op("xor", x, y), like(2 ** 31, finite));
  const invalid = b.or(
    b.or(isNan(x), isNan(y)),
    b.or(b.and(isInfinite(x), isInfinite(y)), b.and(isZero(x), isZero(y))),
  );
  const size = b.select(
    b.or(isInfinite(x), isZero(y)),
    like(infinity, finite),
    b.select(b.or(isZero(x), isInfinite(y)), like(0, finite), finite),
  );
  return b.bitcast("f32", b.select(invalid, like(0x7fc00000, finite), b.or(sign, size)));
}

/**
 * sqrt(m * 2^e) = sqrt(m) * 2^(e/2) for even e: the root of a mantissa of 50 bits, digit by digit of two bits: 24 bits and one to round by; no
 * root is a tie.
 */
export const exactRoot: OpRule = {
  name: "root",
  ops: ["sqrt"],
  apply: (e, x) => (e.type.scalar === "f32" ? root(bitsOfFloat(x)) : undefined),
};

function root(x: Expr): Expr {
  // exponent - 127 is odd where the biased exponent is even
  const biased = b.and(b.shr(x, 23), like(0xff, x));
  const isEven = b.op("eq", b.and(biased, like(1, biased)), like(0, biased));
  const mantissa = b.select(isEven, b.shl(mantissaOf(x), 1), mantissaOf(x));
  let digits: Expr = like(1, x);
  let rest = b.op("sub", b.shr(mantissa, 23), like(1, x));
  for (let i = 23; i >= 0; i--) {
    const at = 2 * i - 25;
    const pair =
      at >= 0 ? b.and(b.shr(mantissa, at), like(3, x)) : at === -1 ? b.shl(b.and(mantissa, like(1, x)), 1) : like(0, x);
    const next = b.or(b.shl(rest, 2), pair);
    const trial = b.or(b.shl(digits, 2), like(1, x));
    const fits = b.op("le", trial, next);
    rest = b.select(fits, b.op("sub", next, trial), next);
    digits = b.or(b.shl(digits, 1), b.cast("u32", fits));
  }
  // (exponent - 127) / 2 + 127, rounded down, minus the mantissa's own leading bit
  const exponent = b.shr(b.add(biased, like(127, biased)), 1);
  const finite = b.add(b.shl(b.op("sub", exponent, like(1, x)), 23), b.shr(b.add(digits, like(1, x)), 1));
  const sign = b.and(x, like(2 ** 31, x));
  const invalid = b.or(isNan(x), b.and(b.op("ne", sign, like(0, x)), b.op("le", like(0x800000, x), sizeOf(x))));
  const positive = b.select(isInfinite(x), like(infinity, x), finite);
  return b.bitcast("f32", b.select(isZero(x), sign, b.select(invalid, like(0x7fc00000, x), positive)));
}
