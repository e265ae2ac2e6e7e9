/**
 * The only constructors of expressions, statements and kernels. Expressions are interned, folded where all operands are constant, and type-checked; the
 * checks here are what makes a node well-formed on its own (`verify.ts` checks it in its kernel).
 */
import { check, IrError } from "./errors.ts";
import { hashText, interned, mix, mixAll, sameList } from "./intern.ts";
import { type IntrinsicName, intrinsics } from "./intrinsics.ts";
import { monoids } from "./monoids.ts";
import type {
  Buffer,
  BufferRole,
  BufferScope,
  Call,
  Cast,
  Const,
  Expr,
  For,
  If,
  Kernel,
  Let,
  Load,
  LoopKind,
  Monoid,
  Op,
  Reduce,
  SizeSymbol,
  Stage,
  Stmt,
  Store,
  Table,
  Var,
} from "./nodes.ts";
import { compareExprs } from "./order.ts";
import { castValue, domains, evalOp, type OpName, ops, wrap } from "./scalar-ops.ts";
import { boolType, indexType, isSubByte, type Scalar, scalars, type Type, typeOf } from "./types.ts";

// ------------------------------------------------------------------------------------------------------- expressions

/** A constant of a type; the value is wrapped or rounded to it. */
export function constant(value: number, type: Type | Scalar = indexType): Const {
  const of = typeof type === "string" ? typeOf(type) : type;
  const exact = wrap(value, of.scalar);
  return interned(
    mix(mix(hashText(of.text), exact), exact * 0x10000),
    (e) => e.kind === "const" && e.type === of && Object.is(e.value, exact),
    (id) => ({ kind: "const", id, type: of, value: exact }),
  );
}

/** A loop variable or symbol (i32), or the name of a `let` of the given type. */
export function variable(name: string, type: Type = indexType): Var {
  return interned(
    hashText(name),
    (e) => e.kind === "var" && e.name === name && e.type === type,
    (id) => ({ kind: "var", id, type, name }),
  );
}

/** The i32 vector whose lane (l0, l1, ..) of `sizes` holds the sum of `strides[i] * l_i`. */
export function lanes(sizes: readonly number[], strides: readonly number[]): Expr {
  check(
    sizes.length === strides.length && sizes.length > 0,
    () => `lanes <${sizes}> need one stride per axis, got ${strides}`,
  );
  const type = typeOf("i32", sizes);
  if (strides.every((s) => s === 0)) return constant(0, type);
  return interned(
    strides.reduce(mix, hashText(type.text)),
    (e) => e.kind === "lanes" && e.type === type && sameList(e.strides, strides),
    (id) => ({ kind: "lanes", id, type, strides: Object.freeze([...strides]) }),
  );
}

/** The lane shape that operands share: scalars broadcast, vectors must agree. */
export function commonLanes(args: readonly Expr[], what: () => string): readonly number[] {
  let shape: readonly number[] = [];
  for (const { type } of args) {
    if (type.lanes.length === 0) continue;
    check(
      shape.length === 0 || shape === type.lanes,
      () => `${what()}: lane shapes <${shape}> and <${type.lanes}> differ`,
    );
    shape = type.lanes;
  }
  return shape;
}

/** An element of `buffer` (or one per lane): the type is the buffer's scalar over the index's lanes (and the element's own). */
export function load(
  buffer: Pick<Buffer, "name" | "scalar" | "lanes" | "shape">,
  index: readonly (Expr | number)[],
  mask?: Expr,
): Load {
  const at = index.map(toExpr);
  check(
    at.length === buffer.shape.length,
    () => `${buffer.name} has ${buffer.shape.length} axes, indexed by ${at.length}`,
  );
  for (const e of at)
    check(e.type.scalar === "i32", () => `${buffer.name} is indexed by ${e.type.text}; an index is i32`);
  const shape = commonLanes(mask ? [...at, mask] : at, () => `index of ${buffer.name}`);
  const type = typeOf(buffer.scalar, shape.length > 0 ? shape : buffer.lanes);
  const { name } = buffer;
  return interned(
    mixAll(mask ? mix(hashText(name), mask.id) : hashText(name), at),
    (e) => e.kind === "load" && e.buffer === name && e.type === type && e.mask === mask && sameList(e.index, at),
    (id) => ({ kind: "load", id, type, buffer: name, index: Object.freeze(at), mask }),
  );
}

/** The same load at another index (and mask; null removes it), for rewrites, where the declaration is not at hand. */
export function reload(from: Load, index: readonly Expr[], mask: Expr | undefined | null = from.mask): Load {
  if (index === from.index && mask === from.mask) return from;
  const own = commonLanes(from.mask ? [...from.index, from.mask] : from.index, () => from.buffer).length > 0;
  const declared = { name: from.buffer, scalar: from.type.scalar, lanes: own ? [] : from.type.lanes, shape: index };
  return load(declared, index, mask ?? undefined);
}

/** An operation of the scalar-op table; folded when every operand is constant. Errors when operand types do not fit the row. */
export function op(name: OpName, ...operands: readonly (Expr | number)[]): Expr {
  const row = ops[name];
  const typed = operands.find(
    (a): a is Expr => typeof a !== "number" && (row.signature !== "select" || a !== operands[0]),
  );
  const scalar = typed?.type.scalar ?? "i32";
  const args = operands.map((a) => (typeof a === "number" ? constant(a, scalar) : a));
  check(args.length === row.arity, () => `${name} takes ${row.arity} operands, got ${args.length}`);
  args.forEach((a, i) => {
    const wanted = row.signature === "select" && i === 0 ? "bool" : scalar;
    check(a.type.scalar === wanted, () => `${name}: operand ${i + 1} is ${a.type.text}, expected ${wanted}; cast it`);
    check(!isSubByte(a.type.scalar), () => `${name}: ${a.type.text} has no arithmetic; cast it first`);
  });
  check(domains[row.domain](scalar), () => `${name} does not take ${scalar}`);
  const type = typeOf(
    row.signature === "compare" ? "bool" : scalar,
    commonLanes(args, () => name),
  );
  return opNode(name, type, args);
}

function opNode(name: OpName, type: Type, args: readonly Expr[]): Expr {
  if (args.every((a) => a.kind === "const")) {
    const [a, b, c] = args.map((e) => (e as Const).value);
    const { scalar } = (args.at(-1) as Expr).type;
    return constant(evalOp(name, scalar, a ?? 0, b, c), type);
  }
  // Commutative operands in one order, constants right, so that equal terms are one node.
  const [first, second] = args as [Expr, Expr];
  const swap =
    ops[name].commutative && (first.kind === "const" || (second.kind !== "const" && compareExprs(first, second) > 0));
  const ordered = swap ? [second, first] : args;
  return interned(
    mixAll(hashText(name), ordered),
    (e) => e.kind === "op" && e.op === name && sameList(e.args, ordered),
    (id) => ({ kind: "op", id, type, op: name, args: Object.freeze([...ordered]) }),
  );
}

/** The same operation or intrinsic on other operands. For operands of the old types nothing needs to be checked again. */
export function reapply(e: Op | Call, args: readonly Expr[]): Expr {
  const alike = args.every((arg, i) => arg.type === e.args[i]?.type);
  if (e.kind === "op") return alike ? opNode(e.op, e.type, args) : op(e.op, ...args);
  return alike ? callNode(e.intrinsic, e.type, args) : call(e.intrinsic, ...args);
}

/** The nearest value in another scalar type (see `Cast`); the identity is dropped. */
export function cast(scalar: Scalar, arg: Expr): Expr {
  if (arg.type.scalar === scalar) return arg;
  const type = typeOf(scalar, arg.type.lanes);
  if (arg.kind === "const") return constant(castValue(arg.value, arg.type.scalar, scalar), type);
  return castNode(type, "value", arg);
}

/** The same bits read as another type of equal width. */
export function bitcast(scalar: Scalar, arg: Expr): Expr {
  if (arg.type.scalar === scalar) return arg;
  check(
    scalars[scalar].bits === scalars[arg.type.scalar].bits,
    () => `bits of ${arg.type.text} can't be read as ${scalar}: widths differ`,
  );
  const type = typeOf(scalar, arg.type.lanes);
  return castNode(type, "bits", arg);
}

const castNode = (type: Type, mode: Cast["mode"], arg: Expr): Expr =>
  interned(
    mix(hashText(type.scalar), arg.id),
    (e) => e.kind === "cast" && e.arg === arg && e.type === type && e.mode === mode,
    (id) => ({ kind: "cast", id, type, mode, arg }),
  );

/** The most values of a `table`: what one byte shuffle looks up. */
export const longestTable = 16;

/** The value at `index` (u8) of a list of i8 or u8 constants (see `Table`); folded where the index is constant. */
export function table(scalar: Scalar, index: Expr, values: readonly number[]): Expr {
  check(scalar === "i8" || scalar === "u8", () => `a table holds i8 or u8, not ${scalar}`);
  check(index.type.scalar === "u8", () => `a table is indexed by ${index.type.text}; its index is u8`);
  const { length } = values;
  check(length > 0 && length <= longestTable, () => `a table has 1 to ${longestTable} values, got ${length}`);
  const wrong = values.find((value) => wrap(value, scalar) !== value);
  check(wrong === undefined, () => `${wrong} in a table is no value of ${scalar}`);
  const type = typeOf(scalar, index.type.lanes);
  if (index.kind === "const") {
    const value = values[index.value];
    check(value !== undefined, () => `a table of ${length} values has none at ${index.value}`);
    return constant(value as number, type);
  }
  return interned(
    values.reduce(mix, mix(hashText(type.text), index.id)),
    (e) => e.kind === "table" && e.index === index && e.type === type && sameList(e.values, values),
    (id) => ({ kind: "table", id, type, values: Object.freeze([...values]), index }) satisfies Table,
  );
}

/** An intrinsic applied to vectors; the result has the operands' lane shape (tables aside) without the group axis. Scalar operands broadcast. */
export function call(name: IntrinsicName, ...args: readonly Expr[]): Call {
  const row = intrinsics[name];
  check(args.length === row.operands.length, () => `${name} takes ${row.operands.length} operands, got ${args.length}`);
  row.operands.forEach((operand, i) => {
    const scalar = args[i]?.type.scalar;
    check(scalar === operand.scalar, () => `${name}: operand ${operand.name} is ${scalar}, expected ${operand.scalar}`);
    check(
      operand.entries === undefined || args[i]?.type.count === operand.entries,
      () => `${name}: ${operand.name} has ${args[i]?.type.count} lanes, expected ${operand.entries}`,
    );
  });
  const shape = commonLanes(
    args.filter((_, i) => row.operands[i]?.entries === undefined),
    () => name,
  );
  const result = row.group > 1 ? shape.slice(0, -1) : shape;
  const type = typeOf(row.result, result);
  check(
    row.group === 1 || shape.at(-1) === row.group,
    () => `${name}: the last lane axis must be its group of ${row.group}, got <${shape}>`,
  );
  check(type.count % row.lanes === 0, () => `${name}: ${type.count} result lanes are not a multiple of ${row.lanes}`);
  return callNode(name, type, args);
}

const callNode = (name: IntrinsicName, type: Type, args: readonly Expr[]): Call =>
  interned(
    mixAll(hashText(name), args),
    (e) => e.kind === "call" && e.intrinsic === name && sameList(e.args, args),
    (id) => ({ kind: "call", id, type, intrinsic: name, args: Object.freeze([...args]) }),
  );

export const toExpr = (e: Expr | number): Expr => (typeof e === "number" ? constant(e) : e);

type Operand = Expr | number;
export const add = (a: Operand, b: Operand): Expr => op("add", a, b);
export const sub = (a: Operand, b: Operand): Expr => op("sub", a, b);
export const mul = (a: Operand, b: Operand): Expr => op("mul", a, b);
export const div = (a: Operand, b: Operand): Expr => op("div", a, b);
export const floordiv = (a: Operand, b: Operand): Expr => op("floordiv", a, b);
export const mod = (a: Operand, b: Operand): Expr => op("mod", a, b);
export const min = (a: Operand, b: Operand): Expr => op("min", a, b);
export const max = (a: Operand, b: Operand): Expr => op("max", a, b);
export const lt = (a: Operand, b: Operand): Expr => op("lt", a, b);
export const and = (a: Operand, b: Operand): Expr => op("and", a, b);
export const or = (a: Operand, b: Operand): Expr => op("or", a, b);
export const shl = (a: Operand, b: Operand): Expr => op("shl", a, b);
export const shr = (a: Operand, b: Operand): Expr => op("shr", a, b);
export const select = (cond: Expr, a: Operand, b: Operand): Expr => op("select", cond, a, b);

// -------------------------------------------------------------------------------------------------------- statements

/** `for loop < extent [kind]`. */
export function loop(name: string, extent: Expr | number, body: readonly Stmt[], loopKind: LoopKind = "serial"): For {
  return Object.freeze({ kind: "for", loop: name, extent: toExpr(extent), loopKind, body: Object.freeze([...body]) });
}

const laneCheck = (what: string, index: readonly Expr[], value: Expr, mask: Expr | undefined): void => {
  const shape = commonLanes(mask ? [...index, mask] : index, () => what);
  check(
    shape.length === 0 || value.type.lanes.length === 0 || typeOf("i32", shape) === typeOf("i32", value.type.lanes),
    () => `${what}: index lanes <${shape}> and value lanes <${value.type.lanes}> differ`,
  );
};

/** `buffer[index] = value`, where `mask` holds. */
export function store(buffer: string, index: readonly Operand[], value: Expr, mask?: Expr): Store {
  const at = index.map(toExpr);
  laneCheck(`store to ${buffer}`, at, value, mask);
  return Object.freeze({ kind: "store", buffer, index: Object.freeze(at), value, mask });
}

/** `buffer[index] += value` (or max, min), neutral in the first iteration of the loops `over`. */
export function reduce(
  buffer: string,
  index: readonly Operand[],
  value: Expr,
  over: readonly string[],
  monoid: Monoid = "sum",
  mask?: Expr,
): Reduce {
  const at = index.map(toExpr);
  const { scalar } = value.type;
  check(
    domains[ops[monoids[monoid].op].domain](scalar),
    () => `reduction into ${buffer}: ${monoid} does not take ${scalar}`,
  );
  laneCheck(`reduction into ${buffer}`, at, value, mask);
  return Object.freeze({
    kind: "reduce",
    buffer,
    index: Object.freeze(at),
    monoid,
    value,
    over: Object.freeze([...over]),
    mask,
  });
}

/** `if cond: body`. */
export function when(cond: Expr, body: readonly Stmt[]): If {
  check(cond.type === boolType, () => `the condition of an if is ${cond.type.text}, expected bool`);
  return Object.freeze({ kind: "if", cond, body: Object.freeze([...body]) });
}

/** `let name = value`. */
export function bind(name: string, value: Expr): Let {
  return Object.freeze({ kind: "let", name, value });
}

export const barrier: Stmt = Object.freeze({ kind: "barrier" });

// --------------------------------------------------------------------------------------------------- buffers, kernels

/** Declares a buffer. Global ones need a role; register and workgroup ones are local. */
export function buffer(
  name: string,
  scalar: Scalar,
  shape: readonly Operand[],
  options: {
    unit?: "element" | "byte";
    scope?: BufferScope;
    role?: BufferRole;
    range?: readonly [number, number];
    below?: Operand;
    lanes?: readonly number[];
  } = {},
): Buffer {
  const scope = options.scope ?? "global";
  const role = options.role ?? (scope === "global" ? "workspace" : "local");
  check((scope === "global") === (role !== "local"), () => `${name}: a ${scope} buffer can't have the role ${role}`);
  const range = role === "subgroup" ? leaderRange(name, scalar, shape, options.unit) : options.range;
  return Object.freeze({
    name,
    scalar,
    lanes: Object.freeze([...(options.lanes ?? [])]),
    shape: Object.freeze(shape.map(toExpr)),
    unit: options.unit ?? "element",
    scope,
    role,
    range,
    below: options.below === undefined ? undefined : toExpr(options.below),
  });
}

/** A subgroup buffer holds local indices: those of its own elements. */
function leaderRange(
  name: string,
  scalar: Scalar,
  [size, ...more]: readonly Operand[],
  unit: Buffer["unit"] = "element",
): readonly [number, number] {
  const count = size === undefined ? size : toExpr(size);
  check(
    scalar === "i32" && count?.kind === "const" && count.value > 0 && more.length === 0,
    () => `${name}: a subgroup buffer is i32, with a constant number of invocations`,
  );
  return [0, (unit === "byte" ? count.value / 4 : count.value) - 1];
}

/** Declares a symbol; without options any value from 0 up. */
export function symbol(name: string, domain: Partial<Omit<SizeSymbol, "name">> = {}): SizeSymbol {
  const full = { name, min: 0, max: 2 ** 31 - 1, modulo: 1, residue: 0, ...domain };
  if (full.min > full.max || full.residue < 0 || full.residue >= full.modulo)
    throw new IrError(
      `symbol ${name}: no value is in ${full.min}..${full.max} congruent to ${full.residue} modulo ${full.modulo}`,
    );
  return Object.freeze(full);
}

/** Declares a kernel. */
export function kernel(
  name: string,
  stage: Stage,
  parts: { symbols?: readonly SizeSymbol[]; buffers: readonly Buffer[]; body: readonly Stmt[] },
): Kernel {
  return Object.freeze({
    name,
    stage,
    symbols: Object.freeze([...(parts.symbols ?? [])]),
    buffers: Object.freeze([...parts.buffers]),
    body: Object.freeze([...parts.body]),
  });
}
