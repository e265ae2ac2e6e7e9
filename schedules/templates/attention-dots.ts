/**
 * Attention in integers: scores as dot products of quantized queries and the keys' codes, values weighted by quantized weights. What is summed is widened as
 * in `integer-dot.ts`: pairs in i16 as long as no sum can leave it.
 */
import {
  type AttentionWorkload,
  cacheBlock,
  cacheFormatOf,
  type Format,
  fieldOf,
  rowWidth,
  spanOf,
} from "../../ir/index.ts";
import type { AnyStep } from "../primitives/index.ts";
import type { Schedule } from "../schedule.ts";
import {
  type Derivation,
  join,
  laneReduction,
  piecesIn,
  type QueryPart,
  quadSize,
  quads,
  steps,
} from "./attention-steps.ts";
import { quantizeSteps } from "./quantize.ts";
import { numberAt, type Point } from "./template.ts";

/** Greatest magnitude of an 8-bit operand. */
const reach = 127;

/** Whether the codes of the cached tensor fit a dot product with 8-bit codes: 8 bits and signed, or 4 or 2 bits and unsigned, in whole vectors. */
export function takesDots(tensor: "keys" | "values", workload: AttentionWorkload): boolean {
  const format = cacheFormatOf(workload[tensor]).format;
  const { codes } = format;
  if (codes === undefined || codes.table !== undefined || ![2, 4, 8].includes(codes.bits)) return false;
  if (codes.bits === 8 ? codes.low >= 0 : codes.low < 0) return false;
  const { group = "row" } = format;
  return group === "row" || group % (tensor === "keys" ? quadSize * piecesIn(format) : quadSize) === 0;
}

/** Codes that are summed before a sum is widened: a divisor of `length`, in whole runs of codes that share bytes. */
function flushOf(format: Format, length: number): number {
  const { bits, high } = format.codes as NonNullable<Format["codes"]>;
  const run = quadSize * piecesIn(format);
  // An i16 lane receives one pair sum per 4 codes; of signed 8-bit codes the other operand has 7 bits.
  const most = quadSize * Math.floor(32767 / (2 * reach * (bits === 8 ? reach + 1 : high)));
  for (let flush = Math.floor(most / run) * run; flush > run; flush -= run) if (length % flush === 0) return flush;
  return run;
}

/** Scores: 4 tokens by 4 of a head's values in a vector, times 4 values of a query. Sums of the query alone are computed before. */
export function integerScores(workload: AttentionWorkload, point: Point, part: QueryPart): Derivation {
  const { kernel, suffix } = part;
  const { split, reorder, vectorize, unroll } = steps(kernel);
  const format = cacheFormatOf(workload.keys).format;
  const codes = format.codes as NonNullable<Format["codes"]>;
  const fold = codes.bits === 8;
  const group = spanOf(format.group ?? "row", rowWidth("k", format, workload.headSize));
  const flush = flushOf(format, group);
  const alone = fieldOf(format, "z") !== undefined || fieldOf(format, "o") !== undefined;
  const sums = [...(codes.zero !== 0 ? [`q.zero${suffix}`] : []), ...(alone ? [`q.sum${suffix}`] : [])];
  const correction = `q.fold${suffix}`;
  const before = [...sums, ...(fold ? [correction] : [])];
  const folded: AnyStep = {
    ...{ op: "recode", kernel, encoding: "sign-fold", buffer: "s.d", operand: "q.q" },
    into: ["q.abs", "q.sign", correction],
  };
  const tile = (of: string): readonly string[] => [`${of}s/tn`, `${of}s/ii`, `${of}s/hg`];
  return {
    nests: [
      split("s/ti", quadSize, ["s/tv", "s/tl"]),
      split("s/tv", numberAt(point, "keyTile"), ["s/to", "s/tn"]),
      split("s/d", group, ["s/dg", "s/di"]),
      split("s/di", flush, ["s/df", "s/dc"]),
      split("s/dc", quadSize * piecesIn(format), ["s/dj", "s/dx"]),
      split("s/dx", quadSize, ["s/h", "s/kq"]),
      split("s/kq", 2, ["s/kp", "s/kr"]),
      reorder(...["to", "dg", "df", "dj", "tn", "ii", "h", "hg", "tl", "kp", "kr"].map((loop) => `s/${loop}`)),
      { op: "accumulate-in", kernel, buffer: `s${suffix}`, at: "s/to", into: "s.acc" },
      { op: "factor", kernel, buffer: "s.acc", at: "s/dg", into: ["s.d", ...sums] },
      ...(fold ? [folded] : []),
      ...before.flatMap(
        (buffer): Schedule => [
          { op: "hoist", kernel, buffer },
          { op: "fission", kernel, buffer, into: buffer, stage: "prologue" },
        ],
      ),
      { op: "accumulate-in", kernel, buffer: "s.d", at: "s/df", into: "s.d16", scalar: "i16", keep: ["s/kp"] },
    ],
    vectors: [
      { op: "tensorize", kernel, loops: ["s/tl", "s/kp", "s/kr"], with: "dot2_i16_i8_i7" },
      { op: "tensorize", kernel, loops: ["s.d16/s/tl", "s.d16/s/kp"], with: "sum2_i32_i16" },
      vectorize("s.d/s/tl"),
      vectorize("s.acc/s/tl"),
      unroll("s/dj", "s/h", ...tile(""), ...tile("s.d16/"), ...tile("s.d/"), ...tile("s.acc/")),
    ],
  };
}

/** The kernels that quantize queries, as those of a matmul's activations. */
export const quantizeQueries = (workload: AttentionWorkload): Schedule => {
  const { m, pages } = workload;
  // The codes' last axis: that of a head's values.
  const values = pages === undefined ? "q.abs/1" : "q.abs/2";
  const keys = cacheFormatOf(workload.keys).format;
  const width = rowWidth("k", keys, workload.headSize);
  const isFolded = takesDots("keys", workload) && keys.codes?.bits === 8 && width % 16 === 0;
  return [
    ...quantizeSteps("quantize", width, m),
    ...(isFolded
      ? ([
          { op: "split", kernel: "q.abs", loop: values, factor: 16, into: ["q.abs/v", "q.abs/l"] },
          { op: "vectorize", kernel: "q.abs", loops: ["q.abs/l"] },
        ] as const)
      : []),
  ];
};

/** Quantized weights: all passes over a block's tokens in vectors. */
export function integerWeights(part: QueryPart): Derivation {
  const { kernel, suffix } = part;
  const { split, vectorize } = steps(kernel);
  const bytes: Derivation = {
    nests: [split("w.q/ti", 4 * quadSize, ["w.q/tv", "w.q/tl"])],
    vectors: [vectorize("w.q/tl")],
  };
  return [
    laneReduction(part, `xb${suffix}`, "xb", "xb/hg"),
    quads(part, "e/ti"),
    laneReduction(part, `lb${suffix}`, "lb", "lb/hg"),
    quads(part, "w/ti"),
    laneReduction(part, `w.max${suffix}`, "w.max", "w.max/g"),
    bytes,
  ].reduce(join);
}

/** Values: 4 of a head's values by 4 tokens in a vector, times the weights of 4 tokens. */
export function integerValues(workload: AttentionWorkload, point: Point, { kernel, suffix }: QueryPart): Derivation {
  const { split, reorder, vectorize, unroll } = steps(kernel);
  const { format } = cacheFormatOf(workload.values);
  const group = spanOf(format.group ?? "row", rowWidth("v", format, workload.headSize));
  const flush = flushOf(format, cacheBlock);
  const zeros = format.codes?.zero !== 0 ? [weightSum(kernel, `w.zero${suffix}`)] : [];
  const tile = (of: string): readonly string[] => [`${of}o/dn`, `${of}o/ii`, `${of}o/hg`];
  return {
    nests: [
      split("o/ti", flush, ["o/tf", "o/tc"]),
      split("o/tc", quadSize * piecesIn(format), ["o/tj", "o/tx"]),
      split("o/tx", quadSize, ["o/h", "o/tq"]),
      split("o/tq", 2, ["o/tp", "o/tr"]),
      split("o/d", group, ["o/dg", "o/di"]),
      split("o/di", quadSize, ["o/dv", "o/dl"]),
      split("o/dv", Math.min(numberAt(point, "valueTile"), group / quadSize), ["o/do", "o/dn"]),
      reorder(...["dg", "do", "tf", "tj", "dn", "ii", "h", "hg", "dl", "tp", "tr"].map((loop) => `o/${loop}`)),
      { op: "factor", kernel, buffer: `o${suffix}`, at: "o/do", into: ["o.d", ...zeros.map(({ buffer }) => buffer)] },
      ...zeros.flatMap(({ nests }) => nests),
      { op: "accumulate-in", kernel, buffer: "o.d", at: "o/tf", into: "o.d16", scalar: "i16", keep: ["o/tp"] },
    ],
    vectors: [
      ...zeros.flatMap(({ vectors }) => vectors),
      { op: "tensorize", kernel, loops: ["o/dl", "o/tp", "o/tr"], with: "dot2_i16_i8_i7" },
      { op: "tensorize", kernel, loops: ["o.d16/o/dl", "o.d16/o/tp"], with: "sum2_i32_i16" },
      vectorize("o.d/o/dl"),
      unroll("o/tj", "o/h", ...tile(""), ...tile("o.d16/"), ...tile("o.d/")),
    ],
  };
}

/** The sum of a block's weights, which the values' zero point multiplies: once for all of a head's values, its terms in lanes. */
function weightSum(kernel: string, buffer: string): Derivation & { readonly buffer: string } {
  const { reorder, vectorize } = steps(kernel);
  const own = (loops: readonly string[]): string[] => loops.map((loop) => `${buffer}/o/${loop}`);
  const lanes = own(["h", "tp", "tr"]);
  const into = `${buffer}.lanes`;
  return {
    buffer,
    nests: [
      { op: "hoist", kernel, buffer, to: "tb" },
      reorder(...own(["tf", "tj", "ii", "hg"]), ...lanes),
      { op: "accumulate-in", kernel, buffer, at: "tb", into, keep: lanes },
    ],
    vectors: [vectorize(lanes)],
  };
}
