/** Conditions on register tiles and panels that the matmul templates share. */
import type { SplitStep } from "../primitives/split.ts";
import { rowsPerVector } from "./matmul.ts";
import { type Constraint, numberAt, type Point } from "./template.ts";

/** Blocks of rows that the outermost loop runs over. */
export const rowBlocks = (n: number, vectors: number, rows: number = rowsPerVector): number =>
  Math.ceil(n / (rows * vectors));

/** Columns of a result that one iteration of the loop over panels computes. */
export const panelColumns = (point: Point, rows: number = rowsPerVector): number =>
  rows * numberAt(point, "vectors") * numberAt(point, "panel");

/** The tail of the loop over panels: what the last one has too many computes the last block once more, and stores nothing. */
export const panelTail = (n: number, point: Point): Pick<SplitStep, "tail"> =>
  rowBlocks(n, numberAt(point, "vectors")) % numberAt(point, "panel") === 0 ? {} : { tail: "clamp" };

/** The largest of these panels whose last one costs little for what it has too many. */
export const panelFor = (blocks: number, panels: readonly number[]): number =>
  panels.find((p) => Math.ceil(blocks / p) * p <= (17 / 16) * blocks) ?? 1;

/** No panel has more blocks than there are. */
export const panelFits = (n: number, rows: number = rowsPerVector): Constraint => ({
  name: "panel fits",
  violated: (p) => {
    const blocks = rowBlocks(n, numberAt(p, "vectors"), rows);
    return numberAt(p, "panel") <= blocks ? undefined : `${p["panel"]} is more than ${blocks}`;
  },
});

/** A register tile is a whole number of times in the row vectors that lie together. */
export const tileDivides: Constraint = {
  name: "tile divides vectors",
  violated: (p) =>
    numberAt(p, "vectors") % numberAt(p, "tile") === 0 ? undefined : `${p["tile"]} is not a divisor of ${p["vectors"]}`,
};

/** Panels have no tail. */
export const panelDivides = (n: number, rows: number = rowsPerVector): Constraint => ({
  name: "panel divides row blocks",
  violated: (p) => {
    const blocks = rowBlocks(n, numberAt(p, "vectors"), rows);
    return blocks % numberAt(p, "panel") === 0 ? undefined : `${p["panel"]} is not a divisor of ${blocks}`;
  },
});

/** The fastest tiles spill some registers; far larger ones only cost code. */
export const tileFits = (most: number): Constraint => ({
  name: "tile fits",
  violated: (p) => {
    const accumulators = numberAt(p, "tile") * numberAt(p, "rows");
    return accumulators <= most ? undefined : `${accumulators} accumulators are more than ${most}`;
  },
});

/** As many row vectors together as there are rows for, at most `most`. */
export const vectorsFor = (n: number, most: number, rows: number = rowsPerVector): number =>
  [8, 4, 2, 1].find((v) => v <= most && n >= rows * v) ?? 1;
