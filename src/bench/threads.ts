// What threads bring: one kernel on 1, 2, .. of them in turns, what the machine's memory gives as many, and what it costs to have them take part at all.

import { WasmRuntime } from "../../backends/index.ts";
import { b, type Device, type Kernel } from "../../ir/index.ts";
import { compile } from "../compile/index.ts";
import { interleave, summarize } from "../timing/index.ts";
import { intWeightSource, makeCase, type WeightSource } from "./case.ts";
import { BenchError } from "./errors.ts";
import { KernelOnThreads, loadStream, streamedFor, streamParts, weightBytes } from "./limits.ts";
import { type PlainMatmul, storedWeights, workloadOf } from "./ours.ts";
import type { KernelRequest } from "./request.ts";

/** The device has the most threads. */
export interface ThreadsBench extends KernelRequest {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly sources: readonly WeightSource[];
}

export interface ThreadsRow {
  readonly threads: number;
  readonly medianMs: number;
  readonly lowMs: number;
  readonly highMs: number;
  readonly gops: number;
  /** Times as fast as one thread. */
  readonly speedup: number;
  /** Streaming reads of as many threads, in turns with the kernels, of as many bytes as the weights have (or the nearest power of two): 10^9 per second. */
  readonly readGBs: number;
  /** The part of that rate at which the weights are read, as they are stored. */
  readonly readShare: number;
  /** A launch that does nothing, one right after another, in microseconds. */
  readonly dispatchUs: number;
}

export interface ThreadsReport {
  readonly device: Device;
  readonly workload: PlainMatmul;
  readonly speedups: readonly ThreadsRow[];
}

/** Measures 1, 2, .. threads in turns, on one packed tensor. Throws a `BenchError` where the result depends on their number. */
export async function benchThreads(request: ThreadsBench): Promise<ThreadsReport> {
  const { device, db, seconds, seed, sources, signal } = request;
  const counts = Array.from({ length: device.threads ?? 1 }, (_, i) => i + 1);
  const matmul = makeCase({ ...request, threads: counts.length }, seed, [intWeightSource, ...sources]);
  const workload = workloadOf(matmul) as PlainMatmul & { readonly bias: false };
  const runtime = new WasmRuntime({ shared: true });
  const granted = (threads: number): Device => ({ ...device, threads });
  const compiled = await Promise.all(
    counts.map((threads) => compile(workload, { device: granted(threads), runtime, ...(db !== undefined && { db }) })),
  );
  try {
    const layouts = new Map(compiled.map((kernel) => [kernel.layout, kernel]));
    const stored = storedWeights(matmul.weights);
    const packed = new Map([...layouts].map(([layout, kernel]) => [layout, kernel.pack(stored)]));
    const { m, n, k } = matmul;
    const x = matmul.given(m);
    const runs = compiled.map((kernel) => {
      const w = packed.get(kernel.layout) as ReturnType<typeof kernel.pack>;
      return () => kernel.run({ m, x, w });
    });
    const results = runs.map((run) => run());
    for (const [i, y] of results.entries())
      if (compiled[i]?.layout === compiled[0]?.layout && !y.every((value, at) => value === results[0]?.[at]))
        throw new BenchError(`threads: the result on ${i + 1} threads is not the one on 1`);
    const bytes = weightBytes(workload);
    const streamed = streamedFor(bytes);
    const streams = await streamsOn(device, streamed, counts);
    const samples = await interleave(
      [...runs, ...streams.map((stream) => () => stream.run(streamParts(streamed)))].map((run) => () => void run()),
      { seconds: 2 * seconds, minSamples: 7, signal },
    );
    for (const stream of streams) stream.dispose();
    const all = samples.map(({ ms }) => summarize(ms));
    const [times, reads] = [all.slice(0, counts.length), all.slice(counts.length)];
    const speedups: ThreadsRow[] = [];
    for (const [i, { median, low, high }] of times.entries()) {
      const readGBs = streamed / (reads[i]?.median as number) / 1e6;
      speedups.push({
        threads: i + 1,
        ...{ medianMs: median, lowMs: low, highMs: high, readGBs },
        gops: (2 * m * n * k) / median / 1e6,
        speedup: (times[0]?.median ?? median) / median,
        readShare: bytes / median / 1e6 / readGBs,
        dispatchUs: await dispatchTime(granted(i + 1)),
      });
    }
    return { device, workload, speedups };
  } finally {
    for (const kernel of compiled) kernel.dispose();
    runtime.dispose();
  }
}

/** Streaming reads on each number of threads, the device's among them, of the same bytes. */
async function streamsOn(
  device: Device,
  bytes: number,
  counts: readonly number[],
): Promise<readonly KernelOnThreads[]> {
  const most = await loadStream(device, bytes);
  return Promise.all(counts.map((threads) => (threads === device.threads ? most : most.on(threads))));
}

/** Iterations of a launch that does nothing: more than there are chunks for as many threads as are usual. */
const iterations = 128;

async function dispatchTime(device: Device): Promise<number> {
  const kernels = await KernelOnThreads.load(emptyKernel(), device, { y: 4 * iterations });
  try {
    const [samples] = await interleave([() => kernels.run(iterations)], { seconds: 0.3 });
    return 1000 * summarize(samples?.ms ?? []).median;
  } finally {
    kernels.dispose();
  }
}

/** A store for each iteration. */
function emptyKernel(): Kernel {
  const y = b.buffer("y", "i32", [iterations], { role: "output" });
  const i = b.variable("i");
  return b.kernel("empty", "main", {
    buffers: [y],
    body: [b.loop("i", iterations, [b.store("y", [i], i)], "thread")],
  });
}
