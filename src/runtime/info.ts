/** What has to be known of a module to run it, as JSON: an artifact's without its code and its history. */
import type { Size } from "./size.ts";

/** A tensor in memory. */
export interface TensorSpec {
  readonly name: string;
  /** Type of the elements: `f32`, `u4`, .. */
  readonly scalar: string;
  readonly shape: readonly Size[];
  /** Bytes that it takes. */
  readonly bytes: Size;
  /** Smallest and largest value that the kernel relies on, where it does: `run` checks them. */
  readonly range?: readonly [low: number, high: number];
}

/** A symbol, and the values for which a function may be called. */
export interface Domain {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** The value leaves `residue` when divided by `modulo`. */
  readonly modulo: number;
  readonly residue: number;
}

/** One call of an exported function. */
export interface LaunchInfo {
  readonly function: string;
  /** Arguments in order: addresses of these tensors, values of these symbols, then the range of the thread loop. */
  readonly tensors: readonly string[];
  readonly symbols: readonly Domain[];
  /** Iterations of the thread loop; 0 where there is none. */
  readonly threads: Size;
}

/** One launch of a shader. */
export interface DispatchInfo {
  /** The shader's name. */
  readonly function: string;
  /** Tensors by binding, in order. */
  readonly tensors: readonly string[];
  /** Of each tensor, the bytes that a workgroup along x has to itself, so that it can be bound in slices; 0 where it is bound whole. */
  readonly sliced: readonly number[];
  /** Those that are written. */
  readonly written: readonly string[];
  readonly symbols: readonly Domain[];
  /** Workgroups along x, y and z. */
  readonly grid: readonly [x: Size, y: Size, z: Size];
  /** Invocations of a workgroup along x, y and z. */
  readonly workgroup: readonly [x: number, y: number, z: number];
}

/** What runs for the values of M in a range. */
export interface PartInfo<L = LaunchInfo> {
  readonly min: number;
  readonly max: number;
  readonly launches: readonly L[];
  readonly workspaces: readonly TensorSpec[];
  /** Bytes of all workspaces, which are held at once: what a run of these sizes takes beside weights, caches, inputs and outputs. */
  readonly peak: Size;
}

/** The fields of a workload that running it needs: its rows, where it has such; of weights their format and sizes, for messages. */
export interface WorkloadInfo {
  readonly op: string;
  readonly m?: number | "any";
  readonly n?: number;
  readonly k?: number;
  readonly w?: string;
  /** Tokens in a page of the cache, where it has pages. */
  readonly pages?: number | undefined;
}

/** A module's description: how its tensors are packed and, by parts, what runs. */
export interface KernelInfo<L = LaunchInfo> {
  readonly workload: WorkloadInfo;
  /** Features without which the code does not validate. */
  readonly features: readonly string[];
  /** Identity of the packed layout: a packed tensor belongs to kernels with this hash only. */
  readonly layout: string;
  readonly weights: readonly TensorSpec[];
  readonly packed: readonly TensorSpec[];
  /** The cache's tensors, of kernels that append to one or read it. */
  readonly caches?: readonly TensorSpec[];
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /** Functions of the Wasm module that pack. */
  readonly pack: readonly LaunchInfo[];
  readonly parts: readonly PartInfo<L>[];
}

/** A description of shaders, with the Wasm module that packs for them. */
export interface GpuKernelInfo extends KernelInfo<DispatchInfo> {
  /** WGSL by name. */
  readonly shaders: Readonly<Record<string, string>>;
}
