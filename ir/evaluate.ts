/**
 * Expressions as straight-line lists of steps over value arrays: each distinct node is computed once per evaluation, operands
 * first, every lane in its own element. This is the executable definition of expressions; statements are in `interpret.ts`.
 */
import { InterpretError } from "./errors.ts";
import { type IntrinsicRow, intrinsics, type Term } from "./intrinsics.ts";
import type { Memory } from "./memory.ts";
import type { Call, Cast, Expr, Load, Op, Table } from "./nodes.ts";
import { castBits, castValue, evalOp, type OpName, ops, wrap } from "./scalar-ops.ts";
import { type Scalar, scalars } from "./types.ts";
import { eachNode, operands } from "./visit.ts";

/** One step of execution. */
export type Step = () => void;

/** What steps work on. */
export interface Machine {
  readonly kernel: string;
  readonly memories: ReadonlyMap<string, Memory>;
  /** Current values of loop variables, symbols and lets in scope. */
  readonly variables: Map<string, Float64Array>;
  /** Current value of each expression node: an element per lane. */
  readonly values: Map<Expr, Float64Array>;
  /** Whether `madd_f32` rounds once. */
  readonly fused: boolean;
}

/** Tells where execution stands: `at m=0, k=3`. */
export type Where = () => string;

/** The steps that compute these expressions; their values are then in `machine.values`. */
export function compileExprs(exprs: readonly Expr[], machine: Machine, where: Where): Step[] {
  const steps: Step[] = [];
  const seen = new Set<Expr>();
  for (const root of exprs) {
    eachNode(
      root,
      (e) => {
        const step = compileNode(e, machine, where);
        if (step) steps.push(step);
      },
      seen,
    );
  }
  return steps;
}

/** The operand's value in a lane: scalars have one for all. */
interface Operand {
  readonly values: Float64Array;
  /** 1 for a vector, 0 for a scalar. */
  readonly step: number;
}

export function operandOf(e: Expr, machine: Machine): Operand {
  return { values: machine.values.get(e) as Float64Array, step: e.type.lanes.length > 0 ? 1 : 0 };
}

const none: Operand = { values: new Float64Array(1), step: 0 };

function compileNode(e: Expr, machine: Machine, where: Where): Step | undefined {
  if (e.kind === "var") {
    const values = machine.variables.get(e.name);
    if (values?.length !== e.type.count)
      throw new InterpretError(`${machine.kernel}: ${e.name}: ${e.type.text} is not a variable in scope here`);
    machine.values.set(e, values);
    return undefined;
  }
  // A node met before keeps its array: in each statement it is computed anew before it is used.
  const out = machine.values.get(e) ?? new Float64Array(e.type.count);
  machine.values.set(e, out);
  const args = operands(e).map((arg) => operandOf(arg, machine));
  switch (e.kind) {
    case "const":
      out.fill(e.value);
      return undefined;
    case "lanes":
      out.set(lanePattern(e.type.lanes, e.strides));
      return undefined;
    case "load":
      return compileLoad(e, out, machine, where);
    case "op":
      return compileOp(e, args, out, machine, where);
    case "cast":
      return compileCast(e, args[0] as Operand, out);
    case "table":
      return compileTable(e, args[0] as Operand, out, machine, where);
    case "call":
      return compileCall(e, args, out, machine, where);
  }
}

/** The value in each lane of a lane pattern, last axis fastest. */
export function lanePattern(sizes: readonly number[], strides: readonly number[]): number[] {
  return sizes.reduce<number[]>(
    (before, size, axis) =>
      before.flatMap((base) => Array.from({ length: size }, (_, i) => base + i * (strides[axis] as number))),
    [0],
  );
}

/** Sets `out` lane by lane to what `value` gives. */
function perLane(out: Float64Array, value: (lane: number) => number): Step {
  const count = out.length;
  if (count === 1)
    return () => {
      out[0] = value(0);
    };
  return () => {
    for (let lane = 0; lane < count; lane++) out[lane] = value(lane);
  };
}

/** `wrap` to one type. */
export function wrapperOf(scalar: Scalar): (value: number) => number {
  if (scalar === "f32") return Math.fround;
  if (scalar === "f64") return (value) => value;
  if (scalar === "i32") return (value) => value | 0;
  return (value) => wrap(value, scalar);
}

const positive = (_a: number, b: number): string | undefined => (b > 0 ? undefined : `a divisor is ${b}`);
const withinWidth = (_a: number, b: number, scalar: Scalar): string | undefined =>
  b >= 0 && b < scalars[scalar].bits ? undefined : `a ${scalar} is shifted by ${b}`;

/** Operands for which a row of the op table has no value. */
const undefinedFor: Partial<Record<OpName, (a: number, b: number, scalar: Scalar) => string | undefined>> = {
  floordiv: positive,
  mod: positive,
  shl: withinWidth,
  shr: withinWidth,
};

function compileOp(e: Op, args: readonly Operand[], out: Float64Array, machine: Machine, where: Where): Step {
  const row = ops[e.op];
  const [a = none, b = none, c = none] = args;
  const scalar = e.args.at(-1)?.type.scalar as Scalar;
  const round = row.signature === "compare" ? (value: number) => value : wrapperOf(scalar);
  const { eval: evaluate } = row;
  const reject = undefinedFor[e.op];
  if (out.length === 1 && reject === undefined) {
    // The common case, without a call per lane.
    const [x, y, z] = [a.values, b.values, c.values];
    return () => {
      out[0] = round(evaluate(x[0] as number, y[0] as number, z[0] as number, scalar));
    };
  }
  return perLane(out, (lane) => {
    const x = a.values[lane * a.step] as number;
    const y = b.values[lane * b.step] as number;
    if (reject !== undefined) {
      const reason = reject(x, y, scalar);
      if (reason !== undefined) throw new InterpretError(`${machine.kernel}: ${e.op}: ${reason} ${where()}`);
    }
    return round(evaluate(x, y, c.values[lane * c.step] as number, scalar));
  });
}

function compileCast(e: Cast, arg: Operand, out: Float64Array): Step {
  const [from, to] = [e.arg.type.scalar, e.type.scalar];
  const convert = e.mode === "value" ? castValue : castBits;
  return perLane(out, (lane) => convert(arg.values[lane * arg.step] as number, from, to));
}

function compileTable(e: Table, index: Operand, out: Float64Array, machine: Machine, where: Where): Step {
  const { values } = e;
  return perLane(out, (lane) => {
    const at = index.values[lane * index.step] as number;
    const value = values[at];
    if (value === undefined)
      throw new InterpretError(`${machine.kernel}: a table of ${values.length} values has none at ${at} ${where()}`);
    return value;
  });
}

/** Position of the element that a lane names, after the check that it exists. */
export type Locate = (lane: number) => number;

/** How the lanes of an access find their elements. Throws an `InterpretError` at run time for an index outside the buffer. */
export function compileLocate(
  what: string,
  access: { readonly buffer: string; readonly index: readonly Expr[] },
  scalar: Scalar,
  machine: Machine,
  where: Where,
): { memory: Memory; locate: Locate } {
  const memory = machine.memories.get(access.buffer);
  const fail = (reason: string): never => {
    throw new InterpretError(`${machine.kernel}: ${what} ${access.buffer}: ${reason}`);
  };
  if (memory === undefined) return fail("the buffer is not declared");
  const { shape, width, buffer } = memory;
  if (shape.length !== access.index.length) fail(`${access.index.length} indices for ${shape.length} axes`);
  const axes = access.index.map((e) => operandOf(e, machine));
  const at = (lane: number): number[] => axes.map((axis) => axis.values[lane * axis.step] as number);
  const outside = (lane: number): never =>
    fail(`index [${at(lane).join(", ")}] is outside its shape [${shape.join(", ")}] ${where()}`);
  if (buffer.unit === "byte") {
    const { bits } = scalars[scalar];
    if (bits < 8) fail(`a ${scalar} has no byte address`);
    const last = (shape[0] as number) - bits / 8;
    return {
      memory,
      locate: (lane) => {
        const [address] = at(lane) as [number];
        return address >= 0 && address <= last ? address : outside(lane);
      },
    };
  }
  if (scalar !== buffer.scalar) fail(`an element is ${buffer.scalar}, not ${scalar}`);
  const rank = shape.length;
  // Lanes of one wide element lie side by side; otherwise each lane has an element of its own.
  const laneStep = width > 1 ? 1 : 0;
  return {
    memory,
    locate: (lane) => {
      let position = 0;
      for (let axis = 0; axis < rank; axis++) {
        const { values, step } = axes[axis] as Operand;
        const i = values[lane * step] as number;
        const size = shape[axis] as number;
        if (!(i >= 0 && i < size)) outside(lane);
        position = position * size + i;
      }
      return position * width + lane * laneStep;
    },
  };
}

function compileLoad(e: Load, out: Float64Array, machine: Machine, where: Where): Step {
  const { scalar } = e.type;
  const { memory, locate } = compileLocate("load", e, scalar, machine, where);
  const mask = e.mask && operandOf(e.mask, machine);
  const unwritten = (lane: number): never => {
    const index = e.index.map((axis) => operandOf(axis, machine)).map((axis) => axis.values[lane * axis.step]);
    throw new InterpretError(
      `${machine.kernel}: load ${e.buffer}: element [${index.join(", ")}] is read before it is written ${where()}`,
    );
  };
  if (memory.elements && out.length === 1 && mask === undefined) {
    const { values, written } = memory.elements;
    return () => {
      const position = locate(0);
      if (written !== undefined && written[position] === 0) unwritten(0);
      out[0] = values[position] as number;
    };
  }
  return perLane(out, (lane) => {
    if (mask !== undefined && mask.values[lane * mask.step] === 0) return 0;
    const position = locate(lane);
    if (!memory.isWritten(position, scalar)) unwritten(lane);
    return memory.read(position, scalar);
  });
}

/** A term over the current values of its operands at a lane. */
interface CompiledTerm {
  readonly scalar: Scalar;
  readonly at: (lane: number) => number;
}

function compileTerm(term: Term, row: IntrinsicRow, args: readonly Operand[]): CompiledTerm {
  if (typeof term === "string") {
    const i = row.operands.findIndex((operand) => operand.name === term);
    const { values, step } = args[i] as Operand;
    return { scalar: (row.operands[i] as { scalar: Scalar }).scalar, at: (lane) => values[lane * step] as number };
  }
  if (term[0] === "entry") {
    const i = row.operands.findIndex((operand) => operand.name === term[1]);
    const { values } = args[i] as Operand;
    const number = compileTerm(term[2] as Term, row, args);
    return { scalar: (row.operands[i] as { scalar: Scalar }).scalar, at: (lane) => values[number.at(lane)] as number };
  }
  if (term[0] === "cast") {
    const arg = compileTerm(term[2] as Term, row, args);
    const scalar = term[1] as Scalar;
    return { scalar, at: (lane) => castValue(arg.at(lane), arg.scalar, scalar) };
  }
  const [name, left, right] = term as readonly [OpName, Term, Term];
  const [a, b] = [compileTerm(left, row, args), compileTerm(right, row, args)];
  return { scalar: a.scalar, at: (lane) => evalOp(name, a.scalar, a.at(lane), b.at(lane)) };
}

function compileCall(e: Call, args: readonly Operand[], out: Float64Array, machine: Machine, where: Where): Step {
  const row = intrinsics[e.intrinsic];
  const [a = none, b = none, c = none] = args;
  const term = compileTerm(row.term, row, args);
  // The one row that may be fused is a*b + c.
  const value =
    machine.fused && !row.determined
      ? (lane: number) =>
          fusedMultiplyAdd(
            a.values[lane * a.step] as number,
            b.values[lane * b.step] as number,
            c.values[lane * c.step] as number,
          )
      : term.at;
  const add = (sum: number, next: number): number => evalOp("add", row.result, sum, next);
  const ranged = row.operands.flatMap((operand, i) => (operand.range ? [{ operand, arg: args[i] as Operand }] : []));
  const sums = perLane(out, (lane) => {
    let sum = value(lane * row.group);
    for (let r = 1; r < row.group; r++) sum = add(sum, value(lane * row.group + r));
    return sum;
  });
  if (ranged.length === 0) return sums;
  return () => {
    for (const { operand, arg } of ranged) {
      const [low, high] = operand.range as readonly [number, number];
      const bad = arg.values.find((v) => v < low || v > high);
      if (bad !== undefined)
        throw new InterpretError(
          `${machine.kernel}: ${e.intrinsic}: operand ${operand.name} is ${bad}, must be in ${low}..${high} ${where()}`,
        );
    }
    sums();
  };
}

const doubles = new Float64Array(1);
const bits = new BigInt64Array(doubles.buffer);

/**
 * `a*b + c` of f32 values, rounded once to f32. The product is exact in double; the sum is rounded to odd in double (its last bit set when
 * it was inexact), from which rounding to f32 is right because double has more than two bits to spare (Boldo and Melquiond, 2008).
 */
export function fusedMultiplyAdd(a: number, b: number, c: number): number {
  const product = a * b;
  const sum = product + c;
  if (!Number.isFinite(sum)) return Math.fround(sum);
  // Knuth's two-sum: sum + error equals product + c exactly.
  const partial = sum - product;
  const error = product - (sum - partial) + (c - partial);
  doubles[0] = sum;
  const word = bits[0] as bigint;
  if (error === 0 || (word & 1n) === 1n) return Math.fround(sum);
  // The odd neighbour on the side of the error: away from zero when sum and error agree in sign.
  bits[0] = word + (sum > 0 === error > 0 ? 1n : -1n);
  return Math.fround(doubles[0] as number);
}
