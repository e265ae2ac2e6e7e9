/**
 * What a kernel's `run` is given and gives, by its tensors' names: the same for every operator. That the arguments keep to the kernel's types is not left to the
 * compiler alone.
 */
import { ApiError } from "./errors.ts";
import type { KernelInfo, TensorSpec, WorkloadInfo } from "./info.ts";
import { evaluate, type Sizes } from "./size.ts";

/** What `run` is given: an array for each input, `w` what `pack` gave, `m` the rows. */
export type RunInputs = Readonly<Record<string, unknown>>;

/** Values of a tensor. */
export type TensorArray = Float32Array | Int32Array | Uint32Array | Int8Array | Uint8Array;

type ArrayType =
  | Float32ArrayConstructor
  | Int32ArrayConstructor
  | Uint32ArrayConstructor
  | Int8ArrayConstructor
  | Uint8ArrayConstructor;

/** The typed array of each type of elements that inputs and outputs have. */
const arrays: Readonly<Record<string, ArrayType>> = {
  f32: Float32Array,
  i32: Int32Array,
  u32: Uint32Array,
  i8: Int8Array,
  u8: Uint8Array,
};

/** The typed array that holds a tensor's values. Throws an `ApiError` where there is none. */
export function arrayOf({ name, scalar }: Pick<TensorSpec, "name" | "scalar">): ArrayType {
  const array = arrays[scalar];
  if (array === undefined) throw new ApiError(`${name}: no typed array holds ${scalar}`);
  return array;
}

/** Packed weights of any backend, as far as what they belong to is concerned. */
export interface Packed {
  readonly layout: string;
  readonly runtime: unknown;
  requireLive(): void;
}

/** What is needed of a description to check arguments. */
type Described = Pick<KernelInfo, "workload" | "inputs" | "outputs" | "packed" | "caches" | "layout">;

interface RunSize {
  readonly symbol: string;
  /** The argument that says it: a field of the workload, where it may be known before. */
  readonly field: "m" | "first";
  readonly what: string;
  /** The operator that alone has it; all where there is none. */
  readonly of?: string;
}

/** The sizes that a run is told. */
const runSizes: readonly RunSize[] = [
  { symbol: "M", field: "m", what: "the number of rows of x" },
  { symbol: "F", field: "first", what: "the first token", of: "rotate" },
];

/** The sizes that a run of an operator is told. */
export const sizesFor = ({ op }: Pick<WorkloadInfo, "op">): readonly RunSize[] =>
  runSizes.filter(({ of }) => of === undefined || of === op);

/** The sizes of a run by symbol; M is 0 where the operator has no rows. Throws an `ApiError` for one that can't be. */
export function sizesOf({ workload }: Described, args: RunInputs): Sizes & { readonly M: number } {
  const entries = sizesFor(workload).map(({ symbol, field, what }) => {
    const [compiled, given] = [field === "m" ? (workload.m ?? 0) : "any", args[field]];
    if (typeof compiled === "number" && given !== undefined && given !== compiled)
      throw new ApiError(
        `${field} = ${given}: the kernel was compiled for ${field} = ${compiled}; compile with ${field}: "any"`,
      );
    const size = compiled === "any" ? given : compiled;
    if (typeof size !== "number" || !Number.isInteger(size) || size < 0)
      throw new ApiError(`${field} = ${size}: ${what}, an integer from 0 up`);
    return [symbol, size];
  });
  return Object.fromEntries(entries) as Sizes & { readonly M: number };
}

/**
 * The inputs by name, but for those in `besides`, which a cache gives. Throws an `ApiError` for a missing one, another type or length, a value out of the range that the kernel
 * relies on, and for an argument that has no place.
 */
export function inputsOf(
  info: Described,
  args: RunInputs,
  of: Sizes,
  besides: readonly string[] = [],
): Map<string, TensorArray> {
  const inputs = info.inputs.filter(({ name }) => !besides.includes(name));
  const known = [
    ...inputs.map(({ name }) => name),
    ...(info.packed.length > 0 ? ["w"] : []),
    ...(info.caches ? ["cache"] : []),
    ...(info.workload.pages === undefined ? [] : ["sequences"]),
    ...sizesFor(info.workload).map(({ field }) => field),
  ];
  for (const [name, given] of Object.entries(args))
    if (given !== undefined && !known.includes(name))
      throw new ApiError(`${name}: the kernel was compiled without one; it takes ${known.join(", ")}`);
  return new Map(inputs.map((spec) => [spec.name, inputOf(spec, args[spec.name], of)]));
}

function inputOf(spec: TensorSpec, data: unknown, of: Sizes): TensorArray {
  const { name, scalar, bytes } = spec;
  const array = arrayOf(spec);
  const expected = evaluate(bytes, of) / array.BYTES_PER_ELEMENT;
  if (!(data instanceof array))
    throw new ApiError(
      `${name} is ${data === undefined ? "missing" : `not ${/^I/.test(array.name) ? "an" : "a"} ${array.name}`}; it has ${expected} values of ${scalar}`,
    );
  if (data.length !== expected)
    throw new ApiError(
      `${name} has ${data.length} values, expected ${expected} (m = ${of["M"]}${of["B"] === undefined ? "" : `, sequences: ${of["B"]}`})`,
    );
  requireRange(spec, data);
  return data;
}

/** What the kernel has been proven to be safe for: an index out of its range would read what is not there. */
function requireRange({ name, range }: TensorSpec, data: TensorArray): void {
  if (range === undefined) return;
  const [low, high] = range;
  for (let i = 0; i < data.length; i++) {
    const value = data[i] as number;
    if (!(value >= low && value <= high)) throw new ApiError(`${name}[${i}] is ${value}, outside of ${low}..${high}`);
  }
}

/** Throws an `ApiError` unless these are live weights of the kernel's layout in the memory that the kernel works in. */
export function requireWeights<P extends Packed>({ layout }: Described, given: unknown, runtime: unknown): P {
  // Not instanceof: kernels of two builds share packed tensors where layout and memory are the same.
  const w = given as P | undefined;
  if (w?.layout === undefined) throw new ApiError("w is missing; pass what pack() gave");
  w.requireLive();
  if (w.layout !== layout)
    throw new ApiError(
      `w was packed with layout ${w.layout.slice(0, 12)}, the kernel reads ${layout.slice(0, 12)}; pack the weights with this kernel`,
    );
  if (w.runtime !== runtime)
    throw new ApiError("w was packed in another memory; give both kernels one memory to work in");
  return w;
}

/** What `run` gives: the values of the only output, or those of each by what follows the last dot of its name (`q` of `x.q`). */
export type RunOutputs = TensorArray | Readonly<Record<string, TensorArray>>;

/** The outputs as typed arrays, from their bytes. */
export function resultOf({ outputs }: Described, read: (name: string) => Uint8Array<ArrayBuffer>): RunOutputs {
  const values = outputs.map((spec) => [shortName(spec.name), new (arrayOf(spec))(read(spec.name).buffer)] as const);
  const [only] = values;
  return values.length === 1 && only !== undefined ? only[1] : Object.fromEntries(values);
}

/** What follows the last dot of a tensor's name. */
export const shortName = (name: string): string => name.slice(name.lastIndexOf(".") + 1);
