/** What each row of the op table should give, in exact fractions or by comparison. */
import { greatest, least, ln2, log2e, powers } from "../../ir/exponential.ts";
import { type OpName, type Scalar, scalars } from "../../ir/index.ts";
import { type Fraction, floorOf, fractionOf, nearestOf, negated, over, plus, rootOf, roundTo, times } from "./exact.ts";

type Formula = (args: readonly Fraction[], values: readonly number[], scalar: Scalar) => number | undefined;

const exact =
  (formula: (a: Fraction, b: Fraction) => Fraction): Formula =>
  ([a, b], _values, scalar) =>
    roundTo(scalar, formula(a as Fraction, (b ?? a) as Fraction));
const whole =
  (formula: (a: Fraction) => bigint): Formula =>
  ([a]) =>
    Number(formula(a as Fraction));
/** Integers as bits of their width, joined by a formula on big integers. */
const bitwise =
  (formula: (a: bigint, b: bigint) => bigint): Formula =>
  (_args, [a, b], scalar) => {
    const { bits } = scalars[scalar];
    const of = (v: number | undefined): bigint => BigInt.asUintN(bits, BigInt(v ?? 0));
    return roundTo(scalar, { n: formula(of(a), of(b)), d: 1n });
  };
const compared =
  (formula: (difference: bigint) => boolean): Formula =>
  ([a, b]) =>
    Number(formula(plus(a as Fraction, negated(b as Fraction)).n));
const halfUp = ({ n, d }: Fraction): bigint => floorOf({ n: 2n * n + d, d: 2n * d });
const sized =
  (formula: (size: Fraction) => bigint) =>
  (a: Fraction): bigint =>
    a.n < 0n ? -formula(negated(a)) : formula(a);

/** 2^n * (1 + r + r^2 * p(r)) with n = nearest(x / ln 2), r = x - n * ln 2, each step in fractions and rounded to f32. */
function expInSteps(a: Fraction, x: number): number {
  const rounded = (f: Fraction): Fraction => fractionOf(roundTo("f32", f));
  const product = (p: Fraction, q: Fraction): Fraction => rounded(times(p, q));
  const sum = (p: Fraction, q: Fraction): Fraction => rounded(plus(p, q));
  const within = x < least ? fractionOf(least) : x < greatest ? a : fractionOf(greatest);
  const n: Fraction = { n: nearestOf(product(within, fractionOf(log2e))), d: 1n };
  const [high, low] = ln2.map((part) => negated(product(n, fractionOf(part)))) as [Fraction, Fraction];
  const r = sum(sum(within, high), low);
  if (n.n === -127n) return 0;
  const [p0, p1, p2, p3, p4] = powers.map(fractionOf) as [Fraction, Fraction, Fraction, Fraction, Fraction];
  const square = product(r, r);
  const pairs = sum(sum(p0, product(p1, r)), product(sum(p2, product(p3, r)), square));
  const p = sum(pairs, product(p4, product(square, square)));
  const mantissa = sum(sum(product(p, square), r), { n: 1n, d: 1n });
  return roundTo("f32", n.n < 0n ? over(mantissa, { n: 1n << -n.n, d: 1n }) : times(mantissa, { n: 1n << n.n, d: 1n }));
}

/** The value that a row should give, or undefined where the row has none for these operands. */
export const formulas: Readonly<Record<OpName, Formula>> = {
  add: exact(plus),
  sub: exact((a, b) => plus(a, negated(b))),
  mul: exact(times),
  div: ([a, b], _values, scalar) => (b?.n === 0n ? undefined : roundTo(scalar, over(a as Fraction, b as Fraction))),
  floordiv: ([a, b]) => ((b as Fraction).n <= 0n ? undefined : Number(floorOf(over(a as Fraction, b as Fraction)))),
  mod: ([a, b]) => {
    const [x, y] = [(a as Fraction).n, (b as Fraction).n];
    return y <= 0n ? undefined : Number(((x % y) + y) % y);
  },
  min: (_args, [a, b]) => ((a as number) < (b as number) ? a : b),
  max: (_args, [a, b]) => ((a as number) > (b as number) ? a : b),
  pmin: (_args, [a, b]) => ((b as number) < (a as number) ? b : a),
  pmax: (_args, [a, b]) => ((a as number) < (b as number) ? b : a),
  and: bitwise((a, b) => a & b),
  or: bitwise((a, b) => a | b),
  xor: bitwise((a, b) => a ^ b),
  shl: (args, [, by], scalar) =>
    (by as number) < 0 || (by as number) >= scalars[scalar].bits
      ? undefined
      : roundTo(scalar, { n: (args[0] as Fraction).n << BigInt(by as number), d: 1n }),
  shr: (args, [, by], scalar) =>
    (by as number) < 0 || (by as number) >= scalars[scalar].bits
      ? undefined
      : roundTo(scalar, { n: (args[0] as Fraction).n >> BigInt(by as number), d: 1n }),
  eq: compared((d) => d === 0n),
  ne: compared((d) => d !== 0n),
  lt: compared((d) => d < 0n),
  le: compared((d) => d <= 0n),
  select: (_args, [cond, a, b]) => (cond === 1 ? a : b),
  neg: exact(negated),
  abs: exact((a) => (a.n < 0n ? negated(a) : a)),
  popcount: (_args, [a = 0], scalar) =>
    [...BigInt.asUintN(scalars[scalar].bits, BigInt(a)).toString(2)].filter((digit) => digit === "1").length,
  sqrt: ([a], _values, scalar) => ((a as Fraction).n < 0n ? Number.NaN : roundTo(scalar, rootOf(a as Fraction))),
  floor: whole(floorOf),
  trunc: whole(sized(floorOf)),
  nearest: whole(nearestOf),
  round: whole(sized(halfUp)),
  exp: ([a], [x]) => expInSteps(a as Fraction, x as number),
};
