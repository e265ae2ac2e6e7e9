/**
 * Line plots as SVG text: axes in powers of two or ten, a line per series with its name at its end. Colours are of the palette of Okabe and Ito, which
 * colour-blind readers tell apart; text follows the page's colour.
 */
import { scaleLinear, scaleLog } from "d3-scale";
import { line } from "d3-shape";

export interface Axis {
  readonly label: string;
  /** `log2` and `log10` axes are labelled at powers. */
  readonly scale: "linear" | "log2" | "log10";
}

export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** A limit rather than something that was made: drawn dashed. */
  readonly isLimit?: boolean;
}

export interface Plot {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
}

const [width, height] = [760, 420];
const margin = { left: 64, right: 190, top: 36, bottom: 48 } as const;
const colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f"] as const;
/** Names of series keep this distance from each other. */
const lineHeight = 15;

/** Where an axis's values lie, and the values that are labelled. */
interface Scale {
  readonly at: (value: number) => number;
  readonly ticks: readonly number[];
}

function scaleOf({ scale }: Axis, values: readonly number[], range: readonly [number, number]): Scale {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  if (scale === "linear") {
    const made = scaleLinear([0, most], range).nice();
    return { at: made, ticks: made.ticks(6) };
  }
  const base = scale === "log2" ? 2 : 10;
  const made = scaleLog([least, most], range).base(base).nice();
  const [from, to] = made.domain().map((end) => Math.round(Math.log(end) / Math.log(base))) as [number, number];
  return { at: made, ticks: Array.from({ length: to - from + 1 }, (_, i) => base ** (from + i)) };
}

const escaped = (text: string): string =>
  text.replace(/[&<>]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c] ?? c);
const rounded = (value: number): string => String(Math.round(value * 10) / 10);
const label = (value: number): string => (value >= 1 ? String(Math.round(value * 100) / 100) : value.toPrecision(1));

/** The plot as an SVG document. */
export function plotSvg({ title, x, y, series }: Plot): string {
  const points = series.flatMap((one) => one.points);
  const [right, bottom] = [width - margin.right, height - margin.bottom];
  const across = scaleOf(
    x,
    points.map(([value]) => value),
    [margin.left, right],
  );
  const up = scaleOf(
    y,
    points.map(([, value]) => value),
    [bottom, margin.top],
  );
  const path = line<readonly [number, number]>(
    (p) => across.at(p[0]),
    (p) => up.at(p[1]),
  );
  const text = (at: readonly [number, number], words: string, rest = ""): string =>
    `<text x="${rounded(at[0])}" y="${rounded(at[1])}"${rest}>${escaped(words)}</text>`;
  const grid = [
    ...across.ticks.flatMap((t) => [
      `<path class="grid" d="M${rounded(across.at(t))},${margin.top}V${bottom}"/>`,
      text([across.at(t), bottom + 16], label(t), ' text-anchor="middle"'),
    ]),
    ...up.ticks.flatMap((t) => [
      `<path class="grid" d="M${margin.left},${rounded(up.at(t))}H${right}"/>`,
      text([margin.left - 6, up.at(t) + 4], label(t), ' text-anchor="end"'),
    ]),
  ];
  const places = apart(series.map(({ points: of }) => up.at(of.at(-1)?.[1] ?? 1)));
  const lines = series.flatMap(({ name, points: of, isLimit }, i) => {
    const colour = colours[i % colours.length] as string;
    const dots = isLimit
      ? []
      : of.map((p) => `<circle cx="${rounded(across.at(p[0]))}" cy="${rounded(up.at(p[1]))}" r="3" fill="${colour}"/>`);
    return [
      `<path class="line" stroke="${colour}"${isLimit ? ' stroke-dasharray="6 4"' : ""} d="${path(of) ?? ""}"/>`,
      ...dots,
      text([right + 8, (places[i] as number) + 4], name, ` fill="${colour}"`),
    ];
  });
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12" fill="#666">`,
    `<title>${escaped(title)}</title>`,
    "<style>.grid { stroke: #8884; } .line { fill: none; stroke-width: 2; }</style>",
    text([margin.left, 20], title, ' font-size="14" font-weight="600"'),
    ...grid,
    text([(margin.left + right) / 2, height - 12], x.label, ' text-anchor="middle"'),
    text([16, margin.top - 12 + 4], y.label),
    ...lines,
    "</svg>",
  ].join("\n")}\n`;
}

/** Heights moved down as far as they must be to keep a line's distance, in their order. */
function apart(heights: readonly number[]): readonly number[] {
  const order = heights.map((_, i) => i).sort((a, b) => (heights[a] as number) - (heights[b] as number));
  const placed = [...heights];
  let last = Number.NEGATIVE_INFINITY;
  for (const i of order) {
    placed[i] = Math.max(heights[i] as number, last + lineHeight);
    last = placed[i] as number;
  }
  return placed;
}
