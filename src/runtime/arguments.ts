/** What a kernel's `run` is given, checked: that the arguments keep to the kernel's types is not left to the compiler alone. */
import { ApiError } from "./errors.ts";
import type { KernelInfo } from "./info.ts";
import { evaluate } from "./size.ts";

export interface RunInputs {
  readonly x?: Float32Array;
  readonly bias?: Float32Array;
  readonly gate?: Float32Array;
  readonly residual?: Float32Array;
  readonly m?: number;
}

/** What is done with sums, and how a kernel is asked for it. */
const epilogues = { bias: "bias: true", gate: 'epilogue: ["gate"]', residual: 'epilogue: ["residual"]' } as const;

/** Packed weights of any backend, as far as what they belong to is concerned. */
export interface Packed {
  readonly layout: string;
  readonly runtime: unknown;
  requireLive(): void;
}

/** What is needed of a description to check arguments. */
type Described = Pick<KernelInfo, "workload" | "inputs" | "packed" | "layout">;

/** The number of rows of x. Throws an `ApiError` for one that can't be. */
export function rowsOf({ workload }: Described, given: number | undefined): number {
  if (workload.m === undefined) return 0;
  if (workload.m !== "any") {
    if (given === undefined || given === workload.m) return workload.m;
    throw new ApiError(`m = ${given}: the kernel was compiled for m = ${workload.m}; compile with m: "any"`);
  }
  if (given !== undefined && Number.isInteger(given) && given >= 0) return given;
  throw new ApiError(`m = ${given}: the number of rows of x, an integer from 0 up`);
}

/** The inputs by name, for `m` rows. Throws an `ApiError` for a missing one, a wrong length, or one that has no place. */
export function inputsOf(info: Described, args: RunInputs, m: number): ReadonlyMap<string, Float32Array> {
  for (const [name, asked] of Object.entries(epilogues))
    if (args[name as keyof typeof epilogues] !== undefined && !info.inputs.some((input) => input.name === name))
      throw new ApiError(`${name}: the kernel was compiled without one; compile with ${asked}, or leave it out`);
  return new Map(
    info.inputs.map(({ name, bytes }) => {
      const data = args[name as "x" | keyof typeof epilogues];
      const expected = evaluate(bytes, { M: m });
      if (!(data instanceof Float32Array))
        throw new ApiError(
          `${name} is ${data === undefined ? "missing" : "not a Float32Array"}; it has ${expected / 4} values of f32`,
        );
      if (data.byteLength !== expected)
        throw new ApiError(`${name} has ${data.length} values, expected ${expected / 4} (m = ${m})`);
      return [name, data];
    }),
  );
}

/** Throws an `ApiError` unless these are live weights of the kernel's layout in the memory that the kernel works in. */
export function requireWeights({ layout }: Described, w: Packed | undefined, runtime: unknown): asserts w is Packed {
  // Not instanceof: kernels of two builds share packed tensors where layout and memory are the same.
  if (w?.layout === undefined) throw new ApiError("w is missing; pass what pack() gave");
  w.requireLive();
  if (w.layout !== layout)
    throw new ApiError(
      `w was packed with layout ${w.layout.slice(0, 12)}, the kernel reads ${layout.slice(0, 12)}; pack the weights with this kernel`,
    );
  if (w.runtime !== runtime)
    throw new ApiError("w was packed in another memory; give both kernels one memory to work in");
}

/** Results by their type: y, or codes and scales. */
export function resultOf(
  { workload }: Described,
  read: (name: string) => Uint8Array<ArrayBuffer>,
): Float32Array | { q: Int8Array; s: Float32Array } {
  if (workload.op !== "quantize") return new Float32Array(read("y").buffer);
  return { q: new Int8Array(read("x.q").buffer), s: new Float32Array(read("x.s").buffer) };
}
