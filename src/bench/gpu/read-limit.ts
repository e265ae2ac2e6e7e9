/** The rate at which a GPU reads memory, by the best variant of the read-only sum. Not here: the kernel (read-kernel.ts). */
import { GpuError, type GpuRuntime, type GpuTensor } from "../../../backends/index.ts";
import { type ContestOptions, contest, type Entrant, type Limit, requireSame, shaderOf } from "./contest.ts";
import { fillKernel, type ReadVariant, readKernel, readResult, roundsOf } from "./read-kernel.ts";

/** A rate of reading, and of how many bytes again and again. */
export interface ReadLimit {
  readonly bytes: number;
  readonly limit: Limit;
}

const readVariants: readonly ReadVariant[] = (["swept", "apart"] as const).flatMap((order) =>
  [256, 64].flatMap((of) =>
    [4, 8, 2].flatMap((unrolled) => [4096, 16384, 1024].map((groups) => ({ groups, local: of, unrolled, order }))),
  ),
);
/** For few bytes, and for a glance. */
const smallVariants: readonly ReadVariant[] = [64, 256, 1024].flatMap((groups) =>
  [1, 4].map((unrolled) => ({ groups, local: 64, unrolled, order: "swept" as const })),
);

/** Rates of as many bytes, or half of them as often as the device has no room. */
export async function readLimit(runtime: GpuRuntime, wanted: number, options: ContestOptions): Promise<ReadLimit> {
  for (let bytes = wanted; ; bytes /= 2) {
    try {
      return { bytes, limit: await readBytes(runtime, bytes, options) };
    } catch (error) {
      const noRoom = error instanceof GpuError && (error.fault === "memory" || error.fault === "limit");
      if (!noRoom || bytes <= 2 ** 20) throw error;
    }
  }
}

async function readBytes(runtime: GpuRuntime, bytes: number, options: ContestOptions): Promise<Limit> {
  const { maxBinding, maxBuffer } = runtime.sizeLimits;
  // Byte addresses are i32.
  const chunk = Math.min(bytes, 2 ** 30, 2 ** Math.floor(Math.log2(Math.min(maxBinding, maxBuffer))));
  const suits = (v: ReadVariant): boolean => Number.isInteger(roundsOf(chunk, v));
  const large = readVariants.filter((v) => suits(v) && (options.quick !== true || v.groups === 1024));
  const variants = chunk >= 2 ** 25 ? large : smallVariants.filter(suits);
  const results = Math.max(...variants.map(({ groups, local: of }) => groups * of));
  const tensors: GpuTensor[] = [];
  const allocate = async (size: number, label: string): Promise<GpuTensor> => {
    const made = await runtime.allocate(size, { label });
    tensors.push(made);
    return made;
  };
  try {
    // Each part has results of its own, so that none waits for another.
    const parts: { readonly x: GpuTensor; readonly y: GpuTensor }[] = [];
    for (let at = 0; at < bytes; at += chunk)
      parts.push({ x: await allocate(chunk, "words to read"), y: await allocate(4 * results, "sums") });
    const fill = shaderOf(runtime, fillKernel(chunk));
    await runtime.launch(parts.map(({ x }) => ({ shader: fill, buffers: { x } })));
    const entrants = variants.map((variant): Entrant<ReadVariant & Limit["variant"]> => {
      const shader = shaderOf(runtime, readKernel(chunk, variant));
      return {
        variant: { ...variant },
        launches: parts.map((buffers) => ({ shader, buffers: { ...buffers } })),
        amount: bytes,
        check: async () => {
          const sums = readResult(chunk, variant);
          for (const { y } of parts) {
            const data = await runtime.read(y, 0, sums.byteLength);
            requireSame("read", new Int32Array(data.buffer), sums);
          }
        },
      };
    });
    return await contest(runtime, "reading", entrants, options);
  } finally {
    for (const tensor of tensors) tensor.free();
  }
}
