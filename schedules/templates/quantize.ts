/**
 * Steps for quantizing: activations before the main kernel, a result after it or where it is computed. Small next to the product, but for one row it would be a tenth of the
 * time in scalar code. Not here: the same on a GPU (`gpu-prologue.ts`).
 */
import { quantizedResultOf, type Rows, type Workload } from "../../ir/index.ts";
import type { AnyStep } from "../primitives/index.ts";
import type { Schedule } from "../schedule.ts";
import type { Part, Shape } from "./matmul.ts";
import { type Constraint, numberAt, type Point, type Space } from "./template.ts";

/** Values that one step takes. */
export const lanes = 16;

/** The names in a nest that quantizes (see `ir/ops/quantize.ts`): of the greatest magnitude, of the loops over rows, groups and codes, and what those of its own begin with. */
export interface QuantizeNames {
  readonly amax: string;
  readonly row: string;
  readonly group: string;
  readonly code: string;
  readonly own: string;
}

/** Of activations, and of a result. */
export const namesOfX: QuantizeNames = { amax: "x.amax", row: "m", group: "g", code: "i", own: "" };
export const namesOfY: QuantizeNames = { amax: "y.amax", row: "y.q/m", group: "y.q/g", code: "y.q/i", own: "y." };

/** The kernel that quantizes x in groups of `group`, its rows shared among threads. Groups that 16 does not divide stay scalar; without rows there is nothing to do. */
export function quantizeSteps(kernel: string, group: number, rows: Rows, names: QuantizeNames = namesOfX): Schedule {
  if (group % lanes !== 0 || rows === 0) return [];
  return [...quantizeGroups(kernel, group, names), { op: "bind", kernel, loop: names.row, to: "thread" }];
}

/** Groups that 16 divides: the greatest magnitude in vectors of 4 (rfactor), codes in vectors of 16. */
export function quantizeGroups(kernel: string, group: number, { amax, group: at, code, own }: QuantizeNames): Schedule {
  const whole = group / lanes;
  const o = (loop: string): string => `${own}${loop}`;
  return [
    { op: "split", kernel, loop: `${amax}/i`, factor: lanes, into: [o("ao"), o("av")] },
    { op: "split", kernel, loop: o("av"), factor: 4, into: [o("ai"), o("al")] },
    { op: "rfactor", kernel, buffer: amax, at, loop: o("al"), into: `${amax}4` },
    { op: "split", kernel, loop: code, factor: lanes, into: [o("io"), o("il")] },
    { op: "vectorize", kernel, loops: [o("al")] },
    { op: "vectorize", kernel, loops: [o("il")] },
    { op: "unroll", kernel, loops: [o("ai"), `${amax}4/${o("al")}`, ...(whole <= 16 ? [o("ao"), o("io")] : [])] },
  ];
}

/** The kernel before a matmul that quantizes its x, where there is one. */
export const quantizeActivations = ({ workload: { numerics, m }, xGroup }: Shape): Schedule =>
  numerics.compute === "i8" && numerics.x === undefined ? quantizeSteps("quantize", xGroup, m) : [];

/** Values of a result of n columns that share a scale; undefined where it is not quantized. */
export function resultGroup(workload: Workload, n: number): number | undefined {
  const { group } = quantizedResultOf(workload) ?? {};
  return group === "row" ? n : group;
}

/** The kernel that quantizes a result after the one that computes it. */
export const resultKernel = "y.q";

/** A result's quantization as a kernel of its own: the first of a schedule's steps. */
export const quantizeApart: AnyStep = {
  op: "fission",
  kernel: "main",
  buffer: "y.q",
  into: resultKernel,
  stage: "merge",
};

/** Where a matmul's result is quantized: by a kernel of its own, or where a panel of it is computed. */
export const quantizedAt = ["apart", "fused"] as const;

const isFused = (point: Point): boolean => point["quantize"] === "fused";

/** The axis of it, where there is something to choose. */
export function quantizeAxis({ workload, n }: Shape): Space["axes"] {
  const group = resultGroup(workload, n);
  return group !== undefined && group % lanes === 0 ? { quantize: quantizedAt } : {};
}

/** Panels of `columns` columns are whole groups. */
export const panelIsGroups = (shape: Shape, columnsOf: (point: Point) => number): Constraint => ({
  name: "panel is whole groups",
  violated: (p) => {
    const [group, columns] = [resultGroup(shape.workload, shape.n) ?? 1, columnsOf(p)];
    if (!isFused(p) || (columns % group === 0 && shape.n % columns === 0)) return undefined;
    return `${columns} columns of ${shape.n} are not whole groups of ${group}`;
  },
});

/** A default point: fused where its panel, or one a little longer, is whole groups. */
export function withQuantize(shape: Shape, point: Point, columnsOf: (point: Point) => number): Point {
  if (!("quantize" in quantizeAxis(shape))) return point;
  const { violated } = panelIsGroups(shape, columnsOf);
  const fused = [numberAt(point, "panel"), 2, 4].map((panel): Point => ({ ...point, panel, quantize: "fused" }));
  return fused.find((p) => violated(p) === undefined) ?? { ...point, quantize: "apart" };
}

/** A matmul's result quantized by a kernel of its own: the first of its steps. Nothing where it stays f32, or is quantized where it is computed. */
export function quantizeResult({ workload, n, m }: Shape, point: Point = {}): Schedule {
  const group = resultGroup(workload, n);
  // Without rows there is nothing to do.
  if (group === undefined || m === 0 || isFused(point)) return [];
  return [quantizeApart, ...quantizeSteps(resultKernel, group, m, namesOfY)];
}

/** The loop over a result's rows that is divided as the rows of x are. */
export const quantizedRows = (point: Point): readonly string[] => (isFused(point) ? [namesOfY.row] : []);

/**
 * A matmul's result quantized in the loops `np` over panels and `mo` over tiles of rows, of which nothing but a tile is held in f32.
 *
 *     for np: for mo: { .. y[m, n] = .. };   for y.q/m: for y.q/g: { y.s[..] = ..;  y.q[..] = .. }
 *     -> for np: for mo: { .. y[np, mi, ni] = ..;   for y.q/mi: for y.q/gi: { y.s[..] = ..;  y.q[..] = .. } }
 */
export function fuseQuantize(shape: Shape, point: Point, { kernel, rows }: Part, columns: number): Schedule {
  const group = resultGroup(shape.workload, shape.n);
  if (group === undefined || !isFused(point)) return [];
  const [mo, mi, gp, gi] = ["y.q/mo", "y.q/mi", "y.q/gp", "y.q/gi"] as const;
  return [
    { op: "split", kernel, loop: namesOfY.row, factor: rows, into: [mo, mi] },
    { op: "split", kernel, loop: namesOfY.group, factor: columns / group, into: [gp, gi] },
    { op: "reorder", kernel, loops: [gp, mo, mi, gi] },
    { op: "join", kernel, loops: ["np", gp] },
    { op: "join", kernel, loops: ["mo", mo] },
    ...quantizeGroups(kernel, group, { ...namesOfY, group: gi }),
  ];
}

/** Of a result that is quantized where it is computed each panel holds a tile, unless y comes out too. Once every part is fused: they share y. */
export const contractResult = ({ workload }: Shape, point: Point, parts: readonly Part[]): Schedule =>
  isFused(point) && !workload.quantize?.keep
    ? parts.map(({ kernel, suffix }) => ({
        ...{ op: "contract", kernel, buffer: "y", at: "mo", keep: ["np"] },
        into: `y.tile${suffix}`,
      }))
    : [];
