// Benchmarks one matmul: ours and the peers on the same numbers in one run, interleaved, each checked against the
// float64 reference before and after it is timed. Not here: how ours is compiled (given as factories), command line.

import type { Device } from "../../ir/index.ts";
import { interleave, summarize } from "../timing/index.ts";
import { intWeightSource, type MatmulCase, makeCase, type WeightSource } from "./case.ts";
import { peers as matmulPeers, peerNamed, type Session } from "./peers/index.ts";
import { checkResult, type ResultError, referenceOf } from "./reference.ts";

/** What to measure; sizes are positive integers. */
export interface MatmulBench {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** The weights' format, `int4_g32` or one that a weight source knows. */
  readonly weights: string;
  /** What products are computed in: `f32`, `f16`, `i8_g32`, `i8_row`, `i8_g32_t8`. x and y are f32 in memory whatever it says. */
  readonly x: string;
  readonly threads: number;
  /** Names of {@link peers}; one that can't take the case is left out with a note. */
  readonly peers: readonly string[];
  /** Time spent on samples, all contestants together. @default 5 */
  readonly seconds?: number;
  /** @default 7 */
  readonly minSamples?: number;
  /** Seed of weights and activations. @default 1 */
  readonly seed?: number;
  /** The machine measured on. */
  readonly device: Device;
  /** Formats beyond int<bits>_g<group>. */
  readonly sources?: readonly WeightSource[];
  /** Told one line per peer left out. @default console.error */
  readonly note?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** Makes one of our kernels ready for a case. */
export type Factory = (matmul: MatmulCase) => Promise<Session>;

export interface BenchReport {
  readonly device: Device;
  readonly rows: readonly BenchRow[];
}

export interface BenchRow {
  readonly who: string;
  readonly workload: string;
  /** Time of one run: median, 10 % and 90 % quantile of the samples. */
  readonly medianMs: number;
  readonly lowMs: number;
  readonly highMs: number;
  /** 2 · m · n · k operations over the median time, in 10^9 per second. */
  readonly gops: number;
  /** max |y - ref| / max |ref| against float64 on the same codes. */
  readonly maxError: number;
  /** Mean of squared errors over mean of squares, against the same. */
  readonly nmse: number;
}

/**
 * Measures `ours` (by the name to report) and the peers side by side.
 *
 * @throws BenchError when the request is not a case, a peer's package is missing, or a result disagrees with the reference.
 */
export async function benchMatmul(request: MatmulBench, ours: Readonly<Record<string, Factory>>): Promise<BenchReport> {
  const { peers, note = console.error, seconds = 5, minSamples = 7, signal, device } = request;
  const named = peers.map((name) => peerNamed(name, matmulPeers));
  const matmul = makeCase(request, request.seed ?? 1, [intWeightSource, ...(request.sources ?? [])]);
  const factories = Object.entries(ours);
  for (const peer of named) {
    const reason = peer.unsupported(matmul);
    if (reason) note(`${peer.name} is left out: ${reason}`);
    else factories.push([peer.name, peer.prepare]);
  }

  const reference = referenceOf(matmul);
  const contestants: { readonly who: string; readonly session: Session }[] = [];
  const errorOf = async ({ who, session }: (typeof contestants)[number]): Promise<ResultError> =>
    checkResult(who, await session.output(), matmul, reference);
  try {
    for (const [who, prepare] of factories) {
      signal?.throwIfAborted();
      const contestant = { who, session: await prepare(matmul) };
      contestants.push(contestant);
      await contestant.session.run();
      await errorOf(contestant);
    }
    const samples = await interleave(
      contestants.map(({ session }) => session.timed ?? (() => session.run())),
      { seconds, minSamples, ...(signal && { signal }) },
    );
    const rows: BenchRow[] = [];
    for (const [i, contestant] of contestants.entries()) {
      const { median, low, high } = summarize(samples[i]!.ms);
      rows.push({
        who: contestant.who,
        workload: labelOf(matmul),
        medianMs: median,
        lowMs: low,
        highMs: high,
        gops: (2 * matmul.m * matmul.n * matmul.k) / (median * 1e6),
        ...(await errorOf(contestant)),
      });
    }
    return { device, rows };
  } finally {
    for (const { session } of contestants) await session.dispose();
  }
}

function labelOf({ m, n, k, weights, activations, threads }: MatmulCase): string {
  return `matmul m${m} n${n} k${k} ${weights.format} x ${activations}, ${threads} thread${threads === 1 ? "" : "s"}`;
}
