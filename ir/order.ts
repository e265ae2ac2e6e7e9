/**
 * A total order of expressions by what they are: sums and commutative operands are written in it, so that a kernel's text and code never
 * depend on which expressions were made before.
 */
import type { Expr } from "./nodes.ts";

const ranks: Readonly<Record<Expr["kind"], number>> = {
  var: 0,
  load: 1,
  cast: 2,
  table: 3,
  op: 4,
  call: 5,
  lanes: 6,
  const: 7,
};

const compare = <T extends string | number>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0);

function compareLists<T>(a: readonly T[], b: readonly T[], order: (a: T, b: T) => number): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const result = order(a[i] as T, b[i] as T);
    if (result !== 0) return result;
  }
  return a.length - b.length;
}

/** Negative, 0 or positive as `a` stands before `b`, is `b`, or stands after it: names, loads, operations by name, then their operands. */
export function compareExprs(a: Expr, b: Expr): number {
  if (a === b) return 0;
  return ranks[a.kind] - ranks[b.kind] || compareAlike(a, b) || compare(a.type.text, b.type.text);
}

/** Of two expressions of one kind. */
function compareAlike(a: Expr, b: Expr): number {
  if (a.kind === "var" && b.kind === "var") return compare(a.name, b.name);
  if (a.kind === "const" && b.kind === "const") return compare(a.value, b.value) || compare(1 / a.value, 1 / b.value);
  if (a.kind === "lanes" && b.kind === "lanes") return compareLists(a.strides, b.strides, compare);
  if (a.kind === "cast" && b.kind === "cast") return compare(a.mode, b.mode) || compareExprs(a.arg, b.arg);
  if (a.kind === "table" && b.kind === "table")
    return compareLists(a.values, b.values, compare) || compareExprs(a.index, b.index);
  if (a.kind === "op" && b.kind === "op") return compare(a.op, b.op) || compareLists(a.args, b.args, compareExprs);
  if (a.kind === "call" && b.kind === "call")
    return compare(a.intrinsic, b.intrinsic) || compareLists(a.args, b.args, compareExprs);
  if (a.kind === "load" && b.kind === "load") return compareLoads(a, b);
  return 0;
}

function compareLoads(a: Extract<Expr, { kind: "load" }>, b: Extract<Expr, { kind: "load" }>): number {
  const masks = (e: typeof a): readonly Expr[] => (e.mask ? [e.mask] : []);
  return (
    compare(a.buffer, b.buffer) ||
    compareLists(a.index, b.index, compareExprs) ||
    compareLists(masks(a), masks(b), compareExprs)
  );
}
