/**
 * Templates `f32-decode` (M = 1..8) and `f32-prefill`: weights decoded to f32 on the way, multiplied and added in f32. One vector holds 4 rows of w;
 * x enters as a splat. Scales and offsets leave the sum of their group (factor); codes share a 32-bit container per row.
 */
import { fieldOf } from "../../ir/index.ts";
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
  termDigit,
  termSums,
} from "./matmul.ts";
import { sumSteps } from "./prologue.ts";
import {
  contractResult,
  fuseQuantize,
  panelIsGroups,
  quantizeAxis,
  quantizedRows,
  quantizeResult,
  withQuantize,
} from "./quantize.ts";
import { numberAt, type Point, type Space, type Target, type Template } from "./template.ts";
import { panelColumns, panelDivides, tileDivides, tileFits, vectorsFor } from "./tiles.ts";

/** Codes whose width does not divide 8 are stored in the next that does: planes would save memory, which is not what these kernels wait for. */
const isWidened = ({ format }: Shape): boolean =>
  format.codes !== undefined && planesOf[format.codes.bits] !== undefined;

/** The width that a code is stored in; undefined for weights that are floats. */
const widthIn = (shape: Shape): number | undefined => {
  const bits = shape.format.codes?.bits;
  return bits !== undefined && isWidened(shape) ? (bits < 4 ? 4 : 8) : bits;
};

/** Values of k whose codes share a container: those of 8 bits have their own. */
const piecesIn = (shape: Shape): number => {
  const width = widthIn(shape) ?? 8;
  return width < 8 ? 32 / width : 1;
};

const sumsOf = ({ format }: Shape, suffix: string): readonly string[] =>
  fieldOf(format, "o") ? [`x.sum${suffix}`] : [];

function refuses(target: Target): string | undefined {
  const refusal = refusesNumerics(target, "f32");
  if (refusal !== undefined) return refusal;
  const shape = shapeOf(target);
  return shape.group % piecesIn(shape) === 0
    ? undefined
    : `groups of ${shape.group} are not a multiple of ${piecesIn(shape)}`;
}

function deriveSums(shape: Shape, point: Point, part: Part): Schedule {
  const { kernel, rows, suffix } = part;
  const split = (loop: string, factor: number, into: readonly [string, string]): SplitStep => ({
    op: "split",
    kernel,
    loop,
    factor,
    into,
  });
  const ofX = sumsOf(shape, suffix);
  const hasCodes = shape.format.codes !== undefined;
  return [
    split("m", rows, ["mo", "mi"]),
    { ...split("n", rowsPerVector * numberAt(point, "vectors"), ["no", "ni"]), tail: "predicate" },
    split("no", numberAt(point, "panel"), ["np", "nq"]),
    split("ni", rowsPerVector, ["nv", "nl"]),
    split("nv", numberAt(point, "tile"), ["ns", "nt"]),
    split("k", shape.group, ["kg", "ki"]),
    split("ki", piecesIn(shape), ["kj", "h"]),
    { op: "reorder", kernel, loops: ["np", "mo", "nq", "ns", "kg", "kj", "h", "nt", "mi", "nl"] },
    { op: "accumulate-in", kernel, buffer: resultOf(shape), at: "ns", into: "acc" },
    ...fuseEpilogue(shape, kernel),
    ...fuseQuantize(shape, point, part, panelColumns(point)),
    ...(hasCodes
      ? [
          {
            op: "factor",
            kernel,
            buffer: "acc",
            at: "kg",
            into: [...termSums(shape).map(({ sum }) => sum), ...ofX],
            distribute: "float",
          } as const,
        ]
      : []),
    ...ofX.flatMap(
      (buffer): Schedule => [
        { op: "hoist", kernel, buffer },
        { op: "fission", kernel, buffer, into: buffer, stage: "prologue" },
        ...(piecesIn(shape) % 4 === 0 ? sumSteps(buffer, ["kj"], ["h"]) : []),
      ],
    ),
  ];
}

function layoutWeights(shape: Shape, vectors: number): Schedule {
  const rows = ["no", ["nt", vectors], ["nl", rowsPerVector]] as const;
  const width = widthIn(shape);
  if (width === undefined)
    return [{ op: "layout", buffer: "w.v", axes: [rows, ["kb"]], order: ["no", "kb", "nt", "nl"] }];
  const { digit, t } = termDigit(shape);
  const codes: LayoutStep = {
    op: "layout",
    buffer: isWidened(shape) ? "w.q.0" : "w.q",
    axes: [rows, ["kb", ["h", piecesIn(shape)], ...digit]],
    order: ["no", "kb", ...t, "nt", "nl", "h"],
  };
  return [codes, ...groupFieldLayouts(shape, vectors)];
}

function vectorizeTiles(shape: Shape, { kernel }: Part): Schedule {
  const terms = termSums(shape);
  // Floats are summed where they are: there is one nest, and no sums of a group.
  const nests = terms.length > 0 ? terms.map(({ own }) => own) : [(loop: string): string => loop];
  const flush = terms.length > 0 ? ["d"] : [];
  return [
    ...nests.map((own) => ({ op: "vectorize", kernel, loops: [own("nl")] }) as const),
    ...[...flush, "acc"].map((sum) => ({ op: "vectorize", kernel, loops: [`${sum}/nl`] }) as const),
    {
      op: "unroll",
      kernel,
      loops: [
        ...nests.flatMap((own) => ["h", "nt", "mi"].map(own)),
        ...["acc", ...flush].flatMap((sum) => [`${sum}/nt`, `${sum}/mi`]),
      ],
    },
    { op: "bind", kernel, loop: "np", to: "thread" },
  ];
}

function scheduleOf(target: Target, point: Point): Schedule {
  const shape = shapeOf(target);
  const rows = numberAt(point, "rows");
  const parts = partsOf(shape.m, rows);
  const widths = [widthIn(shape) ?? 0];
  return [
    ...quantizeResult(shape, point),
    ...divideRows(shape, rows, quantizedRows(point)),
    ...parts.flatMap((part) => deriveSums(shape, point, part)),
    ...contractResult(shape, point, parts),
    ...(isWidened(shape) ? [{ op: "recode", encoding: "planes", buffer: "w.q", widths } as const] : []),
    ...layoutWeights(shape, numberAt(point, "vectors")),
    ...parts.flatMap((part) => vectorizeTiles(shape, part)),
  ];
}

function spaceOf(target: Target, rows: readonly number[]): Space {
  const shape = shapeOf(target);
  const { m, n } = shape;
  return {
    axes: {
      vectors: [1, 2, 4, 8],
      tile: [1, 2, 4, 8],
      rows: rows.filter((r) => m === "any" || r <= Math.max(1, m)),
      panel: [1, 2, 4, 8, 16],
      ...quantizeAxis(shape),
    },
    layout: ["vectors"],
    where: [tileDivides, panelDivides(n), tileFits(16), panelIsGroups(shape, panelColumns)],
  };
}

const defaultPoint = (target: Target, most: number): Point => {
  const shape = shapeOf(target);
  const { m, n } = shape;
  const vectors = vectorsFor(n, 4);
  const rows = m === "any" ? 4 : Math.max(1, Math.min(4, m));
  return withQuantize(shape, { vectors, tile: Math.min(vectors, most), rows, panel: 1 }, panelColumns);
};

export const f32Decode: Template = {
  name: "f32-decode",
  packing: "f32",
  refuses: (target) => {
    const { workload } = target;
    if (workload.op === "matmul" && workload.m !== "any" && workload.m > 8) return `M = ${workload.m} is more than 8`;
    return refuses(target);
  },
  space: (target) => spaceOf(target, [1, 2, 3, 4]),
  default: (target) => defaultPoint(target, 4),
  schedule: scheduleOf,
};

export const f32Prefill: Template = {
  name: "f32-prefill",
  packing: "f32",
  refuses,
  space: (target) => spaceOf(target, [1, 2, 3, 4, 6, 8]),
  default: (target) => defaultPoint(target, 4),
  schedule: scheduleOf,
};
