/** Steps for operators that go along each row once, on a GPU: an invocation per word of 4 neighbouring values; for rmsnorm, whose rows have a sum, a workgroup per row. */
import {
  type AppendWorkload,
  cacheFormatOf,
  type DequantizeWorkload,
  type EmbedWorkload,
  type MergeWorkload,
  programOf,
  type RmsNormWorkload,
  type RopeWorkload,
  type Rotation,
  type SwigluWorkload,
} from "../../ir/index.ts";
import type { Schedule } from "../schedule.ts";
import { piecesIn } from "./attention-steps.ts";
import { lanesOf, rowByWorkgroup } from "./gpu-prologue.ts";
import { bindRows, splitLoop } from "./rows.ts";

/** Values that an invocation computes. */
const word = 4;

/** All loops of a kernel, the innermost in words where those divide it, spread over invocations. */
function byWords(kernel: string, outer: readonly string[], inner: string, length: number): Schedule {
  const [words, within] = [`${inner}.w`, `${inner}.l`] as const;
  const isWhole = length % word === 0;
  return [
    ...(isWhole
      ? [splitLoop(kernel, inner, word, [words, within]), { op: "vectorize", kernel, loops: [within] } as const]
      : []),
    ...together(kernel, [...outer, isWhole ? words : inner]),
  ];
}

/** An invocation per iteration of these loops, which are a nest. */
export function together(kernel: string, loops: readonly string[]): Schedule {
  const fused = loops.slice(1).map((loop, i) => ({
    op: "fuse" as const,
    kernel,
    loops: [i === 0 ? (loops[0] as string) : `all.${i}`, loop],
    into: `all.${i + 1}`,
  }));
  return [...fused, bindRows(kernel, fused.at(-1)?.into ?? (loops[0] as string))];
}

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

export const gpuRopeSteps = (of: RopeWorkload): Schedule => gpuTurningSteps(of, of.d, "main");

/** An invocation turns a pair, or two that are neighbours, of heads of d values. `kernel` is the one that turns. */
export function gpuTurningSteps({ rotary }: Rotation, d: number, kernel: string): Schedule {
  const rest = rotary === d ? [] : byWords("rest", ["m", "h"], "i", d - rotary);
  return [
    ...together("angles", ["m", "i"]),
    { op: "unroll", kernel, loops: ["p"] },
    ...together(kernel, ["m", "h", "i"]),
    ...rest,
  ];
}

/**
 * An invocation encodes a token's head; where codes share bytes, a head of all tokens, so that no byte is two invocations'. What is decoded again goes by its outermost loop, keys
 * are turned as by rope.
 */
export function gpuAppendSteps(workload: AppendWorkload): Schedule {
  const { rope, headSize } = workload;
  const turning = rope === undefined ? [] : ["angles", "turn", "rest"];
  const encoding = programOf(workload).kernels.filter(({ name }) => !turning.includes(name));
  return [
    ...(rope === undefined ? [] : gpuTurningSteps(rope, headSize, "turn")),
    ...encoding.flatMap(({ name, body: [outermost] }): Schedule => {
      const isApart = (name === "keys" || name === "values") && piecesIn(cacheFormatOf(workload[name]).format) === 1;
      if (isApart) return [{ op: "reorder", kernel: name, loops: ["i", "h"] }, ...together(name, ["i", "h"])];
      return outermost?.kind === "for" ? [bindRows(name, outermost.loop)] : [];
    }),
  ];
}

/** An invocation takes a head of a row, and has what it makes on the way in registers. */
export const gpuMergeSteps = (_: MergeWorkload): Schedule => [
  ...["top", "w", "sum", "acc"].map(
    (buffer) => ({ op: "contract", kernel: "main", buffer, at: "h", scope: "register" }) as const,
  ),
  ...together("main", ["m", "h"]),
];
