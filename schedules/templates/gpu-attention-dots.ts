/**
 * Attention in integers on a GPU: scores as dot products of quantized queries and the keys' codes, and sums of values as those of quantized weights and the values' codes, four
 * of each a word:
 *
 *     for hk workgroup.y: for io workgroup.x:
 *       for .. local.x: q.sum[dg, ii, hg] = sum of q.q                           for zero points and minima: once for all blocks
 *       for tb: for tl local.x: for dg:
 *         for dw: k.r[..] = i8(k.q[..] - 8);  for .. dq: s.d[..] += dot4_i32_i8(q.q[..], k.r[..])
 *         s[..] += f32(s.d[..]) * (q.s * k.s)
 *       for dl local.x:
 *         for tw: v.r[..] = i8(v.q[..] - 8);  for .. tq: o.d[..] += dot4_i32_i8(w.q[..], v.r[..])
 *         o[dl] += r * w.s * f32(o.d[..])
 */
import { type AttentionWorkload, cacheFormatOf, fieldOf, rowWidth, spanOf } from "../../ir/index.ts";
import type { Schedule } from "../schedule.ts";
import { takesDots } from "./attention-dots.ts";
import { piecesIn, type QueryPart, quadSize, steps } from "./attention-steps.ts";
import { type Choices, inner, type Reading, spread } from "./gpu-attention-steps.ts";

/** How keys are summed: values of a group that shares a scale, groups of a head, and whether the sum of a query's is needed beside. */
function keySums(workload: AttentionWorkload): {
  readonly group: number;
  readonly groups: number;
  readonly hasZeros: boolean;
  readonly isAlone: boolean;
} {
  const { format } = cacheFormatOf(workload.keys);
  const width = rowWidth("k", format, workload.headSize);
  const group = spanOf(format.group ?? "row", width);
  const hasZeros = fieldOf(format, "z") !== undefined;
  return { group, groups: width / group, hasZeros, isAlone: hasZeros || fieldOf(format, "o") !== undefined };
}

/** Sums of a query's codes that a workgroup has in its memory. */
export function querySums(workload: AttentionWorkload): number {
  if (workload.numerics.scores !== "i8" || !takesDots("keys", workload)) return 0;
  const { isAlone, groups } = keySums(workload);
  return isAlone ? groups : 0;
}

/** Scores, from sums over the groups of a key that share a scale. `at` is the loop in which a workgroup goes over blocks. */
export function integerScores(
  workload: AttentionWorkload,
  { rows, heads, lanes, across }: Choices,
  { kernel, suffix }: QueryPart,
  at: string,
): Reading {
  const { split, reorder } = steps(kernel);
  const { format } = cacheFormatOf(workload.keys);
  const { group, groups, hasZeros, isAlone } = keySums(workload);
  const sum = `q.sum${suffix}`;
  const own = (loop: string): string => `${sum}/s/${loop}`;
  const sums: Schedule = [
    { op: "hoist", kernel, buffer: sum, to: at, scope: "workgroup" },
    reorder(...["dg", ...inner, "dw", "dp", "dq"].map(own)),
    ...spread(
      kernel,
      [
        [own("dg"), groups],
        [own("ii"), rows],
        [own("hg"), heads],
      ],
      Math.max(lanes, across),
    ),
  ];
  return {
    split: [
      split("s/d", group, ["s/dg", "s/di"]),
      split("s/di", quadSize * piecesIn(format), ["s/dw", "s/dx"]),
      split("s/dx", quadSize, ["s/dp", "s/dq"]),
    ],
    order: reorder(...["tb", "tl", "dg", "dw", "dp", "tn", ...inner, "dq"].map((loop) => `s/${loop}`)),
    stage: [
      {
        ...{ op: "factor", kernel, buffer: `s${suffix}`, at: "s/dg", into: ["s.d", ...(isAlone ? [sum] : [])] },
        distribute: hasZeros ? "all" : "float",
      },
      ...(isAlone ? sums : []),
      ...codes(kernel, "k", ["s/dw", "s/dp", "s/tn", "s/dq"]),
    ],
  };
}

/** The weighted sum of a block's values, `into` the buffer that is carried from block to block. */
export function integerValues(workload: AttentionWorkload, { kernel, suffix }: QueryPart, into: string): Reading {
  const { split, reorder } = steps(kernel);
  const { format } = cacheFormatOf(workload.values);
  return {
    split: [split("o/ti", quadSize * piecesIn(format), ["o/tw", "o/tx"]), split("o/tx", quadSize, ["o/tp", "o/tq"])],
    order: reorder(...["tb", "dl", "tw", "tp", "dn", ...inner, "tq"].map((loop) => `o/${loop}`)),
    stage: [
      { op: "factor", kernel, buffer: `${into}${suffix}`, at: "o/dl", into: ["o.d"], distribute: "float" },
      ...codes(kernel, "v", ["o/tw", "o/tp", "o/dn", "o/tq"]),
    ],
  };
}

/** Codes of a tensor as words that all queries use, and their products: `word` is the loop over runs of codes that share words, inside it places in bytes, what a lane has of its own, codes of a word. */
function codes(
  kernel: string,
  tensor: "k" | "v",
  [word, ...inside]: readonly [string, string, string, string],
): Schedule {
  const { reorder, vectorize } = steps(kernel);
  const copies = inside.map((loop) => `${tensor}.r/${loop}`);
  const code = inside[2] as string;
  return [
    {
      ...{ op: "stage", kernel, buffer: `${tensor}.q`, at: word, into: `${tensor}.r`, scope: "register" },
      ...{ decode: true, scalar: "i8" },
    },
    reorder(...copies),
    vectorize(copies[2] as string),
    { op: "tensorize", kernel, loops: [code], with: "dot4_i32_i8" },
  ];
}
