/**
 * Spelling tables: how WGSL writes each row of the scalar-op table, each cast and each intrinsic, and how types are held. What has no
 * spelling is rewritten by `legalize.ts` and `halves.ts` before. Not here: how spellings are put together (`emit/`).
 */
import type { IntrinsicName, OpName, Scalar } from "../../ir/index.ts";

/** WGSL's own scalar types. Narrower integers are held in an i32 or u32 with their exact value. */
export type Machine = "bool" | "i32" | "u32" | "f32" | "f16";

/** How operands are held: as scalars or vectors of a machine type, or as four bytes in one u32 (vectors of 4 lanes of 8 bits). */
export type Held = Machine | "bytes";

/** The machine type of each IR scalar; f64 has none, bf16 (and f16 where the device has it not) is rewritten to f32 by `halves.ts`. */
export const machineOf: Readonly<Record<Scalar, Machine | undefined>> = {
  bool: "bool",
  u1: "u32",
  u2: "u32",
  u3: "u32",
  u4: "u32",
  u5: "u32",
  u6: "u32",
  u7: "u32",
  u8: "u32",
  u16: "u32",
  u32: "u32",
  i8: "i32",
  i16: "i32",
  i32: "i32",
  f16: "f16",
  bf16: undefined,
  f32: "f32",
  f64: undefined,
};

/**
 * An infix operator or a function of WGSL, or: `rule`: a rule leaves no such node; `same`: the operand itself; `not-equal`: `!=`, or `!`
 * where the other operand is true; `-x`: a minus sign; `bytes_*`: a function of `emit/helpers.ts`; `none`: the op table has no such operation.
 */
export type Spelling =
  | "+"
  | "-"
  | "*"
  | "/"
  | "%"
  | "&"
  | "|"
  | "^"
  | "<<"
  | ">>"
  | "=="
  | "<"
  | "<="
  | "!="
  | "min"
  | "max"
  | "abs"
  | "countOneBits"
  | "floor"
  | "trunc"
  | "round"
  | "select"
  | "-x"
  | "bytes_add"
  | "bytes_sub"
  | "bytes_shl"
  | "bytes_shr"
  | "same"
  | "rule"
  | "none";

type Row = Readonly<Record<Held, Spelling>>;

const row = (i32: Spelling, u32: Spelling, float: Spelling, bool: Spelling, bytes: Spelling): Row => ({
  i32,
  u32,
  f32: float,
  f16: float,
  bool,
  bytes,
});

/** Operands in the order of the op table, except that `select` has its condition last and the value for true second. */
export const opSpelling: Readonly<Record<OpName, Row>> = {
  add: row("+", "+", "+", "none", "bytes_add"),
  sub: row("-", "-", "-", "none", "bytes_sub"),
  mul: row("*", "*", "*", "none", "rule"),
  div: row("none", "none", "rule", "none", "none"),
  floordiv: row("rule", "/", "none", "none", "rule"),
  mod: row("rule", "%", "none", "none", "rule"),
  min: row("min", "min", "min", "none", "rule"),
  max: row("max", "max", "max", "none", "rule"),
  pmin: row("none", "none", "rule", "none", "none"),
  pmax: row("none", "none", "rule", "none", "none"),
  and: row("&", "&", "none", "&", "&"),
  or: row("|", "|", "none", "|", "|"),
  xor: row("^", "^", "none", "!=", "^"),
  shl: row("<<", "<<", "none", "none", "bytes_shl"),
  shr: row(">>", ">>", "none", "none", "bytes_shr"),
  eq: row("==", "==", "==", "none", "rule"),
  ne: row("!=", "!=", "!=", "none", "rule"),
  lt: row("<", "<", "<", "none", "rule"),
  le: row("<=", "<=", "<=", "none", "rule"),
  select: row("select", "select", "select", "select", "select"),
  neg: row("-x", "rule", "-x", "none", "rule"),
  abs: row("abs", "same", "abs", "none", "rule"),
  popcount: row("rule", "countOneBits", "none", "none", "rule"),
  sqrt: row("none", "none", "rule", "none", "none"),
  floor: row("none", "none", "floor", "none", "none"),
  trunc: row("none", "none", "trunc", "none", "none"),
  nearest: row("none", "none", "round", "none", "none"),
  round: row("none", "none", "rule", "none", "none"),
  exp: row("none", "none", "rule", "none", "none"),
};

/**
 * Casts between machine types: `convert` is the type's constructor, exact or as the IR means it; `rule`: rewritten before. Wrapping to
 * narrower integers comes after.
 */
export const castSpelling: Readonly<Record<Machine, Readonly<Record<Machine, "convert" | "same" | "rule">>>> = {
  bool: { bool: "same", i32: "convert", u32: "convert", f32: "convert", f16: "convert" },
  i32: { bool: "rule", i32: "same", u32: "convert", f32: "convert", f16: "convert" },
  u32: { bool: "rule", i32: "convert", u32: "same", f32: "convert", f16: "convert" },
  f32: { bool: "rule", i32: "convert", u32: "convert", f32: "same", f16: "convert" },
  f16: { bool: "rule", i32: "convert", u32: "convert", f32: "convert", f16: "same" },
};

/** Each intrinsic: with the language feature of packed bytes, and without. `rule`: rewritten to IR; `none`: other devices' alone. */
export const intrinsicSpelling: Readonly<
  Record<IntrinsicName, { readonly plain: "bytes_dot" | "rule" | "none"; readonly packed?: "dot4I8Packed" }>
> = {
  dot2_i16_i8_i7: { plain: "none" },
  dot2_i32_i16: { plain: "none" },
  dot4_i32_i8: { plain: "bytes_dot", packed: "dot4I8Packed" },
  sum2_i32_i16: { plain: "none" },
  sum2_i16_i8: { plain: "none" },
  lookup16_i8_u8: { plain: "none" },
  madd_f32: { plain: "rule" },
};
