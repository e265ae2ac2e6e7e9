/**
 * The parser's second half: syntax trees to IR nodes. It looks names up, gives literals the type that their place asks for, and applies
 * precedence; all nodes are made by `build.ts`, whose complaints it repeats with line and column.
 */
import * as b from "../build.ts";
import { IrError, ParseError } from "../errors.ts";
import { type IntrinsicName, intrinsics } from "../intrinsics.ts";
import { monoids } from "../monoids.ts";
import type {
  Buffer,
  BufferRole,
  BufferScope,
  Expr,
  Kernel,
  LoopKind,
  Monoid,
  Program,
  Stage,
  Stmt,
} from "../nodes.ts";
import { type OpName, ops, wrap } from "../scalar-ops.ts";
import { indexType, isFloat, type Scalar, type Type, typeOf } from "../types.ts";
import { readExpr, readKernel, readProgram } from "./grammar.ts";
import { infixOps, precedence } from "./precedence.ts";
import type { BufferSyntax, ChainSyntax, ExprSyntax, KernelSyntax, Place, StmtSyntax } from "./syntax.ts";

/** The names that an expression may use. Without `variables`, any other name is an i32 variable. */
export interface ParseScope {
  readonly variables?: ReadonlyMap<string, Type>;
  readonly buffers?: readonly Buffer[];
}

/** Reads an expression. Throws a `ParseError` with line, column and what was expected. */
export function parseExpr(text: string, scope: ParseScope = {}): Expr {
  const buffers = new Map(scope.buffers?.map((buffer) => [buffer.name, buffer]));
  const variables = scope.variables && new Map(scope.variables);
  return typed(readExpr(text), { buffers, variables }, undefined);
}

/** Reads a kernel. Throws a `ParseError` with line, column and what was expected. */
export const parseKernel = (text: string): Kernel => kernel(readKernel(text));

/** Reads a program. Throws a `ParseError` with line, column and what was expected. */
export function parseProgram(text: string): Program {
  const { name, kernels } = readProgram(text);
  return Object.freeze({ name, kernels: Object.freeze(kernels.map(kernel)) });
}

interface Scope {
  readonly buffers: ReadonlyMap<string, Buffer>;
  /** Undefined: every name is an i32 variable. */
  readonly variables: ReadonlyMap<string, Type> | undefined;
}

const fail = (reason: string, at: Place): never => {
  throw new ParseError(reason, at);
};

/** Runs a builder; what it finds wrong is wrong at this place. */
function building<T>(at: Place, build: () => T): T {
  try {
    return build();
  } catch (error) {
    if (error instanceof IrError) throw new ParseError(error.message, at);
    throw error;
  }
}

// -------------------------------------------------------------------------------------------------------- expressions

/** A number whose type its surroundings decide. */
interface Literal extends Place {
  readonly literal: number;
  readonly float: boolean;
}

type Value = Expr | Literal;

const isLiteral = (value: Value): value is Literal => "literal" in value;

/** The value with a type: a literal's is the expected one, or by its spelling i32 or f32. */
function settle(value: Value, expected: Scalar | undefined): Expr {
  if (!isLiteral(value)) return value;
  const scalar = expected ?? (value.float ? "f32" : "i32");
  if (!isFloat(scalar) && (value.float || wrap(value.literal, scalar) !== value.literal))
    return fail(
      `${value.literal} is not a value of ${scalar}; write a type before it, as in f32(${value.literal})`,
      value,
    );
  return b.constant(value.literal, scalar);
}

const typed = (syntax: ExprSyntax, scope: Scope, expected: Scalar | undefined): Expr =>
  settle(evaluate(syntax, scope), expected);

function evaluate(e: ExprSyntax, scope: Scope): Value {
  switch (e.kind) {
    case "literal":
      if (e.spelled === "bool") return b.constant(e.value, "bool");
      return { line: e.line, column: e.column, literal: e.value, float: e.spelled === "float" };
    case "negate": {
      const arg = evaluate(e.arg, scope);
      return isLiteral(arg) ? { ...arg, literal: -arg.literal } : building(e, () => b.op("neg", arg));
    }
    case "name":
      return b.variable(e.name, variableType(e.name, scope, e));
    case "load": {
      const buffer = scope.buffers.get(e.buffer) ?? fail(`no buffer is named ${e.buffer}`, e);
      const index = e.access.index.map((axis) => typed(axis, scope, "i32"));
      const mask = e.access.mask && typed(e.access.mask, scope, "bool");
      return building(e, () => b.load({ ...buffer, scalar: e.scalar ?? buffer.scalar }, index, mask));
    }
    case "lanes":
      return building(e, () => b.lanes(e.sizes, e.strides));
    case "typed":
      return conversion(e, scope);
    case "bits": {
      const arg = typed(e.arg, scope, undefined);
      return building(e, () => b.bitcast(e.scalar, arg));
    }
    case "table": {
      const index = typed(e.index, scope, "u8");
      return building(e, () => b.table(e.scalar, index, e.values));
    }
    case "call":
      return call(e, scope);
    case "chain":
      return chain(e, scope);
  }
}

function variableType(name: string, { variables, buffers }: Scope, at: Place): Type {
  if (name.startsWith("&") && buffers.has(name.slice(1))) return indexType;
  if (variables === undefined) return indexType;
  const operator = /[/-]/.exec(name)?.[0];
  const hint =
    operator === undefined ? "" : `; a ${operator === "-" ? "difference" : "quotient"} needs spaces around ${operator}`;
  return variables.get(name) ?? fail(`nothing is named ${name} here${hint}`, at);
}

/** `f32(e)` is a cast, of a literal a constant; `f32<4>(1.0)` a constant with lanes. */
function conversion(e: Extract<ExprSyntax, { kind: "typed" }>, scope: Scope): Expr {
  const arg = evaluate(e.arg, scope);
  if (isLiteral(arg) || (arg.kind === "const" && arg.type.scalar === e.scalar && arg.type.lanes.length === 0)) {
    const { value } = settle(arg, e.scalar) as { value: number };
    return b.constant(value, typeOf(e.scalar, e.lanes));
  }
  if (e.lanes.length > 0) fail("a type with lanes makes constants; a cast keeps the lanes of what it casts", e);
  return building(e, () => b.cast(e.scalar, arg));
}

function call(e: Extract<ExprSyntax, { kind: "call" }>, scope: Scope): Value {
  const args = e.args.map((arg) => evaluate(arg, scope));
  if (Object.hasOwn(intrinsics, e.name)) {
    const name = e.name as IntrinsicName;
    const settled = args.map((arg, i) => settle(arg, intrinsics[name].operands[i]?.scalar));
    return building(e, () => b.call(name, ...settled));
  }
  if (Object.hasOwn(ops, e.name) && ops[e.name as OpName].infix === undefined)
    return operation(e.name as OpName, args, e);
  return fail(`no operation or intrinsic is named ${e.name}`, e);
}

function operation(name: OpName, args: readonly Value[], at: Place): Value {
  const { signature, domain, eval: evaluateRow } = ops[name];
  if (signature === "same" && args.every(isLiteral) && args.length === ops[name].arity) {
    // Numbers combine to a number, whose type is still open.
    const float = domain === "float" || args.some((arg) => arg.float);
    const [x, y, z] = args.map((arg) => arg.literal) as [number, number, number];
    if (!float || domain === "float" || domain === "number")
      return { line: at.line, column: at.column, literal: evaluateRow(x, y, z, float ? "f64" : "i32"), float };
  }
  // Literals take the type of the first operand that shows one; where none does, one float makes all of them floats.
  const alike = args.slice(signature === "select" ? 1 : 0);
  const shown = alike.find((arg): arg is Expr => !isLiteral(arg))?.type.scalar;
  const float = alike.some((arg) => isLiteral(arg) && arg.float) ? "f32" : undefined;
  const settled = args.map((arg) => settle(arg, shown ?? float));
  return building(at, () => b.op(name, ...settled));
}

/** Applies operators in order of precedence, from the left where they bind alike. */
function chain(e: ChainSyntax, scope: Scope): Value {
  const values = e.operands.map((operand) => evaluate(operand, scope));
  let next = 0;
  const climb = (weakest: number): Value => {
    let left = values[next] as Value;
    for (;;) {
      const operator = e.operators[next];
      const strength = operator && (precedence[operator.spelling] as number);
      if (operator === undefined || strength === undefined || strength < weakest) return left;
      next++;
      const right = climb(strength + 1);
      const { op, swapped } = infixOps.get(operator.spelling) as { op: OpName; swapped: boolean };
      left = operation(op, swapped ? [right, left] : [left, right], operator);
    }
  };
  return climb(0);
}

// ---------------------------------------------------------------------------------------------------------- statements

const loopKinds: ReadonlySet<string> = new Set<LoopKind>([
  ...(["serial", "unroll", "thread", "workgroup.x", "workgroup.y", "workgroup.z"] as const),
  ...(["local.x", "local.y", "local.z", "subgroup"] as const),
]);

/** A statement list: a `let` is in scope from its line to the end of the list. */
function block(body: readonly StmtSyntax[], scope: Scope): Stmt[] {
  const variables = new Map(scope.variables);
  const inner: Scope = { buffers: scope.buffers, variables };
  return body.flatMap((s) => {
    if (s.kind === "pass") return [];
    const made = statement(s, inner);
    if (made.kind === "let") variables.set(made.name, made.value.type);
    return [made];
  });
}

function statement(s: Exclude<StmtSyntax, { kind: "pass" }>, scope: Scope): Stmt {
  switch (s.kind) {
    case "for": {
      const kind = s.loopKind?.name ?? "serial";
      if (!loopKinds.has(kind))
        fail(`expected end of line or one of ${[...loopKinds].join(", ")}, found '${kind}'`, s.loopKind ?? s);
      const extent = typed(s.extent, scope, "i32");
      const variables = new Map(scope.variables).set(s.loop, indexType);
      return b.loop(s.loop, extent, block(s.body, { buffers: scope.buffers, variables }), kind as LoopKind);
    }
    case "if": {
      const cond = typed(s.cond, scope, undefined);
      return building(s, () => b.when(cond, block(s.body, scope)));
    }
    case "let":
      return b.bind(s.name, typed(s.value, scope, undefined));
    case "barrier":
      return b.barrier;
    case "assign":
      return assignment(s, scope);
  }
}

function assignment(s: Extract<StmtSyntax, { kind: "assign" }>, scope: Scope): Stmt {
  const { scalar } = scope.buffers.get(s.buffer) ?? fail(`no buffer is named ${s.buffer}`, s);
  const index = s.access.index.map((axis) => typed(axis, scope, "i32"));
  const mask = s.access.mask && typed(s.access.mask, scope, "bool");
  const value = typed(s.value, scope, scalar);
  const monoid = (Object.keys(monoids) as Monoid[]).find((name) => monoids[name].assign === s.assign);
  if (monoid !== undefined) return building(s, () => b.reduce(s.buffer, index, value, s.over, monoid, mask));
  if (s.over.length > 0) fail("a store has no loops to go over; a reduction is written with +=, max= or min=", s);
  return building(s, () => b.store(s.buffer, index, value, mask));
}

// ------------------------------------------------------------------------------------------------------------- kernels

const stages: readonly Stage[] = ["pack", "prologue", "main", "merge"];

function buffer(s: BufferSyntax, scope: Scope): Buffer {
  const local = s.declared === "register" || s.declared === "workgroup";
  const shape = s.shape.map((size) => typed(size, scope, "i32"));
  return building(s, () =>
    b.buffer(s.name, s.scalar, shape, {
      unit: s.bytes ? "byte" : "element",
      scope: local ? (s.declared as BufferScope) : "global",
      role: local ? "local" : (s.declared as BufferRole),
      lanes: s.lanes,
      ...(s.range && { range: s.range }),
      ...(s.below && { below: typed(s.below, scope, "i32") }),
    }),
  );
}

function kernel(s: KernelSyntax): Kernel {
  const stage =
    stages.find((name) => name === s.stage.name) ??
    fail(`expected ${stages.join(" or ")}, found '${s.stage.name}'`, s.stage);
  const symbols = s.symbols.map(({ name, min, max, congruence, ...at }) => {
    if (congruence && congruence.name !== name) fail(`expected ${name}, found '${congruence.name}'`, congruence);
    return building(at, () =>
      b.symbol(name, {
        min,
        ...(max !== undefined && { max }),
        ...(congruence && { modulo: congruence.modulo, residue: congruence.residue }),
      }),
    );
  });
  const variables = new Map(symbols.map(({ name }) => [name, indexType]));
  const buffers = s.buffers.map((declared) => buffer(declared, { buffers: new Map(), variables }));
  const body = block(s.body, { buffers: new Map(buffers.map((declared) => [declared.name, declared])), variables });
  return b.kernel(s.name, stage, { symbols, buffers, body });
}
