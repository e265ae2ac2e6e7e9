/** Tensors that stand on the GPU on which kernels work: what `held.ts` is in a Wasm memory. What waits for the GPU is a promise. */
import type { GpuRuntime, GpuTensor } from "../../backends/index.ts";
import { arrayOf, scalarOf, type TensorArray } from "./arrays.ts";
import { ApiError } from "./errors.ts";
import type { HeldSpec } from "./held.ts";

/** A tensor on a GPU, until it is disposed of. */
export class GpuHeldTensor<A extends TensorArray = TensorArray> {
  readonly runtime: GpuRuntime;
  readonly tensor: GpuTensor;
  readonly spec: HeldSpec;

  private constructor(runtime: GpuRuntime, spec: HeldSpec, tensor: GpuTensor) {
    this.runtime = runtime;
    this.spec = spec;
    this.tensor = tensor;
  }

  /** Room for a tensor; its values are anything. Rejects with a `GpuError` where it is over what a binding may be, or the GPU has no memory left. */
  static async allocate(runtime: GpuRuntime, spec: HeldSpec): Promise<GpuHeldTensor> {
    return new GpuHeldTensor(runtime, spec, await runtime.allocate(spec.bytes, { label: spec.name }));
  }

  /** A copy of an array, for what does not change from run to run. Rejects with an `ApiError` for arrays of other types than tensors have, and as `allocate` does. */
  static async from<A extends TensorArray>(runtime: GpuRuntime, values: A): Promise<GpuHeldTensor<A>> {
    const spec = { name: "values", scalar: scalarOf(values), bytes: values.byteLength };
    const held = new GpuHeldTensor<A>(runtime, spec, await runtime.allocate(spec.bytes, { label: spec.name }));
    await runtime.write(held.tensor, values);
    return held;
  }

  /** A copy of its values, once they are there. */
  async read(): Promise<A> {
    this.requireLive();
    return new (arrayOf(this.spec))((await this.runtime.read(this.tensor)).buffer) as A;
  }

  /** Throws an `ApiError` once disposed, a `GpuError` once the device is lost. */
  requireLive(): void {
    if (this.tensor.freed) throw new ApiError(`the held tensor ${this.spec.name} is disposed; hold it again`);
    if (this.runtime.error !== undefined) throw this.runtime.error;
  }

  /** Frees the memory, once what uses it is done. */
  dispose(): void {
    this.tensor.free();
  }
}

/** Results that stay where they are: a tensor for each array. */
export type GpuHeld<Result> = Result extends TensorArray
  ? GpuHeldTensor<Result>
  : { readonly [Name in keyof Result]: GpuHeld<Result[Name]> };

/** Arguments, where arrays may stand on the GPU already. */
export type GpuHolding<Arguments> = { readonly [Name in keyof Arguments]: GivenToGpu<Arguments[Name]> };
type GivenToGpu<Argument> = Argument extends TensorArray
  ? Argument | GpuHeldTensor<Argument>
  : Argument extends object
    ? GpuHolding<Argument>
    : Argument;
