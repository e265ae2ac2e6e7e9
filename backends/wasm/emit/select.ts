/**
 * Instruction selection: the machine values of IR expressions, by the tables of `ops.ts`. A vector of any lane count is a list of
 * v128 registers, each computed by itself. Expects what `legalize.ts` leaves; casts, memory and intrinsics have files of their own.
 */
import {
  type Buffer,
  type Cast,
  type Expr,
  isInteger,
  type Load,
  type Op,
  ops,
  type Scalar,
} from "../../../ir/index.ts";
import type { PlainName } from "../asm/index.ts";
import { type LaneShape, machineOf, scalarOps, shapeOf, type VectorMachine, vectorOps } from "../ops.ts";
import { laneOffsets } from "./address.ts";
import { castScalar, castVector, maskOf } from "./casts.ts";
import { type Context, fail, type Place } from "./context.ts";
import { apply, integer, masked, type Node, read, registersFor, type Vec, vectorConst, vectorOf } from "./dag.ts";
import { callVector, tableVector, wideTable } from "./intrinsics.ts";
import { loadScalar, loadSplat, loadVector, loadWidened } from "./memory.ts";
import { extractLane, insertLane, laneOfAccess, readPlace } from "./registers.ts";
import { heldAs, scalarConst, valueTypeOf } from "./scalar.ts";
import { addressNode } from "./wide.ts";

const isScalar = (e: Expr): boolean => e.type.lanes.length === 0;

// ------------------------------------------------------------------------------------------------------------ scalars

/** The value of a scalar expression. */
export function scalar(c: Context, e: Expr): Node {
  let value = c.scalars.get(e);
  if (value === undefined) {
    value = selectScalar(c, e);
    c.scalars.set(e, value);
  }
  return value;
}

function selectScalar(c: Context, e: Expr): Node {
  if (c.isAddress(e)) return addressNode(c, e);
  switch (e.kind) {
    case "const":
      return scalarConst(e.value, e.type.scalar);
    case "var":
      return read(
        placeOf(c, e.name).locals[0] ?? fail(c, `${e.name} is kept as a vector only`),
        valueTypeOf(e.type.scalar),
      );
    case "load": {
      const place = registerOf(c, e);
      return place ? registerScalar(c, e, place) : loadScalar(c, e);
    }
    case "op":
      return scalarOp(c, e);
    case "cast":
      return castScalar(c, e, scalar(c, e.arg));
    case "table":
      return fail(c, `a look-up of ${e.type.text} is left by legalize`);
    case "call":
      return extractLane(vector(c, e), 0, e.type.scalar);
    case "lanes":
      return fail(c, `${e.kind} ${e.type.text} where a scalar is needed`);
  }
}

function scalarOp(c: Context, e: Op): Node {
  const operands = ops[e.op].signature === "select" ? [e.args[1], e.args[2], e.args[0]] : e.args;
  const name = scalarOps[e.op][machineOf[(operands[0] as Expr).type.scalar].scalar];
  const args = operands.map((arg) => scalar(c, arg as Expr));
  if (name === "same") return args[0] as Node;
  return apply(spelled(c, e, name), valueTypeOf(e.type.scalar), ...args);
}

const spelled = (c: Context, e: Op, name: string): PlainName =>
  name.includes(".") || name === "select"
    ? (name as PlainName)
    : fail(c, `${e.op} of ${e.type.text} is left (${name})`);

function placeOf(c: Context, name: string): Place {
  return c.variables.get(name) ?? fail(c, `${name} is not defined`);
}

/** Where a register buffer is kept; undefined for a buffer in memory. */
function registerOf(c: Context, e: Load): Place | undefined {
  if (e.mask !== undefined) fail(c, `a masked load of ${e.buffer}: lower the kernel first`);
  return c.registers.get(e.buffer);
}

function registerScalar(c: Context, e: Load, place: Place): Node {
  if (place.bits === undefined) return read(place.locals[0] as string, valueTypeOf(e.type.scalar));
  const lane = laneOfAccess(c, c.buffers.get(e.buffer) as Buffer, e.index) ?? fail(c, `${e.buffer} is a vector`);
  return extractLane(readPlace(place, Number.POSITIVE_INFINITY), lane, e.type.scalar);
}

// ------------------------------------------------------------------------------------------------------------ vectors

/** The value of a vector expression. */
export function vector(c: Context, e: Expr): Vec {
  let value = c.vectors.get(e);
  if (value === undefined) {
    value = selectVector(c, e);
    c.vectors.set(e, value);
  }
  return value;
}

function selectVector(c: Context, e: Expr): Vec {
  const { count } = e.type;
  const { vector: machine, bits } = machineOf[e.type.scalar];
  switch (e.kind) {
    case "const": {
      const held = e.type.scalar === "bool" ? -e.value : heldAs(e.value, e.type.scalar);
      return repeat(vectorConst(shapeOf[machine], held), count, bits);
    }
    case "lanes": {
      const values = laneOffsets(e.type.lanes, e.strides);
      const regs = Array.from({ length: registersFor(count, bits) }, (_, r) =>
        vectorConst(
          "i32x4",
          Array.from({ length: 4 }, (_, i) => values[4 * r + i] ?? 0),
        ),
      );
      return { regs, bits, count };
    }
    case "var":
      return readPlace(placeOf(c, e.name), count);
    case "load": {
      const place = registerOf(c, e);
      if (place === undefined) return loadVector(c, e);
      laneOfAccess(c, c.buffers.get(e.buffer) as Buffer, e.index);
      return readPlace(place, count);
    }
    case "op":
      return vectorOp(c, e);
    case "cast":
      return castVector(
        c,
        e,
        () => vector(c, e.arg),
        () => widenedOperand(c, e),
      );
    case "table":
      return tableVector(c, e);
    case "call":
      return callVector(c, e);
  }
}

const repeat = (value: Node, count: number, bits: Vec["bits"]): Vec => ({
  regs: Array<Node>(registersFor(count, bits)).fill(value),
  bits,
  count,
});

/** A cast that widens what is loaded, or looked up, only for it. */
function widenedOperand(c: Context, e: Cast): Vec | undefined {
  let from = e.arg;
  while (from.kind === "cast" && from.mode === "bits") from = from.arg;
  if (from.kind === "table" && !c.vectors.has(from) && machineOf[e.type.scalar].bits >= 32) return wideTable(c, from);
  if (from.kind !== "load" || c.vectors.has(from) || registerOf(c, from)) return undefined;
  return loadWidened(c, from, machineOf[e.arg.type.scalar].vector.startsWith("u") ? "u" : "s");
}

/** A vector operand: a scalar is broadcast to `count` lanes. */
export function operand(c: Context, e: Expr, count: number): Vec {
  if (!isScalar(e)) return vector(c, e);
  return repeat(splat(c, e), count, machineOf[e.type.scalar].bits);
}

/** A register with a scalar in every lane. */
export function splat(c: Context, e: Expr): Node {
  let value = c.splats.get(e);
  if (value === undefined) {
    value = selectSplat(c, e);
    c.splats.set(e, value);
  }
  return value;
}

function selectSplat(c: Context, e: Expr): Node {
  const type = e.type.scalar;
  const shape = shapeOf[machineOf[type].vector];
  if (e.kind === "const") return vectorConst(shape, type === "bool" ? -e.value : heldAs(e.value, type));
  const held = e.kind === "var" ? placeOf(c, e.name).splat : undefined;
  if (held !== undefined) return read(held, "v128");
  if (type === "bool") return vectorOf("i8x16.splat", apply("i32.sub", "i32", integer(0), scalar(c, e)));
  if (e.kind === "load" && !c.scalars.has(e) && registerOf(c, e) === undefined) return loadSplat(c, e);
  return vectorOf(`${shape}.splat`, scalar(c, e));
}

function vectorOp(c: Context, e: Op): Vec {
  const { count } = e.type;
  if (e.op === "select") return vectorSelect(c, e);
  const type = (e.args[0] as Expr).type.scalar;
  const { vector: machine } = machineOf[type];
  const name = vectorOps[e.op][machine];
  if (e.op === "shl" || e.op === "shr") return vectorShift(c, e, machine, name);
  const args = alike(
    e.args.map((arg) => operand(c, arg, count)),
    type,
  );
  const first = args[0] as Vec;
  if (name === "same") return first;
  if (name === "lanes") return laneByLane(c, e, machine, args);
  const instr = spelled(c, e, name);
  const regs = first.regs.map((a, r) => {
    const others = args.slice(1).map((arg) => arg.regs[r] as Node);
    return instr === "v128.and" ? masked(a, others[0] as Node) : vectorOf(instr, a, ...others);
  });
  return { ...first, regs };
}

/** Masks of one width. */
function alike(args: readonly Vec[], type: Scalar): readonly Vec[] {
  if (type !== "bool") return args;
  const bits = Math.max(...args.map((arg) => arg.bits));
  return args.map((arg) => maskOf(arg, bits));
}

function vectorSelect(c: Context, e: Op): Vec {
  const [cond, x, y] = e.args as [Expr, Expr, Expr];
  const [a, b] = alike([operand(c, x, e.type.count), operand(c, y, e.type.count)], e.type.scalar) as [Vec, Vec];
  if (isScalar(cond)) {
    const test = scalar(c, cond);
    return { ...a, regs: a.regs.map((r, i) => vectorOf("select", r, b.regs[i] as Node, test)) };
  }
  const mask = maskOf(vector(c, cond), a.bits);
  const isMinus = isInteger(x.type.scalar) && x.kind === "op" && x.op === "neg" && x.args[0] === y;
  const regs = b.regs.map((r, i) =>
    isMinus
      ? negatedWhere(shapeOf[machineOf[x.type.scalar].vector], r, mask.regs[i] as Node)
      : vectorOf("v128.bitselect", a.regs[i] as Node, r, mask.regs[i] as Node),
  );
  return { ...a, regs };
}

/** select(m, -a, a) = (a ^ m) - m      for integers, where a mask is all ones or none */
const negatedWhere = (shape: LaneShape, a: Node, mask: Node): Node =>
  vectorOf(`${shape}.sub`, vectorOf("v128.xor", a, mask), mask);

// ------------------------------------------------------------------------------------------------------------- shifts

/** Shift instructions take one count for all lanes. */
function vectorShift(c: Context, e: Op, machine: VectorMachine, name: string): Vec {
  const [x, y] = e.args as [Expr, Expr];
  const a = operand(c, x, e.type.count);
  if (!isScalar(y) && y.kind !== "const") return laneByLane(c, e, machine, [a, vector(c, y)]);
  if (name === "byte-shift" && y.kind === "const")
    return { ...a, regs: a.regs.map((r) => byteShift(e.op, machine, r, y.value)) };
  const count = y.kind === "const" ? integer(y.value) : scalar(c, y);
  const instr =
    name === "byte-shift"
      ? e.op === "shl"
        ? "i8x16.shl"
        : machine === "i8"
          ? "i8x16.shr_s"
          : "i8x16.shr_u"
      : spelled(c, e, name);
  return { ...a, regs: a.regs.map((r) => vectorOf(instr, r, count)) };
}

/**
 * Bytes shifted as 16-bit lanes, the bits that cross bytes cleared (engines do the same or worse for i8x16 shifts):
 *     x <<8 s  =  (x <<16 s) & (0xff << s)         x >>u8 s  =  (x >>u16 s) & (0xff >> s)
 *     x >>s8 s  =  ((x >>u8 s) ^ t) - t             where t = 0x80 >> s, the sign bit's new place
 */
function byteShift(op: string, machine: VectorMachine, r: Node, count: number): Node {
  const by = integer(count);
  if (op === "shl") return masked(vectorOf("i16x8.shl", r, by), vectorConst("i8x16", 0xff << count));
  const logical = masked(vectorOf("i16x8.shr_u", r, by), vectorConst("i8x16", 0xff >> count));
  if (machine === "u8") return logical;
  const sign = vectorConst("i8x16", 0x80 >> count);
  return vectorOf("i8x16.sub", vectorOf("v128.xor", logical, sign), sign);
}

// ------------------------------------------------------------------------------------------------------- lane by lane

/** An integer operation that has no vector instruction: each lane by the scalar one. */
function laneByLane(c: Context, e: Op, machine: VectorMachine, args: readonly Vec[]): Vec {
  const first = args[0] as Vec;
  const type = e.type.scalar;
  const name = spelled(c, e, scalarOps[e.op][machine.startsWith("u") ? "u32" : "i32"]);
  const perRegister = 128 / first.bits;
  const regs: Node[] = [];
  for (let lane = 0; lane < first.count; lane++) {
    const value = apply(name, "i32", ...args.map((arg) => extractLane(arg, lane, type)));
    const before = lane % perRegister === 0 ? undefined : regs.pop();
    regs.push(insertLane(before, lane % perRegister, value, machine));
  }
  return { ...first, regs };
}
