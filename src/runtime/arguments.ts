/**
 * What a kernel's `run` is given and gives, by its tensors' names: the same for every operator. That the arguments keep to the kernel's types is not left to the
 * compiler alone.
 */
import { arrayOf, type TensorArray } from "./arrays.ts";
import { ApiError } from "./errors.ts";
import type { HeldSpec, HeldTensor } from "./held.ts";
import type { KernelInfo, TensorSpec, WorkloadInfo } from "./info.ts";
import { evaluate, type Sizes } from "./size.ts";

/** What `run` is given: an array, or a held tensor, for each input (for those with a dot in their names, `x.q` and `x.s`, fields of one: `x`), `w` what `pack` gave, `m` the rows. */
export type RunInputs = Readonly<Record<string, unknown>>;

/** Packed weights of any backend, as far as what they belong to is concerned. */
export interface Packed {
  readonly layout: string;
  readonly runtime: unknown;
  requireLive(): void;
}

/** A held tensor in any memory. Where its values can be seen there is a view of them. */
interface AnyHeld {
  readonly runtime: unknown;
  readonly spec: HeldSpec;
  requireLive(): void;
  view?(): TensorArray;
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
 * The inputs by name, those that are held among those that are not, but for those in `besides`, which a cache gives. Throws an `ApiError` for a missing one, another type or
 * length, a value out of the range that the kernel relies on, a tensor that is held in another memory than `runtime`, and for an argument that has no place.
 */
export function inputsOf<H extends AnyHeld = HeldTensor>(
  info: Described,
  args: RunInputs,
  of: Sizes,
  besides: readonly string[] = [],
  runtime?: unknown,
): Map<string, TensorArray | H> {
  const inputs = info.inputs.filter(({ name }) => !besides.includes(name));
  const known = [
    ...new Set(inputs.map(({ name }) => argumentOf(name)[0])),
    ...(info.packed.length > 0 ? ["w"] : []),
    ...(info.caches ? ["cache"] : []),
    ...(info.workload.pages === undefined ? [] : ["sequences"]),
    ...sizesFor(info.workload).map(({ field }) => field),
  ];
  for (const [name, given] of Object.entries(args))
    if (given !== undefined && !known.includes(name))
      throw new ApiError(`${name}: the kernel was compiled without one; it takes ${known.join(", ")}`);
  return new Map(inputs.map((spec) => [spec.name, inputOf<H>(spec, givenFor(spec, args), of, runtime)]));
}

/** The argument of an input, and the field of it where that is several: `x.q` is the field `q` of `x`. */
export function argumentOf(name: string): readonly [argument: string, field?: string] {
  const dot = name.lastIndexOf(".");
  return dot < 0 ? [name] : [name.slice(0, dot), name.slice(dot + 1)];
}

/** Inputs that go by their tensors' names, as arguments: `x.q` and `x.s` become fields of `x`. */
export function argumentsOf(inputs: Readonly<Record<string, TensorArray>>): RunInputs {
  const args: Record<string, unknown> = {};
  for (const [name, data] of Object.entries(inputs)) {
    const [argument, field] = argumentOf(name);
    args[argument] = field === undefined ? data : { ...(args[argument] as RunInputs | undefined), [field]: data };
  }
  return args;
}

function givenFor({ name }: TensorSpec, args: RunInputs): unknown {
  const [argument, field] = argumentOf(name);
  const given = args[argument];
  return field === undefined ? given : (given as RunInputs | undefined)?.[field];
}

const isHeld = (data: unknown): data is AnyHeld =>
  // Not instanceof: kernels of two builds work in one memory.
  typeof data === "object" && data !== null && "spec" in data && "runtime" in data;

function inputOf<H extends AnyHeld>(spec: TensorSpec, data: unknown, of: Sizes, runtime: unknown): TensorArray | H {
  if (!isHeld(data)) return arrayFor(spec, data, of);
  data.requireLive();
  if (data.runtime !== runtime)
    throw new ApiError(`${spec.name} is held in another memory; give both kernels one to work in, or pass read()`);
  const { range } = data.spec;
  const isWithin =
    spec.range === undefined || (range !== undefined && range[0] >= spec.range[0] && range[1] <= spec.range[1]);
  if (data.view !== undefined) arrayFor(spec, data.view(), of, isWithin);
  else requireUnseen(spec, data.spec, of, isWithin);
  return data as H;
}

/** Throws an `ApiError` unless a tensor whose values can't be seen is what an input has to be. */
function requireUnseen(spec: TensorSpec, held: HeldSpec, of: Sizes, isWithin: boolean): void {
  const { name, scalar } = spec;
  const [array, bytes] = [arrayOf(spec), evaluate(spec.bytes, of)];
  if (arrayOf(held) !== array)
    throw new ApiError(
      `${name} is held as ${held.scalar}; it has ${bytes / array.BYTES_PER_ELEMENT} values of ${scalar}`,
    );
  if (held.bytes !== bytes) throw wrongLength(spec, held.bytes / array.BYTES_PER_ELEMENT, of);
  if (!isWithin)
    throw new ApiError(`${name} is held where its values are not looked at, and they must be; pass read()`);
}

const wrongLength = (spec: TensorSpec, length: number, of: Sizes): ApiError =>
  new ApiError(
    `${spec.name} has ${length} values, expected ${evaluate(spec.bytes, of) / arrayOf(spec).BYTES_PER_ELEMENT} (m = ${of["M"]}${of["B"] === undefined ? "" : `, sequences: ${of["B"]}`})`,
  );

/** `isWithin`: the values are known to be in the range. */
function arrayFor(spec: TensorSpec, data: unknown, of: Sizes, isWithin = false): TensorArray {
  const { name, scalar, bytes } = spec;
  const array = arrayOf(spec);
  const expected = evaluate(bytes, of) / array.BYTES_PER_ELEMENT;
  if (!(data instanceof array))
    throw new ApiError(
      `${name} is ${data === undefined ? "missing" : `not ${/^I/.test(array.name) ? "an" : "a"} ${array.name}`}; it has ${expected} values of ${scalar}`,
    );
  if (data.length !== expected) throw wrongLength(spec, data.length, of);
  if (!isWithin) requireRange(spec, data);
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

/** What `run` gives: the only output, or each by what follows the last dot of its name (`q` of `x.q`). */
export function resultOf<T>({ outputs }: Described, of: (spec: TensorSpec) => T): T | Readonly<Record<string, T>> {
  const values = outputs.map((spec) => [shortName(spec.name), of(spec)] as const);
  const [only] = values;
  return values.length === 1 && only !== undefined ? only[1] : Object.fromEntries(values);
}

/** What follows the last dot of a tensor's name. */
export const shortName = (name: string): string => name.slice(name.lastIndexOf(".") + 1);
