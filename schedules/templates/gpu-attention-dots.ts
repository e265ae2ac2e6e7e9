/**
 * Attention in integers on a GPU: scores as dot products of quantized queries and the keys' codes, four of each a word:
 *
 *     for hk workgroup.y: for io workgroup.x:
 *       for .. local.x: q.sum[dg, ii, hg] = sum of q.q                           for zero points and minima: once for all blocks
 *       for tb: for tl local.x: for dg:
 *         for dw: k.r[..] = i8(k.q[..] - 8);  for .. dq: s.d[..] += dot4_i32_i8(q.q[..], k.r[..])
 *         s[..] += f32(s.d[..]) * (q.s * k.s)
 */
import { type AttentionWorkload, cacheFormatOf, fieldOf, rowWidth, spanOf } from "../../ir/index.ts";
import type { AnyStep } from "../primitives/index.ts";
import type { Schedule } from "../schedule.ts";
import { piecesIn, type QueryPart, quadSize, steps } from "./attention-steps.ts";
import { type Choices, inner, type Reading, spread } from "./gpu-attention-steps.ts";

/** Scores, from sums over the groups of a key that share a scale. `at` is the loop in which a workgroup goes over blocks. */
export function integerScores(
  workload: AttentionWorkload,
  { rows, heads, lanes, across }: Choices,
  { kernel, suffix }: QueryPart,
  at: string,
): Reading {
  const { split, reorder, vectorize } = steps(kernel);
  const { format } = cacheFormatOf(workload.keys);
  const width = rowWidth("k", format, workload.headSize);
  const group = spanOf(format.group ?? "row", width);
  const zeros = fieldOf(format, "z") !== undefined;
  const alone = zeros || fieldOf(format, "o") !== undefined;
  const sum = `q.sum${suffix}`;
  const own = (loop: string): string => `${sum}/s/${loop}`;
  const sums: Schedule = [
    { op: "hoist", kernel, buffer: sum, to: at, scope: "workgroup" },
    reorder(...["dg", ...inner, "dw", "dp", "dq"].map(own)),
    ...spread(
      kernel,
      [
        [own("dg"), width / group],
        [own("ii"), rows],
        [own("hg"), heads],
      ],
      Math.max(lanes, across),
    ),
  ];
  const codes: AnyStep = { op: "stage", kernel, buffer: "k.q", at: "s/dw", into: "k.r", scope: "register", decode: true };
  const copies = ["dp", "tn", "dq"].map((loop) => `k.r/s/${loop}`);
  return {
    split: [
      split("s/d", group, ["s/dg", "s/di"]),
      split("s/di", quadSize * piecesIn(format), ["s/dw", "s/dx"]),
      split("s/dx", quadSize, ["s/dp", "s/dq"]),
    ],
    order: reorder(...["tb", "tl", "dg", "dw", "dp", "tn", ...inner, "dq"].map((loop) => `s/${loop}`)),
    stage: [
      {
        ...{ op: "factor", kernel, buffer: `s${suffix}`, at: "s/dg", into: ["s.d", ...(alone ? [sum] : [])] },
        distribute: zeros ? "all" : "float",
      },
      ...(alone ? sums : []),
      { ...codes, scalar: "i8" },
      reorder(...copies),
      vectorize(copies[2] as string),
      { op: "tensorize", kernel, loops: ["s/dq"], with: "dot4_i32_i8" },
    ],
  };
}
