/**
 * Legalization: what Wasm can't spell is rewritten in IR into what it can. After it every operation has an instruction in `ops.ts`. The
 * rules that only Wasm needs are here, the others in `backends/legalize`.
 */
import { b, type Feature, isFloat, isInteger, type Kernel, type Scalar, scalarRange, scalars } from "../../ir/index.ts";
import {
  bitsOf,
  type CastRule,
  expansion,
  floordivPower,
  floordivSigned,
  fromHalf,
  halfArithmetic,
  isScalar,
  isSignedInt,
  legalizer,
  like,
  madd,
  modPower,
  modSigned,
  movedBits,
  narrow,
  type OpRule,
  popcountSigned,
  pseudoMinMax,
  roundAway,
  roundAwayDouble,
  tableByWords,
  tableOfConstant,
  toBool,
  toHalf,
  toSubByte,
} from "../legalize/index.ts";

/** min(a, b) = a <= b ? a : b,   max(a, b) = b <= a ? a : b      for integer scalars */
const scalarMinMax: OpRule = {
  name: "scalar-min-max",
  ops: ["min", "max"],
  apply: (e, x, y) => {
    if (!isScalar(e) || isFloat(e.type.scalar)) return undefined;
    return b.select(e.op === "min" ? b.op("le", x, y) : b.op("le", y, x), x, y);
  },
};

/** -a = 0 - a,   |a| = a < 0 ? 0 - a : a      for integer scalars */
const scalarNeg: OpRule = {
  name: "scalar-neg",
  ops: ["neg", "abs"],
  apply: (e, a) => {
    if (!isScalar(e) || isFloat(e.type.scalar) || (e.op === "abs" && !isSignedInt(e))) return undefined;
    const minus = b.sub(like(0, a), a);
    return e.op === "neg" ? minus : b.select(b.lt(a, 0), minus, a);
  },
};

/** a * b = i8(i16(a) * i16(b))      for vectors of bytes */
const byteMul: OpRule = {
  name: "byte-mul",
  ops: ["mul"],
  apply: (e, x, y) => {
    if (isScalar(e) || bitsOf(e) !== 8) return undefined;
    const wide: Scalar = isSignedInt(e) ? "i16" : "u16";
    return b.cast(e.type.scalar, b.mul(b.cast(wide, x), b.cast(wide, y)));
  },
};

/** i8(f) = i8(min(max(i32(f), -128), 127))      for scalars */
const saturateScalar: CastRule = {
  name: "saturate-scalar",
  apply: (e, from, to) => {
    if (!isScalar(e) || !isFloat(from) || !isInteger(to) || scalars[to].bits >= 32) return undefined;
    const [low, high] = scalarRange(to);
    return b.cast(to, b.min(b.max(b.cast("i32", e.arg), low), high));
  },
};

const legalizerFor = (relaxed: boolean): ((kernel: Kernel) => Kernel) =>
  legalizer({
    ops: [
      tableOfConstant,
      movedBits,
      popcountSigned,
      halfArithmetic,
      floordivPower,
      modPower,
      narrow(isScalar),
      floordivSigned,
      modSigned,
      scalarMinMax,
      scalarNeg,
      byteMul,
      roundAway,
      roundAwayDouble,
      expansion("added"),
      pseudoMinMax(isScalar),
    ],
    casts: [fromHalf, toHalf, toBool, toSubByte, saturateScalar],
    calls: [madd((e) => isScalar(e) || !relaxed)],
    tables: [tableByWords(isScalar)],
  });

const strict = legalizerFor(false);
const relaxed = legalizerFor(true);

/** The kernel with every expression in a form that `ops.ts` spells. */
export function legalize(kernel: Kernel, features: ReadonlySet<Feature>): Kernel {
  return (features.has("relaxed-simd") ? relaxed : strict)(kernel);
}
