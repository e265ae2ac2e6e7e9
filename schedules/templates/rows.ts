/**
 * Steps for operators that go along each row once, in vectors of neighbouring values: what a decoder layer does between its matmuls. Rows are shared among threads.
 * Not here: rows on a GPU (`gpu-rows.ts`).
 */
import type {
  DequantizeWorkload,
  EmbedWorkload,
  MergeWorkload,
  RmsNormWorkload,
  RopeWorkload,
  SwigluWorkload,
} from "../../ir/index.ts";
import type { AnyStep } from "../primitives/index.ts";
import type { Schedule } from "../schedule.ts";

export const bindRows = (kernel: string, loop: string): AnyStep => ({ op: "bind", kernel, loop, to: "thread" });

export const splitLoop = (
  kernel: string,
  loop: string,
  factor: number,
  into: readonly [outer: string, inner: string],
): AnyStep => ({ op: "split", kernel, loop, factor, into });

/** The most lanes, up to `most`, that divide a length; 1 where not even 4 do. */
export const lanesFor = (length: number, most: number): number =>
  [32, 16, 8, 4].find((lanes) => lanes <= most && length % lanes === 0) ?? 1;

/** A loop over `length` values in vectors; as it is where no vector divides it. */
function alongRow(kernel: string, loop: string, length: number, most: number): Schedule {
  const lanes = lanesFor(length, most);
  if (lanes === 1) return [];
  return [
    splitLoop(kernel, loop, lanes, [`${loop}.o`, `${loop}.l`]),
    { op: "vectorize", kernel, loops: [`${loop}.l`] },
  ];
}

/** Values of w, or of rows of it, decoded; gate and up combined. */
export const valueSteps = ({ op, k }: DequantizeWorkload | EmbedWorkload | SwigluWorkload, lanes: number): Schedule => [
  ...alongRow("main", "k", k, lanes),
  bindRows("main", op === "dequantize" ? "n" : "m"),
];

/** Squares are summed in as many partial sums as there are lanes. */
export function rmsnormSteps({ k }: RmsNormWorkload, most: number): Schedule {
  const kernel = "main";
  const lanes = lanesFor(k, most);
  const sums: Schedule =
    lanes === 1
      ? []
      : [
          splitLoop(kernel, "squares/k", lanes, ["so", "sl"]),
          { op: "rfactor", kernel, buffer: "squares", at: "m", loop: "sl", into: "part" },
          { op: "vectorize", kernel, loops: ["sl"] },
          { op: "unroll", kernel, loops: ["part/sl"] },
        ];
  return [...sums, ...alongRow(kernel, "k", k, most), bindRows(kernel, "m")];
}

/** The parts' results, weighted, in vectors of a head's values. */
export function mergeSteps({ headSize }: MergeWorkload, most: number): Schedule {
  const kernel = "main";
  const lanes = lanesFor(headSize, most);
  const sums: Schedule =
    lanes === 1
      ? []
      : [
          splitLoop(kernel, "d", lanes, ["do", "dl"]),
          { op: "reorder", kernel, loops: ["acc/p", "dl"] },
          { op: "vectorize", kernel, loops: ["dl"] },
        ];
  return [...sums, ...alongRow(kernel, "y/d", headSize, most), bindRows(kernel, "m")];
}

/** Pairs of a head in vectors: halves of the head one after the other, or neighbours in one vector. */
export function ropeSteps({ d, rotary, pairing }: RopeWorkload, most: number): Schedule {
  const kernel = "main";
  const pairs = rotary / 2;
  const lanes = pairing === "neox" ? lanesFor(pairs, most) : lanesFor(rotary, most) / 2;
  const halves: Schedule =
    lanes < 1
      ? []
      : [
          splitLoop(kernel, "i", lanes, ["io", "il"]),
          ...(pairing === "neox"
            ? ([
                { op: "reorder", kernel, loops: ["p", "il"] },
                { op: "vectorize", kernel, loops: ["il"] },
                { op: "unroll", kernel, loops: ["p"] },
              ] as const)
            : ([{ op: "vectorize", kernel, loops: ["il", "p"] }] as const)),
        ];
  const rest: Schedule = rotary === d ? [] : [...alongRow("rest", "i", d - rotary, most), bindRows("rest", "m")];
  return [...alongRow("angles", "i", pairs, most), bindRows("angles", "m"), ...halves, bindRows(kernel, "m"), ...rest];
}
