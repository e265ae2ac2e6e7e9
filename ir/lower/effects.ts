/**
 * Which buffers statements write and which of them expressions read: what `forward` and `cse` need to know before they reuse a value.
 */
import type { Expr, Stmt } from "../nodes.ts";
import { eachStmt, exprsOf, operands, writes } from "../visit.ts";

/** The buffers that statements write, nested ones included. */
export function writtenIn(body: readonly Stmt[]): ReadonlySet<string> {
  const names = new Set<string>();
  eachStmt(body, (s) => {
    if (writes(s)) names.add(s.buffer);
  });
  return names;
}

/** Whether other invocations may write what they can reach, somewhere in statements. */
export function hasBarrier(body: readonly Stmt[]): boolean {
  let found = false;
  eachStmt(body, (s) => {
    found ||= s.kind === "barrier";
  });
  return found;
}

const none: readonly string[] = [];

/** For expressions: which of these buffers they load. Remembers what it has seen. */
export function readerOf(buffers: { has(name: string): boolean }): (e: Expr) => readonly string[] {
  const seen = new Map<Expr, readonly string[]>();
  const visit = (e: Expr): readonly string[] => {
    const known = seen.get(e);
    if (known !== undefined) return known;
    let names: readonly string[] = e.kind === "load" && buffers.has(e.buffer) ? [e.buffer] : none;
    for (const arg of operands(e)) {
      const inner = visit(arg);
      if (names.length === 0) names = inner;
      else for (const name of inner) if (!names.includes(name)) names = [...names, name];
    }
    seen.set(e, names);
    return names;
  };
  return visit;
}

/** Everything that statements load, nested ones included, according to `readers`. */
export function readIn(body: readonly Stmt[], readers: (e: Expr) => readonly string[]): ReadonlySet<string> {
  const names = new Set<string>();
  eachStmt(body, (s) => {
    for (const e of exprsOf(s)) for (const name of readers(e)) names.add(name);
  });
  return names;
}
