/**
 * Steps for operators that write a cache: append and rotate. A row (one token's head) is encoded in vectors of its values, and heads are shared among threads, since
 * neighbouring tokens may share bytes.
 *
 *     low, high of a group    4 partial results each, one per lane
 *     codes of keys           up to 16 lanes: 4 neighbouring values make bytes of a word, codes that share them are made one after the other
 *     codes of values         up to 16 lanes
 */
import { type AppendWorkload, type Format, formatOf, type RotateWorkload, spanOf } from "../../ir/index.ts";
import type { Schedule } from "../schedule.ts";
import { piecesIn, quadSize } from "./attention-steps.ts";
import { alongRow, bindRows, splitLoop, turningSteps } from "./rows.ts";

/** New keys turned, then keys and values encoded. */
export const appendSteps = ({ headSize, keys, values, rope }: AppendWorkload, most: number): Schedule => [
  ...(rope === undefined ? [] : turningSteps(rope, headSize, "turn", most)),
  ...encodingSteps("k", formatOf(keys), headSize),
  ...encodingSteps("v", formatOf(values), headSize),
];

/** Keys decoded, turned and encoded again. */
export function rotateSteps(of: RotateWorkload, most: number): Schedule {
  const [kernel, format] = ["decode", formatOf(of.keys)];
  const decoding =
    format.codes === undefined
      ? alongRow(kernel, "d", of.headSize, quadSize)
      : codes(kernel, "d", "k", format, spanOf(format.group ?? "row", of.headSize));
  return [
    ...decoding,
    bindRows(kernel, "m"),
    ...turningSteps(of, of.headSize, "turn", most),
    ...encodingSteps("k", format, of.headSize),
  ];
}

function encodingSteps(tensor: "k" | "v", format: Format, headSize: number): Schedule {
  const [kernel, row] = [tensor === "k" ? "keys" : "values", `${tensor}.new`];
  const bound = bindRows(kernel, "h");
  if (format.codes === undefined) return [...alongRow(kernel, `${row}/k`, headSize, quadSize), bound];
  const span = spanOf(format.group ?? "row", headSize);
  if (span % quadSize !== 0) return [bound];
  return [
    ...extreme(kernel, row, "low"),
    ...extreme(kernel, row, "high"),
    ...codes(kernel, `${row}/k`, tensor, format, span),
    bound,
  ];
}

/** The least or greatest value of a group, by a vector of partial results. */
function extreme(kernel: string, row: string, of: "low" | "high"): Schedule {
  const [buffer, lanes, into] = [`${row}.${of}`, `${of}/l`, `${row}.${of}.lanes`];
  return [
    splitLoop(kernel, `${buffer}/k`, quadSize, [`${of}/v`, lanes]),
    { op: "rfactor", kernel, buffer, at: `${row}/g`, loop: lanes, into },
    { op: "vectorize", kernel, loops: [lanes] },
    { op: "unroll", kernel, loops: [`${of}/v`, `${into}/${lanes}`] },
  ];
}

/** A loop over codes: `j` groups of 4 values in a vector, `x` those of one byte. As it is where they do not divide a group. */
function codes(kernel: string, loop: string, tensor: "k" | "v", format: Format, span: number): Schedule {
  const run = quadSize * (tensor === "k" ? piecesIn(format) : 1);
  if (span % run !== 0) return [];
  const words = [4, 2, 1].find((count) => span % (run * count) === 0) as number;
  return [
    splitLoop(kernel, loop, run * words, ["c/o", "c/i"]),
    splitLoop(kernel, "c/i", run, ["c/j", "c/r"]),
    splitLoop(kernel, "c/r", quadSize, ["c/x", "c/l"]),
    { op: "reorder", kernel, loops: ["c/x", "c/j", "c/l"] },
    { op: "vectorize", kernel, loops: ["c/j", "c/l"] },
    { op: "unroll", kernel, loops: ["c/x"] },
  ];
}
