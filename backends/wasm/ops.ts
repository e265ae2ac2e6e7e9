/**
 * Spelling tables: the Wasm instruction of each row of the scalar-op table, for scalars and for vectors, and of each intrinsic.
 * How types lie in Wasm values is here too. Casts are in `emit/casts.ts`, loads in `emit/loads.ts`; what has no spelling is
 * rewritten by `legalize.ts` before.
 */
import type { IntrinsicName, OpName, Scalar } from "../../ir/index.ts";
import type { PlainName } from "./asm/index.ts";

/** Types that scalar instructions work on. Narrower integers, and bool, are kept in an i32 that holds their exact value. */
export type ScalarMachine = "i32" | "u32" | "f32" | "f64";

/** Types that vector instructions work on. */
export type VectorMachine = "i8" | "u8" | "i16" | "u16" | "i32" | "u32" | "f32" | "f64";

/** Shape of the lanes of a v128. */
export type LaneShape = "i8x16" | "i16x8" | "i32x4" | "f32x4" | "f64x2";

/**
 * How each IR scalar is held: f16 and bf16 as their bits, sub-byte codes as a byte. A bool vector has no width of its own: it is a mask
 * (all bits of a lane) as wide as the lanes that were compared; the row's width is the one it takes where nothing else says so.
 */
export const machineOf: Readonly<
  Record<Scalar, { readonly scalar: ScalarMachine; readonly vector: VectorMachine; readonly bits: 8 | 16 | 32 | 64 }>
> = {
  bool: { scalar: "i32", vector: "i8", bits: 8 },
  u1: { scalar: "i32", vector: "u8", bits: 8 },
  u2: { scalar: "i32", vector: "u8", bits: 8 },
  u3: { scalar: "i32", vector: "u8", bits: 8 },
  u4: { scalar: "i32", vector: "u8", bits: 8 },
  u5: { scalar: "i32", vector: "u8", bits: 8 },
  u6: { scalar: "i32", vector: "u8", bits: 8 },
  u7: { scalar: "i32", vector: "u8", bits: 8 },
  u8: { scalar: "i32", vector: "u8", bits: 8 },
  i8: { scalar: "i32", vector: "i8", bits: 8 },
  u16: { scalar: "i32", vector: "u16", bits: 16 },
  i16: { scalar: "i32", vector: "i16", bits: 16 },
  f16: { scalar: "i32", vector: "u16", bits: 16 },
  bf16: { scalar: "i32", vector: "u16", bits: 16 },
  u32: { scalar: "u32", vector: "u32", bits: 32 },
  i32: { scalar: "i32", vector: "i32", bits: 32 },
  f32: { scalar: "f32", vector: "f32", bits: 32 },
  f64: { scalar: "f64", vector: "f64", bits: 64 },
};

export const shapeOf: Readonly<Record<VectorMachine, LaneShape>> = {
  i8: "i8x16",
  u8: "i8x16",
  i16: "i16x8",
  u16: "i16x8",
  i32: "i32x4",
  u32: "i32x4",
  f32: "f32x4",
  f64: "f64x2",
};

/**
 * An instruction, or: `rule`: a rule of legalize.ts leaves no such node; `same`: the operand itself; `lanes`: one lane after the
 * other by the scalar instruction; `byte-shift`: shifts of 16-bit lanes and a mask, as engines emulate shifts of bytes; `none`: the op
 * table has no such operation.
 */
export type Spelling = PlainName | "rule" | "same" | "lanes" | "byte-shift" | "none";

type ScalarRow = Readonly<Record<ScalarMachine, Spelling>>;
type VectorRow = Readonly<Record<VectorMachine, Spelling>>;

const scalarRow = (i32: Spelling, u32: Spelling, f32: Spelling, f64: Spelling): ScalarRow => ({ i32, u32, f32, f64 });

/** One instruction for each operation on scalars; operands in the order of the op table, except that `select` has its condition last. */
export const scalarOps: Readonly<Record<OpName, ScalarRow>> = {
  add: scalarRow("i32.add", "i32.add", "f32.add", "f64.add"),
  sub: scalarRow("i32.sub", "i32.sub", "f32.sub", "f64.sub"),
  mul: scalarRow("i32.mul", "i32.mul", "f32.mul", "f64.mul"),
  div: scalarRow("none", "none", "f32.div", "f64.div"),
  floordiv: scalarRow("rule", "i32.div_u", "none", "none"),
  mod: scalarRow("rule", "i32.rem_u", "none", "none"),
  min: scalarRow("rule", "rule", "f32.min", "f64.min"),
  max: scalarRow("rule", "rule", "f32.max", "f64.max"),
  pmin: scalarRow("none", "none", "rule", "rule"),
  pmax: scalarRow("none", "none", "rule", "rule"),
  and: scalarRow("i32.and", "i32.and", "none", "none"),
  or: scalarRow("i32.or", "i32.or", "none", "none"),
  xor: scalarRow("i32.xor", "i32.xor", "none", "none"),
  shl: scalarRow("i32.shl", "i32.shl", "none", "none"),
  shr: scalarRow("i32.shr_s", "i32.shr_u", "none", "none"),
  eq: scalarRow("i32.eq", "i32.eq", "f32.eq", "f64.eq"),
  ne: scalarRow("i32.ne", "i32.ne", "f32.ne", "f64.ne"),
  lt: scalarRow("i32.lt_s", "i32.lt_u", "f32.lt", "f64.lt"),
  le: scalarRow("i32.le_s", "i32.le_u", "f32.le", "f64.le"),
  select: scalarRow("select", "select", "select", "select"),
  neg: scalarRow("rule", "rule", "f32.neg", "f64.neg"),
  abs: scalarRow("rule", "same", "f32.abs", "f64.abs"),
  popcount: scalarRow("i32.popcnt", "i32.popcnt", "none", "none"),
  sqrt: scalarRow("none", "none", "f32.sqrt", "f64.sqrt"),
  floor: scalarRow("none", "none", "f32.floor", "f64.floor"),
  trunc: scalarRow("none", "none", "f32.trunc", "f64.trunc"),
  nearest: scalarRow("none", "none", "f32.nearest", "f64.nearest"),
  round: scalarRow("none", "none", "rule", "rule"),
  exp: scalarRow("none", "none", "rule", "none"),
};

type Four = readonly [Spelling, Spelling, Spelling, Spelling];

const vectorRow = ([i8, u8, i16, u16]: Four, [i32, u32, f32, f64]: Four): VectorRow => ({
  i8,
  u8,
  i16,
  u16,
  i32,
  u32,
  f32,
  f64,
});

/** The same for all integers, none for floats. */
const integers = (name: Spelling): VectorRow => vectorRow([name, name, name, name], [name, name, "none", "none"]);
/** None for integers. */
const floats = (f32: Spelling, f64: Spelling): VectorRow =>
  vectorRow(["none", "none", "none", "none"], ["none", "none", f32, f64]);

/** One instruction for each operation on the lanes of a v128. Shifts take their count as a scalar; a count per lane goes lane by lane. */
export const vectorOps: Readonly<Record<OpName, VectorRow>> = {
  add: vectorRow(
    ["i8x16.add", "i8x16.add", "i16x8.add", "i16x8.add"],
    ["i32x4.add", "i32x4.add", "f32x4.add", "f64x2.add"],
  ),
  sub: vectorRow(
    ["i8x16.sub", "i8x16.sub", "i16x8.sub", "i16x8.sub"],
    ["i32x4.sub", "i32x4.sub", "f32x4.sub", "f64x2.sub"],
  ),
  mul: vectorRow(["rule", "rule", "i16x8.mul", "i16x8.mul"], ["i32x4.mul", "i32x4.mul", "f32x4.mul", "f64x2.mul"]),
  div: floats("f32x4.div", "f64x2.div"),
  floordiv: vectorRow(["rule", "lanes", "rule", "lanes"], ["rule", "lanes", "none", "none"]),
  mod: integers("rule"),
  min: vectorRow(
    ["i8x16.min_s", "i8x16.min_u", "i16x8.min_s", "i16x8.min_u"],
    ["i32x4.min_s", "i32x4.min_u", "f32x4.min", "f64x2.min"],
  ),
  max: vectorRow(
    ["i8x16.max_s", "i8x16.max_u", "i16x8.max_s", "i16x8.max_u"],
    ["i32x4.max_s", "i32x4.max_u", "f32x4.max", "f64x2.max"],
  ),
  pmin: floats("f32x4.pmin", "f64x2.pmin"),
  pmax: floats("f32x4.pmax", "f64x2.pmax"),
  and: integers("v128.and"),
  or: integers("v128.or"),
  xor: integers("v128.xor"),
  shl: vectorRow(["byte-shift", "byte-shift", "i16x8.shl", "i16x8.shl"], ["i32x4.shl", "i32x4.shl", "none", "none"]),
  shr: vectorRow(
    ["byte-shift", "byte-shift", "i16x8.shr_s", "i16x8.shr_u"],
    ["i32x4.shr_s", "i32x4.shr_u", "none", "none"],
  ),
  eq: vectorRow(["i8x16.eq", "i8x16.eq", "i16x8.eq", "i16x8.eq"], ["i32x4.eq", "i32x4.eq", "f32x4.eq", "f64x2.eq"]),
  ne: vectorRow(["i8x16.ne", "i8x16.ne", "i16x8.ne", "i16x8.ne"], ["i32x4.ne", "i32x4.ne", "f32x4.ne", "f64x2.ne"]),
  lt: vectorRow(
    ["i8x16.lt_s", "i8x16.lt_u", "i16x8.lt_s", "i16x8.lt_u"],
    ["i32x4.lt_s", "i32x4.lt_u", "f32x4.lt", "f64x2.lt"],
  ),
  le: vectorRow(
    ["i8x16.le_s", "i8x16.le_u", "i16x8.le_s", "i16x8.le_u"],
    ["i32x4.le_s", "i32x4.le_u", "f32x4.le", "f64x2.le"],
  ),
  select: vectorRow(
    ["v128.bitselect", "v128.bitselect", "v128.bitselect", "v128.bitselect"],
    ["v128.bitselect", "v128.bitselect", "v128.bitselect", "v128.bitselect"],
  ),
  neg: vectorRow(
    ["i8x16.neg", "i8x16.neg", "i16x8.neg", "i16x8.neg"],
    ["i32x4.neg", "i32x4.neg", "f32x4.neg", "f64x2.neg"],
  ),
  abs: vectorRow(["i8x16.abs", "same", "i16x8.abs", "same"], ["i32x4.abs", "same", "f32x4.abs", "f64x2.abs"]),
  popcount: vectorRow(["rule", "i8x16.popcnt", "rule", "lanes"], ["rule", "lanes", "none", "none"]),
  sqrt: floats("f32x4.sqrt", "f64x2.sqrt"),
  floor: floats("f32x4.floor", "f64x2.floor"),
  trunc: floats("f32x4.trunc", "f64x2.trunc"),
  nearest: floats("f32x4.nearest", "f64x2.nearest"),
  round: floats("rule", "rule"),
  exp: floats("rule", "none"),
};

/**
 * Each intrinsic in plain SIMD128 and, where it has one, by relaxed SIMD. `rule`: rewritten to IR; `even-odd`, `widened`: short sequences (see
 * `emit/intrinsics.ts`).
 */
export const intrinsicSpelling: Readonly<
  Record<IntrinsicName, { readonly plain: PlainName | "rule" | "even-odd" | "widened"; readonly relaxed?: PlainName }>
> = {
  dot2_i16_i8_i7: { plain: "even-odd", relaxed: "i16x8.relaxed_dot_i8x16_i7x16_s" },
  dot2_i32_i16: { plain: "i32x4.dot_i16x8_s" },
  dot4_i32_i8: { plain: "widened" },
  sum2_i32_i16: { plain: "i32x4.extadd_pairwise_i16x8_s" },
  sum2_i16_i8: { plain: "i16x8.extadd_pairwise_i8x16_s" },
  lookup16_i8_u8: { plain: "i8x16.swizzle", relaxed: "i8x16.relaxed_swizzle" },
  madd_f32: { plain: "rule", relaxed: "f32x4.relaxed_madd" },
};
