/**
 * Walking and rewriting expressions and statements. Everything here is structural; what a rewrite means is its caller's business.
 */
import { bind, bitcast, cast, loop, reapply, reduce, reload, store, table, when } from "./build.ts";
import type { Expr, For, Kernel, Reduce, Stmt, Store } from "./nodes.ts";

/** The direct operands of an expression. */
export function operands(e: Expr): readonly Expr[] {
  switch (e.kind) {
    case "const":
    case "var":
    case "lanes":
      return [];
    case "load":
      return e.mask ? [...e.index, e.mask] : e.index;
    case "cast":
      return [e.arg];
    case "table":
      return [e.index];
    case "op":
    case "call":
      return e.args;
  }
}

/** The same node over other operands (as many as `operands` gives). */
export function withOperands(e: Expr, args: readonly Expr[]): Expr {
  let next = 0;
  return mapOperands(e, () => args[next++] as Expr);
}

/** The node with each direct operand rewritten, in the order of `operands`. */
export function mapOperands(e: Expr, rewrite: (operand: Expr) => Expr): Expr {
  switch (e.kind) {
    case "const":
    case "var":
    case "lanes":
      return e;
    case "load": {
      const index = mapList(e.index, rewrite);
      return reload(e, index, e.mask && rewrite(e.mask));
    }
    case "cast": {
      const arg = rewrite(e.arg);
      if (arg === e.arg) return e;
      return e.mode === "value" ? cast(e.type.scalar, arg) : bitcast(e.type.scalar, arg);
    }
    case "table": {
      const index = rewrite(e.index);
      return index === e.index ? e : table(e.type.scalar, index, e.values);
    }
    case "op":
    case "call": {
      const args = mapList(e.args, rewrite);
      return args === e.args ? e : reapply(e, args);
    }
  }
}

/** The list with each item rewritten; the same list where nothing changes. */
function mapList(items: readonly Expr[], rewrite: (item: Expr) => Expr): readonly Expr[] {
  let changed: Expr[] | undefined;
  for (let i = 0; i < items.length; i++) {
    const item = items[i] as Expr;
    const result = rewrite(item);
    if (changed === undefined && result !== item) changed = items.slice(0, i);
    changed?.push(result);
  }
  return changed ?? items;
}

/**
 * A bottom-up rewriter that remembers what it has seen: `rewrite` gets each node with its operands already rewritten and gives the
 * node to stand in its place (itself when nothing changes). Use one rewriter for one consistent environment.
 */
export function rewriter(rewrite: (e: Expr) => Expr): (e: Expr) => Expr {
  const seen = new Map<Expr, Expr>();
  const visit = (e: Expr): Expr => {
    const known = seen.get(e);
    if (known !== undefined) return known;
    const result = rewrite(mapOperands(e, visit));
    seen.set(e, result);
    return result;
  };
  return visit;
}

/** Replaces variables by name; the values must have the variables' scalar types. */
export function substituter(values: ReadonlyMap<string, Expr>): (e: Expr) => Expr {
  return rewriter((e) => (e.kind === "var" ? (values.get(e.name) ?? e) : e));
}

/** Calls `see` once for each distinct node of the expression, operands first. */
export function eachNode(e: Expr, see: (node: Expr) => void, seen: Set<Expr> = new Set()): void {
  if (seen.has(e)) return;
  seen.add(e);
  for (const arg of operands(e)) eachNode(arg, see, seen);
  see(e);
}

const freeNames = new WeakMap<Expr, ReadonlySet<string>>();
const noNames: ReadonlySet<string> = new Set();

/** Names of the variables in an expression. */
export function variablesOf(e: Expr): ReadonlySet<string> {
  const known = freeNames.get(e);
  if (known !== undefined) return known;
  let names = noNames;
  if (e.kind === "var") names = new Set([e.name]);
  else {
    for (const arg of operands(e)) {
      const inner = variablesOf(arg);
      if (names.size === 0) names = inner;
      else if (inner.size > 0 && inner !== names) names = new Set([...names, ...inner]);
    }
  }
  freeNames.set(e, names);
  return names;
}

/** Names of the buffers that an expression loads. */
export function buffersOf(e: Expr): ReadonlySet<string> {
  const names = new Set<string>();
  eachNode(e, (node) => {
    if (node.kind === "load") names.add(node.buffer);
  });
  return names;
}

/** The expressions that a statement holds itself (not those of nested statements). */
export function exprsOf(s: Stmt): readonly Expr[] {
  switch (s.kind) {
    case "for":
      return [s.extent];
    case "store":
    case "reduce":
      return s.mask ? [...s.index, s.value, s.mask] : [...s.index, s.value];
    case "if":
      return [s.cond];
    case "let":
      return [s.value];
    case "barrier":
      return [];
  }
}

/** The statement with every expression it holds, nested ones included, rewritten. */
export function mapExprs(s: Stmt, rewrite: (e: Expr) => Expr): Stmt {
  const all = (body: readonly Stmt[]): readonly Stmt[] => body.map((inner) => mapExprs(inner, rewrite));
  switch (s.kind) {
    case "for":
      return loop(s.loop, rewrite(s.extent), all(s.body), s.loopKind);
    case "store":
      return store(s.buffer, s.index.map(rewrite), rewrite(s.value), s.mask && rewrite(s.mask));
    case "reduce":
      return reduce(s.buffer, s.index.map(rewrite), rewrite(s.value), s.over, s.monoid, s.mask && rewrite(s.mask));
    case "if":
      return when(rewrite(s.cond), all(s.body));
    case "let":
      return bind(s.name, rewrite(s.value));
    case "barrier":
      return s;
  }
}

/**
 * Rewrites a statement list top down: `rewrite` gives the statements to stand in a statement's place, or undefined to go on
 * into its body.
 */
export function mapStmts(body: readonly Stmt[], rewrite: (s: Stmt) => readonly Stmt[] | undefined): readonly Stmt[] {
  return body.flatMap((s) => {
    const replaced = rewrite(s);
    if (replaced !== undefined) return replaced;
    if (s.kind === "for") return [loop(s.loop, s.extent, mapStmts(s.body, rewrite), s.loopKind)];
    if (s.kind === "if") return [when(s.cond, mapStmts(s.body, rewrite))];
    return [s];
  });
}

/** Calls `see` for each statement, outermost first, with the loops around it, outermost first. */
export function eachStmt(
  body: readonly Stmt[],
  see: (s: Stmt, loops: readonly For[]) => void,
  loops: readonly For[] = [],
): void {
  for (const s of body) {
    see(s, loops);
    if (s.kind === "for") eachStmt(s.body, see, [...loops, s]);
    else if (s.kind === "if") eachStmt(s.body, see, loops);
  }
}

/** The loop of this name with the loops around it, outermost first; undefined when there is none. */
export function findLoop(
  body: readonly Stmt[],
  name: string,
): { readonly loop: For; readonly around: readonly For[] } | undefined {
  let found: { loop: For; around: readonly For[] } | undefined;
  eachStmt(body, (s, around) => {
    if (s.kind === "for" && s.loop === name) found = { loop: s, around };
  });
  return found;
}

/** Every loop of the kernel, outermost first. */
export function loopsOf(body: readonly Stmt[]): readonly For[] {
  const loops: For[] = [];
  eachStmt(body, (s) => {
    if (s.kind === "for") loops.push(s);
  });
  return loops;
}

/** Statements that write a buffer. */
export const writes = (s: Stmt, buffer?: string): s is Store | Reduce =>
  (s.kind === "store" || s.kind === "reduce") && (buffer === undefined || s.buffer === buffer);

/** The kernel with another body. */
export const withBody = (k: Kernel, body: readonly Stmt[]): Kernel =>
  Object.freeze({ ...k, body: Object.freeze([...body]) });
