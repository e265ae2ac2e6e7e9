/**
 * The weights of a block on a GPU: what stands between its scores and the weighted sum of its values, by how they are computed. Lanes are tokens; what all of them have a part in
 * goes through trees in workgroup memory. In f32 each lane sums the weights of its tokens, of all blocks; quantized weights need a block's own maximum, sum and greatest product,
 * and are words of 4 tokens' codes.
 */
import { type AttentionNumerics, type AttentionWorkload, cacheBlock, cacheFormatOf, spanOf } from "../../ir/index.ts";
import type { AnyStep } from "../primitives/index.ts";
import type { Schedule } from "../schedule.ts";
import { type QueryPart, quadSize, steps } from "./attention-steps.ts";
import { querySums } from "./gpu-attention-dots.ts";
import {
  bindLoop,
  type Choices,
  type Counted,
  digits,
  inner,
  queriesOf,
  spread,
  tree,
  treeSize,
} from "./gpu-attention-steps.ts";

/** Where the nests are: the loop in which a workgroup goes over blocks, and the buffers that it carries there. */
export interface Place {
  readonly at: string;
  readonly m: string;
  readonly l: string;
}

/** Steps on the nests, in the order in which the derivation takes them. */
export interface Weighing {
  /** While blocks are taken one nest after the other. */
  readonly nests: Schedule;
  /** What a sum is divided into, once its blocks are a workgroup's. */
  readonly sums: Schedule;
  /** What a block has of its own, and where that stands. */
  readonly own: Readonly<Record<string, "register" | "workgroup">>;
  /** Once it does. */
  readonly trees: Schedule;
  /** Loops over invocations. */
  readonly bound: Schedule;
}

type Weigh = (workload: AttentionWorkload, choices: Choices, part: QueryPart, place: Place) => Weighing;

export const weighing: Readonly<Record<AttentionNumerics["weights"], Weigh>> = {
  f32: (_, choices, { kernel, suffix }, { at, m, l }) => {
    const lanes = tokenLanes(kernel, choices);
    const sum = "l.lane";
    return {
      nests: ["x", "m", "p", "l"].flatMap((of) => lanes.nest(of)),
      sums: [{ op: "accumulate-in", kernel, buffer: l, at, into: sum, keep: ["l/tl"] }, lanes.order("l")],
      own: { x: "register", p: "workgroup" },
      trees: [
        digits(`x${suffix}`, "tn", "tl", choices.lanes),
        ...tree({ kernel, buffer: `${m}${suffix}`, at: "tb", name: "m", nest: "m" }, choices),
        ...tree({ kernel, buffer: `${l}${suffix}`, at, name: "l", nest: `${sum}/l`, isSingle: true }, choices),
      ],
      bound: [...["x", "m", "p", "start/l", "scale/l", "l"].map(lanes.bind), lanes.bind(`${sum}/l`)],
    };
  },
  i8: (workload, choices, { kernel, suffix }) => {
    const { split, reorder, vectorize } = steps(kernel);
    const lanes = tokenLanes(kernel, choices);
    const groups: Counted = ["g", groupsOf(workload)];
    const words: Counted = ["tw", cacheBlock / quadSize];
    const spreadNest = (of: string, loops: readonly Counted[]): Schedule =>
      spread(
        kernel,
        loops.map(([loop, count]) => [`${of}/${loop}`, count]),
        Math.max(choices.lanes, choices.across),
      );
    const reduced = (of: string, name: string, more: readonly Counted[] = []): Schedule =>
      tree({ kernel, buffer: `${of}${suffix}`, at: "tb", name, nest: of, more }, choices);
    const queries = queriesOf(choices);
    return {
      nests: [
        ...["x", "xb", "e", "lb"].flatMap((of) => lanes.nest(of)),
        ...["w", "w.max"].flatMap((of) => lanes.nest(of, "g")),
        ...["m", "r", "l"].map((of) => reorder(...["tb", ...inner].map((loop) => `${of}/${loop}`))),
        reorder(...["tb", ...inner, "g"].map((loop) => `w.s/${loop}`)),
        split("w.q/ti", quadSize, ["w.q/tw", "w.q/tq"]),
        reorder(...["tb", "tw", ...inner, "g", "tq"].map((loop) => `w.q/${loop}`)),
      ],
      sums: [],
      own: {
        ...{ x: "register", xb: "register", e: "register", r: "register", lb: "register" },
        ...{ w: "workgroup", "w.max": "workgroup", "w.s": "workgroup", "w.q": "workgroup" },
      },
      trees: [
        ...["x", "e"].map((of) => digits(`${of}${suffix}`, "tn", "tl", choices.lanes)),
        ...reduced("xb", "m"),
        ...reduced("lb", "l"),
        ...reduced("w.max", "w", [groups]),
      ],
      bound: [
        ...["x", "xb", "e", "lb", "w", "w.max"].map(lanes.bind),
        vectorize("w.q/tq"),
        ...spreadNest("w.q", [words, ...queries, groups]),
        ...spreadNest("w.s", [...queries, groups]),
      ],
    };
  },
};

/** Groups of a head's values that have a scale each. */
export function groupsOf({ values, headSize }: AttentionWorkload): number {
  const { format } = cacheFormatOf(values);
  return headSize / spanOf(format.group ?? "row", headSize);
}

/** Workgroup memory of the kernel over blocks, in bytes: weights of a block and what is known of them, what trees have, sums of queries. */
export function workgroupBytes(workload: AttentionWorkload, choices: Choices): number {
  const { rows, heads } = choices;
  const [groups, width] = [groupsOf(workload), 4];
  const own: Readonly<Record<AttentionNumerics["weights"], number>> = {
    f32: width * (cacheBlock + 2 * treeSize(choices)),
    i8: groups * ((width + 1) * cacheBlock + 2 * width) + width * (2 + groups) * treeSize(choices),
  };
  return rows * heads * (own[workload.numerics.weights] + width * querySums(workload));
}

/** Nests of a block's tokens: some for each lane. */
function tokenLanes(kernel: string, { lanes }: Choices) {
  const { split, reorder } = steps(kernel);
  const order = (of: string, ...more: readonly string[]): AnyStep =>
    reorder(...["tb", "tl", "tn", ...inner, ...more].map((loop) => `${of}/${loop}`));
  return {
    order,
    nest: (of: string, ...more: readonly string[]): Schedule => [
      split(`${of}/ti`, lanes, [`${of}/tn`, `${of}/tl`]),
      order(of, ...more),
    ],
    bind: (of: string): AnyStep => bindLoop(kernel, `${of}/tl`, "local.x"),
  };
}
