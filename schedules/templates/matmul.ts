/**
 * What all matmul templates share: the sizes of the problem as its schedule sees them, and the kernels that M is divided into.
 */
import {
  epilogueOf,
  type FieldName,
  type Format,
  fieldOf,
  formatOf,
  type MatmulWorkload,
  type Numerics,
  termsOf,
} from "../../ir/index.ts";
import type { LayoutStep } from "../primitives/layout.ts";
import type { Schedule } from "../schedule.ts";
import type { Target } from "./template.ts";

/** Rows of w that one f32 or i32 vector of results holds. */
export const rowsPerVector = 4;

/** The sizes of a matmul. */
export interface Shape {
  readonly workload: MatmulWorkload;
  readonly format: Format;
  readonly m: number | "any";
  readonly n: number;
  readonly k: number;
  /** Values of K over which every scale is constant: the shorter of the two groups; K where there are none. */
  readonly group: number;
  /** Values of x that share a scale; K where x is f32. */
  readonly xGroup: number;
}

/** Why a target is no matmul for Wasm in these numerics, if it is none. */
export function refusesNumerics({ workload, device }: Target, compute: Numerics["compute"]): string | undefined {
  if (workload.op !== "matmul") return `it is a ${workload.op}`;
  if (device.kind !== "wasm") return `the device is ${device.kind}`;
  return workload.numerics.compute === compute ? undefined : `it computes in ${workload.numerics.compute}`;
}

export function shapeOf({ workload }: Target): Shape {
  if (workload.op !== "matmul") throw new Error(`a matmul template was given ${workload.op}`);
  const format = formatOf(workload.w);
  const { m, n, k, numerics } = workload;
  const span = (s: number | "row" | undefined): number => (typeof s === "number" ? s : k);
  const xGroup = numerics.compute === "i8" ? span(numerics.xGroup) : k;
  return { workload, format, m, n, k, group: Math.min(span(format.group), xGroup), xGroup };
}

/** The sum of one term of the format over a group: its buffer, and the loops of its nest by what they stem from. */
export interface TermSum {
  readonly sum: string;
  /** What names of its own end in: nothing, but for planes with scales of their own the number of the plane. */
  readonly plane: string;
  readonly own: (loop: string) => string;
}

/** The sums that `factor` makes of the format's terms, the first from the loops that were there; none without codes. */
export const termSums = ({ format }: Shape): readonly TermSum[] =>
  Array.from({ length: format.codes === undefined ? 0 : termsOf(format) }, (_, i) => {
    const plane = i === 0 ? "" : `${i}`;
    const sum = `d${plane}`;
    return { sum, plane, own: (loop) => (i === 0 ? loop : `${sum}/${loop}`) };
  });

/** The innermost digit of the columns of a field that has several entries per span, and where it is put: before the digits named. */
export function termDigit(
  { format }: Shape,
  name: FieldName = "q",
): { readonly digit: readonly [string, number][]; readonly t: readonly string[] } {
  const terms = fieldOf(format, name)?.terms ?? 1;
  return terms === 1 ? { digit: [], t: [] } : { digit: [["t", terms]], t: ["t"] };
}

/** A kernel that `specialize` makes, the rows of x that its register tile holds, and the ending of names that must differ between kernels. */
export interface Part {
  readonly kernel: string;
  readonly rows: number;
  readonly suffix: string;
}

/** The kernels that M is divided into by tiles of `rows` rows of x, in the order in which `specialize` makes them. */
export function partsOf(m: number | "any", rows: number): readonly Part[] {
  const tail = (r: number): Part => ({ kernel: `main.${r}`, rows: r, suffix: `.${r}` });
  const whole: Part = { kernel: "main", rows, suffix: "" };
  if (m === "any") return [whole, ...Array.from({ length: rows - 1 }, (_, i) => tail(i + 1))];
  const rest = m % rows;
  return [...(m >= rows ? [whole] : []), ...(rest > 0 ? [tail(rest)] : [])];
}

/** Rows into tiles and tails; both nests where an epilogue follows, and `also` that over these loops. Without rows there is nothing to divide. */
export const divideRows = ({ workload, m }: Shape, rows: number, also: readonly string[] = []): Schedule => {
  const loops = ["m", ...(epilogueOf(workload).length > 0 ? ["y/m"] : []), ...also];
  return m === 0 ? [] : [{ op: "specialize", loops, modulo: rows }];
};

/** The buffer that the main nest sums into, and the step that fuses the epilogue into its store. */
export const resultOf = ({ workload }: Shape): string => (epilogueOf(workload).length > 0 ? "y.sum" : "y");

export const fuseEpilogue = ({ workload }: Shape, kernel: string): Schedule =>
  epilogueOf(workload).length > 0 ? [{ op: "compute-at", kernel, buffer: "y.sum" }] : [];

/** Fields with one entry per group: laid out in vectors of `rows` rows, groups outside. */
export function groupFieldLayouts(shape: Shape, vectors: number, rows: number = rowsPerVector): Schedule {
  return shape.format.fields
    .filter((field) => field.span !== 1)
    .map(({ name }): LayoutStep => {
      const { digit, t } = termDigit(shape, name);
      return {
        op: "layout",
        buffer: `w.${name}`,
        axes: [
          ["no", ["nt", vectors], ["nl", rows]],
          ["kg", ...digit],
        ],
        order: ["no", "kg", ...t, "nt", "nl"],
      };
    });
}

/** Dense planes, low bits first, of codes whose width does not divide 8. */
export const planesOf: Readonly<Record<number, readonly number[]>> = { 3: [2, 1], 5: [4, 1], 6: [4, 2], 7: [4, 2, 1] };
