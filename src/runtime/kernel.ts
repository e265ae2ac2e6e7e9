/**
 * A loaded module as its user sees it: pack, run, dispose, on typed arrays. What a kernel takes and gives is in its types; that the arguments
 * keep to them is checked here.
 */
import { ApiError } from "./errors.ts";
import type { Executable } from "./executable.ts";
import type { KernelInfo } from "./info.ts";
import type { PackedTensors } from "./packed.ts";
import { evaluate } from "./size.ts";

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
  /** Frees what the kernel holds; packed tensors in its own memory go with it. */
  dispose(): void;
}

/** The kernel of an executable. The types are the caller's to give: they follow from the workload. */
export function kernelOf<Weights, Arguments, Result>(executable: Executable): LoadedKernel<Weights, Arguments, Result> {
  return {
    layout: executable.artifact.layout,
    pack: (weights) => executable.pack(storedBytes(weights as StoredArrays)),
    loadPacked: (bytes) => executable.loadPacked(bytes),
    run: (args) => run(executable, args as AnyArguments) as Result,
    dispose: () => executable.dispose(),
  };
}

export type StoredArrays = Readonly<Record<string, ArrayBufferView | undefined>>;

interface AnyArguments {
  readonly x?: Float32Array;
  readonly w?: PackedTensors;
  readonly bias?: Float32Array;
  readonly m?: number;
}

/** Stored weights under their buffers' names, as bytes. */
export function storedBytes(weights: StoredArrays | undefined): Record<string, Uint8Array> {
  if (typeof weights !== "object" || weights === null)
    throw new ApiError("weights are missing; pass the stored tensors by name");
  return Object.fromEntries(
    Object.entries(weights).map(([name, data]) => {
      if (!ArrayBuffer.isView(data)) throw new ApiError(`weights: ${name} is not a typed array`);
      return [`w.${name}`, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)];
    }),
  );
}

function run(executable: Executable, args: AnyArguments): Float32Array | { q: Int8Array; s: Float32Array } {
  executable.requireLive();
  if (typeof args !== "object" || args === null) throw new ApiError("arguments are missing; pass { x, w, m }");
  const { artifact, runtime } = executable;
  const m = rowsOf(artifact, args.m);
  const symbols = { M: m };
  const at = new Map(weightsFor(executable, args.w));
  if (args.bias !== undefined && !artifact.inputs.some(({ name }) => name === "bias"))
    throw new ApiError("bias: the kernel was compiled without one; compile with bias: true, or leave it out");
  const own: number[] = [];
  const place = (name: string, bytes: number): number => {
    const address = runtime.allocate(bytes);
    own.push(address);
    at.set(name, address);
    return address;
  };
  try {
    for (const { name, bytes } of artifact.inputs) {
      const data = args[name as "x" | "bias"];
      const expected = evaluate(bytes, symbols);
      if (!(data instanceof Float32Array))
        throw new ApiError(
          `${name} is ${data === undefined ? "missing" : "not a Float32Array"}; it has ${expected / 4} values of f32`,
        );
      if (data.byteLength !== expected)
        throw new ApiError(`${name} has ${data.length} values, expected ${expected / 4} (m = ${m})`);
      runtime.write(place(name, expected), data);
    }
    for (const { name, bytes } of artifact.outputs) place(name, evaluate(bytes, symbols));
    executable.launch(m, at);
    const result = (name: string): Uint8Array<ArrayBuffer> => {
      const spec = artifact.outputs.find((o) => o.name === name);
      return runtime.read(at.get(name) as number, spec === undefined ? 0 : evaluate(spec.bytes, symbols));
    };
    if (artifact.workload.op !== "quantize") return new Float32Array(result("y").buffer);
    return { q: new Int8Array(result("x.q").buffer), s: new Float32Array(result("x.s").buffer) };
  } finally {
    for (const address of own) runtime.free(address);
  }
}

function rowsOf({ workload }: KernelInfo, given: number | undefined): number {
  if (workload.m === undefined) return 0;
  if (workload.m !== "any") {
    if (given === undefined || given === workload.m) return workload.m;
    throw new ApiError(`m = ${given}: the kernel was compiled for m = ${workload.m}; compile with m: "any"`);
  }
  if (given !== undefined && Number.isInteger(given) && given >= 0) return given;
  throw new ApiError(`m = ${given}: the number of rows of x, an integer from 0 up`);
}

function weightsFor({ artifact, runtime }: Executable, w: PackedTensors | undefined): ReadonlyMap<string, number> {
  if (artifact.packed.length === 0) return new Map();
  // Not instanceof: kernels of two builds share packed tensors where layout and memory are the same.
  if (w?.layout === undefined) throw new ApiError("w is missing; pass what pack() gave");
  w.requireLive();
  if (w.layout !== artifact.layout)
    throw new ApiError(
      `w was packed with layout ${w.layout.slice(0, 12)}, the kernel reads ${artifact.layout.slice(0, 12)}; pack the weights with this kernel`,
    );
  if (w.runtime !== runtime)
    throw new ApiError("w was packed in another memory; give both kernels one memory to work in");
  return w.addresses;
}
