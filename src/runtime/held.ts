/**
 * Tensors that stand in the memory in which kernels work: results that are the next kernel's inputs where they are, without a copy. Not here: packed weights (`packed.ts`),
 * the cache (`cache.ts`).
 */
import type { WasmMemory } from "../../backends/index.ts";
import { arrayOf, scalarOf, type TensorArray } from "./arrays.ts";
import { ApiError } from "./errors.ts";

/** What a held tensor's elements are. */
export interface HeldSpec {
  readonly name: string;
  readonly scalar: string;
  readonly bytes: number;
  /** Smallest and largest value that they can have, where that is known. */
  readonly range?: readonly [low: number, high: number] | undefined;
}

/** A tensor in a memory, until it is disposed of. */
export class HeldTensor<A extends TensorArray = TensorArray> {
  readonly runtime: WasmMemory;
  readonly address: number;
  readonly spec: HeldSpec;
  #disposed = false;

  private constructor(runtime: WasmMemory, spec: HeldSpec) {
    this.runtime = runtime;
    this.spec = spec;
    this.address = runtime.allocate(spec.bytes);
  }

  /** Room for a tensor; its values are anything. */
  static allocate(runtime: WasmMemory, spec: HeldSpec): HeldTensor {
    return new HeldTensor(runtime, spec);
  }

  /** A copy of an array, for what does not change from run to run. Throws an `ApiError` for arrays of other types than tensors have. */
  static from<A extends TensorArray>(runtime: WasmMemory, values: A): HeldTensor<A> {
    const scalar = scalarOf(values);
    const held = new HeldTensor<A>(runtime, { name: "values", scalar, bytes: values.byteLength });
    runtime.write(held.address, values);
    return held;
  }

  /** A copy of its values. */
  read(): A {
    this.requireLive();
    return new (arrayOf(this.spec))(this.runtime.read(this.address, this.spec.bytes).buffer) as A;
  }

  /** Its values in place: until something is allocated in the memory. */
  view(): A {
    this.requireLive();
    const { buffer, byteOffset } = this.runtime.bytes(this.address, this.spec.bytes);
    const array = arrayOf(this.spec);
    return new array(buffer as ArrayBuffer, byteOffset, this.spec.bytes / array.BYTES_PER_ELEMENT) as A;
  }

  /** Throws an `ApiError` once disposed, or once the memory is. */
  requireLive(): void {
    if (this.#disposed || !this.runtime.live)
      throw new ApiError(`the held tensor ${this.spec.name} is disposed; hold it again`);
  }

  /** Frees the memory. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.runtime.free(this.address);
  }
}

/** What `hold` gives: a tensor, in any memory, or several by name. */
type Holds = Disposed | { readonly [name: string]: Disposed };
interface Disposed {
  dispose(): void;
}

const isOne = (result: Holds): result is Disposed => typeof result.dispose === "function";

/** Disposes of results that were held. */
export function release(...results: readonly Holds[]): void {
  for (const result of results) for (const tensor of isOne(result) ? [result] : Object.values(result)) tensor.dispose();
}

/** Results that stay where they are: a tensor for each array. */
export type Held<Result> = Result extends TensorArray
  ? HeldTensor<Result>
  : { readonly [Name in keyof Result]: Held<Result[Name]> };

/** Arguments, where arrays may stand in the memory already. */
export type Holding<Arguments> = { readonly [Name in keyof Arguments]: Given<Arguments[Name]> };
type Given<Argument> = Argument extends TensorArray
  ? Argument | HeldTensor<Argument>
  : Argument extends object
    ? Holding<Argument>
    : Argument;
