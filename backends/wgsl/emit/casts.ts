/** Casts as WGSL spells them: conversions, wrapping to narrow integers, bytes packed into words and unpacked, bits read as another type. */
import { b, type Cast, castBits, type Expr, isInteger, rangeOf, scalarRange, scalars } from "../../../ir/index.ts";
import { heldAs, typeText } from "../held.ts";
import { castSpelling, type Machine } from "../ops.ts";
import { extract, signExtended } from "./bits.ts";
import { atom, bitcast, type Context, call, convert, fail } from "./context.ts";
import { bitsOfHalf, halfOf } from "./half-bits.ts";
import type { HelperName } from "./helpers.ts";
import type { Node } from "./nodes.ts";
import { component, vectorOf } from "./vectors.ts";

/** The value of a cast, of a value in either mode. */
export function cast(c: Context, e: Cast): Node {
  const { arg } = e;
  if (e.mode === "bits" && arg.kind === "const" && isInteger(e.type.scalar))
    return c.select(b.constant(castBits(arg.value, arg.type.scalar, e.type.scalar), e.type));
  const value = c.select(e.arg);
  const [from, to] = [heldAs(e.arg.type), heldAs(e.type)];
  if (from === undefined || to === undefined)
    return fail(c, `a cast from ${e.arg.type.text} to ${e.type.text}: WGSL has no f64`);
  if (from === "bytes" && to === "bytes") return value;
  if (from === "bytes") return fromBytes(c, e, value, to as Machine);
  if (to === "bytes") return toBytes(c, e, value, from);
  return e.mode === "bits" ? bits(c, e, value, from, to) : converted(c, e, value, from, to);
}

function converted(c: Context, e: Cast, value: Node, from: Machine, to: Machine): Node {
  const { count } = e.type;
  const [fromScalar, toScalar] = [e.arg.type.scalar, e.type.scalar];
  const spelling = castSpelling[from][to];
  if (spelling === "rule") return fail(c, `${e.arg.type.text} cast to ${e.type.text} is left by legalize`);
  const isNarrow = (to === "i32" || to === "u32") && scalars[toScalar].bits < 32 && toScalar !== "bool";
  const [low, high] = rangeOf(e.arg, c.facts);
  const [min, max] = scalarRange(toScalar);
  const wraps = isNarrow && !(low >= min && high <= max) && fromScalar !== "bool";
  if (!wraps) return spelling === "same" ? value : convert(c, to, count, value);
  if (from !== "i32" && from !== "u32") return fail(c, `${e.arg.type.text} cast to ${e.type.text} is left by legalize`);
  return wrapped(c, value, from, to, scalars[toScalar].bits, count);
}

/** The lowest bits of an integer, as one of a narrow type. */
function wrapped(c: Context, value: Node, from: Machine, to: Machine, bits: number, count: number): Node {
  if (count === 1) {
    const word = from === "u32" ? value : convert(c, "u32", 1, value);
    if (to === "u32") return extract(c, word, 0, bits);
    return from === "i32"
      ? call(c, "extractBits", value, atom(c, "0u"), atom(c, `${bits}u`))
      : signExtended(c, word, bits);
  }
  const same = from === to ? value : convert(c, to, count, value);
  return call(c, "extractBits", same, atom(c, "0u"), atom(c, `${bits}u`));
}

function bits(c: Context, e: Cast, value: Node, from: Machine, to: Machine): Node {
  const { count, scalar } = e.type;
  const width = scalars[scalar].bits;
  if (width === 32) return from === to ? value : bitcast(c, typeText(to, count), value);
  if (from === "f16" && to === "f16") return value;
  if (from === "f16") return eachLane(c, value, count, to, (lane) => halfBits(c, lane, to));
  if (to === "f16")
    return eachLane(c, value, count, "f16", (lane) => halfOf(c, from === "u32" ? lane : convert(c, "u32", 1, lane)));
  return from === to && e.arg.type.scalar === scalar ? value : wrapped(c, value, from, to, width, count);
}

function halfBits(c: Context, half: Node, to: Machine): Node {
  const word = bitsOfHalf(c, half);
  return to === "u32" ? word : signExtended(c, word, 16);
}

function eachLane(c: Context, value: Node, count: number, to: Machine, make: (lane: Node) => Node): Node {
  if (count === 1) return make(value);
  return vectorOf(
    c,
    to,
    Array.from({ length: count }, (_, i) => make(component(c, value, i, count))),
  );
}

// ------------------------------------------------------------------------------------------------------------- bytes

/** Calls a function of WGSL's packed bytes where the device has them, else one of ours. */
function packedCall(c: Context, builtin: string, helper: HelperName, value: Node): Node {
  return call(c, c.allowed.has("packed-dot") ? builtin : helper, value);
}

function fromBytes(c: Context, e: Cast, value: Node, to: Machine): Node {
  const isSigned = e.arg.type.scalar === "i8";
  if (to === "f32" && c.isProcessor) return call(c, isSigned ? "floats_i8" : "floats_u8", value);
  const wide = isSigned
    ? packedCall(c, "unpack4xI8", "unpack_i8", value)
    : packedCall(c, "unpack4xU8", "unpack_u8", value);
  return converted(c, e, wide, isSigned ? "i32" : "u32", to);
}

function toBytes(c: Context, e: Cast, value: Node, from: Machine): Node {
  if (from !== "i32" && from !== "u32" && from !== "bool")
    return fail(c, `${e.arg.type.text} cast to ${e.type.text} is left by legalize`);
  const words = from === "u32" ? value : convert(c, "u32", 4, value);
  return packedCall(c, "pack4xU8", "pack_bytes", words);
}

/** A word with this value in each of four bytes. */
export const bytesConstant = (c: Context, value: number): Node =>
  atom(c, `0x${((value & 255) * 0x01010101).toString(16).padStart(8, "0")}u`);

/** A scalar in each of four bytes. */
export function splatBytes(c: Context, e: Expr): Node {
  if (e.kind === "const") return bytesConstant(c, e.value);
  const value = c.select(e);
  const from = heldAs(e.type) as Machine;
  const word = from === "u32" ? value : extract(c, convert(c, "u32", 1, value), 0, 8);
  return c.make("infix", "*", [word, atom(c, "0x01010101u")]);
}
