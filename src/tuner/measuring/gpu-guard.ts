/**
 * Tensors on a GPU that show when a kernel touches what is not its own. They are bound with room behind them: an index beyond the end finds poison there and is not moved
 * to the tensor's last element, as WebGPU does with what is beyond a binding; one before the beginning is beyond the end, for indices have no sign. What is bound for reading
 * can't be written at all.
 */
import type { AllocateOptions, GpuRuntime, GpuTensor } from "../../../backends/index.ts";

/** Bytes behind a tensor; more than the longest vector of any kernel. */
const margin = 1024;
/** NaN in every float type, -1 or the largest value in the integer types. */
const poison = 0xff;
const sentinel = 0xa5;

const roundUp = (bytes: number): number => Math.ceil(bytes / 16) * 16;

/** A tensor that kernels read, followed by poison where it is one buffer and the device allows so large a one. */
export async function guardedInput(
  runtime: GpuRuntime,
  label: string,
  data: ArrayBufferView,
  slices: AllocateOptions = {},
): Promise<GpuTensor> {
  const bytes = data.byteLength;
  const behind = slices.unit === undefined ? roomBehind(runtime, bytes) : 0;
  const tensor = await runtime.allocate(bytes + behind, { ...slices, label });
  const whole = bytes - (bytes % 4);
  const source = new Uint8Array(data.buffer, data.byteOffset, bytes);
  await runtime.write(tensor, source.subarray(0, whole));
  // What is written ends at a multiple of 4 bytes: the last ones of the data go with the poison.
  const rest = new Uint8Array(bytes + behind - whole).fill(poison);
  rest.set(source.subarray(whole));
  if (rest.length > 0) await runtime.write(tensor, rest, whole);
  return tensor;
}

/** A tensor that kernels write. */
export interface GuardedOutput {
  readonly tensor: GpuTensor;
  /** Its bytes as they are now. What is behind them follows in the same buffer. */
  read(): Promise<Uint8Array<ArrayBuffer>>;
  /** Undefined while what follows the bytes that were read is untouched. */
  violation(read: Uint8Array<ArrayBuffer>): string | undefined;
}

/** An output of `bytes` bytes, all of them poison until written, with sentinels behind. */
export async function guardedOutput(runtime: GpuRuntime, label: string, bytes: number): Promise<GuardedOutput> {
  const size = bytes + roomBehind(runtime, bytes);
  const tensor = await runtime.allocate(size, { label });
  const filled = new Uint8Array(size).fill(sentinel).fill(poison, 0, bytes);
  await runtime.write(tensor, filled);
  return {
    tensor,
    read: async () => (await runtime.read(tensor)).subarray(0, bytes),
    violation: (read) => {
      const after = new Uint8Array(read.buffer, read.byteOffset + bytes, size - bytes);
      const found = after.findIndex((byte) => byte !== sentinel);
      return found < 0 ? undefined : `${label}: ${found} bytes behind the buffer's end a byte was overwritten`;
    },
  };
}

function roomBehind({ sizeLimits: { maxBinding, maxBuffer } }: GpuRuntime, bytes: number): number {
  const least = roundUp(bytes) - bytes;
  return roundUp(bytes) + margin <= Math.min(maxBinding, maxBuffer) ? least + margin : least;
}
