/** What the emission of one shader carries along. */
import type { Buffer, Expr, Facts, Feature, SizeSymbol } from "../../../ir/index.ts";
import { EmitError } from "../../errors.ts";
import type { Machine } from "../ops.ts";
import type { View } from "../views.ts";
import type { Maker, Node } from "./nodes.ts";
import { literal } from "./text.ts";

/** The last change of a buffer. */
export interface Change {
  readonly time: number;
  readonly depth: number;
}

export interface Context {
  readonly kernel: string;
  readonly facts: Facts;
  readonly buffers: ReadonlyMap<string, Buffer>;
  readonly symbols: ReadonlyMap<string, SizeSymbol>;
  readonly views: ReadonlyMap<string, View>;
  /** WGSL names of buffers in memory and of registers. */
  readonly names: ReadonlyMap<string, string>;
  /** Loop variables, symbols and lets. */
  readonly variables: Map<string, Node>;
  /** For sliced buffers, what stands in their addresses for the workgroup's index. */
  readonly sliced: (buffer: string, address: Expr) => Expr;
  readonly allowed: ReadonlySet<Feature>;
  /** Whether products are cheaper than shifts (see `EmitLimits`). */
  readonly isProcessor: boolean;
  /** Floats without a literal: name of a module variable by its bits. */
  readonly constants: Map<string, string>;
  readonly make: Maker;
  /** For each buffer that has been written, how often so far, and how deep the block was that wrote it last. */
  readonly times: Map<string, Change>;
  /** Nodes of expressions that never change, and of those that may when something is written. */
  readonly fixed: Map<Expr, Node>;
  readonly changing: Map<Expr, Node>;
  /** Whether an expression reads what the kernel writes. */
  readonly varies: (e: Expr) => boolean;
  readonly select: (e: Expr) => Node;
}

export function fail(c: Pick<Context, "kernel">, reason: string): never {
  throw new EmitError(`kernel ${c.kernel}: ${reason}`);
}

/** A number as an atom: of a machine type, or without one an index. */
export const atom = (c: Context, text: string): Node => c.make("atom", text, []);

export const infix = (c: Context, operator: string, a: Node, b: Node): Node => c.make("infix", operator, [a, b]);

export const call = (c: Context, name: string, ...args: readonly Node[]): Node => c.make("call", name, args);

/** `bitcast<T>(x)`. */
export const bitcast = (c: Context, type: string, x: Node): Node => call(c, `bitcast<${type}>`, x);

/** The constructor of a machine type applied to a value of another: `f32(x)`. */
export function convert(c: Context, to: Machine, width: number, x: Node): Node {
  // A negative literal is of no type yet, and of none that u32 takes.
  if (to === "u32" && x.form === "atom" && /^-\d+$/.test(x.text)) return atom(c, literal(Number(x.text) >>> 0, "u32"));
  return call(c, width === 1 ? to : `vec${width}<${to}>`, x);
}
