// Short constructors for instructions, so that an emitter reads as a list of them. An instruction is plain data and may as
// well be written as a literal; these fill in the natural alignment, share what is equal and lay out vector constants.

import { type ImmediateKind, instructions, type NameWithImmediates } from "./instructions.ts";
import type { Instr, InstrOf, Labelled, PlainName } from "./module.ts";

const plainKinds: ReadonlySet<ImmediateKind> = new Set(["none", "memory", "memory memory"]);

/** One object for all uses: most instructions of a kernel are of this kind. */
const plain = Object.fromEntries(
  Object.values(instructions)
    .filter((row) => plainKinds.has(row.immediates))
    .map((row) => [row.name, Object.freeze({ op: row.name })]),
) as unknown as Readonly<Record<PlainName, Instr>>;

/** An instruction that is complete by its name, e.g. `op("i32x4.add")`. */
export function op(name: PlainName): Instr {
  return plain[name];
}

/** A load or store at `offset` bytes from the address on the stack; `align` in bytes, by default the natural alignment. */
export function access(
  name: NameWithImmediates<"memarg">,
  offset = 0,
  align: number = instructions[name].bytes,
): InstrOf<"memarg"> {
  return { op: name, offset, align };
}

/** A load or store of one lane. */
export function accessLane(
  name: NameWithImmediates<"memarg lane">,
  lane: number,
  offset = 0,
  align: number = instructions[name].bytes,
): InstrOf<"memarg lane"> {
  return { op: name, offset, align, lane };
}

/** An extract or replace of one lane. */
export function onLane(name: NameWithImmediates<"lane">, lane: number): InstrOf<"lane"> {
  return { op: name, lane };
}

/** Chooses 16 bytes of two vectors: 0 to 15 from the first operand, 16 to 31 from the second. */
export function shuffle(lanes: readonly number[]): InstrOf<"shuffle"> {
  return { op: "i8x16.shuffle", lanes };
}

/** A constant from -2^31 to 2^32 - 1; values above 2^31 - 1 are the bits of a negative one. */
export function i32(value: number): InstrOf<"i32"> {
  return { op: "i32.const", value: value >>> 0 === value ? value | 0 : value };
}

/** A constant from -2^63 to 2^64 - 1, as `i32`. */
export function i64(value: bigint): InstrOf<"i64"> {
  return { op: "i64.const", value: BigInt.asUintN(64, value) === value ? BigInt.asIntN(64, value) : value };
}

/** A constant, rounded to the nearest f32. */
export function f32(value: number): InstrOf<"f32"> {
  return { op: "f32.const", value: Math.fround(value) };
}

/** A constant. */
export function f64(value: number): InstrOf<"f64"> {
  return { op: "f64.const", value };
}

/** How the lanes of a vector constant may be given. */
export type VectorShape = "i8x16" | "i16x8" | "i32x4" | "f32x4" | "f64x2";

const lanesOf: Readonly<Record<VectorShape, (values: readonly number[]) => { readonly buffer: ArrayBuffer }>> = {
  i8x16: (values) => new Int8Array(values),
  i16x8: (values) => new Int16Array(values),
  i32x4: (values) => new Int32Array(values),
  f32x4: (values) => new Float32Array(values),
  f64x2: (values) => new Float64Array(values),
};

/**
 * A vector constant from the values of its lanes, lane 0 first; a single value goes to all lanes. Integers wrap to the
 * lane's width, so signed and unsigned values will both do.
 */
export function v128(shape: VectorShape, values: readonly number[] | number): InstrOf<"v128"> {
  const count = Number(shape.slice(shape.indexOf("x") + 1));
  const lanes = typeof values === "number" ? Array<number>(count).fill(values) : values;
  if (lanes.length !== count) throw new RangeError(`${lanes.length} values for the lanes of ${shape}`);
  return { op: "v128.const", bytes: [...new Uint8Array(lanesOf[shape](lanes).buffer)] };
}

/** Pushes a variable. */
export function getLocal(local: string): InstrOf<"local"> {
  return { op: "local.get", local };
}

/** Pops into a variable. */
export function setLocal(local: string): InstrOf<"local"> {
  return { op: "local.set", local };
}

/** Copies the top of the stack into a variable. */
export function teeLocal(local: string): InstrOf<"local"> {
  return { op: "local.tee", local };
}

/** Pushes a global. */
export function getGlobal(global: string): InstrOf<"global"> {
  return { op: "global.get", global };
}

/** Pops into a global. */
export function setGlobal(global: string): InstrOf<"global"> {
  return { op: "global.set", global };
}

/** Calls a function of the module or the host. */
export function call(name: string): InstrOf<"function"> {
  return { op: "call", function: name };
}

/** Leaves the block, or starts the loop again, that has the label. */
export function br(label: string): InstrOf<"label"> {
  return { op: "br", label };
}

/** `br` where the popped condition is not zero. */
export function brIf(label: string): InstrOf<"label"> {
  return { op: "br_if", label };
}

type Head = Omit<Labelled, "body">;

/** Instructions that a branch to the label leaves at their end. */
export function block(head: Head, body: readonly Instr[]): InstrOf<"block"> {
  return { op: "block", ...head, body };
}

/** Instructions that a branch to the label starts again; without one they run once. */
export function loop(head: Head, body: readonly Instr[]): InstrOf<"block"> {
  return { op: "loop", ...head, body };
}

/** Runs `body` where the popped condition is not zero, `otherwise` (if given) where it is. */
export function ifElse(head: Head, body: readonly Instr[], otherwise?: readonly Instr[]): InstrOf<"if"> {
  return otherwise === undefined ? { op: "if", ...head, body } : { op: "if", ...head, body, else: otherwise };
}
