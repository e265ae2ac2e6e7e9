/** What the operators share: rows known at run time, groups of K, and the checks of their sizes. */
import { constant, floordiv, symbol, variable } from "../build.ts";
import { WorkloadError } from "../errors.ts";
import { checkMultiple } from "../formats/index.ts";
import type { Expr, SizeSymbol } from "../nodes.ts";
import type { Rows } from "../workload.ts";

/** Name of the symbol that stands for a number of rows known at run time. */
export const rowsSymbol = "M";

/** The extent of a row axis, and the symbol to declare when it has one. */
export function rowsOf(m: Rows): { readonly extent: Expr; readonly symbols: readonly SizeSymbol[] } {
  if (m === "any") return { extent: variable(rowsSymbol), symbols: [symbol(rowsSymbol)] };
  if (!Number.isInteger(m) || m < 0) throw new WorkloadError(`m: ${m} is not a number of rows from 0 up, nor "any"`);
  return { extent: constant(m), symbols: [] };
}

/** Throws a `WorkloadError` unless a size is a positive integer. */
export function checkSize(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) throw new WorkloadError(`${name}: ${value} is not a positive integer`);
}

/** Values per group in a row of k, or of what `name` says. Throws a `WorkloadError` naming `field` unless groups divide the row. */
export function groupSize(field: string, group: number | "row", k: number, name = "k"): number {
  if (group === "row") return k;
  checkSize(field, group);
  checkMultiple(k, group, `${field} = ${group}`, name);
  return group;
}

/** Index of the group of an element: 0 where one group is the row. */
export const groupOf = (element: Expr, group: number, k: number): Expr =>
  group === k ? constant(0) : floordiv(element, group);
