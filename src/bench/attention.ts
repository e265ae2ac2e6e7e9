// Benchmarks attention over several caches: ours in each format and the peers (f32) on the same queries, keys and values, in turns, each checked against float64
// before and after it is timed. Not here: how ours is made (ours-attention.ts), command line.

import {
  type AttentionNumerics,
  type AttentionWorkload,
  cacheFormatOf,
  type Device,
  programOf,
  WorkloadError,
} from "../../ir/index.ts";
import { ScheduleError, type Target, templateFor } from "../../schedules/index.ts";
import type { CompileOptions } from "../compile/index.ts";
import { compare, interleave, summarize } from "../timing/index.ts";
import {
  type AttentionCase,
  type AttentionReference,
  type AttentionSizes,
  attentionCase,
  attentionReference,
  checkAttention,
  nmseOf,
  stored,
  storedTokens,
} from "./attention-case.ts";
import { readRate, streamedFor } from "./limits.ts";
import type { AttentionRequest } from "./ours-attention.ts";
import { attentionPeers, peerNamed, type Session } from "./peers/index.ts";

/** What to measure: a step that adds the queries' tokens to a cache and attends over all. Sizes are positive integers. */
export interface AttentionBench extends Omit<AttentionSizes, "tokens"> {
  /** Tokens in the cache, the queries' own among them: each a table. */
  readonly tokens: readonly number[];
  /** Formats of caches: each is measured with every numerics of weights that it allows, and scores in integers where it has codes. */
  readonly caches: readonly CacheFormats[];
  /** Tokens of a page: with it each is measured in a paged cache too, all sequences in one run; without pages they take a run each. */
  readonly pages?: number | undefined;
  /** Names of `attentionPeers`; one that can't take the case is left out with a note. */
  readonly peers: readonly string[];
  /** Time spent on the samples of a table, all contestants together. */
  readonly seconds: number;
  readonly seed: number;
  /** The machine measured on, with the threads that kernels are granted. */
  readonly device: Device;
  /** The records that our kernels are planned from. */
  readonly db?: CompileOptions["db"];
  /** Told one line per contestant left out. */
  readonly note: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface CacheFormats {
  readonly keys: string;
  readonly values: string;
}

export interface AttentionRow {
  readonly who: string;
  readonly keys: string;
  readonly values: string;
  /** Tokens of a page, where the cache has pages. */
  readonly pages?: number;
  readonly numerics: AttentionNumerics;
  /** Time of one step of all sequences: median, 10 % and 90 % quantile of the samples. */
  readonly medianMs: number;
  readonly lowMs: number;
  readonly highMs: number;
  /** How many times as fast as each peer, by its name, and as our own over f32 without pages (`f32`), where they were measured. */
  readonly ratios: Readonly<Record<string, Ratio>>;
  /** Bytes of the caches, which a step reads at least once. */
  readonly cacheBytes: number;
  /** Those over the median time, 10^9 per second. */
  readonly cacheGBs: number;
  /** Mean of squared errors over mean of squares against float64 on what the cache holds (and on the queries as they were quantized). */
  readonly nmse: number;
  /** The same against float64 on the keys and values before they were stored: what the cache's format costs. */
  readonly nmseToF32: number;
}

/** A ratio of medians, and the interval that holds it with 95 % confidence. */
export interface Ratio {
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
}

/** What was measured at one number of tokens. */
export interface AttentionTable {
  readonly tokens: number;
  /** On Wasm, streaming reads of as many bytes as the caches have in f32: 10^9 bytes per second. */
  readonly readGBs?: number;
  readonly rows: readonly AttentionRow[];
}

export interface AttentionReport extends Omit<AttentionSizes, "tokens"> {
  readonly device: Device;
  readonly lengths: readonly AttentionTable[];
}

/** Makes one of ours ready. */
export type AttentionFactory = (request: AttentionRequest) => Promise<Session>;

/**
 * Measures ours and the peers side by side.
 *
 * @throws BenchError when the request is not a case, a peer's package is missing, or a result disagrees with the reference; WorkloadError for a format that can't
 * be a cache's.
 */
export async function benchAttention(request: AttentionBench, ours: AttentionFactory): Promise<AttentionReport> {
  const { sequences, queries, heads, kvHeads, headSize, tokens, device, signal } = request;
  const lengths: AttentionTable[] = [];
  for (const count of tokens) {
    signal.throwIfAborted();
    lengths.push(await measure(request, count, ours));
  }
  return { device, sequences, queries, heads, kvHeads, headSize, lengths };
}

/** One of ours or a peer, its reference at hand. */
interface Contestant {
  readonly who: string;
  readonly workload: AttentionWorkload;
  readonly cacheBytes: number;
  readonly session: Session;
  readonly reference: AttentionReference;
}

async function measure(request: AttentionBench, tokens: number, ours: AttentionFactory): Promise<AttentionTable> {
  const { device, seconds, seed, signal } = request;
  const { sequences, queries, heads, kvHeads, headSize, pages } = request;
  const sizes: AttentionSizes = { sequences, queries, tokens, heads, kvHeads, headSize };
  const given = attentionCase(sizes, device.threads ?? 1, seed);
  const plain = attentionReference(given.workload, given, given.inputs.keys, given.inputs.values);
  const contestants: Contestant[] = [];
  const join = async (contestant: Contestant): Promise<void> => {
    contestants.push(contestant);
    await contestant.session.run();
    await check(contestant, given);
  };
  try {
    for (const cache of request.caches)
      for (const workload of workloadsOf(given.workload, cache, pages, device)) {
        signal.throwIfAborted();
        await join(await ourContestant(workload, given, request, ours));
      }
    for (const peer of request.peers.flatMap((name) => peerNamed(name, attentionPeers))) {
      signal.throwIfAborted();
      const reason = sequences > 1 ? "it is given one sequence" : peer.unsupported(given);
      if (reason) {
        request.note(`${peer.name} is left out: ${reason}`);
        continue;
      }
      const session = await peer.prepare(given);
      const cacheBytes = given.inputs.keys.byteLength + given.inputs.values.byteLength;
      await join({ who: peer.name, workload: given.workload, cacheBytes, session, reference: plain });
    }
    const samples = await interleave(
      contestants.map(({ session }) => session.timed ?? (() => session.run())),
      { seconds, minSamples: 7, signal },
    );
    const rows: AttentionRow[] = [];
    const ratios = ratiosOf(
      contestants,
      samples.map(({ ms }) => ms),
    );
    for (const [i, contestant] of contestants.entries()) {
      const { who, workload, cacheBytes, session } = contestant;
      const { median, low, high } = summarize(samples[i]?.ms ?? []);
      rows.push({
        ...{ who, keys: workload.keys, values: workload.values, numerics: workload.numerics },
        ...(workload.pages !== undefined && { pages: workload.pages }),
        ...{ medianMs: median, lowMs: low, highMs: high, ratios: ratios[i] ?? {} },
        ...{ cacheBytes, cacheGBs: cacheBytes / median / 1e6 },
        nmse: await check(contestant, given),
        nmseToF32: nmseOf(await session.output(), plain),
      });
    }
    if (device.kind !== "wasm") return { tokens, rows };
    const readGBs = await readRate(device, streamedFor(8 * sequences * tokens * kvHeads * headSize));
    return { tokens, readGBs, rows };
  } finally {
    for (const { session } of contestants) await session.dispose();
  }
}

async function ourContestant(
  workload: AttentionWorkload,
  given: AttentionCase,
  { device, db }: AttentionBench,
  ours: AttentionFactory,
): Promise<Contestant> {
  const { keys, values } = given.inputs;
  const count = storedTokens(workload, given);
  const [k, v] = [stored(workload.keys, keys, given, count.keys), stored(workload.values, values, given, count.values)];
  return {
    who: "qloom",
    workload,
    cacheBytes: given.sequences * (k.bytes + v.bytes),
    session: await ours({ workload, given, device, ...(db !== undefined && { db }) }),
    reference: attentionReference(workload, given, k.decoded, v.decoded),
  };
}

const check = async ({ who, session, workload, reference }: Contestant, given: AttentionCase): Promise<number> =>
  checkAttention(
    `${who} (${workload.keys}, ${workload.values})`,
    await session.output(),
    workload.numerics,
    given,
    reference,
  );

/**
 * The workloads of a cache: weights in f32 and, where the values and the device allow it, in integers; each without pages and, where they are asked for, with. Throws a
 * `WorkloadError` for a format that can't be a cache's, and for pages that can't be.
 */
function workloadsOf(
  base: AttentionWorkload,
  { keys, values }: CacheFormats,
  pages: number | undefined,
  device: Device,
): readonly AttentionWorkload[] {
  const { format, tokens } = cacheFormatOf(keys);
  const scores = format.codes === undefined || tokens > 1 ? "f32" : "i8";
  const [plain, quantized] = (["f32", "i8"] as const).map(
    (weights): AttentionWorkload => ({ ...base, keys, values, numerics: { scores, weights } }),
  ) as [AttentionWorkload, AttentionWorkload];
  programOf({ ...plain, pages });
  const allowed = isAllowed({ workload: quantized, device }) ? [plain, quantized] : [plain];
  return allowed.flatMap((workload) => (pages === undefined ? [workload] : [workload, { ...workload, pages }]));
}

function isAllowed(target: Target): boolean {
  try {
    programOf(target.workload);
    templateFor(target);
    return true;
  } catch (error) {
    if (error instanceof WorkloadError || error instanceof ScheduleError) return false;
    throw error;
  }
}

/** Of each contestant to the peers and to ours over f32, by samples of the same rounds. */
function ratiosOf(
  contestants: readonly Contestant[],
  samples: readonly (readonly number[])[],
): readonly AttentionRow["ratios"][] {
  const isPlain = ({ keys, values, pages }: AttentionWorkload): boolean =>
    keys === "f32" && values === "f32" && pages === undefined;
  const others = contestants.flatMap(({ who, workload }, i) =>
    who !== "qloom" ? [[who, i] as const] : isPlain(workload) ? [["f32", i] as const] : [],
  );
  return samples.map((own) =>
    Object.fromEntries(
      others.map(([name, i]) => {
        const { ratio, low, high } = compare(samples[i] ?? [], own, { paired: true });
        return [name, { ratio, low, high }];
      }),
    ),
  );
}
