/**
 * Values: which expressions of a kernel are the same computation, and which block makes it (the analysis of `cse`). A walk over the
 * statements in order asks for the value of each expression; what is then written is in `cse.ts`.
 */
import { type Facts, rangeOf } from "../interval.ts";
import type { Expr, Stmt } from "../nodes.ts";
import { scalars } from "../types.ts";
import { operands } from "../visit.ts";
import { readerOf } from "./effects.ts";

/** A statement list in its place, with the statements written to it so far. */
export interface Block {
  readonly parent: Block | undefined;
  readonly depth: number;
  /** What stands between it and its parent. */
  readonly inside: "kernel" | "loop" | "loop that may not run" | "if" | "invocation";
  /** The buffers that it changes, once or in any iteration. */
  readonly changes: ReadonlySet<string>;
  readonly out: Stmt[];
}

/** One computation: an expression at all places where it has the same value. */
export interface Value {
  readonly expr: Expr;
  /** Its operands; undefined where they are names, constants or registers. */
  readonly parts: readonly (Value | undefined)[];
  /** The block that computes it. */
  readonly home: Block;
  /** The time of the last write that it may see. */
  readonly since: number;
  /** Whether it has left a loop around its use. */
  readonly moved: boolean;
  /** Whether it is a part of an access and costs nothing there. */
  readonly free: boolean;
  uses: number;
  /** The name that holds it, from when it is computed. */
  name: Expr | undefined;
}

export interface Values {
  /** The value of an expression used in a block here and now; undefined for names, constants and registers. */
  readonly of: (e: Expr, use: Block) => Value | undefined;
  /** The same for the index of an access. */
  readonly ofAddress: (e: Expr, use: Block) => Value | undefined;
  /** A name is bound in a block from now on. */
  readonly bind: (name: string, block: Block) => void;
  /** A buffer is written now. */
  readonly write: (buffer: string) => void;
}

/** Values of a kernel: `written` are the buffers that it writes, `bytes` those with byte addresses, `registers` those without. */
export function valuesOf(
  facts: Facts,
  written: ReadonlySet<string>,
  bytes: ReadonlySet<string>,
  registers: ReadonlySet<string>,
): Values {
  const readers = readerOf(written);
  const latest = new Map<Expr, Value>();
  const writes = new Map<string, number>();
  const depths = new Map<string, number>();
  let time = 0;

  const isLeaf = (e: Expr): boolean =>
    e.kind === "const" || e.kind === "var" || e.kind === "lanes" || (e.kind === "load" && registers.has(e.buffer));

  /** The depth of the innermost block whose names an expression uses. */
  const depthOf = remembered<number>((e, inner) => {
    if (e.kind === "var") return depths.get(e.name) ?? 0;
    let depth = 0;
    for (const arg of operands(e)) depth = Math.max(depth, inner(arg));
    return depth;
  });

  /** Whether computing it where it is not asked for could fail. */
  const risky = remembered<boolean>((e, inner) => {
    if (e.kind === "load" && !registers.has(e.buffer)) return true;
    return (e.kind === "op" && mayHaveNoValue(e)) || operands(e).some(inner);
  });

  /** Divisions and shifts by what may be out of range. */
  const mayHaveNoValue = ({ op, args, type }: Extract<Expr, { kind: "op" }>): boolean => {
    if (op !== "floordiv" && op !== "mod" && op !== "shl" && op !== "shr") return false;
    const [low, high] = rangeOf(args[1] as Expr, facts);
    return op === "floordiv" || op === "mod" ? low <= 0 : low < 0 || high >= scalars[type.scalar].bits;
  };

  const homeOf = (e: Expr, use: Block): Block => {
    const read = readers(e);
    const depth = depthOf(e);
    let home = use;
    while (home.depth > depth && home.parent !== undefined) {
      const { inside, changes } = home;
      if (inside === "if" || inside === "invocation" || (inside === "loop that may not run" && risky(e))) break;
      if (read.some((name) => changes.has(name))) break;
      home = home.parent;
    }
    return home;
  };

  const of = (e: Expr, use: Block): Value | undefined => {
    if (isLeaf(e)) return undefined;
    let since = 0;
    for (const name of readers(e)) since = Math.max(since, writes.get(name) ?? 0);
    const known = latest.get(e);
    if (known !== undefined && known.since === since && encloses(known.home, use)) {
      known.uses++;
      return known;
    }
    const home = homeOf(e, use);
    const parts = operands(e).map((arg, i) =>
      e.kind === "load" && i === 0 && bytes.has(e.buffer) ? ofAddress(arg, home) : of(arg, home),
    );
    const value: Value = { expr: e, parts, home, since, moved: home !== use, free: false, uses: 1, name: undefined };
    latest.set(e, value);
    return value;
  };

  const ofAddress = (e: Expr, use: Block): Value | undefined => {
    if (e.kind !== "op" || e.op !== "add" || !e.args.some((arg) => arg.kind === "const" || arg.kind === "lanes"))
      return of(e, use);
    const parts = e.args.map((arg) => ofAddress(arg, use));
    return { expr: e, parts, home: use, since: time, moved: false, free: true, uses: 1, name: undefined };
  };

  return {
    of,
    ofAddress,
    bind: (name, block) => depths.set(name, block.depth),
    write: (buffer) => writes.set(buffer, ++time),
  };
}

/** Whether a block is `inner` or around it. */
function encloses(outer: Block, inner: Block): boolean {
  let block: Block | undefined = inner;
  while (block !== undefined && block.depth > outer.depth) block = block.parent;
  return block === outer;
}

/** A function of expressions, computed once for each node. */
function remembered<T>(compute: (e: Expr, inner: (e: Expr) => T) => T): (e: Expr) => T {
  const seen = new Map<Expr, T>();
  const visit = (e: Expr): T => {
    const known = seen.get(e);
    if (known !== undefined) return known;
    const result = compute(e, visit);
    seen.set(e, result);
    return result;
  };
  return visit;
}
