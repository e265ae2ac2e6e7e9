/**
 * Templates `integer-dot-decode` (M = 1..8) and `integer-dot-prefill`: codes times 8-bit activations as integers, scales once per group. The derivation,
 * for groups of 32 and 4-bit codes with the relaxed dot product:
 *
 *     y[m,n] += (f32(x.q[m,k]) * x.s[m,k/32]) * (f32(w.q[n,k] - 8) * w.s[n,k/32])
 *     -> rows in tiles (specialize), n in vectors of 4 rows, k in groups, flushes, quads and pairs (split, reorder)
 *     -> acc: registers for a tile (accumulate-in)
 *     -> scales and zero points leave the group's sum (factor); the sum of x is a kernel of its own (hoist, fission)
 *     -> the group's sum in i16 as long as the interval proof holds (accumulate-in), by dot products (tensorize)
 *     -> weights in the order in which the loops read them (layout)
 *
 * Codes of 3, 5 and 6 bits are two planes (recode); for 8-bit codes, and those that stand for signed integers, the sign of x is folded into them (recode),
 * so that one operand fits 7 bits. Without relaxed SIMD the products are pairs of i16, summed in i32. Scales of two levels may stay integers (`two-level-scales.ts`).
 */
import type { AnyStep } from "../primitives/index.ts";
import type { LayoutStep } from "../primitives/layout.ts";
import type { SplitStep } from "../primitives/split.ts";
import type { Schedule } from "../schedule.ts";
import {
  type Coding,
  codingOf,
  defaultStored,
  packingAxes,
  piecesOf,
  quadOf,
  scalesChoices,
  storedChoices,
} from "./integer-coding.ts";
import {
  divideRows,
  fuseEpilogue,
  groupFieldLayouts,
  type Part,
  partsOf,
  refusesNumerics,
  resultOf,
  rowsPerVector,
  type Shape,
  shapeOf,
  type TermSum,
  termDigit,
  termSums,
} from "./matmul.ts";
import { hoistSum, sumsOfX } from "./prologue.ts";
import {
  contractResult,
  fuseQuantize,
  lanes,
  panelIsGroups,
  quantizeActivations,
  quantizeAxis,
  quantizedRows,
  quantizeResult,
  withQuantize,
} from "./quantize.ts";
import { numberAt, type Point, type Space, type Target, type Template } from "./template.ts";
import { panelColumns, panelFits, panelFor, panelTail, rowBlocks, tileDivides, tileFits, vectorsFor } from "./tiles.ts";
import { flushedSum, layoutLevels, recodeLevels, splitLevels, sumLevels, vectorizeLevels } from "./two-level-scales.ts";

const spaceOf = (target: Target, rows: readonly number[]): Space => {
  const shape = shapeOf(target);
  const { m, n } = shape;
  const stored = storedChoices(shape);
  const scales = scalesChoices(shape, target);
  return {
    axes: {
      vectors: [1, 2, 4, 8],
      tile: [1, 2, 4, 8],
      rows: rows.filter((r) => m === "any" || r <= Math.max(1, m)),
      panel: [1, 2, 4, 8, 16],
      order: ["quads-outside", "vectors-outside"],
      ...(stored.length > 0 && { stored }),
      ...(scales.length > 0 && { scales }),
      ...quantizeAxis(shape),
    },
    layout: ["vectors", ...(stored.length > 0 ? ["stored"] : []), ...(scales.length > 0 ? ["scales"] : [])],
    where: [tileDivides, panelFits(n), tileFits(24), panelIsGroups(shape, panelColumns)],
  };
};

function refuses(target: Target): string | undefined {
  const refusal = refusesNumerics(target, "i8");
  if (refusal !== undefined) return refusal;
  const shape = shapeOf(target);
  if (shape.format.codes === undefined) return `${shape.format.name} has no codes`;
  const quad = quadOf(codingOf(shape, target, defaultStored(shape)));
  return shape.group % quad === 0 ? undefined : `groups of ${shape.group} are not a multiple of ${quad}`;
}

type Split = (loop: string, factor: number, into: readonly [string, string]) => SplitStep;

/** One kernel's loops and sums, with its logical tensors. */
function deriveSums(shape: Shape, coding: Coding, point: Point, part: Part): Schedule {
  const { kernel, rows } = part;
  const { levels } = coding;
  const split: Split = (loop, factor, into) => ({
    op: "split",
    kernel,
    loop,
    factor,
    into,
  });
  const vectors = numberAt(point, "vectors");
  const groups = levels ? ["kg"] : ["kg", "kf"];
  const inner = point["order"] === "quads-outside" ? ["kj", "nt"] : ["nt", "kj"];
  return [
    split("m", rows, ["mo", "mi"]),
    { ...split("n", rowsPerVector * vectors, ["no", "ni"]), tail: "predicate" },
    { ...split("no", numberAt(point, "panel"), ["np", "nq"]), ...panelTail(shape.n, point) },
    split("ni", rowsPerVector, ["nv", "nl"]),
    split("nv", numberAt(point, "tile"), ["ns", "nt"]),
    ...(levels ? splitLevels(shape, piecesOf(coding), split) : splitGroups(shape, coding, split)),
    { op: "reorder", kernel, loops: ["np", "mo", "nq", "ns", ...groups, ...inner, "mi", "h", "nl", "kp", "kr"] },
    { op: "accumulate-in", kernel, buffer: resultOf(shape), at: "ns", into: "acc" },
    ...fuseEpilogue(shape, kernel),
    ...fuseQuantize(shape, point, part, panelColumns(point)),
    ...(levels ? sumLevels(shape, part) : sumGroups(shape, coding, part)),
  ];
}

const splitGroups = ({ group }: Shape, coding: Coding, split: Split): Schedule => [
  split("k", group, ["kg", "ki"]),
  split("ki", coding.flush, ["kf", "kc"]),
  split("kc", quadOf(coding), ["kj", "kx"]),
  split("kx", coding.together, ["h", "kq"]),
  split("kq", 2, ["kp", "kr"]),
];

/** The sums over a group, scales and zero points outside of them. */
function sumGroups(shape: Shape, coding: Coding, { kernel, suffix }: Part): Schedule {
  const ofX = sumsOfX(shape, suffix, coding.offset);
  const sums = termSums(shape);
  return [
    { op: "factor", kernel, buffer: "acc", at: "kg", into: [...sums.map(({ sum }) => sum), ...ofX] },
    ...ofX.flatMap((name) => hoisted(kernel, name)),
    ...(coding.fold ? foldSign(kernel, `x.fold${suffix}`) : []),
    ...(coding.relaxed ? sums.map((term) => narrowed(coding, kernel, term)) : []),
  ];
}

const narrowOf = ({ plane }: TermSum): string => (plane === "" ? "d16" : `d${plane}.16`);

/** A sum in i16 as long as it fits. */
function narrowed({ widenAt }: Coding, kernel: string, term: TermSum): AnyStep {
  const { sum, own } = term;
  return {
    ...{ op: "accumulate-in", kernel, buffer: sum, at: own(widenAt), into: narrowOf(term), scalar: "i16" },
    keep: [own("kp")],
  };
}

const hoisted = (kernel: string, buffer: string): Schedule => hoistSum(kernel, buffer, ["kf", "kj"], ["h", "kp", "kr"]);

const foldSign = (kernel: string, correction: string): Schedule => [
  { op: "recode", kernel, encoding: "sign-fold", buffer: "d", operand: "x.q", into: ["x.abs", "x.sign", correction] },
  ...hoisted(kernel, correction),
];

/** The kernel that folds signs, in vectors. */
const foldSteps = ({ k }: Shape): Schedule =>
  k % lanes !== 0
    ? []
    : [
        { op: "split", kernel: "x.abs", loop: "x.abs/1", factor: lanes, into: ["x.abs/o", "x.abs/l"] },
        { op: "vectorize", kernel: "x.abs", loops: ["x.abs/l"] },
      ];

/** Codes in the encoding that the dot product takes. */
function recodeWeights(coding: Coding): Schedule {
  const { offset, planes, isSplit } = coding;
  const shifted: AnyStep = { op: "recode", encoding: "offset", buffer: "w.q", by: offset };
  const split: AnyStep = { op: "recode", encoding: "planes", buffer: "w.q", widths: planes };
  return [...(offset > 0 ? [shifted] : []), ...(isSplit ? [split] : [])];
}

/** Codes in the order in which the inner loops read them: a container holds `pieces` pieces of k, a vector 4 rows. */
function layoutWeights(shape: Shape, coding: Coding, vectors: number): Schedule {
  const { planes, isSplit, together, container } = coding;
  if (coding.levels)
    return layoutLevels(
      shape,
      planes.map((width, i) => ({ buffer: isSplit ? `w.q.${i}` : "w.q", pieces: container / width })),
      vectors,
    );
  const { digit, t } = termDigit(shape);
  const codes = planes.map(
    (width, i): LayoutStep => ({
      op: "layout",
      buffer: isSplit ? `w.q.${i}` : "w.q",
      axes: [
        ["no", ["nt", vectors], ["nl", rowsPerVector]],
        ["kb", ["h", container / width], ["kq", together], ...digit],
      ],
      order: ["no", "kb", ...t, "nt", "nl", "kq", "h"],
    }),
  );
  return [...codes, ...groupFieldLayouts(shape, vectors)];
}

/** One kernel's tiles as vector instructions. */
function vectorizeTiles(shape: Shape, coding: Coding, part: Part): Schedule {
  const { kernel } = part;
  const sum = coding.levels ? flushedSum(shape) : "d";
  return [
    ...(coding.levels
      ? vectorizeLevels(shape, part)
      : termSums(shape).flatMap((term) => vectorizeTerm(shape, coding, kernel, term))),
    { op: "vectorize", kernel, loops: [`${sum}/nl`] },
    { op: "vectorize", kernel, loops: ["acc/nl"] },
    { op: "unroll", kernel, loops: [`${sum}/nt`, `${sum}/mi`, "acc/nt", "acc/mi"] },
    { op: "bind", kernel, loop: "np", to: "thread" },
  ];
}

function vectorizeTerm(shape: Shape, coding: Coding, kernel: string, term: TermSum): Schedule {
  const { relaxed, flush, widenAt } = coding;
  const { own } = term;
  const flushes = shape.group / flush;
  const wide = (loops: readonly string[]): string[] => loops.map((loop) => `${narrowOf(term)}/${own(loop)}`);
  const widen: AnyStep = { op: "tensorize", kernel, loops: wide(["nl", "kp"]), with: "sum2_i32_i16" };
  const small = ["kj", "nt", "mi", "h", ...(flushes <= 8 ? ["kf"] : [])].map(own);
  return [
    { op: "tensorize", kernel, loops: ["nl", "kp", "kr"].map(own), with: relaxed ? "dot2_i16_i8_i7" : "dot2_i32_i16" },
    ...(relaxed ? [widen] : []),
    { op: "unroll", kernel, loops: [...small, ...(relaxed && widenAt === "kf" ? wide(["nt", "mi"]) : [])] },
  ];
}

function scheduleOf(target: Target, point: Point): Schedule {
  const shape = shapeOf(target);
  const coding = codingOf(
    shape,
    target,
    point["stored"] === "planes" ? "planes" : "whole",
    point["scales"] === "levels" ? "levels" : "whole",
  );
  const rows = numberAt(point, "rows");
  const parts = partsOf(shape.m, rows);
  return [
    ...recodeWeights({ ...coding, isSplit: false }),
    ...(coding.levels ? recodeLevels(shape) : []),
    ...quantizeResult(shape, point),
    ...divideRows(shape, rows, quantizedRows(point)),
    ...parts.flatMap((part) => deriveSums(shape, coding, point, part)),
    ...contractResult(shape, point, parts),
    ...recodeWeights({ ...coding, offset: 0 }),
    ...layoutWeights(shape, coding, numberAt(point, "vectors")),
    ...parts.flatMap((part) => vectorizeTiles(shape, coding, part)),
    ...(coding.fold && parts.length > 0 ? foldSteps(shape) : []),
    ...quantizeActivations(shape),
  ];
}

export const integerDotDecode: Template = {
  name: "integer-dot-decode",
  packing: "integer-dot",
  refuses: (target) => {
    const { workload } = target;
    if (workload.op === "matmul" && workload.m !== "any" && workload.m > 8) return `M = ${workload.m} is more than 8`;
    return refuses(target);
  },
  space: (target) => spaceOf(target, [1, 2, 3, 4]),
  default: (target) => {
    const shape = shapeOf(target);
    const { m, n } = shape;
    const vectors = vectorsFor(n, 4);
    // See integerDotPrefill.
    const most = codingOf(shape, target, defaultStored(shape)).fold ? 2 : 4;
    const point = {
      vectors,
      tile: vectors,
      rows: m === "any" ? most : Math.max(1, Math.min(most, m)),
      panel: 1,
      order: "quads-outside",
      ...packingAxes(shape, target),
    };
    return withQuantize(shape, point, panelColumns);
  },
  schedule: scheduleOf,
};

const prefillRows = (m: number | "any"): number => (m === "any" || m >= 4 ? 4 : Math.max(2, m));

export const integerDotPrefill: Template = {
  name: "integer-dot-prefill",
  packing: "integer-dot",
  refuses: (target) => {
    const { workload } = target;
    if (workload.op === "matmul" && workload.m !== "any" && workload.m < 2) return `M = ${workload.m} is less than 2`;
    return refuses(target);
  },
  space: (target) => spaceOf(target, [2, 3, 4, 6, 8]),
  default: (target) => {
    const shape = shapeOf(target);
    const { m, n } = shape;
    const stored = defaultStored(shape);
    const vectors = vectorsFor(n, 4);
    // Folded codes are widened at every pair: their sums take twice the registers.
    const isFolded = codingOf(shape, target, stored).fold;
    const point = isFolded
      ? { vectors, tile: Math.min(2, vectors), rows: 2, panel: 1, order: "quads-outside" }
      : {
          ...{ vectors, tile: vectors, rows: prefillRows(m), panel: panelFor(rowBlocks(n, vectors), [4, 2]) },
          ...{ order: "quads-outside", ...packingAxes(shape, target) },
        };
    return withQuantize(shape, point, panelColumns);
  },
  schedule: scheduleOf,
};
