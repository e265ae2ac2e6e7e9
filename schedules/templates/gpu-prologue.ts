/**
 * Quantizing activations on a GPU. An invocation per group of values, or for long groups a workgroup: its invocations take every n-th word of 4 values, and find
 * the greatest magnitude through workgroup memory.
 */
import type { Rows } from "../../ir/index.ts";
import type { BindStep } from "../primitives/bind.ts";
import type { AnyStep } from "../primitives/index.ts";
import type { Schedule } from "../schedule.ts";
import { namesOfX, type QuantizeNames } from "./quantize.ts";
import { splitLoop } from "./rows.ts";

/** Values that share a word of codes. */
const word = 4;
/** Groups up to this long are one invocation's. */
const shortest = 64;
/** Partial maxima that all invocations look through themselves. */
const few = 8;

/**
 * The kernel that quantizes x, or a result, in groups of `group`. Groups that words do not divide are done value by value; without rows there is nothing to do. `each` is a loop
 * between those over rows and groups, over sequences.
 */
export function gpuQuantizeSteps(
  kernel: string,
  group: number,
  rows: Rows,
  invocations: number,
  names: QuantizeNames = namesOfX,
  each: readonly string[] = [],
): Schedule {
  if (rows === 0) return [];
  const lanes = lanesOf(group, invocations);
  const isShort = group <= shortest && each.length === 0;
  return isShort || lanes < few
    ? byInvocation(kernel, group, names, each)
    : byWorkgroup(kernel, group, lanes, names, each);
}

/** As many invocations as divide the words of a group. */
export function lanesOf(group: number, invocations: number): number {
  let lanes = 1;
  while (group % (word * lanes * 2) === 0 && lanes * 2 <= invocations) lanes *= 2;
  return lanes;
}

function byInvocation(
  kernel: string,
  group: number,
  { amax, row, group: at, code }: QuantizeNames,
  each: readonly string[],
): Schedule {
  const words: Schedule =
    group % word === 0
      ? [
          { op: "split", kernel, loop: `${amax}/i`, factor: word, into: ["ao", "al"] },
          { op: "rfactor", kernel, buffer: amax, at, loop: "al", into: `${amax}4` },
          { op: "split", kernel, loop: code, factor: word, into: ["io", "il"] },
          { op: "vectorize", kernel, loops: ["al"] },
          { op: "vectorize", kernel, loops: ["il"] },
          { op: "unroll", kernel, loops: [`${amax}4/al`, ...(group <= shortest ? ["ao", "io"] : [])] },
        ]
      : [];
  return [
    ...words,
    ...(each.length > 0 ? [] : [{ op: "fuse", kernel, loops: [row, at], into: "group" } as const]),
    { op: "bind", kernel, loop: each.length > 0 ? row : "group", to: "thread" },
  ];
}

const byWorkgroup = (
  kernel: string,
  group: number,
  lanes: number,
  { amax, row, group: at, code }: QuantizeNames,
  each: readonly string[],
): Schedule =>
  rowByWorkgroup(
    { kernel, outer: [row, ...each, at], buffer: amax, over: `${amax}/i`, again: code, length: group, prefix: "x" },
    lanes,
  );

/** A kernel that reduces each row into a register, then goes along the row again. */
export interface RowKernel {
  readonly kernel: string;
  /** The loops over rows, one to three, each on a dimension of the grid. */
  readonly outer: readonly string[];
  /** What the loop `over` reduces into. */
  readonly buffer: string;
  readonly over: string;
  /** The loop over the row after it. */
  readonly again: string;
  readonly length: number;
  /** Of the buffers that are added. */
  readonly prefix: string;
}

/** A workgroup per row, whose `lanes` invocations take every n-th word of 4 values; lanes times 4 divide the row. */
export function rowByWorkgroup(
  { kernel, outer, buffer, over, again, length, prefix }: RowKernel,
  lanes: number,
): Schedule {
  const at = outer.at(-1) as string;
  const [part, fewer, most, words] = [`${prefix}.part`, `${prefix}.few`, `${prefix}.most`, `${buffer}4`];
  const split = (loop: string, factor: number, into: readonly [string, string]): AnyStep =>
    splitLoop(kernel, loop, factor, into);
  const bind = (loop: string, to: BindStep["to"]): AnyStep => ({ op: "bind", kernel, loop, to });
  // One level of partial results between all lanes and the few that each invocation looks through.
  const halved: Schedule =
    lanes > few
      ? [
          split(`${part}/ap`, few, ["bo", "bp"]),
          { op: "reorder", kernel, loops: ["bp", "bo"] },
          { op: "accumulate-in", kernel, buffer, at, into: fewer, keep: ["bp"], scope: "workgroup" },
          { op: "accumulate-in", kernel, buffer: fewer, at: "bp", into: most },
          ...(lanes / few <= 32 ? [{ op: "unroll", kernel, loops: ["bo"] } as const] : []),
          { op: "unroll", kernel, loops: [`${fewer}/bp`] },
        ]
      : [{ op: "unroll", kernel, loops: [`${part}/ap`] }];
  return [
    split(over, word, ["aw", "al"]),
    split("aw", lanes, ["ao", "ap"]),
    { op: "reorder", kernel, loops: ["ap", "ao", "al"] },
    { op: "accumulate-in", kernel, buffer, at, into: part, keep: ["ap"], scope: "workgroup" },
    { op: "accumulate-in", kernel, buffer: part, at: "ap", into: words, keep: ["al"] },
    split(again, word, ["iw", "il"]),
    split("iw", lanes, ["io", "ip"]),
    { op: "reorder", kernel, loops: ["ip", "io", "il"] },
    ...halved,
    { op: "vectorize", kernel, loops: ["al"] },
    { op: "vectorize", kernel, loops: ["il"] },
    { op: "unroll", kernel, loops: [`${words}/al`, ...(length / (word * lanes) <= 8 ? ["ao", "io"] : [])] },
    ...outer.map((loop, i) =>
      bind(loop, (["workgroup.x", "workgroup.y", "workgroup.z"] as const)[i] as BindStep["to"]),
    ),
    bind("ap", "local.x"),
    ...(lanes > few ? [bind("bp", "local.x")] : []),
    bind("ip", "local.x"),
  ];
}
