/** Steps for operators that go along each row once, on a GPU: an invocation per word of 4 neighbouring values; for rmsnorm, whose rows have a sum, a workgroup per row. */
import type {
  DequantizeWorkload,
  EmbedWorkload,
  RmsNormWorkload,
  RopeWorkload,
  Rotation,
  SwigluWorkload,
} from "../../ir/index.ts";
import type { Schedule } from "../schedule.ts";
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
function together(kernel: string, loops: readonly string[]): Schedule {
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
