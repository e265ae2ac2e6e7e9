/**
 * The printer: kernels, programs and expressions as text that `parse.ts` reads back to the same nodes. Parentheses stand only where the
 * parser needs them; operands of commutative operations are printed in an order that depends on nothing but the expression.
 */
import { intrinsics } from "../intrinsics.ts";
import { monoids } from "../monoids.ts";
import type { Buffer, Const, Expr, Kernel, Load, Op, Program, SizeSymbol, Stmt } from "../nodes.ts";
import { type OpName, ops, wrap } from "../scalar-ops.ts";
import { isFloat, type Scalar } from "../types.ts";
import { operands } from "../visit.ts";
import { printName } from "./names.ts";
import { atomPrecedence, precedence, prefixPrecedence } from "./precedence.ts";

/** The buffers that an expression loads from; needed only to print loads that read another type than the buffer's. */
export interface PrintScope {
  readonly buffers?: readonly Buffer[];
}

/** The text of an expression. */
export function printExpr(e: Expr, scope: PrintScope = {}): string {
  return printer(scope.buffers ?? []).expr(e);
}

/** The text of a kernel, ending with a newline. */
export function printKernel(k: Kernel): string {
  const { expr, index } = printer(k.buffers);
  const lines = [`kernel ${printName(k.name)} stage ${k.stage}`];
  for (const symbol of k.symbols) lines.push(`  ${printSymbol(symbol)}`);
  for (const buffer of k.buffers) lines.push(`  ${printBuffer(buffer, expr)}`);
  const scalarsOf = new Map(k.buffers.map((buffer) => [buffer.name, buffer.scalar]));
  const write = (body: readonly Stmt[], indent: string): void => {
    for (const s of body) {
      lines.push(`${indent}${printStmt(s, expr, index, scalarsOf)}`);
      if (s.kind !== "for" && s.kind !== "if") continue;
      if (s.body.length === 0) lines.push(`${indent}  pass`);
      write(s.body, `${indent}  `);
    }
  };
  write(k.body, "  ");
  return `${lines.join("\n")}\n`;
}

/** The first line of a statement: a loop or `if` without its body. */
export function printStatement(s: Stmt, buffers: readonly Buffer[]): string {
  const { expr, index } = printer(buffers);
  return printStmt(s, expr, index, new Map(buffers.map((buffer) => [buffer.name, buffer.scalar])));
}

/** The text of a program, ending with a newline. */
export function printProgram(p: Program): string {
  return [`program ${printName(p.name)}\n`, ...p.kernels.map(printKernel)].join("\n");
}

type PrintExpr = (e: Expr, expected?: Scalar) => string;
type PrintIndex = (index: readonly Expr[], mask: Expr | undefined) => string;

/** The first line of a statement, without indentation. */
function printStmt(s: Stmt, expr: PrintExpr, index: PrintIndex, scalarsOf: ReadonlyMap<string, Scalar>): string {
  switch (s.kind) {
    case "for":
      return `for ${printName(s.loop)} < ${expr(s.extent, "i32")}${s.loopKind === "serial" ? "" : ` ${s.loopKind}`}`;
    case "if":
      return `if ${expr(s.cond)}`;
    case "let":
      return `let ${printName(s.name)} = ${expr(s.value)}`;
    case "barrier":
      return "barrier";
    case "store":
    case "reduce": {
      const assign = s.kind === "store" ? "=" : monoids[s.monoid].assign;
      const over = s.kind === "reduce" && s.over.length > 0 ? ` over ${s.over.map(printName).join(", ")}` : "";
      const target = `${printName(s.buffer)}[${index(s.index, s.mask)}]`;
      return `${target} ${assign} ${expr(s.value, scalarsOf.get(s.buffer))}${over}`;
    }
  }
}

function printSymbol({ name, min, max, modulo, residue }: SizeSymbol): string {
  const upper = max === 2 ** 31 - 1 ? "" : max;
  const congruence = modulo === 1 ? "" : ` where ${printName(name)} % ${modulo} == ${residue}`;
  return `symbol ${printName(name)} in ${min}..${upper}${congruence}`;
}

function printBuffer(buffer: Buffer, expr: PrintExpr): string {
  const lanes = buffer.lanes.length > 0 ? `<${buffer.lanes.join(",")}>` : "";
  const shape = buffer.shape.map((size) => expr(size, "i32")).join(", ");
  const unit = buffer.unit === "byte" ? " bytes" : "";
  const range = buffer.range ? ` in ${printBound(buffer.range[0])}..${printBound(buffer.range[1])}` : "";
  const below = buffer.below ? ` below ${expr(buffer.below, "i32")}` : "";
  const kind = buffer.scope === "global" ? buffer.role : buffer.scope;
  return `${kind} ${printName(buffer.name)}: ${buffer.scalar}${lanes}[${shape}${unit}]${range}${below}`;
}

const printBound = (value: number): string => String(value).replace("Infinity", "inf");

/** The shortest spelling that reads back as the same value of `scalar`. */
function printNumber(value: number, scalar: Scalar): string {
  if (scalar === "bool") return value !== 0 ? "true" : "false";
  if (!isFloat(scalar)) return String(value);
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Object.is(value, -0)) return "-0.0";
  let shortest = value;
  for (let digits = 1; digits < 17; digits++) {
    shortest = Number(value.toPrecision(digits));
    if (wrap(shortest, scalar) === value) break;
  }
  const text = String(wrap(shortest, scalar) === value ? shortest : value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

/** The type that a bare literal has where nothing else decides it. */
const defaultScalars: readonly Scalar[] = ["i32", "f32", "bool"];

function printConst({ value, type }: Const, expected: Scalar | undefined): string {
  const text = printNumber(value, type.scalar);
  if (type.lanes.length > 0) return `${type.text}(${text})`;
  const bare = expected === undefined ? defaultScalars.includes(type.scalar) : expected === type.scalar;
  return bare ? text : `${type.scalar}(${text})`;
}

/** Text of a node that is not a constant, and how strongly its outermost operator binds. */
interface Printed {
  readonly text: string;
  readonly strength: number;
  /** Nodes in the expression, for the order of commutative operands. */
  readonly size: number;
}

function printer(buffers: readonly Buffer[]): { expr: PrintExpr; index: PrintIndex } {
  const scalarsOf = new Map(buffers.map((buffer) => [buffer.name, buffer.scalar]));
  const printed = new Map<Expr, Printed>();

  const expr: PrintExpr = (e, expected) => (e.kind === "const" ? printConst(e, expected) : print(e).text);

  const operand = (e: Expr, atLeast: number, expected: Scalar | undefined): string => {
    if (e.kind === "const") return printConst(e, expected);
    const { text, strength } = print(e);
    return strength >= atLeast ? text : `(${text})`;
  };

  const index: PrintIndex = (at, mask) => {
    const indices = at.map((e) => expr(e, "i32")).join(", ");
    return mask === undefined ? indices : `${indices}${indices && " "}if ${expr(mask)}`;
  };

  const print = (e: Exclude<Expr, Const>): Printed => {
    const known = printed.get(e);
    if (known !== undefined) return known;
    const size = operands(e).reduce((sum, arg) => sum + (arg.kind === "const" ? 1 : print(arg).size), 1);
    const result = { ...spell(e), size };
    printed.set(e, result);
    return result;
  };

  const atom = (text: string): Omit<Printed, "size"> => ({ text, strength: atomPrecedence });

  const spell = (e: Exclude<Expr, Const>): Omit<Printed, "size"> => {
    switch (e.kind) {
      case "var":
        return atom(printName(e.name));
      case "lanes":
        return atom(`<${e.type.lanes.map((size, i) => `${size}:${e.strides[i]}`).join(",")}>`);
      case "load":
        return atom(spellLoad(e));
      case "cast":
        return atom(
          e.mode === "bits" ? `bitcast(${e.type.scalar}, ${expr(e.arg)})` : `${e.type.scalar}(${expr(e.arg)})`,
        );
      case "table":
        return atom(`table(${e.type.scalar}, ${expr(e.index, "u8")}, ${e.values.join(", ")})`);
      case "call": {
        const types = intrinsics[e.intrinsic].operands;
        return atom(`${e.intrinsic}(${e.args.map((arg, i) => expr(arg, types[i]?.scalar)).join(", ")})`);
      }
      case "op":
        return spellOp(e);
    }
  };

  const spellLoad = (e: Load): string => {
    const declared = scalarsOf.get(e.buffer);
    const scalar = declared === undefined || declared === e.type.scalar ? "" : `:${e.type.scalar}`;
    return `${printName(e.buffer)}${scalar}[${index(e.index, e.mask)}]`;
  };

  const spellOp = (e: Op): Omit<Printed, "size"> => {
    const args = inOrder(e);
    const decided = literalScalar(e.op, args);
    const { infix } = ops[e.op];
    if (infix !== undefined) {
      const strength = precedence[infix] as number;
      const [left, right] = args as [Expr, Expr];
      return {
        text: `${operand(left, strength, decided)} ${infix} ${operand(right, strength + 1, decided)}`,
        strength,
      };
    }
    if (e.op === "neg")
      return { text: `-${operand(args[0] as Expr, prefixPrecedence, decided)}`, strength: prefixPrecedence };
    return atom(`${e.op}(${args.map((arg) => expr(arg, decided)).join(", ")})`);
  };

  const weight = (e: Exclude<Expr, Const>): number => {
    if (e.kind === "lanes") return 0;
    return e.kind === "var" && e.name.startsWith("&") ? Infinity : print(e).size;
  };

  /** Operands in printed order: of commutative operations constants last, addresses first and lane patterns last, larger operands before smaller ones, then by text. */
  const inOrder = (e: Op): readonly Expr[] => {
    const [left, right] = e.args;
    if (ops[e.op].commutative === undefined || left?.kind === "const" || right?.kind === "const") return e.args;
    const [a, b] = [left as Exclude<Expr, Const>, right as Exclude<Expr, Const>];
    const [sizeA, sizeB] = [weight(a), weight(b)];
    const swap = sizeA === sizeB ? print(a).text > print(b).text : sizeA < sizeB;
    return swap ? [right as Expr, left as Expr] : e.args;
  };

  return { expr, index };
}

/**
 * The type that bare literals among these operands take: that of the first operand which shows its own. Undefined where there is none: a
 * literal then has its default type.
 */
function literalScalar(op: OpName, args: readonly Expr[]): Scalar | undefined {
  const typed = args.slice(ops[op].signature === "select" ? 1 : 0);
  return typed.find((e) => e.kind !== "const" || e.type.lanes.length > 0)?.type.scalar;
}
