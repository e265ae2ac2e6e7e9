/**
 * Quantizing activations on a GPU. An invocation per group of values, or for long groups a workgroup: its invocations take every n-th word of 4 values, and find
 * the greatest magnitude through workgroup memory.
 */
import type { Rows } from "../../ir/index.ts";
import type { BindStep } from "../primitives/bind.ts";
import type { AnyStep } from "../primitives/index.ts";
import type { Schedule } from "../schedule.ts";

/** Values that share a word of codes. */
const word = 4;
/** Groups up to this long are one invocation's. */
const shortest = 64;
/** Partial maxima that all invocations look through themselves. */
const few = 8;

/** The kernel that quantizes x in groups of `group`. Groups that words do not divide are done value by value; without rows there is nothing to do. */
export function gpuQuantizeSteps(kernel: string, group: number, rows: Rows, invocations: number): Schedule {
  if (rows === 0) return [];
  const lanes = lanesOf(group, invocations);
  return group <= shortest || lanes < few ? byInvocation(kernel, group) : byWorkgroup(kernel, group, lanes);
}

/** As many invocations as divide the words of a group. */
function lanesOf(group: number, invocations: number): number {
  let lanes = 1;
  while (group % (word * lanes * 2) === 0 && lanes * 2 <= invocations) lanes *= 2;
  return lanes;
}

function byInvocation(kernel: string, group: number): Schedule {
  const words: Schedule =
    group % word === 0
      ? [
          { op: "split", kernel, loop: "x.amax/i", factor: word, into: ["ao", "al"] },
          { op: "rfactor", kernel, buffer: "x.amax", at: "g", loop: "al", into: "x.amax4" },
          { op: "split", kernel, loop: "i", factor: word, into: ["io", "il"] },
          { op: "vectorize", kernel, loops: ["al"] },
          { op: "vectorize", kernel, loops: ["il"] },
          { op: "unroll", kernel, loops: ["x.amax4/al", ...(group <= shortest ? ["ao", "io"] : [])] },
        ]
      : [];
  return [
    ...words,
    { op: "fuse", kernel, loops: ["m", "g"], into: "group" },
    { op: "bind", kernel, loop: "group", to: "thread" },
  ];
}

function byWorkgroup(kernel: string, group: number, lanes: number): Schedule {
  const split = (loop: string, factor: number, into: readonly [string, string]): AnyStep => ({
    op: "split",
    kernel,
    loop,
    factor,
    into,
  });
  const bind = (loop: string, to: BindStep["to"]): AnyStep => ({ op: "bind", kernel, loop, to });
  // One level of partial maxima between all lanes and the few that each invocation looks through.
  const halved: Schedule =
    lanes > few
      ? [
          split("x.part/ap", few, ["bo", "bp"]),
          { op: "reorder", kernel, loops: ["bp", "bo"] },
          { op: "accumulate-in", kernel, buffer: "x.amax", at: "g", into: "x.few", keep: ["bp"], scope: "workgroup" },
          { op: "accumulate-in", kernel, buffer: "x.few", at: "bp", into: "x.most" },
          ...(lanes / few <= 32 ? [{ op: "unroll", kernel, loops: ["bo"] } as const] : []),
          { op: "unroll", kernel, loops: ["x.few/bp"] },
        ]
      : [{ op: "unroll", kernel, loops: ["x.part/ap"] }];
  return [
    split("x.amax/i", word, ["aw", "al"]),
    split("aw", lanes, ["ao", "ap"]),
    { op: "reorder", kernel, loops: ["ap", "ao", "al"] },
    { op: "accumulate-in", kernel, buffer: "x.amax", at: "g", into: "x.part", keep: ["ap"], scope: "workgroup" },
    { op: "accumulate-in", kernel, buffer: "x.part", at: "ap", into: "x.amax4", keep: ["al"] },
    split("i", word, ["iw", "il"]),
    split("iw", lanes, ["io", "ip"]),
    { op: "reorder", kernel, loops: ["ip", "io", "il"] },
    ...halved,
    { op: "vectorize", kernel, loops: ["al"] },
    { op: "vectorize", kernel, loops: ["il"] },
    { op: "unroll", kernel, loops: ["x.amax4/al", ...(group / (word * lanes) <= 8 ? ["ao", "io"] : [])] },
    bind("m", "workgroup.x"),
    bind("g", "workgroup.y"),
    bind("ap", "local.x"),
    ...(lanes > few ? [bind("bp", "local.x")] : []),
    bind("ip", "local.x"),
  ];
}
