/** The time that a GPU's limits allow a matmul: what its measured time is put against. Loads in browsers. Not here: measuring the limits (limits.ts). */
import { containerBytes, formatOf, type MatmulWorkload } from "../../../ir/index.ts";
import { arithmeticOf, type GpuLimits } from "./limits.ts";

/** Bytes of a matmul's weights as they are stored. */
export const weightBytes = ({ n, k, w }: MatmulWorkload): number =>
  Object.values(containerBytes(formatOf(w), n, k)).reduce((sum, bytes) => sum + bytes, 0);

/** Smaller weights are read at the rate of so many bytes, larger ones at that of several times any cache. */
const fewest = 2 ** 18;
const most = 2 ** 29;

/** The sizes to measure reading by for these matmuls: each one's weights, to a power of two. */
export const readSizes = (workloads: readonly MatmulWorkload[]): readonly number[] =>
  [...new Set(workloads.map((w) => sizeFor(weightBytes(w))))].sort((a, b) => a - b);

const sizeFor = (bytes: number): number => Math.min(most, Math.max(fewest, 2 ** Math.round(Math.log2(bytes))));

/** The time that the limits allow a matmul of `m` rows, in ms: its stored weights read once, or its operations done. */
export function gpuLimitMs(
  workload: MatmulWorkload,
  m: number,
  limits: GpuLimits,
): { readonly ms: number; readonly by: "memory" | "arithmetic" } {
  const bytes = weightBytes(workload);
  const distance = (of: { readonly bytes: number }): number => Math.abs(Math.log2(of.bytes / bytes));
  const nearest = [...limits.read].sort((a, b) => distance(a) - distance(b))[0];
  const memory = nearest === undefined ? 0 : bytes / nearest.limit.rate.median / 1e6;
  const rate = limits.rates[arithmeticOf(workload, limits)]?.rate.median ?? Infinity;
  const arithmetic = (2 * m * workload.n * workload.k) / rate / 1e6;
  return memory > arithmetic ? { ms: memory, by: "memory" } : { ms: arithmetic, by: "arithmetic" };
}
