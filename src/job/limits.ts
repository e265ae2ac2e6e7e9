/**
 * What this machine could do at most, measured by kernels of our own pipeline: the rate at which one thread reads memory, and the rate of integer dot products
 * on operands in registers and the first-level cache. What a matmul takes is put against the time that these two would take.
 */
import { compileModule, WasmRuntime } from "../../backends/index.ts";
import {
  b,
  containerBytes,
  type Device,
  type Feature,
  formatOf,
  type Kernel,
  lower,
  type MatmulWorkload,
} from "../../ir/index.ts";
import { median } from "../bench/index.ts";
import { kernelFeatures } from "../compile/index.ts";

/** The machine's limits for one thread. */
export interface Limits {
  /** Streaming reads from memory, 10^9 bytes per second. */
  readonly readGBs: number;
  /** Products and sums of 8-bit integers, 10^9 operations per second. */
  readonly dotGops: number;
}

/** Bytes streamed: several times the last-level cache of most machines. */
const streamed = 256 * 2 ** 20;
/** Dot products per call. */
const rounds = 2 ** 16;
const accumulators = 8;

/** Measures both limits; takes about a second. */
export async function measureLimits(device: Device): Promise<Limits> {
  const features = kernelFeatures(device);
  const streamMs = await time(streamKernel(streamed), features, { x: streamed, y: 64 });
  const dotMs = await time(dotKernel(), features, { x: 64, w: 16 * accumulators, y: 16 * accumulators });
  // Per call and accumulator 8 lanes of two products.
  const operations = rounds * accumulators * 8 * 2 * 2;
  return { readGBs: streamed / streamMs / 1e6, dotGops: operations / dotMs / 1e6 };
}

/** The time that the limits allow a matmul, in ms: its stored weights read once, or its operations done. */
export function limitMs(
  { n, k, w }: MatmulWorkload,
  m: number,
  { readGBs, dotGops }: Limits,
): { readonly ms: number; readonly by: "memory" | "arithmetic" } {
  const bytes = Object.values(containerBytes(formatOf(w), n, k)).reduce((sum, size) => sum + size, 0);
  const memory = bytes / readGBs / 1e6;
  const arithmetic = (2 * m * n * k) / dotGops / 1e6;
  return memory > arithmetic ? { ms: memory, by: "memory" } : { ms: arithmetic, by: "arithmetic" };
}

/** The median of some runs of a kernel, in ms, after as many to warm up. */
async function time(
  kernel: Kernel,
  features: readonly Feature[],
  sizes: Readonly<Record<string, number>>,
): Promise<number> {
  const runtime = new WasmRuntime();
  try {
    const module = await runtime.load(compileModule([lower(kernel)], features));
    const buffers = Object.fromEntries(Object.entries(sizes).map(([name, bytes]) => [name, runtime.allocate(bytes)]));
    for (const [name, bytes] of Object.entries(sizes)) runtime.bytes(buffers[name] as number, bytes).fill(1);
    const samples = Array.from({ length: 14 }, () => {
      const start = performance.now();
      module.run(kernel.name, { buffers });
      return performance.now() - start;
    });
    return median(samples.slice(7));
  } finally {
    runtime.dispose();
  }
}

/** `acc += x[..]` over all of x, 64 bytes at a time. */
function streamKernel(bytes: number): Kernel {
  const [i, t] = [b.variable("i"), b.variable("t")];
  const x = b.buffer("x", "i32", [bytes / 64, 4, 4], { role: "input" });
  const y = b.buffer("y", "i32", [4, 4], { role: "output" });
  const acc = b.buffer("acc", "i32", [4, 4], { scope: "register" });
  const lane = b.lanes([4], [1]);
  const sum = b.loop("i", bytes / 64, [
    b.loop("t", 4, [b.reduce("acc", [t, lane], b.load(x, [i, t, lane]), ["i"])], "unroll"),
  ]);
  const out = b.loop("o", 4, [b.store("y", [b.variable("o"), lane], b.load(acc, [b.variable("o"), lane]))], "unroll");
  return b.kernel("stream", "main", { buffers: [x, y, acc], body: [sum, out] });
}

/** `acc[t] += dot(x, w[t])`, operands in the first-level cache. */
function dotKernel(): Kernel {
  const t = b.variable("t");
  const x = b.buffer("x", "i8", [64], { role: "input" });
  const w = b.buffer("w", "i8", [accumulators, 16], { role: "input", range: [0, 127] });
  const y = b.buffer("y", "i16", [accumulators, 8], { role: "output" });
  const acc = b.buffer("acc", "i16", [accumulators, 8], { scope: "register" });
  const [pairs, lane] = [b.lanes([8, 2], [2, 1]), b.lanes([8], [1])];
  // Another quarter of x each time, so that no product is the same as the last.
  const from = b.mul(b.mod(b.variable("r"), 4), 16);
  const product = b.call("dot2_i16_i8_i7", b.load(x, [b.add(from, pairs)]), b.load(w, [t, pairs]));
  const sum = b.loop("r", rounds, [b.loop("t", accumulators, [b.reduce("acc", [t, lane], product, ["r"])], "unroll")]);
  const out = b.loop(
    "o",
    accumulators,
    [b.store("y", [b.variable("o"), lane], b.load(acc, [b.variable("o"), lane]))],
    "unroll",
  );
  return b.kernel("dot", "main", { buffers: [x, w, y, acc], body: [sum, out] });
}
