/**
 * The intrinsic table: vector instructions that combine lanes, which no composition of scalar operations spells. Each row gives its meaning, the
 * shapes of its operands and the ranges in which every engine agrees. A backend adds the spelling, or legalizes the row away.
 *
 * Meaning of every row: for each result lane l, `c[l] = sum over r < group of term(a[l*group+r], b[l*group+r], ..)`, computed in the
 * result's type. Operand vectors have `group` times as many lanes as the result, the group being the last (fastest) lane axis. An operand that
 * is a table is the same for all lanes, which read it by number.
 */
import type { OpName } from "./scalar-ops.ts";
import type { Scalar } from "./types.ts";

export type IntrinsicName =
  | "dot2_i16_i8_i7"
  | "dot2_i32_i16"
  | "dot4_i32_i8"
  | "sum2_i32_i16"
  | "sum2_i16_i8"
  | "lookup16_i8_u8"
  | "madd_f32";

/** A scalar term over the operands' names: an operand, an entry of a table, a cast or an operation. */
export type Term =
  | string
  | readonly ["entry", string, Term]
  | readonly ["cast", Scalar, Term]
  | readonly [OpName, Term, Term];

export interface IntrinsicOperand {
  readonly name: string;
  readonly scalar: Scalar;
  /** The values for which the result is determined, where that is less than the type's range: a precondition, proven by interval analysis. */
  readonly range?: readonly [number, number];
  /** Of a table: its number of lanes. */
  readonly entries?: number;
}

export interface IntrinsicRow {
  readonly operands: readonly IntrinsicOperand[];
  readonly result: Scalar;
  /** Result lanes come in multiples of this. */
  readonly lanes: number;
  /** Terms summed per result lane. */
  readonly group: number;
  readonly term: Term;
  /** False where engines may differ in the last bit (fused or not): only sums whose stated bound covers both may use it. */
  readonly determined: boolean;
}

const i8 = (name: string): IntrinsicOperand => ({ name, scalar: "i8" });
const i16 = (name: string): IntrinsicOperand => ({ name, scalar: "i16" });
const f32 = (name: string): IntrinsicOperand => ({ name, scalar: "f32" });

export const intrinsics: Readonly<Record<IntrinsicName, IntrinsicRow>> = {
  /** Pairs of i8 times a 7-bit operand, summed in i16 (Wasm relaxed SIMD; x86 `pmaddubsw`, Arm `smull`+`addp`). With b in 0..127 no pair sum saturates. */
  dot2_i16_i8_i7: {
    operands: [i8("a"), { name: "b", scalar: "i8", range: [0, 127] }],
    result: "i16",
    lanes: 8,
    group: 2,
    term: ["mul", ["cast", "i16", "a"], ["cast", "i16", "b"]],
    determined: true,
  },
  /** Pairs of i16 products summed in i32 (Wasm SIMD128, x86 `pmaddwd`). */
  dot2_i32_i16: {
    operands: [i16("a"), i16("b")],
    result: "i32",
    lanes: 4,
    group: 2,
    term: ["mul", ["cast", "i32", "a"], ["cast", "i32", "b"]],
    determined: true,
  },
  /** Products of four i8 summed in i32 (WGSL `dot4I8Packed`, Arm `sdot`); the result may be a scalar. */
  dot4_i32_i8: {
    operands: [i8("a"), i8("b")],
    result: "i32",
    lanes: 1,
    group: 4,
    term: ["mul", ["cast", "i32", "a"], ["cast", "i32", "b"]],
    determined: true,
  },
  /** Pairs of i16 summed in i32. */
  sum2_i32_i16: {
    operands: [i16("a")],
    result: "i32",
    lanes: 4,
    group: 2,
    term: ["cast", "i32", "a"],
    determined: true,
  },
  /** Pairs of i8 summed in i16. */
  sum2_i16_i8: {
    operands: [i8("a")],
    result: "i16",
    lanes: 8,
    group: 2,
    term: ["cast", "i16", "a"],
    determined: true,
  },
  /** Bytes of a table by their numbers (Wasm `i8x16.swizzle`, x86 `pshufb`, Arm `tbl`). Engines differ for numbers beyond the table. */
  lookup16_i8_u8: {
    operands: [
      { name: "table", scalar: "i8", entries: 16 },
      { name: "index", scalar: "u8", range: [0, 15] },
    ],
    result: "i8",
    lanes: 16,
    group: 1,
    term: ["entry", "table", "index"],
    determined: true,
  },
  /** `a*b + c`, with one rounding or two as the engine likes. */
  madd_f32: {
    operands: [f32("a"), f32("b"), f32("c")],
    result: "f32",
    lanes: 1,
    group: 1,
    term: ["add", ["mul", "a", "b"], "c"],
    determined: false,
  },
};
