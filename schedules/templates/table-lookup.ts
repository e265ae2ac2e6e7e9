/**
 * Template `table-lookup`: codes of 1 to 4 bits times 8-bit activations by tables (T-MAC). The derivation, for groups of 32 and 2-bit codes:
 *
 *     y[m,n] += (f32(x.q[m,k]) * x.s[m,k/32]) * (f32(w.q[n,k] - 2) * w.s[n,k/32])
 *     -> rows in tiles (specialize), n in vectors of 8 rows, k in groups, flushes, pairs of tables and fours (split, reorder)
 *     -> acc: registers for a tile (accumulate-in); scales and zero points leave the group's sum d (factor, hoist, fission)
 *     -> d by tables of x, made once for all rows of w: an entry per bit plane of 4 codes (lookup)
 *     -> d in i16, pairs of entries in i8 with rows and planes as lanes (accumulate-in, factor), weighted by a dot product (tensorize)
 *
 * 16 bytes of numbers are 8 rows of w, 2 planes and 8 values of k (or 16 rows of one plane); 3-bit codes take 4 planes. The entries are exact, in two
 * bytes, or rounded to one where the numerics have 8-bit tables. Planes with scales of their own (BCQ) are sums of their own, by the same tables.
 *
 * `tables` says where x becomes tables: a `kernel` before, once for all; or a `loop` of the main kernel, for each panel of w's rows and tile of x's: what is
 * read was written just before, by the same thread, into memory of the panel's own, and a launch is saved. Good where a panel has most of w's rows, which share
 * its tables: as fast at 256 rows, up to 1.13 times slower at 4096 in panels of 1024, 1.6 to 3.1 times in panels of 64 (2 bits, one thread).
 *
 * `entries` says whether tables are whole (16) or halves (8): half the memory, two of them or both digits of one in a register, the same results to the bit, and a sum that
 * takes four more instructions per look-up of 16 numbers. Good where there are few rows of w for a table: 0.87 of the time at 16 rows, as fast at 64, 1.5 (rounded) and
 * 1.7 (exact) times slower at 2048, M = 1; 1.2 and 1.5 times at M = 128 (2 bits, K = 4096, one thread).
 */
import { termsOf } from "../../ir/index.ts";
import { held, tableSpan } from "../lookup-tables.ts";
import type { AnyStep } from "../primitives/index.ts";
import type { LayoutStep } from "../primitives/layout.ts";
import type { SplitStep } from "../primitives/split.ts";
import type { Schedule } from "../schedule.ts";
import { codingOf, flushOf, kindOf, known, pairedEntries, planeLoops, together } from "./lookup-coding.ts";
import { inLoop, lookUp, narrowOf, tableSteps, tablesOfPanel } from "./lookup-steps.ts";
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
import { type Constraint, numberAt, type Point, type Space, type Target, type Template } from "./template.ts";
import { panelDivides, rowBlocks, tileDivides, tileFits, vectorsFor } from "./tiles.ts";

/** The most bytes of tables that the panels of a loop may hold together. */
const mostTables = 2 ** 24;

function refuses(target: Target): string | undefined {
  const refusal = refusesNumerics(target, "i8");
  if (refusal !== undefined) return refusal;
  const shape = shapeOf(target);
  if (shape.format.codes === undefined) return `${shape.format.name} has no codes`;
  if (codingOf(shape) === undefined) return "its codes have more than 4 bits, or stand for any numbers";
  return shape.group % together === 0 ? undefined : `groups of ${shape.group} are not a multiple of ${together}`;
}

/** One kernel's loops and sums, with its logical tensors. */
function deriveSums(shape: Shape, point: Point, part: Part): Schedule {
  const { kernel, rows, suffix } = part;
  const coding = known(shape);
  const split = (loop: string, factor: number, into: readonly [string, string]): SplitStep => ({
    ...{ op: "split", kernel, loop, factor, into },
  });
  const inner = point["order"] === "tables-outside" ? ["kj", "nt"] : ["nt", "kj"];
  const ofX = sumsOfX(shape, suffix);
  const sums = termSums(shape);
  return [
    split("m", rows, ["mo", "mi"]),
    { ...split("n", coding.rows * numberAt(point, "vectors"), ["no", "ni"]), tail: "predicate" },
    split("no", numberAt(point, "panel"), ["np", "nq"]),
    split("ni", coding.rows, ["nv", "nl"]),
    split("nv", numberAt(point, "tile"), ["ns", "nt"]),
    split("k", shape.group, ["kg", "ki"]),
    split("ki", flushOf(shape, point), ["kf", "kc"]),
    split("kc", together, ["kj", "kx"]),
    split("kx", 4, ["h", "ke"]),
    { op: "reorder", kernel, loops: ["np", "mo", "nq", "ns", "kg", "kf", ...inner, "mi", "h", "nl", "ke"] },
    { op: "accumulate-in", kernel, buffer: resultOf(shape), at: "ns", into: "acc" },
    ...fuseEpilogue(shape, kernel),
    { op: "factor", kernel, buffer: "acc", at: "kg", into: [...sums.map(({ sum }) => sum), ...ofX] },
    ...ofX.flatMap((name) => hoistSum(kernel, name, ["kf", "kj"], ["h", "ke"])),
    ...sums.flatMap((term) => lookUp(coding, point, part, inner, term)),
    ...(inLoop(point) && sums.length > 0 ? tablesOfPanel(coding, part) : []),
  ];
}

/** Numbers in the order in which the inner loops read them. */
function layoutWeights(shape: Shape, vectors: number): Schedule {
  const { rows, side } = known(shape);
  const { digit, t } = termDigit(shape);
  const numbers: LayoutStep = {
    op: "layout",
    buffer: "w.ix",
    axes: [
      ["no", ["nt", vectors], ["nl", rows]],
      ["kb", ["h", 2], ...digit],
      ...(side === 2 ? [["pp", ["p", side]] as const] : []),
    ],
    order: ["no", "kb", ...t, "nt", ...(side === 2 ? ["pp", "nl", "p", "h"] : ["nl", "h"])],
  };
  return [numbers, ...groupFieldLayouts(shape, vectors, rows)];
}

/** One kernel's tiles as vector instructions. */
function vectorizeTiles(shape: Shape, point: Point, { kernel }: Part): Schedule {
  return [
    ...termSums(shape).flatMap((term) => vectorizeTerm(shape, point, kernel, term)),
    { op: "vectorize", kernel, loops: ["d/nl"] },
    { op: "vectorize", kernel, loops: ["acc/nl"] },
    { op: "unroll", kernel, loops: ["d/nt", "d/mi", "acc/nt", "acc/mi"] },
    { op: "bind", kernel, loop: "np", to: "thread" },
  ];
}

function vectorizeTerm(shape: Shape, point: Point, kernel: string, term: TermSum): Schedule {
  const { own } = term;
  const { narrow, pair } = narrowOf(term);
  const coding = known(shape);
  const { pairs, side } = planeLoops(coding);
  const isPaired = pairedEntries(point) === 2;
  const lanes = ["nl", ...side].map(own);
  const [rows, ...weighted] = isPaired ? lanes.map((l) => `${pair}/${l}`) : lanes;
  const weigh: AnyStep =
    coding.side === 2
      ? { op: "tensorize", kernel, loops: [rows as string, ...weighted], with: "dot2_i16_i8_i7" }
      : { op: "vectorize", kernel, loops: [rows as string] };
  const widened = ["nt", "mi"].map((l) => `${narrow}/${own(l)}`);
  const flushes = shape.group / flushOf(shape, point);
  const unrolled = [
    "kj",
    "nt",
    "mi",
    "h",
    ...pairs,
    ...(coding.rounded ? [] : ["digit"]),
    ...(flushes <= 8 ? ["kf"] : []),
  ];
  return [
    ...(isPaired ? [{ op: "vectorize", kernel, loops: lanes } as const] : []),
    weigh,
    { op: "vectorize", kernel, loops: [`${narrow}/${own("nl")}`] },
    { op: "unroll", kernel, loops: [...unrolled.map(own), ...widened] },
  ];
}

function scheduleOf(target: Target, point: Point): Schedule {
  const shape = shapeOf(target);
  const rows = numberAt(point, "rows");
  const parts = partsOf(shape.m, rows);
  // Without rows nothing is looked up.
  if (parts.length === 0) return [];
  return [
    ...quantizeResult(shape),
    ...divideRows(shape, rows),
    ...parts.flatMap((part) => deriveSums(shape, point, part)),
    ...layoutWeights(shape, numberAt(point, "vectors")),
    ...(inLoop(point)
      ? parts.flatMap(({ kernel, suffix }) => tableSteps(shape, kernel, suffix))
      : tableSteps(shape, "x.table", "")),
    ...parts.flatMap((part) => vectorizeTiles(shape, point, part)),
    ...quantizeActivations(shape),
  ];
}

/** Panels that make tables of their own are few enough for the memory. */
const tablesFit = (shape: Shape): Constraint => ({
  name: "tables fit",
  violated: (p) => {
    if (!inLoop(p)) return undefined;
    const { n, k } = shape;
    const { rows, rounded } = known(shape);
    const panels = rowBlocks(n, numberAt(p, "vectors"), rows) / numberAt(p, "panel");
    const { length } = held[kindOf(p)];
    const bytes = panels * numberAt(p, "rows") * (k / tableSpan) * length * (rounded ? 1 : 2);
    return bytes <= mostTables ? undefined : `${panels} panels with tables of their own take ${bytes} bytes`;
  },
});

const template: Omit<Template, "name"> = {
  packing: "table-lookup",
  refuses,
  space: (target): Space => {
    const shape = shapeOf(target);
    const { rows } = known(shape);
    return {
      axes: {
        vectors: [1, 2, 4, 8],
        tile: [1, 2, 4, 8],
        rows: [1, 2, 3, 4, 6].filter((r) => shape.m === "any" || r <= Math.max(1, shape.m)),
        panel: [1, 2, 4, 8, 16],
        order: ["tables-outside", "vectors-outside"],
        paired: known(shape).rounded ? [1, 2] : [2],
        tables: ["kernel", "loop"],
        entries: [held.whole.length, held.half.length],
      },
      layout: ["vectors", "entries"],
      where: [tileDivides, panelDivides(shape.n, rows), tileFits(16), tablesFit(shape)],
    };
  },
  default: (target) => {
    const shape = shapeOf(target);
    // Two rows of x share what a number is taken apart for, and tables of more do not fit beside sums: those are read again for each vector of rows of w. The sums of
    // all planes that have scales of their own are held at once.
    const vectors = vectorsFor(shape.n, Math.floor(8 / termsOf(shape.format)), known(shape).rows);
    const rows = shape.m === "any" ? 2 : Math.max(1, Math.min(2, shape.m));
    return {
      vectors,
      tile: vectors,
      rows,
      panel: 1,
      order: "tables-outside",
      paired: known(shape).paired,
      tables: "kernel",
      entries: held.whole.length,
    };
  },
  schedule: scheduleOf,
};

/** The first choice where the numerics have 8-bit tables and these cost less than products: up to 2 bits. */
export const roundedLookup: Template = {
  ...template,
  name: "rounded-lookup",
  refuses: (target) => {
    const refusal = refuses(target);
    if (refusal !== undefined) return refusal;
    const shape = shapeOf(target);
    return known(shape).rounded ? undefined : "its numerics have no 8-bit tables, or they would bring nothing";
  },
};

/** Any codes that can be looked up: what the tuner tries beside products. */
export const tableLookup: Template = { ...template, name: "table-lookup" };
