/** Rules for integers: quotients, and types narrower than a machine's. Each is exact. */
import { b, type Expr, isFloat, isSubByte, type OpName, rangeOf, scalarRange } from "../../ir/index.ts";
import type { CastRule, OpRule } from "./driver.ts";
import { bitsOf, fits, isNarrow, isScalar, isSignedInt, like, logOf, unsigned } from "./facts.ts";

/** a // 2^s = a >> s   (rounds down for signed and unsigned alike) */
export const floordivPower: OpRule = {
  name: "floordiv-power",
  ops: ["floordiv"],
  apply: (_e, a, d) => {
    const log = logOf(d);
    return log === undefined ? undefined : log === 0 ? a : b.shr(a, b.constant(log, a.type.scalar));
  },
};

/** a % 2^s = a & (2^s - 1) */
export const modPower: OpRule = {
  name: "mod-power",
  ops: ["mod"],
  apply: (_e, a, d) => (logOf(d) === undefined ? undefined : b.and(a, like((d as { value: number }).value - 1, d))),
};

/**
 * (x >> a & m) << b = (x >> (a - b)) & (m << b), or (x << (b - a)) & (m << b)      for unsigned vectors, also without & m or without >> a: bits go straight
 * to another place, where shifts of bytes would each need a mask
 */
export const movedBits: OpRule = {
  name: "moved-bits",
  ops: ["shl"],
  apply: (e, moved, to) => {
    if (isScalar(e) || isSignedInt(e) || to.kind !== "const") return undefined;
    const [shifted, mask] = withConstant(moved, "and");
    const [x, from] = withConstant(shifted, "shr");
    if (mask === undefined && from === undefined) return undefined;
    const by = from ?? 0;
    const width = 2 ** bitsOf(e);
    const kept = (((mask ?? width - 1) & (width / 2 ** by - 1)) >>> 0) * 2 ** to.value;
    const there = by >= to.value ? b.shr(x, like(by - to.value, to)) : b.shl(x, like(to.value - by, to));
    return b.and(by === to.value ? x : there, like(kept % width, to));
  },
};

/** The operands of an operation with a constant; the expression itself where it is none. */
function withConstant(e: Expr, name: OpName): readonly [Expr, number | undefined] {
  const [x, c] = e.kind === "op" && e.op === name ? e.args : [];
  return x !== undefined && c?.kind === "const" ? [x, c.value] : [e, undefined];
}

/** op(a, b) = i8(op(i32(a), i32(b)))   for integers of 8 and 16 bits where `applies` to the operation: the cast wraps */
export const narrow = (applies: (e: Expr) => boolean): OpRule => ({
  name: "narrow",
  ops: ["add", "sub", "mul", "shl", "neg", "abs", "floordiv", "mod"],
  apply: (e) =>
    applies(e) && isNarrow(e)
      ? b.cast(e.type.scalar, b.op(e.op, ...e.args.map((arg) => b.cast("i32", arg))))
      : undefined,
});

/**
 * a // d = i32(u32(a) // u32(d))                    where a >= 0
 * a // d = s ^ i32(u32(a ^ s) // u32(d)), s = a >> 31     because  floor(a / d) = -1 - floor((-1 - a) / d)  for a < 0
 */
export const floordivSigned: OpRule = {
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
};

/**
 * a % d = i32(u32(a) % u32(d))      for scalars where a >= 0
 * a % d = a - (a // d) * d
 */
export const modSigned: OpRule = {
  name: "mod",
  ops: ["mod"],
  apply: (e, a, d, facts) => {
    if (isScalar(e) && !isSignedInt(e)) return undefined;
    if (isScalar(e) && rangeOf(a, facts)[0] >= 0) return b.cast("i32", b.mod(b.cast("u32", a), b.cast("u32", d)));
    return b.sub(a, b.mul(b.floordiv(a, d), d));
  },
};

/** popcount(a) = i8(popcount(u8(a)))      for signed integers, which a machine may hold with more bits of sign */
export const popcountSigned: OpRule = {
  name: "popcount-signed",
  ops: ["popcount"],
  apply: (e, a) => (isSignedInt(e) ? b.cast(e.type.scalar, b.op("popcount", b.cast(unsigned(e), a))) : undefined),
};

/** bool(a) = a != 0  for integers;  bool(a) = 1 <= a  for floats: they truncate and saturate, NaN gives 0 */
export const toBool: CastRule = {
  name: "to-bool",
  apply: (e, from, to) => {
    if (to !== "bool") return undefined;
    if (isFloat(from)) return b.op("le", like(1, e.arg), e.arg);
    const whole = isSubByte(from) ? b.cast("u8", e.arg) : e.arg;
    return b.op("ne", whole, like(0, whole));
  },
};

/** u4(a) = u8(a) & 15 for integers, min(u8(a), 15) for floats: codes are held as bytes */
export const toSubByte: CastRule = {
  name: "to-sub-byte",
  apply: (e, from, to, facts) => {
    if (!isSubByte(to) || (from === "u8" && fits(e.arg, to, facts))) return undefined;
    const most = scalarRange(to)[1];
    const byte = b.cast("u8", e.arg);
    return b.cast(to, isFloat(from) ? b.min(byte, most) : b.and(byte, most));
  },
};
