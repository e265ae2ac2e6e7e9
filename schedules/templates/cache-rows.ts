/**
 * Steps for operators that write a cache: append and rotate. A row (one token's head) is encoded in vectors of its values, and heads are shared among threads, since
 * neighbouring tokens may share bytes.
 *
 *     low, high of a group    4 partial results each, one per lane
 *     codes of keys           up to 16 lanes: 4 neighbouring values make bytes of a word, codes that share them are made one after the other
 *     codes of values         up to 16 lanes
 *     floats                  any number of lanes
 *
 * `most` is the most lanes that a vector has.
 */
import {
  type AppendWorkload,
  cacheFormatOf,
  type Format,
  fieldOf,
  type RotateWorkload,
  spanOf,
} from "../../ir/index.ts";
import type { Schedule } from "../schedule.ts";
import { piecesIn, quadSize } from "./attention-steps.ts";
import { alongRow, bindRows, splitLoop, turningSteps } from "./rows.ts";

/** New keys turned, then keys and values encoded, and what has joined read where it is wanted. */
export const appendSteps = (of: AppendWorkload, most: number): Schedule => [
  ...(of.rope === undefined ? [] : turningSteps(of.rope, of.headSize, "turn", most)),
  ...encodingSteps("k", of.keys, of.headSize, most),
  ...encodingSteps("v", of.values, of.headSize, most),
  ...(of.decoded ? [bindRows("keys.decoded", "h"), bindRows("values.decoded", "h")] : []),
];

/** Keys decoded, turned and encoded again. */
export const rotateSteps = (of: RotateWorkload, most: number): Schedule => [
  ...decodingSteps("decode", "d", of.keys, of.headSize, most),
  bindRows("decode", "m"),
  ...turningSteps(of, of.headSize, "turn", most),
  ...encodingSteps("k", of.keys, of.headSize, most),
];

function decodingSteps(kernel: string, loop: string, keys: string, headSize: number, most: number): Schedule {
  const { format } = cacheFormatOf(keys);
  const span = spanOf(format.group ?? "row", headSize);
  return format.codes === undefined
    ? alongRow(kernel, loop, span, most)
    : codes(kernel, loop, "k", format, { span, most });
}

/** Rows that are a group of tokens are as they are: their values do not lie side by side. */
function encodingSteps(tensor: "k" | "v", name: string, headSize: number, most: number): Schedule {
  const [kernel, row] = [tensor === "k" ? "keys" : "values", `${tensor}.new`];
  const bound = bindRows(kernel, "h");
  const { format, tokens } = cacheFormatOf(name);
  if (tokens > 1) return [bound];
  const span = spanOf(format.group ?? "row", headSize);
  const along =
    format.codes === undefined
      ? alongRow(kernel, `${row}/k`, span, most)
      : codes(kernel, `${row}/k`, tensor, format, { span, most });
  const hasScale = fieldOf(format, "s") !== undefined && span % quadSize === 0;
  return [...(hasScale ? [...extreme(kernel, row, "low"), ...extreme(kernel, row, "high")] : []), ...along, bound];
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
function codes(
  kernel: string,
  loop: string,
  tensor: "k" | "v",
  format: Format,
  { span, most }: { readonly span: number; readonly most: number },
): Schedule {
  const run = quadSize * (tensor === "k" ? piecesIn(format) : 1);
  if (span % run !== 0) return [];
  const words = [4, 2, 1].find((count) => span % (run * count) === 0 && quadSize * count <= most) as number;
  return [
    splitLoop(kernel, loop, run * words, ["c/o", "c/i"]),
    splitLoop(kernel, "c/i", run, ["c/j", "c/r"]),
    splitLoop(kernel, "c/r", quadSize, ["c/x", "c/l"]),
    { op: "reorder", kernel, loops: ["c/x", "c/j", "c/l"] },
    { op: "vectorize", kernel, loops: ["c/j", "c/l"] },
    { op: "unroll", kernel, loops: ["c/x"] },
  ];
}
