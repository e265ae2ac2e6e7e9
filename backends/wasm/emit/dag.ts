/**
 * Machine values: a directed graph of Wasm instructions, one node for each value that a statement computes. Selection builds it,
 * `writeNodes` lays it out for the stack machine: a value used more than once goes through a local, everything else stays on
 * the stack. Not here: which instructions compute an IR expression (select.ts).
 */
import { type Instr, type InstrOf, op, type PlainName, type ValueType, v128 } from "../asm/index.ts";
import type { LaneShape } from "../ops.ts";
import type { Locals } from "./locals.ts";

/** An instruction and the values that it takes from the stack. */
export interface Node {
  readonly instr: Instr;
  readonly args: readonly Node[];
  readonly type: ValueType;
  /** Uses that are still to be written. */
  uses: number;
  /** Where the value is kept once written, when it has several uses. */
  local: string | undefined;
}

const none: readonly Node[] = [];

export function node(instr: Instr, type: ValueType, args: readonly Node[] = none): Node {
  return { instr, args, type, uses: 0, local: undefined };
}

/** The result of an instruction without immediates. */
export const apply = (name: PlainName, type: ValueType, ...args: readonly Node[]): Node => node(op(name), type, args);

/** A v128 result. */
export const vectorOf = (name: PlainName, ...args: readonly Node[]): Node => node(op(name), "v128", args);

export const integer = (value: number): Node => node({ op: "i32.const", value: value | 0 }, "i32");

const uniform: Readonly<Record<LaneShape, Map<number, Instr>>> = {
  i8x16: new Map(),
  i16x8: new Map(),
  i32x4: new Map(),
  f32x4: new Map(),
  f64x2: new Map(),
};

/** A vector constant; a single value goes to all lanes. */
export function vectorConst(shape: LaneShape, values: readonly number[] | number): Node {
  // -0 and 0 are one key of a map, but not one constant.
  if (typeof values !== "number" || Object.is(values, -0)) return node(v128(shape, values), "v128");
  let instr = uniform[shape].get(values);
  if (instr === undefined) {
    instr = v128(shape, values);
    uniform[shape].set(values, instr);
  }
  return node(instr, "v128");
}

export const shuffle = (lanes: readonly number[], a: Node, b: Node): Node =>
  node({ op: "i8x16.shuffle", lanes }, "v128", [a, b]);

/** Reads a local. */
export const read = (local: string, type: ValueType): Node => node({ op: "local.get", local }, type);

type V128Const = InstrOf<"v128">;
const constantOf = (n: Node): V128Const | undefined => (n.instr.op === "v128.const" ? n.instr : undefined);

/** `a & mask`; two masks in a row become one: (x & m) & n = x & (m & n). */
export function masked(a: Node, mask: Node): Node {
  const outer = constantOf(mask);
  const inner = a.instr.op === "v128.and" ? constantOf(a.args[1] as Node) : undefined;
  if (outer === undefined || inner === undefined) return vectorOf("v128.and", a, mask);
  const bytes = outer.bytes.map((byte, i) => byte & (inner.bytes[i] as number));
  return vectorOf("v128.and", a.args[0] as Node, node({ op: "v128.const", bytes }, "v128"));
}

/** Vector of lanes kept in v128 registers, the first lanes in the first one; what lies beyond `count` lanes is anything. */
export interface Vec {
  readonly regs: readonly Node[];
  readonly bits: 8 | 16 | 32 | 64;
  readonly count: number;
}

/** Registers that hold `count` lanes of `bits`. */
export const registersFor = (count: number, bits: number): number => Math.ceil((count * bits) / 128);

/** Values that cost nothing to compute again. */
const cheap: ReadonlySet<string> = new Set([
  "local.get",
  "i32.const",
  "i64.const",
  "f32.const",
  "f64.const",
  "v128.const",
]);
const isCheap = (n: Node): boolean => cheap.has(n.instr.op);

function countUses(n: Node): void {
  if (n.uses++ > 0) return;
  for (const arg of n.args) countUses(arg);
}

function writeNode(n: Node, locals: Locals, out: Instr[]): void {
  if (n.local !== undefined) {
    out.push(locals.get(n.local));
    if (--n.uses === 0) {
      locals.release(n.local, n.type);
      n.local = undefined;
    }
    return;
  }
  for (const arg of n.args) writeNode(arg, locals, out);
  out.push(n.instr.op === "v128.const" ? locals.constant(n.instr) : n.instr);
  if (--n.uses > 0 && !isCheap(n)) {
    n.local = locals.temporary(n.type);
    out.push({ op: "local.tee", local: n.local });
  }
}

/** Appends instructions that leave the values on the stack, the first one deepest. Afterwards the nodes can be written again. */
export function writeNodes(roots: readonly Node[], locals: Locals, out: Instr[]): void {
  for (const root of roots) countUses(root);
  for (const root of roots) writeNode(root, locals, out);
}
