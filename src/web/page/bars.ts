/** Default against tuned as a picture: for each row of the table a pair of bars, the default's as long as all others' defaults. */
import { s } from "./dom.ts";
import type { ResultRow } from "./results.ts";
import { sayMs, sayRow, saySpeedUp, targetTitles } from "./table.ts";

const [width, rowHeight, barHeight] = [760, 40, 13];
/** Where bars begin and end; the texts are on either side. */
const [from, to] = [250, 640];

/** The picture; undefined before anything was measured. The table says the same, and more, to those who can't see it. */
export function barPicture(rows: readonly ResultRow[]): SVGSVGElement | undefined {
  const measured = rows.flatMap((row) =>
    row.defaultMs === undefined || row.tunedMs === undefined
      ? []
      : [{ row, defaultMs: row.defaultMs, tunedMs: row.tunedMs }],
  );
  if (measured.length === 0) return undefined;
  // A tuned kernel can seem slower by the noise: then its bar is the longer one.
  const longest = Math.max(1, ...measured.map(({ defaultMs, tunedMs }) => tunedMs / defaultMs));
  const scale = (to - from) / longest;
  const height = rowHeight * measured.length;
  return s(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": described(measured.map(({ row }) => row)) },
    ...measured.map(({ row, defaultMs, tunedMs }, i) => {
      const bar = (kind: "default" | "tuned", y: number, share: number): SVGElement =>
        s("rect", { class: kind, x: from, y, width: Math.max(1, scale * share), height: barHeight, rx: 2 });
      return s(
        "g",
        { transform: `translate(0 ${rowHeight * i})` },
        s("text", { x: from - 12, y: 23, "text-anchor": "end" }, `${sayRow(row)} (${targetTitles[row.target]})`),
        bar("default", 5, 1),
        bar("tuned", 5 + barHeight + 1, tunedMs / defaultMs),
        s("text", { x: to + 12, y: 23 }, saySpeedUp(row.speedUp) === "none" ? "no gain" : saySpeedUp(row.speedUp)),
      );
    }),
  );
}

const described = (rows: readonly ResultRow[]): string =>
  rows
    .map(
      (row) =>
        `${sayRow(row)} on ${targetTitles[row.target]}: default ${sayMs(row.defaultMs)} ms, tuned ${sayMs(row.tunedMs)} ms`,
    )
    .join("; ");
