/**
 * What this machine could do at most, measured by kernels of our own pipeline: the rate at which the granted threads read memory, and the rate of integer dot products
 * on operands in registers and the first-level cache. What a matmul takes is put against the time that these two would take.
 */
import { compileModule, WasmMemory } from "../../backends/index.ts";
import {
  b,
  containerBytes,
  type Device,
  formatOf,
  type Kernel,
  lower,
  type MatmulWorkload,
  type Stmt,
} from "../../ir/index.ts";
import { kernelFeatures, onThreads, type SharedKernels } from "../compile/index.ts";

/** The machine's limits for the threads that a device grants. */
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
const rounds = 16;
const steps = 128;
const tile = [3, 4] as const;

/** Parts of the dot products that threads share, and bytes of a part of what is read. */
const dotParts = 32;
const leastPart = 2 ** 14;

/** The measured size that stands for a working set. */
export const streamedFor = (bytes: number): number =>
  Math.min(mostStreamed, Math.max(leastStreamed, 2 ** Math.round(Math.log2(bytes))));

/** Bytes of a matmul's weights as they are stored. */
export const weightBytes = ({ n, k, w }: MatmulWorkload): number =>
  Object.values(containerBytes(formatOf(w), n, k)).reduce((sum, size) => sum + size, 0);

/** Measures the limits of these matmuls; takes a second or two. */
export async function measureLimits(device: Device, workloads: readonly MatmulWorkload[]): Promise<Limits> {
  const readGBs: Record<number, number> = {};
  for (const bytes of new Set(workloads.map((w) => streamedFor(weightBytes(w)))))
    readGBs[bytes] = await readRate(device, bytes);
  const products = tile[0] * tile[1];
  const sizes = { x: 16 * steps * tile[0], w: 16 * steps * tile[1], y: 16 * products * dotParts };
  const kernels = await KernelOnThreads.load(dotKernel(), device, sizes);
  const dotMs = kernels.shortest(dotParts, 1);
  kernels.dispose();
  // Each dot product has 16 products and as many additions.
  const operations = dotParts * rounds * steps * products * 32;
  return { readGBs, dotGops: operations / dotMs / 1e6 };
}

/** Streaming reads of as many bytes, a power of two, again and again: 10^9 bytes per second. */
export async function readRate(device: Device, bytes: number): Promise<number> {
  const kernels = await loadStream(device, bytes);
  const ms = kernels.shortest(streamParts(bytes), Math.ceil(2 ** 22 / bytes));
  kernels.dispose();
  return bytes / ms / 1e6;
}

/** Parts that threads share of reading so many bytes. */
export const streamParts = (bytes: number): number => Math.min(64, Math.max(1, bytes / leastPart));

/** The kernel that reads so many bytes, a power of two, in `streamParts` iterations. */
export const loadStream = (device: Device, bytes: number): Promise<KernelOnThreads> =>
  KernelOnThreads.load(streamKernel(bytes, streamParts(bytes)), device, { x: bytes, y: 64 * streamParts(bytes) });

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

interface Loaded {
  readonly kernel: string;
  readonly args: readonly number[];
  readonly module: WebAssembly.Module;
  readonly instance: WebAssembly.Instance;
  readonly memory: WebAssembly.Memory;
}

/** A kernel whose thread loop a device's threads share, its buffers filled with ones. */
export class KernelOnThreads {
  readonly #loaded: Loaded;
  readonly #shared: SharedKernels;

  private constructor(loaded: Loaded, shared: SharedKernels) {
    this.#loaded = loaded;
    this.#shared = shared;
  }

  /** `sizes` of the kernel's buffers in bytes. */
  static async load(kernel: Kernel, device: Device, sizes: Readonly<Record<string, number>>): Promise<KernelOnThreads> {
    const { threads = 1 } = device;
    const memory = new WasmMemory({ shared: threads > 1 });
    const { bytes, functions } = compileModule([lower(kernel, "wasm")], kernelFeatures(device));
    const module = await WebAssembly.compile(bytes);
    const instance = await WebAssembly.instantiate(module, { env: { memory: memory.memory } });
    const at = new Map(Object.entries(sizes).map(([name, size]) => [name, memory.allocate(size)]));
    for (const [name, address] of at) memory.bytes(address, sizes[name] as number).fill(1);
    const args = functions.flatMap(({ buffers }) => buffers.map((name) => at.get(name) as number));
    return KernelOnThreads.#share({ kernel: kernel.name, args, module, instance, memory: memory.memory }, threads);
  }

  static async #share(loaded: Loaded, threads: number): Promise<KernelOnThreads> {
    return new KernelOnThreads(loaded, await onThreads(threads)(loaded.module, loaded.instance, loaded.memory));
  }

  /** The same on another number of threads, where it is on several, working on the same bytes. */
  on(threads: number): Promise<KernelOnThreads> {
    return KernelOnThreads.#share(this.#loaded, threads);
  }

  run(iterations: number): void {
    this.#shared.run(this.#loaded.kernel, this.#loaded.args, iterations, Infinity);
  }

  /** The shortest of some samples in ms, each of `repeats` runs, after as many to warm up: a limit is what is reached undisturbed. */
  shortest(iterations: number, repeats: number): number {
    const samples = Array.from({ length: 24 }, () => {
      const start = performance.now();
      for (let i = 0; i < repeats; i++) this.run(iterations);
      return (performance.now() - start) / repeats;
    });
    return Math.min(...samples.slice(8));
  }

  dispose(): void {
    this.#shared.dispose();
  }
}

/** `acc += x[p, ..]` over each part of x, 64 bytes at a time. */
function streamKernel(bytes: number, parts: number): Kernel {
  const [p, i, t] = [b.variable("p"), b.variable("i"), b.variable("t")];
  const steps = bytes / parts / 64;
  const x = b.buffer("x", "i32", [parts, steps, 4, 4], { role: "input" });
  const y = b.buffer("y", "i32", [parts, 4, 4], { role: "output" });
  const acc = b.buffer("acc", "i32", [4, 4], { scope: "register" });
  const lane = b.lanes([4], [1]);
  const sum = b.loop("i", steps, [
    b.loop("t", 4, [b.reduce("acc", [t, lane], b.load(x, [p, i, t, lane]), ["i"])], "unroll"),
  ]);
  const o = b.variable("o");
  const out = b.loop("o", 4, [b.store("y", [p, o, lane], b.load(acc, [o, lane]))], "unroll");
  return b.kernel("stream", "main", { buffers: [x, y, acc], body: [b.loop("p", parts, [sum, out], "thread")] });
}

/** `acc[i, j] += dot(x[s, i], w[s, j])`, a tile in registers, operands in the first-level cache. */
function dotKernel(): Kernel {
  const [s, i, j] = [b.variable("s"), b.variable("i"), b.variable("j")];
  const x = b.buffer("x", "i8", [steps, tile[0], 16], { role: "input" });
  const w = b.buffer("w", "i8", [steps, tile[1], 16], { role: "input", range: [0, 127] });
  const y = b.buffer("y", "i16", [dotParts, ...tile, 8], { role: "output" });
  const acc = b.buffer("acc", "i16", [...tile, 8], { scope: "register" });
  const [pairs, lane] = [b.lanes([8, 2], [2, 1]), b.lanes([8], [1])];
  const product = b.call("dot2_i16_i8_i7", b.load(x, [s, i, pairs]), b.load(w, [s, j, pairs]));
  const overTile = (names: readonly [string, string], body: Stmt): Stmt =>
    b.loop(names[0], tile[0], [b.loop(names[1], tile[1], [body], "unroll")], "unroll");
  const sum = b.loop("r", rounds, [
    b.loop("s", steps, [overTile(["i", "j"], b.reduce("acc", [i, j, lane], product, ["r", "s"]))]),
  ]);
  const [part, p, q] = [b.variable("part"), b.variable("p"), b.variable("q")];
  const out = overTile(["p", "q"], b.store("y", [part, p, q, lane], b.load(acc, [p, q, lane])));
  return b.kernel("dot", "main", {
    buffers: [x, w, y, acc],
    body: [b.loop("part", dotParts, [sum, out], "thread")],
  });
}
