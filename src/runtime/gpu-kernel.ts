/**
 * Loaded shaders as their user sees them: pack, run, dispose, on typed arrays; what waits for the GPU is a promise. Rows are independent, so that more of them than fit the
 * device's bindings are run part by part.
 */
import type { GpuTensor } from "../../backends/index.ts";
import { inputsOf, type RunInputs, requireWeights, resultOf, sizesOf } from "./arguments.ts";
import { arrayOf, type TensorArray } from "./arrays.ts";
import { requireCache } from "./cached-tokens.ts";
import { ApiError } from "./errors.ts";
import type { GpuKvCache } from "./gpu-cache.ts";
import type { GpuExecutable } from "./gpu-executable.ts";
import type { GpuPackedTensors } from "./gpu-packed.ts";
import type { TensorSpec } from "./info.ts";
import { bytesOf, requireSizes, type StoredArrays, storedBytes } from "./kernel.ts";
import { evaluate, type Size, type Sizes } from "./size.ts";

/** A kernel on a GPU that packs weights of type `Weights` and runs on `Arguments`. */
export interface LoadedGpuKernel<Weights, Arguments, Result> {
  /** Identity of the packed layout: kernels of the same one on one runtime share packed weights. */
  readonly layout: string;
  /** Packs stored weights on the CPU and uploads them. Rejects with an `ApiError` for a missing tensor, one that has no place, or a wrong length. */
  pack(weights: Weights): Promise<GpuPackedTensors>;
  /** Packed weights from a file that `toBytes` gave, of packed tensors on any backend. */
  loadPacked(bytes: Uint8Array): Promise<GpuPackedTensors>;
  /**
   * An empty cache for this kernel, and for all that append to or attend over one of its formats and heads on this runtime. Rejects with an `ApiError` where the kernel has none.
   * @param capacity tokens that it has room for before it grows; 0 unless given
   */
  newCache(capacity?: number): Promise<GpuKvCache>;
  /** Runs; results are copies. Rejects with an `ApiError` for a wrong length, or tensors packed for another layout, with a `GpuError` where the device is lost. */
  run(args: Arguments): Promise<Result>;
  /** Frees what the kernel holds; packed tensors stay. */
  dispose(): void;
}

/** The kernel of an executable. The types are the caller's to give: they follow from the workload. */
export function gpuKernelOf<Weights, Arguments, Result>(
  executable: GpuExecutable,
): LoadedGpuKernel<Weights, Arguments, Result> {
  const buffers = new Buffers(executable);
  /** Runs share tensors, so each waits for the one before. */
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(work, work);
    last = result.catch(() => {});
    return result;
  };
  return {
    layout: executable.artifact.layout,
    pack: async (weights) => executable.pack(storedBytes(weights as StoredArrays)),
    loadPacked: (bytes) => executable.loadPacked(bytes),
    newCache: (capacity) => executable.newCache(capacity),
    run: (args) => inTurn(() => runOnce(executable, buffers, args as RunInputs)) as Promise<Result>,
    dispose: () => {
      buffers.dispose();
      executable.dispose();
    },
  };
}

/** Bytes up to which the runtime writes in order with what follows. */
const orderedBytes = 2 ** 23;

/** Inputs and outputs on the GPU, kept from run to run. */
class Buffers {
  readonly #executable: GpuExecutable;
  readonly #tensors = new Map<string, GpuTensor>();

  constructor(executable: GpuExecutable) {
    this.#executable = executable;
  }

  /** A tensor of at least so many bytes. */
  async get(name: string, bytes: number): Promise<GpuTensor> {
    const known = this.#tensors.get(name);
    if (known !== undefined && known.bytes === bytes) return known;
    known?.free();
    this.#tensors.delete(name);
    const made = await this.#executable.runtime.allocate(bytes, { label: name });
    this.#tensors.set(name, made);
    return made;
  }

  dispose(): void {
    for (const tensor of this.#tensors.values()) tensor.free();
    this.#tensors.clear();
  }
}

async function runOnce(executable: GpuExecutable, buffers: Buffers, args: RunInputs): Promise<unknown> {
  executable.requireLive();
  if (typeof args !== "object" || args === null) throw new ApiError("arguments are missing; pass { x, w, m }");
  const { artifact, runtime } = executable;
  if (artifact.caches === undefined) return runOn(executable, buffers, args, undefined);
  const cache = requireCache<GpuKvCache>(artifact, args["cache"], runtime);
  return cache.inTurn(() => runOn(executable, buffers, args, cache));
}

async function runOn(
  executable: GpuExecutable,
  buffers: Buffers,
  args: RunInputs,
  cache: GpuKvCache | undefined,
): Promise<unknown> {
  cache?.requireLive();
  const { artifact, runtime } = executable;
  const sizes = { ...sizesOf(artifact, args), ...(cache && { T: cache.tokens }) };
  const m = sizes.M;
  const joining = artifact.workload.op === "append" ? m : 0;
  requireSizes(artifact, sizes);
  const weights = new Map<string, GpuTensor>();
  if (artifact.packed.length > 0) {
    const w = requireWeights<GpuPackedTensors>(artifact, args["w"], runtime);
    for (const [name, tensor] of w.tensors) weights.set(name, tensor);
  }
  const inputs = inputsOf(artifact, args, sizes);
  await cache?.makeRoom(joining);
  for (const [name, tensor] of cache?.tensors ?? []) weights.set(name, tensor);
  const sizeOf = ({ bytes }: TensorSpec, rows: number): number => evaluate(bytes, { ...sizes, M: rows });
  const results = new Map(artifact.outputs.map((o) => [o.name, new Uint8Array(sizeOf(o, m))]));
  const most = rowsAtOnce(executable, sizes);
  for (let row = 0; row < m || row === 0; row += most) {
    const rows = Math.min(most, m - row);
    const tensors = new Map(weights);
    const writes: Promise<void>[] = [];
    for (const spec of artifact.inputs) {
      const tensor = await buffers.get(spec.name, sizeOf(spec, rows));
      tensors.set(spec.name, tensor);
      const data = bytesOf(inputs.get(spec.name) as TensorArray);
      // What does not grow with M is the same for all rows.
      const begin = row === 0 || sizeOf(spec, 1) === sizeOf(spec, 2) ? 0 : sizeOf(spec, row);
      writes.push(runtime.write(tensor, data.subarray(begin, begin + tensor.bytes)));
      // Short writes keep their place in the order of things.
      if (tensor.bytes > orderedBytes) await writes.at(-1);
    }
    const outputs: GpuTensor[] = [];
    for (const spec of artifact.outputs) outputs.push(await buffers.get(spec.name, sizeOf(spec, rows)));
    artifact.outputs.forEach(({ name }, i) => {
      tensors.set(name, outputs[i] as GpuTensor);
    });
    const [read] = await Promise.all([
      runtime.run(await executable.launches({ ...sizes, M: rows }, tensors), outputs),
      ...writes,
    ]);
    artifact.outputs.forEach((spec, i) => {
      (results.get(spec.name) as Uint8Array).set(read[i] as Uint8Array, row === 0 ? 0 : sizeOf(spec, row));
    });
  }
  cache?.grow(joining);
  return resultOf(artifact, (spec) => new (arrayOf(spec))((results.get(spec.name) as Uint8Array<ArrayBuffer>).buffer));
}

/**
 * The most rows whose tensors fit the device's bindings: all where M is fixed, for then the shaders are made for just so many, and where rows are not what follows each other in
 * every tensor, or depend on how many there are.
 */
function rowsAtOnce({ artifact, runtime }: GpuExecutable, sizes: Sizes & { readonly M: number }): number {
  const m = sizes.M;
  const { workload, inputs, outputs, caches } = artifact;
  const isByRows = [...inputs, ...outputs].every(({ shape }) => shape.slice(1).every((size) => !dependsOnRows(size)));
  if (workload.m !== "any" || caches !== undefined || !isByRows) return Math.max(1, m);
  const { maxBinding, maxBuffer } = runtime.sizeLimits;
  const most = Math.min(maxBinding, maxBuffer);
  const growing = [...inputs, ...outputs, ...artifact.parts.flatMap((p) => p.workspaces)];
  const fits = (rows: number): boolean => growing.every(({ bytes }) => evaluate(bytes, { ...sizes, M: rows }) <= most);
  let rows = Math.max(1, m);
  while (rows > 1 && !fits(rows)) rows = Math.ceil(rows / 2);
  return rows;
}

/** Whether a size is another one for other M. */
const dependsOnRows = (size: Size): boolean =>
  size === "M" || (typeof size === "object" && [size[1], size[2]].some(dependsOnRows));
