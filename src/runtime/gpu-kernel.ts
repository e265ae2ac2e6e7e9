/**
 * Loaded shaders as their user sees them: pack, run, dispose, on typed arrays; what waits for the GPU is a promise. Rows are independent, so that more of them than fit the
 * device's bindings are run part by part.
 */
import type { GpuTensor } from "../../backends/index.ts";
import { inputsOf, type RunInputs, requireWeights, resultOf, sizesOf } from "./arguments.ts";
import { arrayOf, type TensorArray } from "./arrays.ts";
import { cachedTokens, requireCache } from "./cached-tokens.ts";
import { ApiError } from "./errors.ts";
import type { GpuCachedTokens, GpuKvCache } from "./gpu-cache.ts";
import type { GpuExecutable } from "./gpu-executable.ts";
import { type GpuHeld, GpuHeldTensor } from "./gpu-held.ts";
import type { GpuPackedTensors } from "./gpu-packed.ts";
import type { GpuPagedCache } from "./gpu-paged-cache.ts";
import type { TensorSpec } from "./info.ts";
import { bytesOf, requireSizes, type StoredArrays, storedBytes, useOf } from "./kernel.ts";
import { pagedInputs } from "./paged-cache.ts";
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
  /**
   * The same with pages, for sequences of different lengths, where the workload has `pages`.
   * @param capacity pages that it has room for before it grows; 0 unless given
   */
  newPagedCache(capacity?: number): Promise<GpuPagedCache>;
  /** Runs; results are copies. Rejects with an `ApiError` for a wrong length, or tensors packed for another layout, with a `GpuError` where the device is lost. */
  run(args: Arguments): Promise<Result>;
  /**
   * Runs; results stay on the GPU, as inputs of kernels there, until they are disposed of. Rejects as `run` does, and with an `ApiError` for more rows than fit the device's
   * bindings at once.
   */
  hold(args: Arguments): Promise<GpuHeld<Result>>;
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
    newPagedCache: (capacity) => executable.newPagedCache(capacity),
    run: (args) =>
      inTurn(() => runOnce(executable, args as RunInputs, (on) => runRows(executable, buffers, on))) as Promise<Result>,
    hold: (args) =>
      inTurn(() => runOnce(executable, args as RunInputs, (on) => holdRows(executable, buffers, on))) as Promise<
        GpuHeld<Result>
      >,
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

/** What a run is on: its sizes, tensors that stand on the GPU already, and inputs, held ones among them. */
interface Run {
  readonly sizes: Sizes & { readonly M: number };
  readonly tensors: ReadonlyMap<string, GpuTensor>;
  readonly inputs: ReadonlyMap<string, TensorArray | GpuHeldTensor>;
}

type Work = (on: Run) => Promise<unknown>;

async function runOnce(executable: GpuExecutable, args: RunInputs, work: Work): Promise<unknown> {
  executable.requireLive();
  if (typeof args !== "object" || args === null) throw new ApiError("arguments are missing; pass { x, w, m }");
  const { artifact, runtime } = executable;
  if (artifact.caches === undefined) return runOn(executable, args, undefined, work);
  const cache = requireCache<GpuKvCache | GpuPagedCache>(artifact, args["cache"], runtime);
  return cache.inTurn(async () =>
    runOn(executable, args, cachedTokens<GpuCachedTokens>(artifact, args, runtime), work),
  );
}

async function runOn(
  { artifact, runtime }: GpuExecutable,
  args: RunInputs,
  cache: GpuCachedTokens | undefined,
  work: Work,
): Promise<unknown> {
  const before = { ...sizesOf(artifact, args), ...cache?.sizes };
  requireSizes(artifact, before, cache?.lengths);
  const tensors = new Map<string, GpuTensor>();
  if (artifact.packed.length > 0) {
    const w = requireWeights<GpuPackedTensors>(artifact, args["w"], runtime);
    for (const [name, tensor] of w.tensors) tensors.set(name, tensor);
  }
  const inputs = inputsOf<GpuHeldTensor>(artifact, args, before, pagedInputs, runtime);
  // Nothing is refused from here on: now the cache may change.
  const { joining, written, first, tokens: over } = useOf(artifact, before);
  await cache?.makeRoom(written, first);
  for (const [name, data] of Object.entries(cache?.inputs(over) ?? {})) inputs.set(name, data);
  for (const [name, tensor] of cache?.tensors ?? []) tensors.set(name, tensor);
  const result = await work({ sizes: { ...before, ...cache?.sizes }, tensors, inputs });
  cache?.grow(joining);
  return result;
}

const sizeOf = ({ bytes }: TensorSpec, sizes: Sizes, rows: number): number => evaluate(bytes, { ...sizes, M: rows });

/** Results are read; rows are run part by part where they are too many. */
async function runRows(executable: GpuExecutable, buffers: Buffers, on: Run): Promise<unknown> {
  const { artifact, runtime } = executable;
  const { sizes } = on;
  const m = sizes.M;
  const results = new Map(artifact.outputs.map((o) => [o.name, new Uint8Array(sizeOf(o, sizes, m))]));
  const most = rowsFor(executable, on);
  for (let row = 0; row < m || row === 0; row += most) {
    const rows = Math.min(most, m - row);
    const { tensors, writes } = await placed(executable, buffers, on, row, rows);
    const outputs: GpuTensor[] = [];
    for (const spec of artifact.outputs) outputs.push(await buffers.get(spec.name, sizeOf(spec, sizes, rows)));
    artifact.outputs.forEach(({ name }, i) => {
      tensors.set(name, outputs[i] as GpuTensor);
    });
    const [read] = await Promise.all([
      runtime.run(await executable.launches({ ...sizes, M: rows }, tensors), outputs),
      ...writes,
    ]);
    artifact.outputs.forEach((spec, i) => {
      (results.get(spec.name) as Uint8Array).set(read[i] as Uint8Array, row === 0 ? 0 : sizeOf(spec, sizes, row));
    });
  }
  return resultOf(artifact, (spec) => new (arrayOf(spec))((results.get(spec.name) as Uint8Array<ArrayBuffer>).buffer));
}

/** Results stay on the GPU. */
async function holdRows(executable: GpuExecutable, buffers: Buffers, on: Run): Promise<unknown> {
  const { artifact, runtime } = executable;
  const { sizes } = on;
  const m = sizes.M;
  if (rowsAtOnce(executable, sizes) < m) throw tooMany(m);
  const { tensors, writes } = await placed(executable, buffers, on, 0, m);
  const held = new Map<string, GpuHeldTensor>();
  try {
    for (const spec of artifact.outputs) {
      const tensor = await GpuHeldTensor.allocate(runtime, { ...spec, bytes: sizeOf(spec, sizes, m) });
      held.set(spec.name, tensor);
      tensors.set(spec.name, tensor.tensor);
    }
    await Promise.all([runtime.launch(await executable.launches(sizes, tensors)), ...writes]);
    return resultOf(artifact, ({ name }) => held.get(name));
  } catch (error) {
    for (const tensor of held.values()) tensor.dispose();
    throw error;
  }
}

const tooMany = (m: number): ApiError =>
  new ApiError(`m = ${m}: so many rows are run part by part, which held tensors are not; run arrays, or fewer rows`);

/** The most rows of a run at once. Throws an `ApiError` where tensors that are held would have to be cut. */
function rowsFor(executable: GpuExecutable, { sizes, inputs }: Run): number {
  const most = rowsAtOnce(executable, sizes);
  if (most < sizes.M && [...inputs.values()].some((data) => !ArrayBuffer.isView(data))) throw tooMany(sizes.M);
  return most;
}

/** Inputs of `rows` rows from `row` on, those that are held where they are, the others on their way. */
async function placed(
  { artifact, runtime }: GpuExecutable,
  buffers: Buffers,
  { sizes, tensors: given, inputs }: Run,
  row: number,
  rows: number,
): Promise<{ readonly tensors: Map<string, GpuTensor>; readonly writes: readonly Promise<void>[] }> {
  const tensors = new Map(given);
  const writes: Promise<void>[] = [];
  for (const spec of artifact.inputs) {
    const data = inputs.get(spec.name) as TensorArray | GpuHeldTensor;
    if (!ArrayBuffer.isView(data)) {
      tensors.set(spec.name, data.tensor);
      continue;
    }
    const tensor = await buffers.get(spec.name, sizeOf(spec, sizes, rows));
    tensors.set(spec.name, tensor);
    // What does not grow with M is the same for all rows.
    const begin = row === 0 || sizeOf(spec, sizes, 1) === sizeOf(spec, sizes, 2) ? 0 : sizeOf(spec, sizes, row);
    writes.push(runtime.write(tensor, bytesOf(data).subarray(begin, begin + tensor.bytes)));
    // Short writes keep their place in the order of things.
    if (tensor.bytes > orderedBytes) await writes.at(-1);
  }
  return { tensors, writes };
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
