/**
 * Tensors on the GPU: a tensor larger than one binding, or one buffer, is several buffers, each holding whole units (what one workgroup
 * reads of it). Not here: moving data (transfers.ts).
 */
import { gpuError } from "./errors.ts";
import type { LiveDevice } from "./live.ts";
import { usage } from "./usage.ts";

/** A part of a tensor that is a buffer of its own. */
export interface GpuSlice {
  readonly buffer: GPUBuffer;
  /** The first unit in it, and how many there are. The units of a tensor that is not sliced are its bytes. */
  readonly begin: number;
  readonly count: number;
  /** Bytes of the tensor in it; the buffer itself is a multiple of 16 bytes. */
  readonly bytes: number;
}

export interface AllocateOptions {
  /** Name for messages and debuggers. */
  readonly label?: string;
  /** Bytes that stay together, a multiple of 16: the tensor may then be cut between units. By default it is one buffer. */
  readonly unit?: number;
  /** Units in each slice, where the cuts of several tensors must agree (see {@link unitsPerSlice}). */
  readonly perSlice?: number;
}

/** Sizes in bytes that a device allows. */
export interface SizeLimits {
  readonly maxBinding: number;
  readonly maxBuffer: number;
}

/** Storage buffers are read as vectors of up to 16 bytes, whole ones. */
const granule = 16;
/** Cuts fall on such multiples of units where a slice holds so many: offsets of other tensors at the same workgroup are then aligned, too. */
const alignedUnits = 64;

const roundedUp = (value: number, to: number): number => Math.ceil(value / to) * to;

/** How many units of `unit` bytes one slice may hold; 0 where not even one fits. */
export function unitsPerSlice(unit: number, { maxBinding, maxBuffer }: SizeLimits): number {
  const most = Math.floor(Math.min(maxBinding, maxBuffer) / unit);
  return most >= alignedUnits
    ? most - (most % alignedUnits)
    : 2 ** Math.floor(Math.log2(Math.max(1, most))) * Math.sign(most);
}

/** Where the slices of a tensor lie: [first unit, units, bytes] of each. @throws GpuError where a unit does not fit */
export function slicesOf(
  bytes: number,
  { label = "a tensor", unit = 0, perSlice }: AllocateOptions,
  limits: SizeLimits,
): readonly (readonly [begin: number, count: number, bytes: number])[] {
  const most = Math.min(limits.maxBinding, limits.maxBuffer);
  if (!Number.isSafeInteger(bytes) || bytes < 0)
    throw gpuError("call", { reason: `${label}: allocate of ${bytes} bytes` });
  if (unit % granule !== 0 || unit < 0)
    throw gpuError("call", { reason: `${label}: a unit of ${unit} bytes is no multiple of ${granule}` });
  if (unit === 0) {
    if (roundedUp(bytes, granule) <= most) return [[0, bytes, bytes]];
    throw gpuError("limit", {
      what: `${label} of ${bytes} bytes`,
      limit: `${most} bytes per buffer`,
      remedy: 'open the GPU with limits: "adapter", run fewer rows at a time, or allocate in units',
    });
  }
  const count = perSlice ?? unitsPerSlice(unit, limits);
  if (count < 1 || count * unit > most)
    throw gpuError("limit", {
      what: `${label}: ${Math.max(1, count)} units of ${unit} bytes`,
      limit: `${most} bytes per buffer`,
      remedy: 'open the GPU with limits: "adapter", or take a schedule with smaller tiles',
    });
  const units = Math.max(1, Math.ceil(bytes / unit));
  return Array.from({ length: Math.ceil(units / count) }, (_, i) => {
    const begin = i * count;
    const size = Math.min(count, units - begin);
    return [begin, size, Math.min(size * unit, bytes - begin * unit)] as const;
  });
}

/** Bytes on the device, freed by `free` or with its runtime. */
export class GpuTensor {
  readonly label: string;
  /** Bytes of data. */
  readonly bytes: number;
  /** Bytes of a unit; 0 where the tensor is one buffer. */
  readonly unit: number;
  /** In order, without gaps; a tensor without a unit has one. */
  readonly slices: readonly GpuSlice[];
  readonly #live: LiveDevice;
  #freed = false;

  /** @internal */
  constructor(live: LiveDevice, bytes: number, options: AllocateOptions, slices: readonly GpuSlice[]) {
    this.#live = live;
    this.label = options.label ?? "a tensor";
    this.bytes = bytes;
    this.unit = options.unit ?? 0;
    this.slices = slices;
    live.usedBytes += this.allocatedBytes;
  }

  /** Bytes that it takes on the device. */
  get allocatedBytes(): number {
    return this.slices.reduce((sum, { bytes }) => sum + allocated(bytes), 0);
  }

  get freed(): boolean {
    return this.#freed;
  }

  /** @throws GpuError where it was freed, or belongs to another runtime */
  requireOf(live: LiveDevice): void {
    if (this.#freed) throw gpuError("call", { reason: `${this.label} was freed: allocate it again` });
    if (this.#live !== live)
      throw gpuError("call", { reason: `${this.label} belongs to another runtime: read it there and write it here` });
  }

  /** Gives the memory back once what was launched is done. Further calls do nothing. */
  free(): void {
    if (this.#freed) return;
    this.#freed = true;
    this.#live.usedBytes -= this.allocatedBytes;
    for (const { buffer } of this.slices) buffer.destroy();
  }
}

/** Bytes of a buffer for so much data. */
export function allocated(bytes: number): number {
  return Math.max(granule, roundedUp(bytes, granule));
}

/** A tensor of zeros. @throws GpuError where it is over a limit or the GPU has no memory left */
export async function allocateTensor(
  live: LiveDevice,
  bytes: number,
  options: AllocateOptions,
  limits: SizeLimits,
): Promise<GpuTensor> {
  const places = slicesOf(bytes, options, limits);
  const label = options.label ?? "a tensor";
  const { value: slices, accepted } = live.captured(`${label} of ${bytes} bytes`, () =>
    places.map(([begin, count, size]) => ({
      begin,
      count,
      bytes: size,
      buffer: live.gpu.createBuffer({
        label,
        size: allocated(size),
        usage: usage.storage | usage.copySource | usage.copyTarget,
      }),
    })),
  );
  try {
    await accepted;
  } catch (error) {
    for (const { buffer } of slices) buffer.destroy();
    throw error;
  }
  return new GpuTensor(live, bytes, options, slices);
}
