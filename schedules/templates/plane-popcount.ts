/**
 * Template `plane-popcount`: codes of 1 to 4 bits times activations of as few, both as bit planes, products as counts of common bits (bipolar-INT). The
 * derivation, for groups of 32, 2-bit codes and 2-bit activations:
 *
 *     y[m,n] += (f32(x.q[m,k]) * x.s[m,k/32]) * (f32(w.q[n,k] - 2) * w.s[n,k/32])
 *     -> rows in tiles (specialize), n in vectors of 16 rows, k in groups, flushes and bytes of 8 (split, reorder)
 *     -> acc: registers for a tile (accumulate-in); scales and zero points leave the group's sum d (factor, hoist, fission)
 *     -> d by counts of bits, per pair of planes (count-bits), in bytes as long as they fit (factor), weighted in i16 (accumulate-in)
 *
 * 16 bytes are 8 values of k of 16 rows of w, in one plane. What a value costs grows with the product of both widths: in plain SIMD128, which has no dot product of
 * bytes, 2 bits by 2 still gain; where there is one, or where processors count bits of bytes by several instructions (x86), 1 bit by 2.
 */
import { evenStep, scalarRange } from "../../ir/index.ts";
import type { AnyStep } from "../primitives/index.ts";
import type { SplitStep } from "../primitives/split.ts";
import type { Schedule } from "../schedule.ts";
import {
  divideRows,
  fuseEpilogue,
  groupFieldLayouts,
  type Part,
  partsOf,
  refusesNumerics,
  resultOf,
  type Shape,
  shapeOf,
  type TermSum,
  termDigit,
  termSums,
} from "./matmul.ts";
import { hoistSum, sumsOfX } from "./prologue.ts";
import { quantizeActivations, quantizeResult } from "./quantize.ts";
import { numberAt, type Point, type Space, type Target, type Template } from "./template.ts";
import { panelDivides, tileDivides, tileFits, vectorsFor } from "./tiles.ts";

/** Values of k whose bits are a byte. */
const run = 8;
/** Rows of w in a vector of bytes. */
const rowsInVector = 16;
/** More bits than these on either side cost more than any other way. */
const mostBits = 4;

/** Bits of activations and codes; undefined where they are too many, or codes stand for any integers. */
function widthsOf({ format, workload }: Shape): { readonly x: number; readonly w: number } | undefined {
  const { numerics } = workload;
  const { codes } = format;
  const x = (numerics.compute === "i8" && numerics.xBits) || 8;
  if (codes === undefined || codes.low < 0 || codes.bits > mostBits || x > mostBits) return undefined;
  const { table } = codes;
  return table === undefined || evenStep(table) !== undefined ? { x, w: codes.bits } : undefined;
}

/** Values of k whose counts are summed in bytes, and their weighted sums in i16: a part of the group. */
function flushOf(shape: Shape): number {
  const { x, w } = widthsOf(shape) as { x: number; w: number };
  // What the interval analysis takes a byte's weighted counts to be at most: each pair of planes as heavy as the heaviest.
  const heaviest = run * 2 ** (x - 1) * 2 ** (w - 1) * x * w;
  const runs = Math.min(scalarRange("u8")[1] / run, scalarRange("i16")[1] / heaviest);
  for (let flush = Math.floor(runs) * run; flush > run; flush -= run) if (shape.group % flush === 0) return flush;
  return run;
}

function refuses(target: Target): string | undefined {
  const refusal = refusesNumerics(target, "i8");
  if (refusal !== undefined) return refusal;
  const shape = shapeOf(target);
  if (shape.format.codes === undefined) return `${shape.format.name} has no codes`;
  if (widthsOf(shape) === undefined)
    return `its codes or activations have more than ${mostBits} bits, or codes stand for any numbers`;
  return shape.group % run === 0 ? undefined : `groups of ${shape.group} are not a multiple of ${run}`;
}

/** One kernel's loops and sums, with its logical tensors. */
function deriveSums(shape: Shape, point: Point, { kernel, rows, suffix }: Part): Schedule {
  const split = (loop: string, factor: number, into: readonly [string, string]): SplitStep => ({
    ...{ op: "split", kernel, loop, factor, into },
  });
  const ofX = sumsOfX(shape, suffix);
  const sums = termSums(shape);
  return [
    split("m", rows, ["mo", "mi"]),
    { ...split("n", rowsInVector * numberAt(point, "vectors"), ["no", "ni"]), tail: "predicate" },
    split("no", numberAt(point, "panel"), ["np", "nq"]),
    split("ni", rowsInVector, ["nv", "nl"]),
    split("nv", numberAt(point, "tile"), ["ns", "nt"]),
    split("k", shape.group, ["kg", "ki"]),
    split("ki", flushOf(shape), ["kf", "kc"]),
    split("kc", run, ["kj", "ke"]),
    { op: "reorder", kernel, loops: ["np", "mo", "nq", "ns", "kg", "kf", "nt", "mi", "kj", "nl", "ke"] },
    { op: "accumulate-in", kernel, buffer: resultOf(shape), at: "ns", into: "acc" },
    ...fuseEpilogue(shape, kernel),
    { op: "factor", kernel, buffer: "acc", at: "kg", into: [...sums.map(({ sum }) => sum), ...ofX] },
    ...ofX.flatMap((name) => hoistSum(kernel, name, ["kf", "kj"], ["ke"])),
    ...sums.flatMap((term) => countBits(kernel, term)),
  ];
}

const namesOf = ({ plane }: TermSum): { readonly narrow: string; readonly counts: string } => ({
  narrow: plane === "" ? "d16" : `d${plane}.16`,
  counts: `counts${plane}`,
});

/** A term's sum by counts, whose planes of x all terms share. */
function countBits(kernel: string, term: TermSum): Schedule {
  const { sum, own } = term;
  const { narrow, counts } = namesOf(term);
  const into = { operand: "x.bits", codes: "w.bits" };
  const loops = { operand: own("xp"), codes: own("wp") };
  return [
    { op: "count-bits", kernel, buffer: sum, at: "kg", loop: own("ke"), operand: "x.q", codes: "w.q", into, loops },
    { op: "reorder", kernel, loops: ["kj", "xp", "wp", "nl"].map(own) },
    { op: "accumulate-in", kernel, buffer: sum, at: own("kf"), into: narrow, scalar: "i16" },
    {
      ...{ op: "factor", kernel, buffer: narrow, at: own("mi"), into: [counts], scalar: "u8" },
      keep: [own("xp"), own("wp")],
    },
  ];
}

/** One kernel's tiles as vector instructions. */
function vectorizeTiles(shape: Shape, { kernel }: Part): Schedule {
  const flushes = shape.group / flushOf(shape);
  const terms = termSums(shape).flatMap((term): Schedule => {
    const { own } = term;
    const { narrow, counts } = namesOf(term);
    const planes = ["xp", "wp"].map((loop) => `${counts}/${own(loop)}`);
    const vectors = [own("nl"), `${counts}/${own("nl")}`, `${narrow}/${own("nl")}`];
    const unrolled = ["nt", "mi", "kj", "xp", "wp", ...(flushes <= 8 ? ["kf"] : [])].map(own);
    return [
      ...vectors.map((loop): AnyStep => ({ op: "vectorize", kernel, loops: [loop] })),
      { op: "unroll", kernel, loops: [...unrolled, ...planes, ...["nt", "mi"].map((l) => `${narrow}/${own(l)}`)] },
    ];
  });
  return [
    ...terms,
    { op: "vectorize", kernel, loops: ["d/nl"] },
    { op: "vectorize", kernel, loops: ["acc/nl"] },
    { op: "unroll", kernel, loops: ["d/nt", "d/mi", "acc/nt", "acc/mi"] },
    { op: "bind", kernel, loop: "np", to: "thread" },
  ];
}

/** Bytes of bits in the order in which the inner loops read them. */
function layoutWeights(shape: Shape, vectors: number): Schedule {
  const { digit, t } = termDigit(shape);
  const rows = ["no", ["nt", vectors], ["nl", rowsInVector]] as const;
  return [
    {
      op: "layout",
      buffer: "w.bits",
      axes: [rows, ["kb", ...digit], ["wp"]],
      order: ["no", "kb", ...t, "nt", "wp", "nl"],
    },
    ...groupFieldLayouts(shape, vectors, rowsInVector),
  ];
}

function scheduleOf(target: Target, point: Point): Schedule {
  const shape = shapeOf(target);
  const rows = numberAt(point, "rows");
  const parts = partsOf(shape.m, rows);
  // Without rows nothing is counted.
  if (parts.length === 0) return [];
  return [
    ...quantizeResult(shape),
    ...divideRows(shape, rows),
    ...parts.flatMap((part) => deriveSums(shape, point, part)),
    ...layoutWeights(shape, numberAt(point, "vectors")),
    ...parts.flatMap((part) => vectorizeTiles(shape, part)),
    { op: "unroll", kernel: "x.bits", loops: ["x.bits/plane"] },
    { op: "bind", kernel: "x.bits", loop: "x.bits/0", to: "thread" },
    ...quantizeActivations(shape),
  ];
}

export const planePopcount: Template = {
  name: "plane-popcount",
  packing: "plane-popcount",
  refuses,
  space: (target): Space => {
    const shape = shapeOf(target);
    return {
      axes: {
        vectors: [1, 2, 4],
        tile: [1, 2, 4],
        rows: [1, 2, 3, 4].filter((r) => shape.m === "any" || r <= Math.max(1, shape.m)),
        panel: [1, 2, 4, 8, 16],
      },
      layout: ["vectors"],
      where: [tileDivides, panelDivides(shape.n, rowsInVector), tileFits(8)],
    };
  },
  default: (target) => {
    const shape = shapeOf(target);
    const vectors = vectorsFor(shape.n, 1, rowsInVector);
    const rows = shape.m === "any" ? 4 : Math.max(1, Math.min(4, shape.m));
    return { vectors, tile: vectors, rows, panel: 1 };
  },
  schedule: scheduleOf,
};
