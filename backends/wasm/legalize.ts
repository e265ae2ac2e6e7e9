/**
 * Legalization: rules in IR that rewrite what Wasm can't spell into what it can, until none applies. After it every operation has an
 * instruction in `ops.ts`. Rules for floats of 16 bits are in `legalize-half.ts`. Each rule is preceded by its equation and is exact.
 */
import {
  b,
  type Call,
  type Cast,
  type Expr,
  exprsOf,
  type Facts,
  type Feature,
  factsOf,
  isFloat,
  isInteger,
  isSigned,
  isSubByte,
  type Kernel,
  mapExprs,
  mapStmts,
  type Op,
  type OpName,
  operands,
  ops,
  rangeOf,
  type Scalar,
  scalarRange,
  scalars,
  withBody,
  withOperands,
} from "../../ir/index.ts";
import { fromHalf, isHalf, toHalf } from "./legalize-half.ts";

interface OpRule {
  readonly name: string;
  readonly ops: readonly OpName[];
  /** The node to stand in place of `e`, or undefined where the rule does not apply. */
  readonly apply: (e: Op, a: Expr, b: Expr, facts: Facts) => Expr | undefined;
}

const isScalar = (e: Expr): boolean => e.type.lanes.length === 0;
const bitsOf = (e: Expr): number => scalars[e.type.scalar].bits;
const isNarrow = (e: Expr): boolean => isInteger(e.type.scalar) && bitsOf(e) < 32;
const isSignedInt = (e: Expr): boolean => isInteger(e.type.scalar) && isSigned(e.type.scalar);
const unsigned = (e: Expr): Scalar => `u${bitsOf(e)}` as Scalar;
const constantOf = (value: number, like: Expr): Expr => b.constant(value, like.type);

/** log2 of a constant that is a power of two. */
function logOf(e: Expr): number | undefined {
  if (e.kind !== "const" || e.value <= 0) return undefined;
  const log = Math.log2(e.value);
  return Number.isInteger(log) ? log : undefined;
}

const everyOp = Object.keys(ops) as readonly OpName[];

const opRules: readonly OpRule[] = [
  // op(a, b) = f16(op(f32(a), f32(b))): the f32 result has more than twice the bits of the operands, so rounding twice is rounding once
  {
    name: "half-arithmetic",
    ops: everyOp.filter((op) => op !== "select"),
    apply: (e, a) => {
      if (!isHalf(a.type.scalar)) return undefined;
      const wide = b.op(e.op, ...e.args.map((arg) => b.cast("f32", arg)));
      return ops[e.op].signature === "compare" ? wide : b.cast(e.type.scalar, wide);
    },
  },
  // a // 2^s = a >> s   (rounds down for signed and unsigned alike)
  {
    name: "floordiv-power",
    ops: ["floordiv"],
    apply: (_e, a, d) => {
      const log = logOf(d);
      return log === undefined ? undefined : log === 0 ? a : b.shr(a, b.constant(log, a.type.scalar));
    },
  },
  // a % 2^s = a & (2^s - 1)
  {
    name: "mod-power",
    ops: ["mod"],
    apply: (_e, a, d) =>
      logOf(d) === undefined ? undefined : b.and(a, constantOf((d as { value: number }).value - 1, d)),
  },
  // op(a, b) = i8(op(i32(a), i32(b)))   for scalars of 8 and 16 bits: the cast wraps
  {
    name: "narrow-scalar",
    ops: ["add", "sub", "mul", "shl", "neg", "abs", "floordiv", "mod"],
    apply: (e) =>
      isScalar(e) && isNarrow(e)
        ? b.cast(e.type.scalar, b.op(e.op, ...e.args.map((arg) => b.cast("i32", arg))))
        : undefined,
  },
  // a // d = i32(u32(a) // u32(d))                    where a >= 0
  // a // d = s ^ i32(u32(a ^ s) // u32(d)), s = a >> 31     because  floor(a / d) = -1 - floor((-1 - a) / d)  for a < 0
  {
    name: "floordiv-signed",
    ops: ["floordiv"],
    apply: (e, a, d, facts) => {
      if (!isSignedInt(e)) return undefined;
      const to = unsigned(e);
      const quotient = (x: Expr): Expr => b.cast(e.type.scalar, b.floordiv(b.cast(to, x), b.cast(to, d)));
      if (rangeOf(a, facts)[0] >= 0) return quotient(a);
      const sign = b.shr(a, b.constant(bitsOf(e) - 1, a.type.scalar));
      return b.op("xor", sign, quotient(b.op("xor", a, sign)));
    },
  },
  // a % d = i32(u32(a) % u32(d))      for scalars where a >= 0
  // a % d = a - (a // d) * d
  {
    name: "mod",
    ops: ["mod"],
    apply: (e, a, d, facts) => {
      if (isScalar(e) && !isSignedInt(e)) return undefined;
      if (isScalar(e) && rangeOf(a, facts)[0] >= 0) return b.cast("i32", b.mod(b.cast("u32", a), b.cast("u32", d)));
      return b.sub(a, b.mul(b.floordiv(a, d), d));
    },
  },
  // min(a, b) = a <= b ? a : b,   max(a, b) = b <= a ? a : b      for integer scalars
  {
    name: "scalar-min-max",
    ops: ["min", "max"],
    apply: (e, x, y) => {
      if (!isScalar(e) || isFloat(e.type.scalar)) return undefined;
      return b.select(e.op === "min" ? b.op("le", x, y) : b.op("le", y, x), x, y);
    },
  },
  // -a = 0 - a,   |a| = a < 0 ? 0 - a : a      for integer scalars
  {
    name: "scalar-neg",
    ops: ["neg", "abs"],
    apply: (e, a) => {
      if (!isScalar(e) || isFloat(e.type.scalar) || (e.op === "abs" && !isSignedInt(e))) return undefined;
      const minus = b.sub(constantOf(0, a), a);
      return e.op === "neg" ? minus : b.select(b.lt(a, 0), minus, a);
    },
  },
  // a * b = i8(i16(a) * i16(b))      for vectors of bytes
  {
    name: "byte-mul",
    ops: ["mul"],
    apply: (e, x, y) => {
      if (isScalar(e) || bitsOf(e) !== 8) return undefined;
      const wide: Scalar = isSignedInt(e) ? "i16" : "u16";
      return b.cast(e.type.scalar, b.mul(b.cast(wide, x), b.cast(wide, y)));
    },
  },
  // round(x) = trunc(x + copysign(h, x)),  h the greatest number below 1/2: so that no sum below a half is rounded up to one
  {
    name: "round",
    ops: ["round"],
    apply: (e, x) => {
      if (e.type.scalar === "f64") return roundDouble(x);
      const half = b.bitcast("i32", constantOf(0.49999997, x));
      const signed = b.or(b.and(b.bitcast("i32", x), constantOf(-(2 ** 31), half)), half);
      return b.op("trunc", b.add(x, b.bitcast("f32", signed)));
    },
  },
];

/** As `round`, by comparisons, for there are no 64-bit integers; the zeros keep their sign. */
function roundDouble(x: Expr): Expr {
  const size = b.op("trunc", b.add(b.op("abs", x), 0.49999999999999994));
  return b.select(b.lt(x, 0), b.op("neg", size), b.select(b.op("eq", x, 0), x, size));
}

// ------------------------------------------------------------------------------------------------------ casts, calls

const fits = (e: Expr, to: Scalar, facts: Facts): boolean => {
  const [low, high] = rangeOf(e, facts);
  const [min, max] = scalarRange(to);
  return low >= min && high <= max;
};

interface CastRule {
  readonly name: string;
  readonly apply: (e: Cast, from: Scalar, to: Scalar, facts: Facts) => Expr | undefined;
}

const castRules: readonly CastRule[] = [
  { name: "from-half", apply: (e, from, _to, facts) => (isHalf(from) ? fromHalf(e, facts) : undefined) },
  { name: "to-half", apply: (e, _from, to, facts) => (isHalf(to) ? toHalf(e, facts) : undefined) },
  // bool(a) = a != 0  for integers;  bool(a) = 1 <= a  for floats: they truncate and saturate, NaN gives 0
  {
    name: "to-bool",
    apply: (e, from, to) => {
      if (to !== "bool") return undefined;
      if (isFloat(from)) return b.op("le", constantOf(1, e.arg), e.arg);
      const whole = isSubByte(from) ? b.cast("u8", e.arg) : e.arg;
      return b.op("ne", whole, constantOf(0, whole));
    },
  },
  // u4(a) = u8(a) & 15 for integers, min(u8(a), 15) for floats: codes are held as bytes
  {
    name: "to-sub-byte",
    apply: (e, from, to, facts) => {
      if (!isSubByte(to) || (from === "u8" && fits(e.arg, to, facts))) return undefined;
      const most = scalarRange(to)[1];
      const byte = b.cast("u8", e.arg);
      return b.cast(to, isFloat(from) ? b.min(byte, most) : b.and(byte, most));
    },
  },
  // i8(f) = i8(min(max(i32(f), -128), 127))      for scalars
  {
    name: "saturate-scalar",
    apply: (e, from, to) => {
      if (!isScalar(e) || !isFloat(from) || !isInteger(to) || scalars[to].bits >= 32) return undefined;
      const [low, high] = scalarRange(to);
      return b.cast(to, b.min(b.max(b.cast("i32", e.arg), low), high));
    },
  },
];

// madd(a, b, c) = a * b + c      for scalars, and where relaxed SIMD is not to be used
const madd = (e: Call, features: ReadonlySet<Feature>): Expr | undefined => {
  if (e.intrinsic !== "madd_f32" || (!isScalar(e) && features.has("relaxed-simd"))) return undefined;
  const [x, y, z] = e.args as [Expr, Expr, Expr];
  return b.add(b.mul(x, y), z);
};

// ------------------------------------------------------------------------------------------------------------ driver

const rulesByOp: Readonly<Record<OpName, readonly OpRule[]>> = Object.fromEntries(
  everyOp.map((op) => [op, opRules.filter((rule) => rule.ops.includes(op))]),
) as unknown as Readonly<Record<OpName, readonly OpRule[]>>;

function step(e: Expr, facts: Facts, features: ReadonlySet<Feature>): Expr | undefined {
  if (e.kind === "op") {
    const [x, y] = e.args as [Expr, Expr];
    for (const rule of rulesByOp[e.op]) {
      const result = rule.apply(e, x, y, facts);
      if (result !== undefined) return result;
    }
  } else if (e.kind === "cast" && e.mode === "value") {
    for (const rule of castRules) {
      const result = rule.apply(e, e.arg.type.scalar, e.type.scalar, facts);
      if (result !== undefined) return result;
    }
  } else if (e.kind === "call") return madd(e, features);
  return undefined;
}

/** The kernel with every expression in a form that `ops.ts` spells. */
export function legalize(kernel: Kernel, features: ReadonlySet<Feature>): Kernel {
  const facts = factsOf(kernel);
  const seen = new Map<Expr, Expr>();
  const visit = (e: Expr): Expr => {
    if (e.kind === "const" || e.kind === "var" || e.kind === "lanes") return e;
    const known = seen.get(e);
    if (known !== undefined) return known;
    const args = operands(e);
    const inner = args.every((arg) => visit(arg) === arg) ? e : withOperands(e, args.map(visit));
    const replaced = step(inner, facts, features);
    const result = replaced === undefined ? inner : visit(replaced);
    seen.set(e, result);
    return result;
  };
  const isLegal = (e: Expr): boolean => visit(e) === e;
  const body = mapStmts(kernel.body, (s) => {
    if (!exprsOf(s).every(isLegal)) return [mapExprs(s, visit)];
    return s.kind === "for" || s.kind === "if" ? undefined : [s];
  });
  return withBody(kernel, body);
}
