/**
 * Steps for operators that go along each row once, in vectors of neighbouring values: what a decoder layer does between its matmuls. Rows are shared among threads.
 * Not here: rows on a GPU (`gpu-rows.ts`).
 */
import {
  type DequantizeWorkload,
  type EmbedWorkload,
  formatOf,
  type MergeWorkload,
  type RmsNormWorkload,
  type RopeWorkload,
  type Rotation,
  type SwigluWorkload,
} from "../../ir/index.ts";
import type { AnyStep } from "../primitives/index.ts";
import type { Schedule } from "../schedule.ts";
import {
  lanes as groupLanes,
  namesOfY,
  quantizeApart,
  quantizeGroups,
  quantizeSteps,
  resultGroup,
  resultKernel,
} from "./quantize.ts";

/** The loops of a perfect nest as one, and what that is called: the first are, with the number of the step, or `name` is. */
export function fused(
  kernel: string,
  [first, ...others]: readonly string[],
  name = first as string,
): { readonly steps: Schedule; readonly loop: string } {
  const named = (i: number): string => (i === 0 ? (first as string) : `${name}.${i}`);
  return {
    steps: others.map((loop, i) => ({ op: "fuse", kernel, loops: [named(i), loop], into: named(i + 1) }) as const),
    loop: named(others.length),
  };
}

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
export function alongRow(kernel: string, loop: string, length: number, most: number): Schedule {
  const lanes = lanesFor(length, most);
  if (lanes === 1) return [];
  return [
    splitLoop(kernel, loop, lanes, [`${loop}.o`, `${loop}.l`]),
    { op: "vectorize", kernel, loops: [`${loop}.l`] },
  ];
}

/**
 * The loop over the `n` values of a result, in vectors. Where it is quantized, group by group, so that a group's values are in the nearest cache when its codes are made of
 * them; in a kernel of its own where 16 values do not divide a group.
 *
 *     for m: { ..;  for k: y[m, k] = .. };   for y.q/m: for y.q/g: { y.s[..] = ..;  y.q[..] = .. }
 *     -> for m: { ..;  for kg: { for ki: y[m, ki] = ..;  y.s[m, kg] = ..;  y.q[m, ..] = .. } }
 */
function alongResult(workload: RmsNormWorkload | SwigluWorkload, most: number): Schedule {
  const [kernel, n, group] = ["main", workload.k, resultGroup(workload, workload.k)];
  if (group === undefined) return alongRow(kernel, "k", n, most);
  if (group % groupLanes !== 0)
    return [
      quantizeApart,
      ...quantizeSteps(resultKernel, group, workload.m, namesOfY),
      ...alongRow(kernel, "k", n, most),
    ];
  const kept = workload.quantize?.keep ?? false;
  return [
    splitLoop(kernel, "k", group, ["kg", "ki"]),
    { op: "join", kernel, loops: ["m", namesOfY.row] },
    { op: "join", kernel, loops: ["kg", namesOfY.group] },
    // Rows may be computed at once.
    ...(kept ? [] : [{ op: "contract", kernel, buffer: "y", at: "kg", keep: ["m"] } as const]),
    ...alongRow(kernel, "ki", group, most),
    ...quantizeGroups(kernel, group, { ...namesOfY, group: "kg" }),
  ];
}

/** Gate and up combined. */
export const swigluSteps = (of: SwigluWorkload, lanes: number): Schedule => [
  ...alongResult(of, lanes),
  bindRows("main", "m"),
];

/** How many codes share a byte; 1 where none do. */
const sharedBytes = (w: string): number => {
  const { bits = 8 } = formatOf(w).codes ?? {};
  return [1, 2, 4].includes(bits) ? 8 / bits : 1;
};

/** Whether vectors take whole bytes of codes. */
const takesBytes = ({ k, w }: DequantizeWorkload | EmbedWorkload): boolean =>
  sharedBytes(w) > 1 && k % (sharedBytes(w) * bytesTogether) === 0;

/** Values along which vectors may have any length; undefined where bytes of codes say it. */
export const lengthDecoded = (of: DequantizeWorkload | EmbedWorkload): number | undefined =>
  takesBytes(of) ? undefined : of.k;

/** Codes whose bytes a vector takes at once, each of them the code of one lane and of those that far on in the row. */
const bytesTogether = 16;

/**
 * w, or rows of it, decoded. Codes that share bytes are stored so that a vector's lie in as many bytes, at one place of them each:
 *
 *     byte l of a block of 16 bytes has the codes l, 16 + l, ..
 */
export function decodeSteps(of: DequantizeWorkload | EmbedWorkload, lanes: number): Schedule {
  const kernel = "main";
  const { op, k, w } = of;
  const rows = op === "dequantize" ? "n" : "m";
  if (!takesBytes(of)) return [...alongRow(kernel, "k", k, lanes), bindRows(kernel, rows)];
  const shared = sharedBytes(w);
  return [
    splitLoop(kernel, "k", shared * bytesTogether, ["kb", "kr"]),
    splitLoop(kernel, "kr", bytesTogether, ["h", "l"]),
    {
      op: "layout",
      buffer: "w.q",
      axes: [["r"], ["kb", ["h", shared], ["l", bytesTogether]]],
      order: ["r", "kb", "l", "h"],
    },
    { op: "vectorize", kernel, loops: ["l"] },
    { op: "unroll", kernel, loops: ["h"] },
    bindRows(kernel, rows),
  ];
}

/** Squares are summed in as many partial sums as there are lanes. */
export function rmsnormSteps(of: RmsNormWorkload, most: number): Schedule {
  const [kernel, { k }] = ["main", of];
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
  return [...sums, ...alongResult(of, most), bindRows(kernel, "m")];
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

export const ropeSteps = (of: RopeWorkload, most: number): Schedule => turningSteps(of, of.d, "main", most);

/** Pairs of a head of d values in vectors: halves of the head one after the other, or neighbours in one vector. `kernel` is the one that turns. */
export function turningSteps({ rotary, pairing }: Rotation, d: number, kernel: string, most: number): Schedule {
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
