/**
 * Casts between machine types, scalar and vector. Casts of f16, bf16 and sub-byte codes, and saturating casts of scalars to narrow
 * integers, are rewritten by legalize.ts before.
 */
import { type Cast, isFloat, rangeOf, type Scalar, scalarRange, scalars } from "../../../ir/index.ts";
import type { PlainName } from "../asm/index.ts";
import { machineOf, type ScalarMachine, type VectorMachine } from "../ops.ts";
import { type Context, fail } from "./context.ts";
import { apply, integer, type Node, registersFor, shuffle, type Vec, vectorConst, vectorOf } from "./dag.ts";

const within = ([low, high]: readonly [number, number], [min, max]: readonly [number, number]): boolean =>
  low >= min && high <= max;

// ------------------------------------------------------------------------------------------------------------ scalars

/** Brings an i32 back to the values of a narrow type (wrapping). */
const wraps: Partial<Readonly<Record<Scalar, (a: Node) => Node>>> = {
  i8: (a) => apply("i32.extend8_s", "i32", a),
  i16: (a) => apply("i32.extend16_s", "i32", a),
  u8: (a) => apply("i32.and", "i32", a, integer(0xff)),
  u16: (a) => apply("i32.and", "i32", a, integer(0xffff)),
};

/** Instructions between scalars of different machine types. */
const scalarCasts: Readonly<Record<ScalarMachine, Readonly<Record<ScalarMachine, PlainName | "same">>>> = {
  i32: { i32: "same", u32: "same", f32: "f32.convert_i32_s", f64: "f64.convert_i32_s" },
  u32: { i32: "same", u32: "same", f32: "f32.convert_i32_u", f64: "f64.convert_i32_u" },
  f32: { i32: "i32.trunc_sat_f32_s", u32: "i32.trunc_sat_f32_u", f32: "same", f64: "f64.promote_f32" },
  f64: { i32: "i32.trunc_sat_f64_s", u32: "i32.trunc_sat_f64_u", f32: "f32.demote_f64", f64: "same" },
};

/** `cast` of a scalar. */
export function castScalar(c: Context, e: Cast, a: Node): Node {
  const from = e.arg.type.scalar;
  const to = e.type.scalar;
  if (e.mode === "bits") return bitsOfScalar(a, from, to);
  const name = scalarCasts[machineOf[from].scalar][machineOf[to].scalar];
  if (name !== "same") return apply(name, isFloat(to) ? (to as "f32" | "f64") : "i32", a);
  return isFloat(to) || within(rangeOf(e.arg, c.facts), scalarRange(to)) ? a : (wraps[to]?.(a) ?? a);
}

function bitsOfScalar(a: Node, from: Scalar, to: Scalar): Node {
  const [x, y] = [machineOf[from].scalar, machineOf[to].scalar];
  if (x === "f32" && y !== "f32") return apply("i32.reinterpret_f32", "i32", a);
  if (y === "f32" && x !== "f32") return apply("f32.reinterpret_i32", "f32", a);
  if (isFloat(to) && scalars[to].bits === 16) return wraps.u16?.(a) as Node;
  return wraps[to]?.(a) ?? a;
}

// ------------------------------------------------------------------------------------------------------------ vectors

const halves = {
  8: {
    s: ["i16x8.extend_low_i8x16_s", "i16x8.extend_high_i8x16_s"],
    u: ["i16x8.extend_low_i8x16_u", "i16x8.extend_high_i8x16_u"],
  },
  16: {
    s: ["i32x4.extend_low_i16x8_s", "i32x4.extend_high_i16x8_s"],
    u: ["i32x4.extend_low_i16x8_u", "i32x4.extend_high_i16x8_u"],
  },
} as const;

/** Lanes of twice the width: the lower half of a register, then the upper half. */
function widenOnce(a: Vec, sign: "s" | "u"): Vec {
  const names = halves[a.bits as 8 | 16][sign];
  const bits = (a.bits * 2) as 16 | 32;
  const regs = Array.from({ length: registersFor(a.count, bits) }, (_, i) =>
    vectorOf(names[i % 2] as PlainName, a.regs[i >> 1] as Node),
  );
  return { regs, bits, count: a.count };
}

/** Lanes of a greater width. */
export function widen(a: Vec, bits: number, sign: "s" | "u"): Vec {
  let wide = a;
  while (wide.bits < bits) wide = widenOnce(wide, sign);
  return wide;
}

const narrows = {
  16: { s: "i8x16.narrow_i16x8_s", u: "i8x16.narrow_i16x8_u" },
  32: { s: "i16x8.narrow_i32x4_s", u: "i16x8.narrow_i32x4_u" },
} as const;

/** Two registers after the other into one, by `join`. */
function pairs(a: Vec, join: (x: Node, y: Node) => Node): Vec {
  const bits = (a.bits / 2) as 8 | 16 | 32;
  const regs = Array.from({ length: registersFor(a.count, bits) }, (_, i) => {
    const low = a.regs[2 * i] as Node;
    return join(low, a.regs[2 * i + 1] ?? low);
  });
  return { regs, bits, count: a.count };
}

/** Half the width: the lower half of each lane's bits. */
const halveWrapping = (a: Vec): Vec => {
  const kept = a.bits / 16;
  const lanes = Array.from({ length: 16 }, (_, i) => Math.floor(i / kept) * 2 * kept + (i % kept));
  return pairs(a, (x, y) => shuffle(lanes, x, y));
};

/** Half the width: lanes, taken as signed, to the nearest value of the narrow type. */
const halveSaturating = (a: Vec, to: "s" | "u"): Vec =>
  pairs(a, (x, y) => vectorOf(narrows[a.bits as 16 | 32][to], x, y));

/** Lanes of a smaller width, wrapping. `fits`: the values are known to be those of the narrow type, by which one instruction suffices. */
function narrow(a: Vec, bits: number, fits: "s" | "u" | undefined): Vec {
  let small = a;
  while (small.bits > bits) {
    if (fits === undefined || small.bits === 64) small = halveWrapping(small);
    else small = halveSaturating(small, small.bits / 2 === bits ? fits : "s");
  }
  return small;
}

/** A mask as wide as lanes of `bits`. */
export function maskOf(a: Vec, bits: number): Vec {
  const first = a.regs[0] as Node;
  if (first.instr.op === "v128.const" && a.regs.every((r) => r === first))
    return { regs: Array<Node>(registersFor(a.count, bits)).fill(first), bits: bits as Vec["bits"], count: a.count };
  if (bits === 64 && a.bits < 64) return widenTo64(maskOf(a, 32), "s");
  return a.bits < bits ? widen(a, bits, "s") : a.bits > bits ? narrow(a, bits, "s") : a;
}

function widenTo64(a: Vec, sign: "s" | "u"): Vec {
  const names = [`i64x2.extend_low_i32x4_${sign}`, `i64x2.extend_high_i32x4_${sign}`] as const;
  const regs = Array.from({ length: registersFor(a.count, 64) }, (_, i) =>
    vectorOf(names[i % 2] as PlainName, a.regs[i >> 1] as Node),
  );
  return { regs, bits: 64, count: a.count };
}

const map = (a: Vec, name: PlainName): Vec => ({ ...a, regs: a.regs.map((r) => vectorOf(name, r)) });
const isUnsigned = (scalar: Scalar): boolean => scalars[scalar].class === "uint";
const signOf = (scalar: Scalar): "s" | "u" => (isUnsigned(scalar) ? "u" : "s");

/** `cast` of a vector between machine types. `load` widens straight from memory where the operand allows it. */
export function castVector(c: Context, e: Cast, operand: () => Vec, load: (bits: 16 | 32) => Vec | undefined): Vec {
  const from = e.arg.type.scalar;
  const to = e.type.scalar;
  if (e.mode === "bits") return operand();
  if (from === "bool") return fromMask(operand(), to);
  if (to === "bool") fail(c, `${e.arg.type.text} cast to bool is left by legalize`);
  const [x, y] = [machineOf[from].vector, machineOf[to].vector];
  const bits = machineOf[to].bits;
  if (isFloat(from)) return isFloat(to) ? betweenFloats(operand(), to) : fromFloat(operand(), x, y, bits);
  const integerBits = isFloat(to) ? 32 : bits;
  const value =
    machineOf[from].bits < integerBits
      ? widen(load(machineOf[from].bits === 8 ? 16 : 32) ?? operand(), integerBits, signOf(from))
      : operand();
  if (isFloat(to)) return toFloat(c, e, value, to);
  if (value.bits <= bits) return value;
  const fits = within(rangeOf(e.arg, c.facts), scalarRange(to)) ? signOf(to) : undefined;
  return narrow(value, bits, from === "u32" && fits === undefined ? undefined : fits);
}

function fromMask(mask: Vec, to: Scalar): Vec {
  const { vector, bits } = machineOf[to];
  const shape = ({ 8: "i8x16", 16: "i16x8", 32: "i32x4", 64: "f64x2" } as const)[bits];
  const one = vectorConst(vector === "f32" ? "f32x4" : shape, 1);
  const wide = maskOf(mask, bits);
  return { ...wide, regs: wide.regs.map((r) => vectorOf("v128.and", r, one)) };
}

/** u8 and u16 are non-negative as i32, so the cheaper signed conversion serves them, and u32 where its range is known. */
function toFloat(c: Context, e: Cast, value: Vec, to: Scalar): Vec {
  const unsigned = e.arg.type.scalar === "u32" && rangeOf(e.arg, c.facts)[1] > 2 ** 31 - 1;
  if (to === "f32") return map(value, unsigned ? "f32x4.convert_i32x4_u" : "f32x4.convert_i32x4_s");
  const name = unsigned ? "f64x2.convert_low_i32x4_u" : "f64x2.convert_low_i32x4_s";
  return lowHalves(value, (half) => vectorOf(name, half));
}

const upperHalf = Array.from({ length: 16 }, (_, i) => 8 + (i % 8));

/** 64-bit lanes from instructions that take the lower two 32-bit lanes. */
function lowHalves(a: Vec, convert: (half: Node) => Node): Vec {
  const regs = Array.from({ length: registersFor(a.count, 64) }, (_, i) => {
    const r = a.regs[i >> 1] as Node;
    return convert(i % 2 === 0 ? r : shuffle(upperHalf, r, r));
  });
  return { regs, bits: 64, count: a.count };
}

const lowerHalves = Array.from({ length: 16 }, (_, i) => (i < 8 ? i : 8 + i));

/** 32-bit lanes from instructions that leave two of them in the lower half. */
function joinHalves(a: Vec, convert: (r: Node) => Node): Vec {
  return pairs({ ...a, regs: a.regs.map(convert) }, (x, y) => (x === y ? x : shuffle(lowerHalves, x, y)));
}

function betweenFloats(a: Vec, to: Scalar): Vec {
  if (to === "f64") return lowHalves(a, (half) => vectorOf("f64x2.promote_low_f32x4", half));
  return joinHalves(a, (r) => vectorOf("f32x4.demote_f64x2_zero", r));
}

/** Truncates and saturates: first to i32 (u32), then by saturating narrowing, which sees its operands as signed. */
function fromFloat(a: Vec, from: VectorMachine, to: VectorMachine, bits: number): Vec {
  const sign = to === "u32" ? "u" : "s";
  const whole =
    from === "f32"
      ? map(a, `i32x4.trunc_sat_f32x4_${sign}`)
      : joinHalves(a, (r) => vectorOf(`i32x4.trunc_sat_f64x2_${sign}_zero`, r));
  return narrow(whole, bits, to.startsWith("u") ? "u" : "s");
}
