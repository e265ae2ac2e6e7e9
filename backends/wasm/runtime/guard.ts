/**
 * Buffers that show when a kernel touches what is not its own: outputs stand between sentinels and are poisoned before they are
 * written, inputs stand between poison. For tests and the tuner's check of a candidate.
 *
 * Poison is 0xff in every byte: NaN in every float type, -1 or the largest value in the integer types.
 */
import type { WasmMemory } from "./memory.ts";

/** Bytes of sentinel or poison on either side; more than the longest vector of any kernel. */
const margin = 1024;
const poison = 0xff;
const sentinel = 0xa5;

export interface Guarded {
  /** A multiple of 64. */
  readonly address: number;
  readonly bytes: number;
  /** Undefined while the surroundings are untouched, else what was overwritten. Inputs are checked to be unchanged themselves too. */
  violation(): string | undefined;
  free(): void;
}

/** An output of `bytes` bytes, all of them poison until written, between sentinels. */
export function guardedOutput(runtime: WasmMemory, bytes: number): Guarded {
  const start = runtime.allocate(bytes + 2 * margin);
  runtime.bytes(start, bytes + 2 * margin).fill(sentinel);
  runtime.bytes(start + margin, bytes).fill(poison);
  return {
    address: start + margin,
    bytes,
    violation: () => surroundings(runtime, start, bytes, sentinel),
    free: () => runtime.free(start),
  };
}

/** A copy of an input between poison: reading past its ends gives NaN. */
export function guardedInput(runtime: WasmMemory, data: ArrayBufferView): Guarded {
  const bytes = data.byteLength;
  const start = runtime.allocate(bytes + 2 * margin);
  runtime.bytes(start, bytes + 2 * margin).fill(poison);
  const copy = new Uint8Array(data.buffer, data.byteOffset, bytes).slice();
  runtime.write(start + margin, copy);
  return {
    address: start + margin,
    bytes,
    violation: () => {
      const changed = runtime.bytes(start + margin, bytes).findIndex((byte, i) => byte !== copy[i]);
      return changed >= 0 ? `byte ${changed} of an input was overwritten` : surroundings(runtime, start, bytes, poison);
    },
    free: () => runtime.free(start),
  };
}

function surroundings(runtime: WasmMemory, start: number, bytes: number, value: number): string | undefined {
  const differs = (byte: number): boolean => byte !== value;
  const before = runtime.bytes(start, margin).findLastIndex(differs);
  if (before >= 0) return `${margin - before} bytes before the buffer a byte was overwritten`;
  const after = runtime.bytes(start + margin + bytes, margin).findIndex(differs);
  return after >= 0 ? `${after} bytes behind the buffer's end a byte was overwritten` : undefined;
}
