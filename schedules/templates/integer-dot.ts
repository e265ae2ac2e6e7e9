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
 * so that one operand fits 7 bits. Without relaxed SIMD the products are pairs of i16, summed in i32.
 */
import type { AnyStep } from "../primitives/index.ts";
import type { LayoutStep } from "../primitives/layout.ts";
import type { SplitStep } from "../primitives/split.ts";
import type { Schedule } from "../schedule.ts";
import {
  divideRows,
  fuseEpilogue,
  groupFieldLayouts,
  type Part,
  partsOf,
  planesOf,
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

/** How codes are held and multiplied on this device. */
interface Coding {
  readonly relaxed: boolean;
  /** Widths of the planes that a code is stored in, low bits first. */
  readonly planes: readonly number[];
  /** Whether these are buffers of their own. */
  readonly isSplit: boolean;
  /** Codes, or what they stand for, are signed: the sign of x is folded into them. */
  readonly fold: boolean;
  /** Unsigned 8-bit codes are stored less this. */
  readonly offset: number;
  /** Consecutive k of one row in a vector: 4 (two pairs of i8) or 2 (a pair of i16). */
  readonly together: number;
  /** Bits of the container in which such pieces share bytes. */
  readonly container: number;
  /** Values of k that may be summed before the sum is widened, whole quads; and the loop that it is widened in, which may be inside a quad. */
  readonly flush: number;
  readonly widenAt: "kf" | "h";
}

/** Codes whose width does not divide 8 are stored in dense planes, or each in the next width that does. */
type Stored = "planes" | "whole";

/** What is possible, the best guess first: a nibble is far simpler to read than two planes, a byte costs more memory than planes cost instructions. */
function storedChoices({ format, group }: Shape): readonly Stored[] {
  const bits = format.codes?.bits ?? 8;
  const planes = planesOf[bits];
  if (planes === undefined) return [];
  // Planes must share whole bytes inside a group.
  if (group % ((4 * 8) / Math.min(...planes)) !== 0) return ["whole"];
  return bits < 4 ? ["whole", "planes"] : ["planes", "whole"];
}

/** The best guess; `whole` where there is no choice, because the width divides 8. */
const defaultStored = (shape: Shape): Stored => storedChoices(shape)[0] ?? "whole";

/** The choice of a default point, where there is one. */
const storedAxis = (shape: Shape): Point => (storedChoices(shape).length > 0 ? { stored: defaultStored(shape) } : {});

function codingOf({ format, group }: Shape, { device }: Target, stored: Stored): Coding {
  const { codes } = format;
  if (codes === undefined) throw new Error(`${format.name} has no codes`);
  const relaxed = device.features.includes("relaxed-simd");
  const wide = codes.bits === 8;
  const fold = wide || codes.low < 0;
  const dense = planesOf[codes.bits];
  const isSplit = dense !== undefined;
  const planes = !isSplit ? [codes.bits] : stored === "planes" ? dense : [codes.bits < 4 ? 4 : 8];
  const offset = wide && codes.low >= 0 ? 128 : 0;
  if (!relaxed) {
    // A table is looked up by bytes.
    const container = wide || codes.table !== undefined ? 8 : 16;
    return { relaxed, planes, isSplit, fold: false, offset, together: 2, container, flush: group, widenAt: "kf" };
  }
  const coding = { relaxed, planes, isSplit, fold, offset, together: 4, container: 8 };
  const quad = quadOf(coding);
  // Each i16 lane receives one pair sum per 4 values of k.
  const pairSum = 2 * 127 * (fold ? 128 : codes.high);
  const most = 4 * Math.floor(32767 / pairSum);
  return { ...coding, flush: longestFlush(group, quad, most), widenAt: most < quad ? "h" : "kf" };
}

/** The longest part of a group that is a whole number of quads and at most `most` long; a quad where not even one is. */
function longestFlush(group: number, quad: number, most: number): number {
  for (let flush = Math.floor(most / quad) * quad; flush > quad; flush -= quad) if (group % flush === 0) return flush;
  return quad;
}

type Container = Pick<Coding, "planes" | "container" | "together">;

/** Pieces of k that share a container of the widest plane. */
const piecesOf = ({ container, planes }: Container): number => container / Math.max(...planes);

/** Values of k whose codes share the lanes of one vector of containers. */
const quadOf = (coding: Container): number => coding.together * piecesOf(coding);

const spaceOf = (target: Target, rows: readonly number[]): Space => {
  const shape = shapeOf(target);
  const { m, n } = shape;
  const stored = storedChoices(shape);
  return {
    axes: {
      vectors: [1, 2, 4, 8],
      tile: [1, 2, 4, 8],
      rows: rows.filter((r) => m === "any" || r <= Math.max(1, m)),
      panel: [1, 2, 4, 8, 16],
      order: ["quads-outside", "vectors-outside"],
      ...(stored.length > 0 && { stored }),
      ...quantizeAxis(shape),
    },
    layout: ["vectors", ...(stored.length > 0 ? ["stored"] : [])],
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

/** One kernel's loops and sums, with its logical tensors. */
function deriveSums(shape: Shape, coding: Coding, point: Point, part: Part): Schedule {
  const { kernel, rows, suffix } = part;
  const { together, flush, relaxed } = coding;
  const split = (loop: string, factor: number, into: readonly [string, string]): SplitStep => ({
    op: "split",
    kernel,
    loop,
    factor,
    into,
  });
  const vectors = numberAt(point, "vectors");
  const inner = point["order"] === "quads-outside" ? ["kj", "nt"] : ["nt", "kj"];
  const ofX = sumsOfX(shape, suffix, coding.offset);
  const sums = termSums(shape);
  return [
    split("m", rows, ["mo", "mi"]),
    { ...split("n", rowsPerVector * vectors, ["no", "ni"]), tail: "predicate" },
    { ...split("no", numberAt(point, "panel"), ["np", "nq"]), ...panelTail(shape.n, point) },
    split("ni", rowsPerVector, ["nv", "nl"]),
    split("nv", numberAt(point, "tile"), ["ns", "nt"]),
    split("k", shape.group, ["kg", "ki"]),
    split("ki", flush, ["kf", "kc"]),
    split("kc", quadOf(coding), ["kj", "kx"]),
    split("kx", together, ["h", "kq"]),
    split("kq", 2, ["kp", "kr"]),
    { op: "reorder", kernel, loops: ["np", "mo", "nq", "ns", "kg", "kf", ...inner, "mi", "h", "nl", "kp", "kr"] },
    { op: "accumulate-in", kernel, buffer: resultOf(shape), at: "ns", into: "acc" },
    ...fuseEpilogue(shape, kernel),
    ...fuseQuantize(shape, point, part, panelColumns(point)),
    { op: "factor", kernel, buffer: "acc", at: "kg", into: [...sums.map(({ sum }) => sum), ...ofX] },
    ...ofX.flatMap((name) => hoisted(kernel, name)),
    ...(coding.fold ? foldSign(kernel, `x.fold${suffix}`) : []),
    ...(relaxed ? sums.map((term) => narrowed(coding, kernel, term)) : []),
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
function vectorizeTiles(shape: Shape, coding: Coding, { kernel }: Part): Schedule {
  return [
    ...termSums(shape).flatMap((term) => vectorizeTerm(shape, coding, kernel, term)),
    { op: "vectorize", kernel, loops: ["d/nl"] },
    { op: "vectorize", kernel, loops: ["acc/nl"] },
    { op: "unroll", kernel, loops: ["d/nt", "d/mi", "acc/nt", "acc/mi"] },
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
  const coding = codingOf(shape, target, point["stored"] === "planes" ? "planes" : "whole");
  const rows = numberAt(point, "rows");
  const parts = partsOf(shape.m, rows);
  return [
    ...recodeWeights({ ...coding, isSplit: false }),
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
      ...storedAxis(shape),
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
          ...{ order: "quads-outside", ...storedAxis(shape) },
        };
    return withQuantize(shape, point, panelColumns);
  },
  schedule: scheduleOf,
};
