/**
 * The derivation of attention over a cache on a GPU. A workgroup takes `rows` queries times `heads` heads of a group, for all of which a key or value is decoded once; its
 * invocations are `lanes` tokens of a block for scores and weights, and a head's values for the weighted sum:
 *
 *     for hk workgroup.y: for io workgroup.x:
 *       for tb:
 *         for tl local.x: s[..] = q . k;  x[..] = masked s;  m.all[tl] = max x
 *         m = max of m.all                                                          a tree through workgroup memory, its end by every invocation
 *         for tl local.x: p[..] = e^(x - m);  l.lane[tl] = l.lane[tl] * scale + p
 *         for dl local.x: o[dl] = o[dl] * scale + sum over the block of p * v[dl]
 *       l = sum of l.lane;  for dl local.x: y = o / l
 *
 * What integers change is in `gpu-attention-dots.ts` and `gpu-attention-weights.ts`.
 * With pages the sequence is a digit of workgroup.y. Scores of a block are all that is kept: in registers, the weights in workgroup memory. `parts` divides the blocks among workgroups too (`rebase`): each has a maximum, a sum and
 * a weighted sum of its own, which a kernel `merge` combines.
 */
import { type AttentionWorkload, cacheBlock, cacheFormatOf, rowWidth } from "../../ir/index.ts";
import type { AnyStep } from "../primitives/index.ts";
import type { Schedule } from "../schedule.ts";
import { takesDots } from "./attention-dots.ts";
import { attentionOf, paged, partsOf, passes, piecesIn, type QueryPart, quadSize, steps } from "./attention-steps.ts";
import { integerScores, integerValues } from "./gpu-attention-dots.ts";
import { divideParts, groupLoops, mergeParts, partsLoop } from "./gpu-attention-merge.ts";
import { bindLoop, type Choices, choicesOf, digits, inner, type Reading } from "./gpu-attention-steps.ts";
import { weighing } from "./gpu-attention-weights.ts";
import { limitOf } from "./gpu-matmul.ts";
import { gpuQuantizeSteps } from "./gpu-prologue.ts";
import { sequences, together } from "./gpu-rows.ts";
import { namesOfX } from "./quantize.ts";
import type { Point, Target } from "./template.ts";

export function attentionSchedule(target: Target, point: Point): Schedule {
  const workload = attentionOf(target);
  const { m, numerics } = workload;
  if (m === 0) return [];
  const choices = choicesOf(target, point);
  const { rows } = choices;
  return [
    { op: "specialize", loops: ["i"], modulo: rows },
    ...partsOf(m, rows).flatMap((part) => derive(target, { ...choices, rows: part.rows }, part)),
    ...(numerics.scores === "i8"
      ? gpuQuantizeSteps(
          "quantize",
          keyWidth(workload),
          m,
          limitOf(target, "invocations"),
          namesOfX,
          sequences(workload),
        )
      : []),
    ...emptySteps(workload),
  ];
}

/** Without tokens: an invocation per result, or with pages per result of all sequences. */
function emptySteps({ lse, pages }: AttentionWorkload): Schedule {
  const [kernel, logarithms] = ["empty", "empty.lse"];
  const [y, ofY] = pages === undefined ? [["y/0", "y/1", "y/2"], []] : [["y/1", "y/2", "y/3"], ["y/0"]];
  if (!lse) return together(kernel, y, ofY);
  const [l, ofL] = pages === undefined ? [["lse/1", "lse/0"], []] : [["lse/2", "lse/0"], ["lse/1"]];
  return [
    { op: "fission", kernel, buffer: "lse", into: logarithms, stage: "main" },
    ...together(kernel, y, ofY),
    { op: "reorder", kernel: logarithms, loops: [...l, ...ofL] },
    ...together(logarithms, l),
  ];
}

function derive(target: Target, choices: Choices, part: QueryPart): Schedule {
  const { kernel, suffix } = part;
  const workload = attentionOf(target);
  const { headSize, numerics, pages } = workload;
  const { heads, others, across, parts } = choices;
  const { split, reorder } = steps(kernel);
  const isSplit = parts > 1;
  const outer = [...sequences(workload), "hk", ...(others > 1 ? ["go"] : []), "io"];
  /** The loop in which a workgroup goes over blocks, and the buffers that it carries. */
  const at = isSplit ? partsLoop : "io";
  const [m, l, o] = (["m", "l", "o"] as const).map((buffer) => (isSplit ? `${buffer}.part` : buffer)) as [
    string,
    string,
    string,
  ];
  const own = (buffer: string, loop: string, scope: "register" | "workgroup"): AnyStep => ({
    ...{ op: "contract", kernel, buffer, at: loop, scope, into: `${buffer}${suffix}` },
  });
  const local = (loop: string): AnyStep => bindLoop(kernel, loop, "local.x");
  const keys =
    numerics.scores === "i8" && takesDots("keys", workload)
      ? integerScores(workload, choices, part, at)
      : // Quantized queries are as wide as a cached row, others as a head.
        decoding(kernel, workload, "k", numerics.scores === "i8" ? keyWidth(workload) : headSize);
  const values =
    numerics.weights === "i8" && takesDots("values", workload)
      ? integerValues(workload, part, o)
      : decoding(kernel, workload, "v", cacheBlock);
  const weights = weighing[numerics.weights](workload, choices, part, { at, m, l });
  const blocks = passes[numerics.weights].map(({ of }) => `${of}/tb`);
  return [
    split("i", choices.rows, ["io", "ii"]),
    ...(others > 1 ? [split("hg", heads, ["go", "hg"])] : []),
    reorder(...outer, ...inner),
    { op: "distribute", kernel, loop: "hg" },
    { op: "distribute", kernel, loop: "ii" },
    split("s/ti", choices.lanes, ["s/tn", "s/tl"]),
    ...keys.split,
    ...values.split,
    split("o/d", across, ["o/dn", "o/dl"]),
    // Rows of values are padded to whole words, results are not.
    { op: "split", kernel, loop: "y/d", factor: across, into: ["y/dn", "y/dl"], tail: "predicate" },
    keys.order,
    ...weights.nests,
    values.order,
    reorder(...["dl", "dn", ...inner].map((loop) => `y/${loop}`)),
    ...(isSplit
      ? [{ op: "rebase", kernel, max: "m", loops: blocks, parts, into: at } as const, ...divideParts(outer, part)]
      : []),
    ...weights.sums,
    { op: "online", kernel, max: m, loops: blocks, into: "tb" },
    ...(pages === undefined ? [] : [paged(kernel)]),
    own("s", "tb", "register"),
    ...Object.entries(weights.own).map(([buffer, scope]) => own(buffer, "tb", scope)),
    ...[m, l, o, `${m}.before`, `${m}.scale`].map((buffer) => own(buffer, at, "register")),
    digits(`s${suffix}`, "tn", "tl", choices.lanes),
    digits(`${o}${suffix}`, "dn", "dl", across),
    ...weights.trees,
    ...keys.stage,
    ...values.stage,
    { op: "skip", kernel, loop: "tb", where: `x${suffix}` },
    ...(isSplit
      ? [reorder(...outer, at), ...groupLoops(kernel, outer), bindLoop(kernel, at, "workgroup.z")]
      : groupLoops(kernel, outer)),
    local("s/tl"),
    ...weights.bound,
    ...["start/o/dl", "scale/o/dl", "o/dl", isSplit ? `o.${at}/o/dl` : "y/dl"].map(local),
    ...(isSplit ? mergeParts(target, outer, part, choices) : []),
  ];
}

/** Values of a cached key. */
const keyWidth = ({ keys, headSize }: AttentionWorkload): number => rowWidth("k", cacheFormatOf(keys).format, headSize);

/** Decoded values, as floats. Codes are taken in words of 4, of several places in their bytes where those are shared: neighbouring values of keys, tokens of values. */
function decoding(kernel: string, workload: AttentionWorkload, tensor: "k" | "v", length: number): Reading {
  const { split, reorder, vectorize, decode } = steps(kernel);
  const { format } = cacheFormatOf(tensor === "k" ? workload.keys : workload.values);
  const [of, along, lane, kept] = tensor === "k" ? ["s", "d", "tl", "tn"] : ["o", "ti", "dl", "dn"];
  const together = quadSize * piecesIn(format);
  const into = `${tensor}.r`;
  const at = (loop: string | undefined): string => `${of}/${loop}`;
  const order = (...loops: readonly string[]): AnyStep => reorder(...["tb", lane, ...loops, kept, ...inner].map(at));
  if (format.codes === undefined || length % together > 0)
    return { split: [], order: order(along as string), stage: decode(format, tensor, at(along), into) };
  const [word, place, quad] = [`${along}w`, `${along}p`, `${along}q`];
  const copies = [place, kept, quad].map((loop) => `${into}/${at(loop)}`);
  return {
    split: [
      split(at(along), together, [at(word), at(`${along}x`)]),
      split(at(`${along}x`), quadSize, [at(place), at(quad)]),
    ],
    order: order(word, place, quad),
    stage: [...decode(format, tensor, at(word), into), reorder(...copies), vectorize(copies[2] as string)],
  };
}
