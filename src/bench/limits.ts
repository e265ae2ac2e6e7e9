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
  type Stmt,
} from "../../ir/index.ts";
import { kernelFeatures } from "../compile/index.ts";

/** The machine's limits for one thread. */
export interface Limits {
  /** Streaming reads of as many bytes again and again, from the cache that holds them or from memory: 10^9 bytes per second, by bytes (powers of two). */
  readonly readGBs: Readonly<Record<number, number>>;
  /** Products and sums of 8-bit integers, 10^9 operations per second. */
  readonly dotGops: number;
}

/** Larger weights are read at the rate of these many bytes: several times the last-level cache of most machines. */
const mostStreamed = 256 * 2 ** 20;
const leastStreamed = 2 ** 12;
/** Rounds over the operands, steps of a round, and the tile of each step. */
const rounds = 64;
const steps = 128;
const tile = [3, 4] as const;

/** The measured size that stands for a working set. */
const streamedFor = (bytes: number): number =>
  Math.min(mostStreamed, Math.max(leastStreamed, 2 ** Math.round(Math.log2(bytes))));

const weightBytes = ({ n, k, w }: MatmulWorkload): number =>
  Object.values(containerBytes(formatOf(w), n, k)).reduce((sum, size) => sum + size, 0);

/** Measures the limits of these matmuls; takes a second or two. */
export async function measureLimits(device: Device, workloads: readonly MatmulWorkload[]): Promise<Limits> {
  const features = kernelFeatures(device);
  const readGBs: Record<number, number> = {};
  for (const bytes of new Set(workloads.map((w) => streamedFor(weightBytes(w))))) {
    const ms = await time(streamKernel(bytes), features, { x: bytes, y: 64 }, Math.ceil(2 ** 22 / bytes));
    readGBs[bytes] = bytes / ms / 1e6;
  }
  const products = tile[0] * tile[1];
  const sizes = { x: 16 * steps * tile[0], w: 16 * steps * tile[1], y: 16 * products };
  const dotMs = await time(dotKernel(), features, sizes, 8);
  // Each dot product has 16 products and as many additions.
  const operations = rounds * steps * products * 32;
  return { readGBs, dotGops: operations / dotMs / 1e6 };
}

/** The time that the limits allow a matmul, in ms: its stored weights read once, or its operations done. */
export function limitMs(
  workload: MatmulWorkload,
  m: number,
  { readGBs, dotGops }: Limits,
): { readonly ms: number; readonly by: "memory" | "arithmetic" } {
  const bytes = weightBytes(workload);
  const memory = bytes / (readGBs[streamedFor(bytes)] ?? Infinity) / 1e6;
  const arithmetic = (2 * m * workload.n * workload.k) / dotGops / 1e6;
  return memory > arithmetic ? { ms: memory, by: "memory" } : { ms: arithmetic, by: "arithmetic" };
}

/** The shortest of some runs of a kernel, in ms, each of `repeats` calls, after as many to warm up: a limit is what is reached undisturbed. */
async function time(
  kernel: Kernel,
  features: readonly Feature[],
  sizes: Readonly<Record<string, number>>,
  repeats: number,
): Promise<number> {
  const runtime = new WasmRuntime();
  try {
    const module = await runtime.load(compileModule([lower(kernel, "wasm")], features));
    const buffers = Object.fromEntries(Object.entries(sizes).map(([name, bytes]) => [name, runtime.allocate(bytes)]));
    for (const [name, bytes] of Object.entries(sizes)) runtime.bytes(buffers[name] as number, bytes).fill(1);
    const samples = Array.from({ length: 24 }, () => {
      const start = performance.now();
      for (let i = 0; i < repeats; i++) module.run(kernel.name, { buffers });
      return (performance.now() - start) / repeats;
    });
    return Math.min(...samples.slice(8));
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

/** `acc[i, j] += dot(x[s, i], w[s, j])`, a tile in registers, operands in the first-level cache. */
function dotKernel(): Kernel {
  const [s, i, j] = [b.variable("s"), b.variable("i"), b.variable("j")];
  const x = b.buffer("x", "i8", [steps, tile[0], 16], { role: "input" });
  const w = b.buffer("w", "i8", [steps, tile[1], 16], { role: "input", range: [0, 127] });
  const y = b.buffer("y", "i16", [...tile, 8], { role: "output" });
  const acc = b.buffer("acc", "i16", [...tile, 8], { scope: "register" });
  const [pairs, lane] = [b.lanes([8, 2], [2, 1]), b.lanes([8], [1])];
  const product = b.call("dot2_i16_i8_i7", b.load(x, [s, i, pairs]), b.load(w, [s, j, pairs]));
  const overTile = (names: readonly [string, string], body: Stmt): Stmt =>
    b.loop(names[0], tile[0], [b.loop(names[1], tile[1], [body], "unroll")], "unroll");
  const sum = b.loop("r", rounds, [
    b.loop("s", steps, [overTile(["i", "j"], b.reduce("acc", [i, j, lane], product, ["r", "s"]))]),
  ]);
  const [p, q] = [b.variable("p"), b.variable("q")];
  const out = overTile(["p", "q"], b.store("y", [p, q, lane], b.load(acc, [p, q, lane])));
  return b.kernel("dot", "main", { buffers: [x, w, y, acc], body: [sum, out] });
}
