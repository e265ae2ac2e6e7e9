/** Wasm types of scalar values, and scalar constants. */
import type { Scalar } from "../../../ir/index.ts";
import { castBits } from "../../../ir/index.ts";
import type { ValueType } from "../asm/index.ts";
import { integer, type Node, node } from "./dag.ts";

export const valueTypeOf = (scalar: Scalar): ValueType => (scalar === "f32" || scalar === "f64" ? scalar : "i32");

/** The number that a value of a type is held as: f16 and bf16 by their bits. */
export const heldAs = (value: number, scalar: Scalar): number =>
  scalar === "f16" || scalar === "bf16" ? castBits(value, scalar, "u16") : value;

/** A scalar constant. */
export function scalarConst(value: number, scalar: Scalar): Node {
  if (scalar === "f32") return node({ op: "f32.const", value }, "f32");
  if (scalar === "f64") return node({ op: "f64.const", value }, "f64");
  return integer(heldAs(value, scalar));
}
