/**
 * A loaded module as its user sees it: pack, run, dispose, on typed arrays. What a kernel takes and gives is in its types; that the arguments
 * keep to them is checked here.
 */
import { inputsOf, type RunInputs, requireWeights, resultOf, sizesOf } from "./arguments.ts";
import type { KvCache } from "./cache.ts";
import { cachedTokens } from "./cached-tokens.ts";
import { ApiError } from "./errors.ts";
import type { Executable } from "./executable.ts";
import { type Held, HeldTensor } from "./held.ts";
import type { Domain, WorkloadInfo } from "./info.ts";
import type { PackedTensors } from "./packed.ts";
import { type PagedCache, pagedInputs } from "./paged-cache.ts";
import { evaluate, type Sizes } from "./size.ts";

/** A kernel that packs weights of type `Weights` and runs on `Arguments`. */
export interface LoadedKernel<Weights, Arguments, Result> {
  /** Identity of the packed layout: kernels of the same one on one memory share packed weights. */
  readonly layout: string;
  /** Packs stored weights into the kernel's memory. Throws an `ApiError` for a missing tensor, one that has no place, or a wrong length. */
  pack(weights: Weights): PackedTensors;
  /** Packed weights from a file that `PackedTensors.toBytes` gave. */
  loadPacked(bytes: Uint8Array): PackedTensors;
  /** Runs; results are copies. Throws an `ApiError` for a wrong length, or tensors packed for another layout. */
  run(args: Arguments): Result;
  /** Runs; results stay in the memory, as inputs of kernels that work in it, until they are disposed of. Throws as `run` does. */
  hold(args: Arguments): Held<Result>;
  /**
   * An empty cache for this kernel, and for all that append to or attend over one of its formats and heads in this memory. Throws an `ApiError` where the kernel has none.
   * @param capacity tokens that it has room for before it grows; 0 unless given
   */
  newCache(capacity?: number): KvCache;
  /**
   * The same with pages, for sequences of different lengths, where the workload has `pages`.
   * @param capacity pages that it has room for before it grows; 0 unless given
   */
  newPagedCache(capacity?: number): PagedCache;
  /** Frees what the kernel holds; packed tensors in its own memory go with it. */
  dispose(): void;
}

/** The kernel of an executable. The types are the caller's to give: they follow from the workload. */
export function kernelOf<Weights, Arguments, Result>(executable: Executable): LoadedKernel<Weights, Arguments, Result> {
  return {
    layout: executable.artifact.layout,
    pack: (weights) => executable.pack(storedBytes(weights as StoredArrays)),
    loadPacked: (bytes) => executable.loadPacked(bytes),
    newCache: (capacity) => executable.newCache(capacity),
    newPagedCache: (capacity) => executable.newPagedCache(capacity),
    run: (args) => {
      const outputs = run(executable, args as RunInputs);
      try {
        return resultOf(executable.artifact, ({ name }) => outputs.get(name)?.read()) as Result;
      } finally {
        for (const tensor of outputs.values()) tensor.dispose();
      }
    },
    hold: (args) => {
      const outputs = run(executable, args as RunInputs);
      return resultOf(executable.artifact, ({ name }) => outputs.get(name)) as Held<Result>;
    },
    dispose: () => executable.dispose(),
  };
}

/** Stored tensors by name; a list is the rows of several matrices, one below the other. */
export type StoredArrays = Readonly<Record<string, ArrayBufferView | readonly ArrayBufferView[] | undefined>>;

/** Stored weights under their buffers' names, as bytes. */
export function storedBytes(weights: StoredArrays | undefined): Record<string, Uint8Array> {
  if (typeof weights !== "object" || weights === null)
    throw new ApiError("weights are missing; pass the stored tensors by name");
  return Object.fromEntries(
    Object.entries(weights).map(([name, data]) => {
      const parts: readonly unknown[] = Array.isArray(data) ? data : [data];
      if (!parts.every((part) => ArrayBuffer.isView(part)))
        throw new ApiError(`weights: ${name} is not a typed array, nor a list of such`);
      return [`w.${name}`, joined(parts)];
    }),
  );
}

/** The bytes of an array, in place. */
export const bytesOf = (data: ArrayBufferView): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** The bytes of tensors one after the other; copied only where there are several. */
function joined(parts: readonly ArrayBufferView[]): Uint8Array {
  if (parts.length === 1) return bytesOf(parts[0] as ArrayBufferView);
  const whole = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(bytesOf(part), at);
    at += part.byteLength;
  }
  return whole;
}

/** What is needed of a description to check sizes. */
interface Divided {
  readonly workload: WorkloadInfo;
  readonly parts: readonly { readonly launches: readonly { readonly symbols: readonly Domain[] }[] }[];
}

/** Throws an `ApiError` unless a cache can have the tokens that a run is over; `lengths` are those of its sequences, where it has several. */
export function requireSizes({ workload, parts }: Divided, sizes: Sizes, lengths?: readonly number[]): void {
  if (workload.op === "append") requireGroups(parts, sizes);
  requireTokens(sizes, lengths);
}

/** Throws an `ApiError` unless the tokens that are to be changed, where there are such, are in the cache. */
function requireTokens({ F: first, M: m = 0, T: tokens = 0 }: Sizes, lengths?: readonly number[]): void {
  if (first === undefined) return;
  for (const [i, held] of (lengths ?? [tokens]).entries())
    if (first + m > held)
      throw new ApiError(
        `first = ${first}, m = ${m}: ${lengths === undefined ? "the cache" : `sequences[${i}]`} holds ${held} tokens`,
      );
}

/** Throws an `ApiError` unless tokens join in the whole groups that a kernel is for. */
function requireGroups(parts: Divided["parts"], { M = 0, T = 0 }: Sizes): void {
  const tokens = parts.flatMap(({ launches }) => launches.flatMap(({ symbols }) => symbols));
  const group = tokens.reduce((most, { name, modulo }) => (name === "T" ? Math.max(most, modulo) : most), 1);
  if (M % group !== 0 || T % group !== 0)
    throw new ApiError(`m = ${M}: tokens join this cache, which holds ${T}, in groups of ${group}`);
}

/** Runs; the outputs are the caller's to dispose of. */
function run(executable: Executable, args: RunInputs): ReadonlyMap<string, HeldTensor> {
  executable.requireLive();
  if (typeof args !== "object" || args === null) throw new ApiError("arguments are missing; pass { x, w, m }");
  const { artifact, runtime } = executable;
  const cache = artifact.caches && cachedTokens(artifact, args, runtime);
  const rows = sizesOf(artifact, args);
  const before: Sizes = { ...rows, ...cache?.sizes };
  requireSizes(artifact, before, cache?.lengths);
  const at = new Map<string, number>();
  if (artifact.packed.length > 0) {
    const w = requireWeights<PackedTensors>(artifact, args["w"], runtime);
    for (const [name, address] of w.addresses) at.set(name, address);
  }
  const inputs = inputsOf(artifact, args, before, pagedInputs, runtime);
  // Nothing is refused from here on: now the cache may change.
  const joining = artifact.workload.op === "append" ? rows.M : 0;
  const { F: first } = before;
  cache?.makeRoom(first === undefined ? joining : rows.M, first);
  const sizes: Sizes = { ...rows, ...cache?.sizes };
  const tokens = first === undefined ? (sizes["T"] ?? 0) + joining : first + rows.M;
  for (const [name, data] of Object.entries(cache?.inputs(tokens) ?? {})) inputs.set(name, data);
  for (const [name, address] of cache?.addresses ?? []) at.set(name, address);
  const copies: HeldTensor[] = [];
  const outputs = new Map<string, HeldTensor>();
  try {
    for (const [name, given] of inputs) {
      const tensor = ArrayBuffer.isView(given) ? HeldTensor.from(runtime, given) : given;
      if (tensor !== given) copies.push(tensor);
      at.set(name, tensor.address);
    }
    for (const spec of artifact.outputs) {
      const tensor = HeldTensor.allocate(runtime, { ...spec, bytes: evaluate(spec.bytes, sizes) });
      outputs.set(spec.name, tensor);
      at.set(spec.name, tensor.address);
    }
    executable.launch(sizes, at);
    cache?.grow(joining);
    return outputs;
  } catch (error) {
    for (const tensor of outputs.values()) tensor.dispose();
    throw error;
  } finally {
    for (const tensor of copies) tensor.dispose();
  }
}
