/** The workload of attention over a cache, and what it may be computed in. */
import type { Rotation, ScaledRotation } from "./rope.ts";

/**
 * What attention is computed in.
 * - `scores`: `f32`, products of f32 queries and decoded keys; `i8`, queries quantized to 8 bits per head (as `quantize` does), products with the keys'
 *   integer codes summed as integers. Bound: on the quantized queries that of f32.
 * - `weights` (the exponentials): `f32`; `i8`, quantized to 0..127 per block of `cacheBlock` tokens, summed with the values' integer codes. Bound: NMSE 5e-4.
 *
 * All in f32 is within NMSE 1e-6 of float64.
 */
export interface AttentionNumerics {
  readonly scores: "f32" | "i8";
  readonly weights: "f32" | "i8";
}

/** Mean of squared errors over mean of squares against float64 (on the quantized queries), by how the weights are computed. */
export const attentionBounds: Readonly<Record<AttentionNumerics["weights"], number>> = { f32: 1e-6, i8: 5e-4 };

/** Tokens in the cache on which attention is measured. */
const typicalTokens = 1024;

/** Tokens of a cache that lie together: what a cache grows by. */
export const cacheBlock = 64;

/**
 * Where a cache's tokens lie. Without `pages` it holds one sequence, whose T tokens lie one after the other. With `pages` a run is over a batch of B sequences (B from 0,
 * known at run time), which lie in pages of a pool (P of them) that they may share. Inputs `lengths` (i32, B) say how many tokens each holds, 0 to T, and `pageTable` (i32,
 * B x T/pages rounded up) in which page of the pool, 0 to P - 1, token t of sequence b lies: `pageTable[b, t // pages]`. What is said of one sequence, T being its length,
 * then holds for each, and its queries, tokens, positions, biases and results have an axis B outermost (lse after the heads).
 */
export interface Paged {
  /** Tokens of a page, a multiple of `cacheBlock`. @default one sequence */
  readonly pages?: number | undefined;
}

/** Sequences of a batch on which attention over pages is measured. */
const typicalSequences = 4;

/** Values of symbols for which a workload is measured, where it uses a cache: with pages, of a pool that all sequences could fill. */
export function typicalSizes(workload: object): { readonly T: number; readonly B?: number; readonly P?: number } {
  const { pages } = workload as Paged;
  if (pages === undefined) return { T: typicalTokens };
  return { T: typicalTokens, B: typicalSequences, P: typicalSequences * Math.ceil(typicalTokens / pages) };
}

/**
 * Attention of `m` queries over the first T tokens of a cache (T from 0, known at run time), grouped heads: query head h reads key head
 * `h // (heads / kvHeads)`.
 *
 *     x[h,i,t] = softcap(scale * sum_d q[i,h,d] * k[t,h',d]) + slopes[h] * (t - p[i]) + bias[i,t]        where token t is seen, else -inf
 *     y[i,h,d] = sum_t e^x[h,i,t] * v[t,h',d] / (sum_t e^x[h,i,t] + e^sinks[h])                          0 where the divisor is 0
 *
 * Token t is seen by query i when t < T; with `causal` also t <= p[i], with `window` also t > p[i] - window. The position p[i] of query i is T - m + i (the
 * queries are the last tokens), or the input `positions`. q and y are f32, m x heads x headSize; keys and values are tensors of rows (token, kv head).
 */
export interface AttentionWorkload extends Paged {
  readonly op: "attention";
  /** Queries of a run. */
  readonly m: number | "any";
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  /** Formats in which the cache holds keys and values; a row is one token's head. */
  readonly keys: string;
  readonly values: string;
  readonly causal: boolean;
  /** Tokens that a query sees, itself included. Needs `causal`. @default all before */
  readonly window?: number | undefined;
  /** Where queries stand. @default "last" */
  readonly positions?: "last" | "given" | undefined;
  /** @default 1 / sqrt(headSize) */
  readonly scale?: number | undefined;
  /** Scores are c * tanh(score / c). @default none */
  readonly softcap?: number | undefined;
  /** An input `slopes`, one per head (ALiBi). @default false */
  readonly slopes?: boolean | undefined;
  /** An input `bias`, m x T: -Infinity masks. @default false */
  readonly bias?: boolean | undefined;
  /** An input `sinks`, one per head. @default false */
  readonly sinks?: boolean | undefined;
  /** A second output `lse`, heads x m: log of the divisor, -Infinity where it is 0. @default false */
  readonly lse?: boolean | undefined;
  readonly numerics: AttentionNumerics;
}

/**
 * M new tokens join the T of a cache: `k` and `v` (f32, m x kvHeads x headSize) are encoded in its formats, each token's head by itself, as `encode` does. The cache is
 * the one of an attention workload with the same heads and formats. With `rope` keys are turned before, as by a rope workload: `positions` (i32, m) and `frequencies` (f32,
 * rotary / 2) are inputs. Keys with groups along tokens (`kv2_t32_m`) are encoded by groups, each value of a head by itself: T and M are multiples of the group.
 */
export interface AppendWorkload extends Paged {
  readonly op: "append";
  readonly m: number | "any";
  readonly kvHeads: number;
  readonly headSize: number;
  readonly keys: string;
  readonly values: string;
  /** @default none */
  readonly rope?: ScaledRotation | undefined;
  /** Outputs `keys` and `values`, as k and v: the new tokens as the cache has them, decoded. @default false */
  readonly decoded?: boolean | undefined;
}

/**
 * Keys of a cache turned where they lie (CacheBlend, arXiv:2405.16444; Cache-Craft, arXiv:2502.15734): those of the `m` tokens from token `first` on, which a run is told, are
 * decoded, turned by `deltas[i] * frequencies` (i32, m; f32, rotary / 2) as by a rope workload, and encoded again, each token's head by itself. A key that rope turned by
 * position p1 is by p2 - p1 what rope makes of it at p2; whatever scale it was multiplied by stays. Values are not looked at. With pages it is those m tokens of every sequence,
 * each with its deltas (B x m); `lengths` is no input.
 */
export interface RotateWorkload extends Rotation, Paged {
  readonly op: "rotate";
  readonly m: number | "any";
  readonly kvHeads: number;
  readonly headSize: number;
  readonly keys: string;
}

/**
 * Attention over a whole from its parts: `o` (parts x m x heads x headSize) and `l` (parts x heads x m) are what attention with `lse` gave for each, y and lse what it
 * would have given for all tokens at once.
 */
export interface MergeWorkload {
  readonly op: "merge";
  readonly m: number | "any";
  readonly parts: number;
  readonly heads: number;
  readonly headSize: number;
}
