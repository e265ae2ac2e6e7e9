/**
 * Templates `attention-decode` and `attention-prefill`: attention over a cache, block by block. The derivation:
 *
 *     for i: for hk: for hg:  s = q . k;  x = masked s;  m = max x;  p = e^(x - m);  l = sum p;  o = sum p * v;  y = o / l
 *     -> queries in tiles (specialize, split); every pass over all queries that share keys (reorder, distribute)
 *     -> one loop over blocks of tokens (online), of which a block's scores and weights are all that is kept (contract)
 *     -> scores by 4 tokens in a vector, values by 4 of a head's, in tiles that registers hold (split, reorder, accumulate-in)
 *     -> where the numerics say so, scores and values as dot products of integers (`attention-dots.ts`)
 *
 * A key or value is decoded once for a tile of queries times the heads of a group.
 */
import { type AttentionWorkload, cacheBlock, cacheFormatOf, rowWidth } from "../../ir/index.ts";
import type { AnyStep } from "../primitives/index.ts";
import type { Schedule } from "../schedule.ts";
import { integerScores, integerValues, integerWeights, quantizeQueries, takesDots } from "./attention-dots.ts";
import {
  attentionOf,
  type Derivation,
  isPlain,
  join,
  laneReduction,
  none,
  paged,
  partsOf,
  passes,
  piecesIn,
  type QueryPart,
  quadSize,
  quads,
  refusesRows,
  state,
  steps,
} from "./attention-steps.ts";
import { type Constraint, numberAt, type Point, type Space, type Target, type Template } from "./template.ts";

/** The loops over a block's tokens that are left when vectors and tiles are split off, with weights in f32. */
const tokenLoops = ["s/to", "x/ti.v", "m/tv", "p/ti.v", "l/tv", "o/tj"] as const;

function scheduleOf(target: Target, point: Point): Schedule {
  const workload = attentionOf(target);
  if (workload.m === 0) return [];
  const rows = numberAt(point, "rows");
  const derived = partsOf(workload.m, rows).map((part) => derive(workload, point, part));
  return [
    { op: "specialize", loops: ["i"], modulo: rows },
    ...derived.flatMap(({ nests }) => nests),
    ...derived.flatMap(({ vectors }) => vectors),
    ...(workload.numerics.scores === "i8" ? quantizeQueries(workload) : []),
  ];
}

function derive(workload: AttentionWorkload, point: Point, part: QueryPart): Derivation {
  const { kernel, suffix } = part;
  const { weights, scores } = workload.numerics;
  const list = passes[weights];
  const { split, reorder } = steps(kernel);
  const own = (buffer: string): AnyStep => ({
    ...{ op: "contract", kernel, buffer, keep: ["hk"], into: `${buffer}${suffix}` },
    at: (state as readonly string[]).includes(buffer) ? "io" : "tb",
  });
  const isPaged = workload.pages !== undefined;
  const blocks: Schedule = [
    split("i", part.rows, ["io", "ii"]),
    reorder("hk", ...(isPaged ? ["b"] : []), "io", "ii"),
    { op: "distribute", kernel, loop: "hg" },
    { op: "distribute", kernel, loop: "ii" },
    ...list.map(({ of, loops }) => reorder(...["tb", "ii", "hg", ...loops].map((loop) => `${of}/${loop}`))),
    { op: "online", kernel, max: "m", loops: list.map(({ of }) => `${of}/tb`), into: "tb" },
    ...(isPaged ? [paged(kernel)] : []),
    ...list.flatMap(({ of, isLocal }) => (isLocal ? [own(of)] : [])),
    ...state.map(own),
  ];
  const inner = [
    scores === "i8" && takesDots("keys", workload)
      ? integerScores(workload, point, part)
      : floatScores(workload, point, part),
    quads(part, "x/ti"),
    weights === "i8" ? integerWeights(part) : floatWeights(part),
    weights === "i8" && takesDots("values", workload)
      ? integerValues(workload, point, part)
      : floatValues(workload, point, part),
    quads(part, "scale/o/d"),
    quads(part, "start/o/d"),
    workload.headSize % quadSize === 0 ? quads(part, "y/d") : none,
  ].reduce(join, none);
  const where = `x${suffix}`;
  return {
    nests: [
      ...blocks,
      ...inner.nests,
      { op: "skip", kernel, loop: "tb", where },
      ...(weights === "f32" ? [{ op: "clip", kernel, loop: "tb", where, loops: tokenLoops } as const] : []),
    ],
    vectors: [...inner.vectors, { op: "bind", kernel, loop: "hk", to: "thread" }],
  };
}

/** Scores in f32: for each of a head's values 4 tokens of a tile times a splat of each query. */
function floatScores(workload: AttentionWorkload, point: Point, { kernel, suffix }: QueryPart): Derivation {
  const { split, reorder, vectorize, unroll, decode } = steps(kernel);
  const keys = cacheFormatOf(workload.keys).format;
  const acc = "s.acc";
  // Values whose codes share bytes, and words, are written out.
  const run = quadSize * piecesIn(keys);
  const together = keys.codes !== undefined && workload.headSize % run === 0 ? run : 1;
  const decoded = decode(keys, "k", "s/dx", "k.r");
  return {
    nests: [
      split("s/ti", quadSize, ["s/tv", "s/tl"]),
      split("s/tv", numberAt(point, "keyTile"), ["s/to", "s/tn"]),
      split("s/d", together, ["s/dj", "s/dx"]),
      reorder("s/to", "s/dj", "s/dx", "s/tn", "s/ii", "s/hg", "s/tl"),
      { op: "accumulate-in", kernel, buffer: `s${suffix}`, at: "s/to", into: acc },
      ...decoded,
    ],
    vectors: [
      ...(decoded.length > 0 ? [vectorize("k.r/s/tl"), unroll("k.r/s/tn")] : []),
      vectorize("s/tl"),
      vectorize(`${acc}/s/tl`),
      unroll("s/dx", "s/tn", "s/ii", "s/hg", `${acc}/s/tn`, `${acc}/s/ii`, `${acc}/s/hg`),
    ],
  };
}

/** The maximum, the weights and their sum, in vectors of 4 tokens. */
const floatWeights = (part: QueryPart): Derivation =>
  [
    laneReduction(part, `m${part.suffix}`, "m", "m/hg"),
    quads(part, "p/ti"),
    laneReduction(part, `l${part.suffix}`, "l", "l/hg"),
  ].reduce(join);

/** Values in f32: for each token 4 of a head's values of a tile times a splat of each weight. */
function floatValues(workload: AttentionWorkload, point: Point, { kernel, suffix }: QueryPart): Derivation {
  const { split, reorder, vectorize, unroll, decode } = steps(kernel);
  const values = cacheFormatOf(workload.values).format;
  const acc = "o.acc";
  // Tokens whose codes share bytes, and words, are written out.
  const together = values.codes === undefined ? 1 : quadSize * piecesIn(values);
  // Of a batch in pages some blocks lie beyond a sequence's own tokens.
  const isWhole = workload.pages === undefined && isPlain(values);
  const trimmed: Schedule = isWhole ? [{ op: "trim", kernel, loop: "o/ti" }] : [];
  const decoded = decode(values, "v", "o/tx", "v.r");
  return {
    nests: [
      ...trimmed,
      split("o/ti", together, ["o/tj", "o/tx"]),
      split("o/d", quadSize, ["o/dv", "o/dl"]),
      split("o/dv", numberAt(point, "valueTile"), ["o/do", "o/dn"]),
      reorder("o/do", "o/tj", "o/tx", "o/dn", "o/ii", "o/hg", "o/dl"),
      { op: "accumulate-in", kernel, buffer: `o${suffix}`, at: "o/do", into: acc },
      ...decoded,
    ],
    vectors: [
      ...(decoded.length > 0 ? [vectorize("v.r/o/dl"), unroll("v.r/o/dn")] : []),
      vectorize("o/dl"),
      vectorize(`${acc}/o/dl`),
      unroll("o/tx", "o/dn", "o/ii", "o/hg", `${acc}/o/dn`, `${acc}/o/ii`, `${acc}/o/hg`),
    ],
  };
}

const divides = (name: string, axis: string, count: number): Constraint => ({
  name,
  violated: (p) => (count % numberAt(p, axis) === 0 ? undefined : `${p[axis]} is not a divisor of ${count}`),
});

function refuses(target: Target): string | undefined {
  const { workload, device } = target;
  if (workload.op !== "attention") return `it is a ${workload.op}`;
  return device.kind === "wasm" ? undefined : `the device is ${device.kind}`;
}

/** Vectors that a row of values takes. */
const valueQuads = ({ values, headSize }: Pick<AttentionWorkload, "values" | "headSize">): number =>
  rowWidth("v", cacheFormatOf(values).format, headSize) / quadSize;

/** Sums in a tile of the space: far more than registers hold only cost code. */
const mostSums = 32;

function spaceOf(target: Target, rows: readonly number[]): Space {
  const { m, heads, kvHeads, ...workload } = attentionOf(target);
  const group = heads / kvHeads;
  const fits = (axis: string): Constraint => ({
    name: `${axis} fits`,
    violated: (p) => {
      const sums = numberAt(p, axis) * numberAt(p, "rows") * group;
      return sums <= mostSums || (numberAt(p, axis) === 1 && numberAt(p, "rows") === 1)
        ? undefined
        : `${sums} sums are more than ${mostSums}`;
    },
  });
  return {
    axes: {
      rows: rows.filter((r) => m === "any" || r <= Math.max(1, m)),
      keyTile: [1, 2, 4, 8],
      valueTile: [1, 2, 4, 8],
    },
    layout: [],
    where: [
      divides("key tile divides a block", "keyTile", cacheBlock / quadSize),
      divides("value tile divides a head", "valueTile", valueQuads(workload)),
      fits("keyTile"),
      fits("valueTile"),
    ],
  };
}

/** Sums in the tile of a default point: with 16, which are all registers of x86, V8 spills operands. */
const usualSums = 8;

/** The largest tiles with so few sums; keys that are read once, as they are, one after the other, which is how they come from memory in time. */
function defaultPoint(target: Target, rows: number, streams: boolean): Point {
  const { heads, kvHeads, ...workload } = attentionOf(target);
  const sums = (heads / kvHeads) * rows;
  const isStream = streams && isPlain(cacheFormatOf(workload.keys).format);
  const tile = (count: number): number => [4, 2, 1].find((t) => count % t === 0 && t * sums <= usualSums) ?? 1;
  return { rows, keyTile: isStream ? 1 : tile(cacheBlock / quadSize), valueTile: tile(valueQuads(workload)) };
}

/** Queries that share a key with those of their group: as many as leave two vectors of sums to each. */
const queriesFor = ({ heads, kvHeads }: AttentionWorkload, rows: readonly number[]): number =>
  rows.findLast((r) => (r * heads) / kvHeads <= usualSums / 2) ?? 1;

const template = (name: string, most: number, rows: readonly number[], shares: boolean): Template => ({
  name,
  packing: "cache",
  refuses: (target) => refusesRows(target, most) ?? refuses(target),
  space: (target) => spaceOf(target, rows),
  default: (target) => {
    const workload = attentionOf(target);
    const { m } = workload;
    const usual = shares ? queriesFor(workload, rows) : 1;
    return defaultPoint(target, m === "any" || m >= usual ? usual : 1, !shares);
  },
  schedule: scheduleOf,
});

export const attentionDecode: Template = template("attention-decode", 8, [1, 2], false);
export const attentionPrefill: Template = template("attention-prefill", Number.POSITIVE_INFINITY, [1, 2, 4, 8], true);
