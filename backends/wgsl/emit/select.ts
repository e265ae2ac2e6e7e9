/** Expressions to WGSL, by the tables of `ops.ts`. Expects what `legalize.ts` leaves; casts, memory and constants have files of their own. */
import {
  type Buffer,
  type Call,
  type Const,
  castBits,
  castValue,
  type Expr,
  evalOp,
  type Load,
  type Op,
  ops,
  type Type,
} from "../../../ir/index.ts";
import { offsetsOf } from "../addresses.ts";
import { heldAs, typeText, widthOf } from "../held.ts";
import { type Held, intrinsicSpelling, type Machine, opSpelling } from "../ops.ts";
import { masked, shiftRight } from "./bits.ts";
import { bytesConstant, cast, splatBytes } from "./casts.ts";
import { atom, bitcast, type Context, call, fail, infix } from "./context.ts";
import { halfOf } from "./half-bits.ts";
import { load } from "./memory.ts";
import type { Node } from "./nodes.ts";
import { laneOf, registerNode } from "./registers.ts";
import { bitsLiteral, hasNoLiteral, literal } from "./text.ts";

/** The value of an expression. */
export function select(c: Context, e: Expr): Node {
  const memo = c.varies(e) ? c.changing : c.fixed;
  const known = memo.get(e);
  if (known !== undefined) return known;
  const node = selected(c, e);
  memo.set(e, node);
  return node;
}

function selected(c: Context, e: Expr): Node {
  checkType(c, e.type);
  switch (e.kind) {
    case "const":
      return constant(c, e);
    case "lanes":
      return atom(c, `vec${e.type.count}<i32>(${offsetsOf(e.type.lanes, e.strides).join(", ")})`);
    case "var":
      return c.variables.get(e.name) ?? fail(c, `${e.name} is not defined`);
    case "load":
      return loaded(c, e);
    case "op": {
      const lanes = e.type.count > 1 ? constantLanes(e) : undefined;
      return lanes === undefined ? operation(c, e) : laneConstant(c, e.type, lanes);
    }
    case "cast": {
      const lanes = constantLanes(e);
      return lanes === undefined ? cast(c, e) : laneConstant(c, e.type, lanes);
    }
    case "table":
      return fail(c, `a look-up of ${e.type.text} is left by legalize`);
    case "call":
      return intrinsic(c, e);
  }
}

function checkType(c: Context, type: Type): void {
  if (heldAs(type) === undefined) fail(c, `a value of type ${type.text}: WGSL has no ${type.scalar}`);
  if (widthOf(type) > 4)
    fail(c, `a vector ${type.text} of ${type.count} lanes: WGSL has 2, 3 and 4; vectorize by one of these`);
}

// ---------------------------------------------------------------------------------------------------------- constants

function constant(c: Context, e: Const): Node {
  const held = heldAs(e.type);
  if (held === "bytes") return bytesConstant(c, e.value);
  const machine = held as Machine;
  const scalar = scalarConstant(c, e.value, machine);
  return e.type.count === 1 ? scalar : call(c, typeText(machine, e.type.count), scalar);
}

function scalarConstant(c: Context, value: number, machine: Machine): Node {
  const isFloat = machine === "f32" || machine === "f16";
  if (!isFloat || !hasNoLiteral(value)) return atom(c, literal(value, machine));
  const bits = bitsLiteral(value, machine);
  const name = c.constants.get(bits) ?? `bits_${bits.slice(2, -1)}`;
  c.constants.set(bits, name);
  const word = atom(c, name);
  return machine === "f32" ? bitcast(c, "f32", word) : halfOf(c, word);
}

const lanesKnown = new WeakMap<Expr, readonly number[] | "varies">();

/** The lanes of a vector that no name is in: WGSL computes such at once, and refuses what overflows. Asked once of a part that many expressions share. */
function constantLanes(e: Expr): readonly number[] | undefined {
  const known = lanesKnown.get(e);
  if (known !== undefined) return known === "varies" ? undefined : known;
  const lanes = lanesOf(e);
  lanesKnown.set(e, lanes ?? "varies");
  return lanes;
}

function lanesOf(e: Expr): readonly number[] | undefined {
  const { count, lanes } = e.type;
  if (e.kind === "const") return new Array(count).fill(e.value);
  if (e.kind === "lanes") return offsetsOf(lanes, e.strides);
  if (e.kind === "cast") {
    const convert = e.mode === "value" ? castValue : castBits;
    return constantLanes(e.arg)?.map((value) => convert(value, e.arg.type.scalar, e.type.scalar));
  }
  if (e.kind !== "op") return undefined;
  const args = e.args.map(constantLanes);
  if (!args.every((arg) => arg !== undefined)) return undefined;
  const scalar = (e.args.at(-1) as Expr).type.scalar;
  return Array.from({ length: count }, (_, lane) => {
    const [x = 0, y, z] = args.map((arg) => arg[arg.length > 1 ? lane : 0] as number);
    return evalOp(e.op, scalar, x, y, z);
  });
}

function laneConstant(c: Context, type: Type, lanes: readonly number[]): Node {
  const machine = heldAs(type);
  if (machine === undefined) return fail(c, `a constant of ${type.text}`);
  if (machine === "bytes") return atom(c, hex(lanes.reduce((word, byte, i) => word + (byte & 255) * 2 ** (8 * i), 0)));
  const values = lanes.map((value) => scalarConstant(c, value, machine));
  return type.count === 1 ? (values[0] as Node) : call(c, typeText(machine, type.count), ...values);
}

// -------------------------------------------------------------------------------------------------------------- loads

function loaded(c: Context, e: Load): Node {
  if (e.mask !== undefined) fail(c, `a masked load of ${e.buffer}: lower the kernel first`);
  const buffer = c.buffers.get(e.buffer) ?? fail(c, `buffer ${e.buffer} is not declared`);
  return buffer.scope === "register" ? register(c, buffer, e) : load(c, e);
}

function register(c: Context, buffer: Buffer, e: Load): Node {
  const whole = registerNode(c, buffer);
  const lane = laneOf(c, buffer, e.index);
  return lane === undefined ? whole : lane(whole);
}

// --------------------------------------------------------------------------------------------------------- operations

/** Operators that take a scalar beside a vector. */
const mixing: ReadonlySet<string> = new Set(["+", "-", "*", "/", "%"]);

function operation(c: Context, e: Op): Node {
  const { signature } = ops[e.op];
  const operands = signature === "select" ? [e.args[2], e.args[1], e.args[0]] : e.args;
  const [x, y] = operands as [Expr, Expr];
  const compared = x.type.count === 1 && y !== undefined ? y : x;
  const held = heldAs(signature === "compare" ? compared.type : e.type) as Held;
  const name = opSpelling[e.op][held];
  const isVector = e.type.count > 1;
  const scalarSide = (arg: Expr, i: number): Node => {
    const node = c.select(arg);
    if (!isVector || arg.type.count > 1 || (signature === "select" && i === 2)) return splatConstant(arg, node);
    if (held === "bytes") return splatBytes(c, arg);
    return mixing.has(name) ? node : call(c, typeText(heldAs(arg.type) as Machine, e.type.count), node);
  };
  /** A constant vector beside a vector needs only its scalar where the operator takes one. */
  const splatConstant = (arg: Expr, node: Node): Node =>
    isVector && arg.kind === "const" && held !== "bytes" && mixing.has(name) ? (node.args[0] ?? node) : node;
  switch (name) {
    case "none":
    case "rule":
      return fail(c, `${e.op} of ${x.type.text} is left by legalize`);
    case "same":
      return c.select(x);
    case "-x":
      return c.make("prefix", "-", [c.select(x)]);
    case "<<":
    case ">>":
      return shift(c, e, name);
    case "bytes_shl":
    case "bytes_shr":
      return shiftBytes(c, name, c.select(x), y);
    case "bytes_add":
    case "bytes_sub":
      return call(c, name, scalarSide(x, 0), scalarSide(y, 1));
    case "&":
      return conjunction(c, e, scalarSide(x, 0), scalarSide(y, 1), held === "u32");
    case "|":
    case "!=":
      if (held === "bool") return disjunction(c, name, scalarSide(x, 0), scalarSide(y, 1));
      return infix(c, name, scalarSide(x, 0), scalarSide(y, 1));
    case "*":
      if (y.kind === "const" && y.value === -1 && held === "i32") return c.make("prefix", "-", [c.select(x)]);
      return infix(c, name, scalarSide(x, 0), scalarSide(y, 1));
    case "+":
    case "-":
    case "/":
    case "%":
    case "^":
    case "==":
    case "<":
    case "<=":
      return infix(c, name, scalarSide(x, 0), scalarSide(y, 1));
    case "select": {
      const [otherwise, value, condition] = operands.map((arg, i) => scalarSide(arg as Expr, i)) as [Node, Node, Node];
      return isTrue(condition) ? value : isFalse(condition) ? otherwise : call(c, name, otherwise, value, condition);
    }
    default:
      return call(c, name, ...operands.map((arg, i) => scalarSide(arg as Expr, i)));
  }
}

/** `a & b`; of bools, constants are left out; masks of words fold with the shifts below them. */
function conjunction(c: Context, e: Op, x: Node, y: Node, isWord: boolean): Node {
  const mask = e.args[1] as Expr;
  if (mask.type.scalar === "bool") {
    if (isTrue(x) || isFalse(y)) return y;
    return isTrue(y) || isFalse(x) ? x : infix(c, "&", x, y);
  }
  if (mask.kind !== "const" || e.type.count > 1) return infix(c, "&", x, y);
  if (isWord) return masked(c, x, mask.value);
  const word = mask.value >= 0 ? unsignedOf(x) : undefined;
  return word === undefined ? infix(c, "&", x, y) : call(c, "i32", masked(c, word, mask.value));
}

/** The word of an i32 made of a few bits of one: it is not negative. */
function unsignedOf(x: Node): Node | undefined {
  const inner = x.form === "call" && x.text === "i32" ? x.args[0] : undefined;
  return inner?.bits !== undefined && inner.bits.count < 32 ? inner : undefined;
}

const isTrue = ({ text, form }: Node): boolean => form === "atom" && text === "true";
const isFalse = ({ text, form }: Node): boolean => form === "atom" && text === "false";

/** `a | b` and `a != b` of bools, constants left out. */
function disjunction(c: Context, name: "|" | "!=", x: Node, y: Node): Node {
  if (isFalse(x)) return y;
  if (isFalse(y)) return x;
  if (name === "|") return isTrue(x) ? x : isTrue(y) ? y : infix(c, name, x, y);
  return isTrue(y) ? c.make("prefix", "!", [x]) : infix(c, name, x, y);
}

// ------------------------------------------------------------------------------------------------------------- shifts

/** Shift counts are u32, as many as there are lanes. */
function shift(c: Context, e: Op, name: "<<" | ">>"): Node {
  const [x, by] = e.args as [Expr, Expr];
  const { count } = e.type;
  const a = c.select(x);
  const value = x.type.count < count ? call(c, typeText(heldAs(x.type) as Machine, count), a) : a;
  if (by.kind === "const" && count === 1 && name === ">>") {
    if (heldAs(x.type) === "u32") return shiftRight(c, a, by.value);
    const word = unsignedOf(a);
    if (word !== undefined) return call(c, "i32", shiftRight(c, word, by.value));
  }
  return infix(c, name, value, shiftCount(c, by, count));
}

function shiftCount(c: Context, by: Expr, count: number): Node {
  if (by.kind === "const") {
    const amount = atom(c, `${by.value}u`);
    return count === 1 ? amount : call(c, typeText("u32", count), amount);
  }
  const machine = heldAs(by.type);
  const value = c.select(by);
  const amount = machine === "u32" ? value : call(c, typeText("u32", by.type.count), value);
  return by.type.count < count ? call(c, typeText("u32", count), amount) : amount;
}

/** All bytes of a word shifted alike: the word is, and the bits that crossed bytes are cleared. */
function shiftBytes(c: Context, name: "bytes_shl" | "bytes_shr", value: Node, by: Expr): Node {
  const operator = name === "bytes_shl" ? "<<" : ">>";
  const all = 0x01010101;
  if (by.kind === "const") {
    const kept = name === "bytes_shl" ? (0xff << by.value) & 0xff : 0xff >> by.value;
    if (by.value === 0) return value;
    return infix(c, "&", infix(c, operator, value, atom(c, `${by.value}u`)), atom(c, hex(kept * all)));
  }
  const count = c.select(by);
  const amount = heldAs(by.type) === "u32" ? count : call(c, "u32", count);
  const kept = infix(
    c,
    "*",
    infix(c, "&", infix(c, operator, atom(c, "0xffu"), amount), atom(c, "0xffu")),
    atom(c, hex(all)),
  );
  return infix(c, "&", infix(c, operator, value, amount), kept);
}

const hex = (value: number): string => `0x${value.toString(16).padStart(8, "0")}u`;

// ---------------------------------------------------------------------------------------------------------- intrinsics

function intrinsic(c: Context, e: Call): Node {
  const { plain, packed } = intrinsicSpelling[e.intrinsic];
  if (plain === "none" || plain === "rule")
    return fail(c, `intrinsic ${e.intrinsic} has no WGSL; tensorize by dot4_i32_i8 instead`);
  const args = e.args.map((arg) => (arg.type.count === 1 ? splatBytes(c, arg) : c.select(arg)));
  for (const arg of e.args)
    if (arg.type.count > 4)
      fail(c, `${e.intrinsic} of ${arg.type.text}: WGSL has it for one group of 4; unroll the loop of the groups`);
  return call(c, packed !== undefined && c.allowed.has("packed-dot") ? packed : plain, ...args);
}
