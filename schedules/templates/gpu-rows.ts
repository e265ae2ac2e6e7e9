/** Steps for operators that go along each row once, on a GPU: an invocation per word of 4 neighbouring values; for rmsnorm, whose rows have a sum, a workgroup per row. */
import {
  type AppendWorkload,
  cacheFormatOf,
  type DequantizeWorkload,
  type EmbedWorkload,
  type MergeWorkload,
  type Paged,
  type RmsNormWorkload,
  type RopeWorkload,
  type RotateWorkload,
  type Rotation,
  type SwigluWorkload,
} from "../../ir/index.ts";
import type { Schedule } from "../schedule.ts";
import { piecesIn } from "./attention-steps.ts";
import { lanesOf, rowByWorkgroup } from "./gpu-prologue.ts";
import { bindRows, fused, splitLoop } from "./rows.ts";

/** Values that an invocation computes. */
const word = 4;

/** All loops of a kernel, the innermost in words where those divide it, spread over invocations, but for `each`, which all of them go over. */
function byWords(
  kernel: string,
  outer: readonly string[],
  inner: string,
  length: number,
  each: readonly string[] = [],
): Schedule {
  const [words, within] = [`${inner}.w`, `${inner}.l`] as const;
  if (length % word !== 0) return together(kernel, [...outer, inner], each);
  return [
    splitLoop(kernel, inner, word, [words, within]),
    ...innermost(kernel, [...outer, words], [...each, within]),
    { op: "vectorize", kernel, loops: [within] },
    ...together(kernel, [...outer, words]),
  ];
}

/** An invocation per iteration of these loops, which are a nest; those in `each`, of the same nest, are an invocation's. */
export function together(kernel: string, loops: readonly string[], each: readonly string[] = []): Schedule {
  const { steps, loop } = fused(kernel, loops, "all");
  return [...(each.length > 0 ? innermost(kernel, loops, each) : []), ...steps, bindRows(kernel, loop)];
}

const innermost = (kernel: string, loops: readonly string[], inner: readonly string[]): Schedule => [
  { op: "reorder", kernel, loops: [...loops, ...inner] },
];

export const gpuValueSteps = ({ op, k }: DequantizeWorkload | EmbedWorkload | SwigluWorkload): Schedule =>
  byWords("main", [op === "dequantize" ? "n" : "m"], "k", k);

/** Rows that words do not divide are an invocation's each. */
export function gpuRmsnormSteps({ k }: RmsNormWorkload, invocations: number): Schedule {
  const kernel = "main";
  if (k % word !== 0) return [bindRows(kernel, "m")];
  const row = {
    kernel,
    outer: ["m"],
    buffer: "squares",
    over: "squares/k",
    again: "k",
    length: k,
    prefix: "sums",
  } as const;
  return rowByWorkgroup(row, lanesOf(k, invocations));
}

/** A workgroup per row of a sequence: its invocations are the iterations of a loop inside. */
const byRows = (kernel: string, [row, sequence]: readonly string[], within: string): Schedule => [
  { op: "bind", kernel, loop: row as string, to: "workgroup.x" },
  { op: "bind", kernel, loop: sequence as string, to: "workgroup.y" },
  { op: "bind", kernel, loop: within, to: "local.x" },
];

export const gpuRopeSteps = (of: RopeWorkload): Schedule => gpuTurningSteps(of, of.d, "main");

/** An invocation turns a pair, or two that are neighbours, of heads of d values. `kernel` is the one that turns, `each` a loop over sequences. */
export function gpuTurningSteps(
  { rotary }: Rotation,
  d: number,
  kernel: string,
  each: readonly string[] = [],
): Schedule {
  const rest = rotary === d ? [] : byWords("rest", ["m", "h"], "i", d - rotary, each);
  return [
    ...(each.length === 0 ? together("angles", ["m", "i"]) : byRows("angles", ["m", ...each], "i")),
    { op: "unroll", kernel, loops: ["p"] },
    ...together(kernel, ["m", "h", "i"], each),
    ...rest,
  ];
}

/** New keys turned as by rope, then keys and values encoded. What is decoded again goes by its outermost loop. */
export function gpuAppendSteps(workload: AppendWorkload): Schedule {
  const { rope, headSize, decoded } = workload;
  const each = sequences(workload);
  return [
    ...(rope === undefined ? [] : gpuTurningSteps(rope, headSize, "turn", each)),
    ...encodingSteps("keys", workload.keys, each),
    ...encodingSteps("values", workload.values, each),
    ...(decoded ? ["keys.decoded", "values.decoded"].map((kernel) => bindRows(kernel, "h")) : []),
  ];
}

/** Keys decoded, an invocation for each value, turned as by rope, and encoded again. */
export function gpuRotateSteps(workload: RotateWorkload): Schedule {
  const each = sequences(workload);
  return [
    ...together("decode", ["m", "h", "d"], each),
    ...gpuTurningSteps(workload, workload.headSize, "turn", each),
    ...encodingSteps("keys", workload.keys, each),
  ];
}

/** The loop over sequences, where there are several. */
export const sequences = ({ pages }: Paged): readonly string[] => (pages === undefined ? [] : ["b"]);

/** An invocation encodes a token's head; where codes share bytes, or pages say where tokens lie, a head of all tokens, so that no byte is two invocations'. */
function encodingSteps(kernel: string, name: string, each: readonly string[]): Schedule {
  const { format, tokens } = cacheFormatOf(name);
  if (each.length > 0 || piecesIn(format) > 1 || tokens > 1) return [bindRows(kernel, "h")];
  return [{ op: "reorder", kernel, loops: ["i", "h"] }, ...together(kernel, ["i", "h"])];
}

/** An invocation takes a head of a row, and has what it makes on the way in registers. */
export const gpuMergeSteps = (_: MergeWorkload): Schedule => [
  ...["top", "w", "sum", "acc"].map(
    (buffer) => ({ op: "contract", kernel: "main", buffer, at: "h", scope: "register" }) as const,
  ),
  ...together("main", ["m", "h"]),
];
