/** How `table-lookup` holds codes and entries: planes side by side, entries that are added in a byte, sums in i16. */
import { evenStep, type Format, scalarRange } from "../../ir/index.ts";
import { greatestRounded, held, type TableKind, tableSpan } from "../lookup-tables.ts";
import type { Shape } from "./matmul.ts";
import { numberAt, type Point } from "./template.ts";

/** Values of k in a byte of numbers: two tables of 4. */
export const together = 8;

/** Longest sum in i16: what is unrolled. */
const longestFlush = 64;

/** How codes are looked up. */
export interface Coding {
  readonly planes: 1 | 2 | 4;
  /** Planes that lie side by side in a vector. */
  readonly side: 1 | 2;
  /** Rows of w in a vector of numbers. */
  readonly rows: 8 | 16;
  readonly rounded: boolean;
  /** Entries of neighbouring tables that are added in i8, by default. */
  readonly paired: 1 | 2;
}

/** How a shape's codes are looked up; undefined where what they stand for is no sum over at most 4 bits. */
export function codingOf({ format, workload, group }: Shape): Coding | undefined {
  const { codes } = format;
  if (
    codes === undefined ||
    codes.bits > 4 ||
    codes.low < 0 ||
    (codes.table !== undefined && evenStep(codes.table) === undefined)
  )
    return undefined;
  const { bits } = codes;
  const planes = bits <= 2 ? (bits as 1 | 2) : 4;
  // More planes than two cost as much as products.
  const mayRound = workload.numerics.compute === "i8" && workload.numerics.tables === "i8";
  const paired = planes > 2 || !mayRound ? 0 : mostPaired(format, planes, group);
  const rounded = paired > 0;
  const side = planes === 1 ? 1 : 2;
  return { planes, side, rows: side === 1 ? 16 : 8, rounded, paired: paired || 2 };
}

/** Rules by which values fill all codes: there are about as many of each around the zero. */
const filling: readonly Format["rule"][] = ["extreme", "range", "range0"];

/**
 * How many rounded entries may be added in i8, where each has its part of a byte, so that errors stay within the bound of the numerics (measured up to
 * K = 8192): none where sums are so long that one entry makes the step coarse for all, or where one bit is a stored zero point or not, so that most values
 * are 0; two in short sums of codes of one plane, or of codes that the values fill.
 */
function mostPaired({ rule }: Format, planes: number, group: number): 0 | 1 | 2 {
  if (group > 256 || (planes === 1 && rule === "range0")) return 0;
  return group <= 64 && (planes === 1 || filling.includes(rule)) ? 2 : 1;
}

/** The coding of a shape that the template takes. */
export const known = (shape: Shape): Coding => codingOf(shape) as Coding;

/** Whether a point's tables are whole. */
export const kindOf = (point: Point): TableKind => (point["entries"] === held.half.length ? "half" : "whole");

/** Values of k that may be summed before the sum is widened: a part of the group that is a whole number of bytes of numbers. */
export function flushOf(shape: Shape, point: Point): number {
  const { planes, rounded } = known(shape);
  const { digitBits, digitRange } = held[kindOf(point)];
  // What the interval analysis takes an exact entry to be at most: each digit the greatest.
  const exact = Math.max(...digitRange.map(Math.abs)) * (2 ** digitBits + 1);
  const entry = (2 ** planes - 1) * (rounded ? greatestRounded : exact);
  const most = Math.min(longestFlush, tableSpan * Math.floor(scalarRange("i16")[1] / entry));
  for (let flush = Math.floor(most / together) * together; flush > together; flush -= together)
    if (shape.group % flush === 0) return flush;
  return together;
}

/** Loops over planes: those that lie side by side in a vector, and the others. */
export const planeLoops = ({ planes, side }: Coding): Record<"pairs" | "side", readonly string[]> => ({
  pairs: planes > side ? ["pp"] : [],
  side: side === 2 ? ["p"] : [],
});

/** Entries of neighbouring tables that are added in i8 before they are weighted and widened. */
export const pairedEntries = (point: Point): number => numberAt(point, "paired");

/** Greatest entry where as many are added in i8; even, as `greatestRounded` is. */
export const reachOf = (paired: number): number => 2 * Math.floor(greatestRounded / (2 * paired));
