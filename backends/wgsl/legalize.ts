/**
 * Legalization: what WGSL can't spell, or does not round correctly, is rewritten in IR into what it can. After it every operation has a
 * spelling in `ops.ts`. The rules that only WGSL needs are here and in `legalize-division.ts`, the others in `backends/legalize`; 16-bit
 * floats come before (`halves.ts`).
 */
import { b, type Expr, isFloat, isInteger, type Kernel, rangeOf, scalarRange, scalars } from "../../ir/index.ts";
import {
  bitsOf,
  type CastRule,
  expansion,
  floordivPower,
  floordivSigned,
  isScalar,
  isSignedInt,
  legalizer,
  like,
  madd,
  modPower,
  modSigned,
  narrow,
  type OpRule,
  popcountSigned,
  pseudoMinMax,
  roundAway,
  tableByWords,
  tableOfConstant,
  toBool,
  toSubByte,
} from "../legalize/index.ts";
import { isBytes } from "./held.ts";
import { exactDivision, exactRoot } from "./legalize-division.ts";

/** op(a, b) = f16(op(f32(a), f32(b)))   for operations that WGSL does not round correctly or has not */
const halfThroughFloat: OpRule = {
  name: "half-through-float",
  ops: ["div", "sqrt", "round"],
  apply: (e) =>
    e.type.scalar === "f16" ? b.cast("f16", b.op(e.op, ...e.args.map((arg) => b.cast("f32", arg)))) : undefined,
};

/** op(a, b) = i8(op(i32(a), i32(b)))   for vectors of four bytes, but for what can be done on all four in one word */
const bytesApart: OpRule = {
  name: "bytes-apart",
  ops: [
    "mul",
    "floordiv",
    "mod",
    "min",
    "max",
    "neg",
    "abs",
    "popcount",
    "eq",
    "ne",
    "lt",
    "le",
    "shl",
    "shr",
    "select",
  ],
  apply: (e, first, second) => {
    if (![e, ...e.args].some(({ type }) => isBytes(type))) return undefined;
    const wide = (x: Expr): Expr => (x.type.scalar === "bool" ? x : b.cast(e.op === "popcount" ? "u32" : "i32", x));
    switch (e.op) {
      case "select":
        return isScalar(first) ? undefined : b.cast(e.type.scalar, b.op(e.op, ...e.args.map(wide)));
      case "shl":
      case "shr":
        if (second.kind === "const" || isScalar(second)) if (e.op === "shl" || !isSignedInt(e)) return undefined;
        return b.cast(e.type.scalar, b.op(e.op, ...e.args.map(wide)));
      default: {
        const result = b.op(e.op, ...e.args.map(wide));
        return e.type.scalar === "bool" ? result : b.cast(e.type.scalar, result);
      }
    }
  },
};

/** -a = 0 - a   for u32 */
const unsignedNeg: OpRule = {
  name: "unsigned-neg",
  ops: ["neg"],
  apply: (e, a) => (e.type.scalar === "u32" ? b.sub(like(0, a), a) : undefined),
};

/** |a| = a for unsigned integers */
const unsignedAbs: OpRule = {
  name: "unsigned-abs",
  ops: ["abs"],
  apply: (e, a) => (!isSignedInt(e) && bitsOf(e) <= 32 && e.type.scalar.startsWith("u") ? a : undefined),
};

/** i8(f) = i8(i32(min(max(f, -128), 127)))   for floats and types below 32 bits */
const saturateNarrow: CastRule = {
  name: "saturate-narrow",
  apply: (e, from, to) => {
    if (!isFloat(from) || !isInteger(to) || scalars[to].bits >= 32) return undefined;
    const [low, high] = scalarRange(to);
    return b.cast(to, b.cast("i32", b.min(b.max(e.arg, low), high)));
  },
};

/**
 * i32(f) = 2^31 <= f ? 2^31 - 1 : i32(max(min(f, t), -2^31)),  t the greatest f32 below 2^31, where f may be outside; and so for u32. f16 goes
 * through f32.
 */
const saturateWhole: CastRule = {
  name: "saturate-whole",
  apply: (e, from, to, facts) => {
    if (from === "f16" && isInteger(to)) return b.cast(to, b.cast("f32", e.arg));
    if (from !== "f32" || (to !== "i32" && to !== "u32")) return undefined;
    const [low, high] = scalarRange(to);
    const [least, most] = rangeOf(e.arg, facts);
    if (least >= low && most <= high) return undefined;
    const inside = b.cast(to, b.max(b.min(e.arg, (high + 1) * (1 - 2 ** -24)), low));
    return b.select(b.op("le", like(high + 1, e.arg), e.arg), like(high, inside), inside);
  },
};

/** The kernel with every expression in a form that `ops.ts` spells. */
export const legalize: (kernel: Kernel) => Kernel = legalizer({
  ops: [
    tableOfConstant,
    halfThroughFloat,
    unsignedAbs,
    popcountSigned,
    bytesApart,
    floordivPower,
    modPower,
    narrow((e) => !isBytes(e.type)),
    floordivSigned,
    modSigned,
    unsignedNeg,
    roundAway,
    expansion("rounded"),
    pseudoMinMax(() => true),
    ...exactDivision,
    exactRoot,
  ],
  casts: [toBool, toSubByte, saturateNarrow, saturateWhole],
  calls: [madd(() => true)],
  tables: [tableByWords(() => true)],
});
