/** The steps of `table-lookup` that make and read tables: a sum of products becomes sums of entries, rounded ones added in pairs; and what fills the tables, in vectors. */
import { tableSpan } from "../lookup-tables.ts";
import type { AnyStep } from "../primitives/index.ts";
import type { Schedule } from "../schedule.ts";
import { type Coding, kindOf, known, pairedEntries, planeLoops, reachOf } from "./lookup-coding.ts";
import type { Part, Shape, TermSum } from "./matmul.ts";
import type { Point } from "./template.ts";

/** Whether tables are made in the main kernel. */
export const inLoop = (point: Point): boolean => point["tables"] === "loop";

/** The names of the tables: in the main kernels, one of each for each part. */
function tableNames(
  { rounded }: Coding,
  suffix: string,
): Record<"table" | "centre", string> & { readonly step?: string } {
  return { table: `x.table${suffix}`, centre: `x.centre${suffix}`, ...(rounded && { step: `x.step${suffix}` }) };
}

/** Tables that each panel has to itself, as threads must. */
export const tablesOfPanel = (coding: Coding, { kernel, suffix }: Part): Schedule =>
  Object.values(tableNames(coding, suffix)).map(
    (buffer): AnyStep => ({
      ...{ op: "contract", kernel, buffer, at: "mo", keep: ["np"] },
    }),
  );

/** What a term's sum is narrowed into, and pairs of its entries are added in. */
export const narrowOf = ({ plane }: TermSum): { readonly narrow: string; readonly pair: string } => ({
  narrow: plane === "" ? "d16" : `d${plane}.16`,
  pair: `s${plane}`,
});

/** A term's sum by tables, which all terms share. */
export function lookUp(
  coding: Coding,
  point: Point,
  { kernel, suffix }: Part,
  inner: readonly string[],
  term: TermSum,
): Schedule {
  const { sum, own } = term;
  const { narrow, pair } = narrowOf(term);
  const { pairs, side } = planeLoops(coding);
  const digit = coding.rounded ? [] : ["digit"];
  const entries = coding.rounded
    ? ({ entries: "i8", reach: reachOf(pairedEntries(point)) } as const)
    : ({ entries: "i16" } as const);
  const paired: AnyStep = {
    ...{ op: "factor", kernel, buffer: narrow, at: own("mi"), into: [pair], scalar: "i8", distribute: "float" },
    keep: side.map(own),
  };
  return [
    {
      ...{ op: "lookup", kernel, buffer: sum, at: "kg", loop: own("ke"), operand: "x.q", codes: "w.q", ...entries },
      tables: kindOf(point),
      into: { numbers: "w.ix", ...tableNames(coding, inLoop(point) ? suffix : "") },
      ...(inLoop(point) && { within: "mo" }),
      loops: { plane: [...pairs, ...side].map(own), ...(!coding.rounded && { digit: own("digit") }) },
    },
    { op: "reorder", kernel, loops: [...inner, ...pairs, ...digit, "mi", "h", "nl", ...side].map(own) },
    { op: "accumulate-in", kernel, buffer: sum, at: own("kf"), into: narrow, scalar: "i16" },
    ...(pairedEntries(point) === 2 ? [paired] : []),
  ];
}

/** What makes the tables: the entries of a table are lanes; in sums and maxima over tables, neighbouring tables are. */
export function tableSteps(shape: Shape, kernel: string, suffix: string): Schedule {
  const tables = shape.group / tableSpan;
  const lanes = [8, 4].find((size) => tables % size === 0);
  const { table, centre } = tableNames(known(shape), suffix);
  const sideBySide = (buffer: string, at: string, loop: string): Schedule => [
    { op: "split", kernel, loop, factor: lanes as number, into: [`${loop}/o`, `${loop}/l`] },
    { op: "rfactor", kernel, buffer, at, loop: `${loop}/l`, into: `${buffer}.lanes` },
    { op: "vectorize", kernel, loops: [`${loop}/l`] },
    { op: "unroll", kernel, loops: [`${buffer}.lanes/${loop}/l`] },
  ];
  const { rounded } = known(shape);
  return [
    { op: "vectorize", kernel, loops: [`${table}/i`] },
    ...(rounded ? [] : [{ op: "unroll", kernel, loops: [`${table}/digit`] } as const]),
    ...(lanes === undefined ? [] : sideBySide(centre, `${centre}/g`, `${centre}/k4`)),
    ...(lanes === undefined || !rounded ? [] : sideBySide(`${table}.greatest`, `${table}/g`, `${table}/greatest`)),
  ];
}
