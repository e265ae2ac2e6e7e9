/** What the kernels of the GPU's attention templates are made of: a point's choices, and nests spread over the invocations of a workgroup. */
import type { BindStep } from "../primitives/bind.ts";
import type { AnyStep } from "../primitives/index.ts";
import type { Schedule } from "../schedule.ts";
import { attentionOf } from "./attention-steps.ts";
import { fused } from "./rows.ts";
import { numberAt, type Point, type Target } from "./template.ts";

/** A point's choices, and what follows from them. */
export interface Choices {
  readonly rows: number;
  /** Heads of a group that a workgroup takes, and how many times as many there are. */
  readonly heads: number;
  readonly others: number;
  /** Invocations that tokens of a block are spread over. */
  readonly lanes: number;
  /** Invocations that a head's values are spread over. */
  readonly across: number;
  readonly parts: number;
}

export function choicesOf(target: Target, point: Point): Choices {
  const { heads: all, kvHeads } = attentionOf(target);
  const heads = numberAt(point, "heads");
  return {
    rows: numberAt(point, "rows"),
    heads,
    others: all / kvHeads / heads,
    lanes: numberAt(point, "lanes"),
    across: numberAt(point, "across"),
    parts: numberAt(point, "parts"),
  };
}

/** How a nest reads a cached tensor: its loops divided and ordered, then the decoding of codes for all that use them. */
export interface Reading {
  readonly split: Schedule;
  readonly order: AnyStep;
  /** Once what a block uses is its own. */
  readonly stage: Schedule;
}

/** The loops over the queries and heads of a workgroup: innermost in every nest. */
export const inner: readonly string[] = ["ii", "hg"];

/** Partial results that every invocation looks through itself. */
const few = 8;

export const bindLoop = (kernel: string, loop: string, to: BindStep["to"]): AnyStep => ({
  op: "bind",
  kernel,
  loop,
  to,
});

/** A buffer's last axis, which `within` counts up to `size` and `outer` beyond, as two: an invocation of loop `within` has its own. */
export const digits = (buffer: string, outer: string, within: string, size: number): AnyStep => ({
  ...{ op: "layout", buffer, axes: [["ii"], ["hg"], [outer, [within, size]]] },
  order: [outer, ...inner, within],
});

/** A loop and its iterations. */
export type Counted = readonly [loop: string, count: number];

/** The outermost loops of a perfect nest, as many as have no more than `most` iterations together, one for each invocation. */
export function spread(kernel: string, loops: readonly Counted[], most: number): Schedule {
  let [taken, count] = [0, 1];
  for (const [, own] of loops) {
    if (count * own > most) break;
    [taken, count] = [taken + 1, count * own];
  }
  if (taken === 0) return [];
  const { steps, loop } = fused(
    kernel,
    loops.slice(0, taken).map(([of]) => of),
  );
  return [...steps, bindLoop(kernel, loop, "local.x")];
}

/** The loops over the queries and heads of a workgroup, counted. */
export const queriesOf = ({ rows, heads }: Choices): readonly Counted[] => [
  ["ii", rows],
  ["hg", heads],
];

/** Values that the tree of a reduction has in workgroup memory, of each that is reduced. */
export const treeSize = ({ lanes }: Choices): number => lanes + (lanes > few ? few : 0);

/** A value of every lane, reduced for all of them. */
export interface LaneReduction {
  readonly kernel: string;
  /** What is reduced into, and the loop in which that is done. */
  readonly buffer: string;
  readonly at: string;
  /** What the buffers that are added are named after. */
  readonly name: string;
  /** The nest of the reduction: the prefix of its loops, among them `tl`, over lanes. */
  readonly nest: string;
  /** Whether a lane has one value already; else those of its tokens are reduced first. */
  readonly isSingle?: boolean;
  /** Further loops of values that are reduced each: then the buffer is in workgroup memory, and invocations share the last level too. */
  readonly more?: readonly Counted[];
}

/** Lanes put what they have into workgroup memory; of each few of them one invocation makes one, and all look through what is left. */
export function tree(
  { kernel, buffer, at, name, nest, isSingle = false, more = [] }: LaneReduction,
  choices: Choices,
): Schedule {
  const { lanes, across } = choices;
  const [all, fewer, slot] = [`${name}.all`, `${name}.few`, `${name}.slot`];
  const counted = [...queriesOf(choices), ...more];
  const loops = counted.map(([loop]) => loop);
  const own = (prefix: string): readonly string[] => loops.map((loop) => `${prefix}/${loop}`);
  const most = Math.max(lanes, across);
  const keep = (into: string, loop: string): AnyStep => ({
    ...{ op: "accumulate-in", kernel, buffer, at, into, keep: [loop], scope: "workgroup" },
  });
  const named = (names: readonly string[]): readonly Counted[] =>
    names.map((loop, i) => [loop, (counted[i] as Counted)[1]]);
  /** What is left, summed into the buffer by one invocation for each value; each invocation does it for itself where that is a register. */
  const last = (prefix: string, lane: string): Schedule =>
    more.length === 0
      ? []
      : [{ op: "reorder", kernel, loops: [...own(prefix), lane] }, ...spread(kernel, named(own(prefix)), most)];
  const from = `${all}/${nest}`;
  const gathered: Schedule = [
    keep(all, `${nest}/tl`),
    ...(isSingle ? [] : [{ op: "accumulate-in", kernel, buffer: all, at: `${nest}/tl`, into: `${name}.own` } as const]),
  ];
  if (lanes <= few) return [...gathered, ...last(from, `${from}/tl`)];
  return [
    ...gathered,
    { op: "split", kernel, loop: `${from}/tl`, factor: lanes / few, into: [slot, `${name}.term`] },
    { op: "reorder", kernel, loops: [slot, ...own(from), `${name}.term`] },
    keep(fewer, slot),
    ...spread(kernel, [[slot, few], ...named(own(from))], most),
    ...last(`${fewer}/${from}`, `${fewer}/${slot}`),
  ];
}
