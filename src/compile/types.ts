/** What a kernel of each workload takes and gives, as types: a wrong format or a missing bias does not compile. */
import type { ScaledRotation, Workload } from "../../ir/index.ts";
import type { GpuHolding, Holding, KvCache, PackedTensors, PagedCache, PagePool, Sequence } from "../runtime/index.ts";

/** The formats beside the family of integer ones. */
export const otherFormats = [
  "f32",
  "f16",
  "bf16",
  "e4m3",
  "e5m2",
  "q4_0",
  "q4_1",
  "q5_0",
  "q5_1",
  "q8_0",
  "q2_K",
  "q3_K",
  "q4_K",
  "q5_K",
  "q6_K",
  "q1_0",
  "q2_0",
  "iq4_nl",
  "iq4_xs",
  "tq1_0",
  "mxfp4",
  "nvfp4",
  "tq2_0",
] as const;

type IntegerBits = 2 | 3 | 4 | 5 | 6 | 8;
type IntegerSpan = "g16" | "g32" | "g64" | "g128" | "g256" | "row";

type BinaryCoded = `bcq${1 | 2 | 3 | 4}_${"g32" | "g64" | "g128" | "g256" | "row"}`;

/** The names of all formats (`formatNames()` lists them). */
export type FormatName =
  | (typeof otherFormats)[number]
  | `int1_${IntegerSpan}${"_z" | "_zf"}${"" | "_s16"}`
  | `int${IntegerBits}_${IntegerSpan}${"" | "_z" | "_zf"}${"" | "_s16"}`
  | `${BinaryCoded}${"" | "_o"}${"" | "_s16"}`
  | `${"i8" | "e4m3" | "e5m2"}_row`
  | `kv${2 | 4}_${"row" | "g32" | "g64" | "g128"}_${"z" | "m"}`
  | `bfp${12 | 16}_${"g32" | "g64" | "g128"}`;

/** What a workload written out must be besides: its format's name is known. One that is only known at run time is checked then. */
export type KnownFormat<W> = W extends { readonly w: infer F extends string }
  ? string extends F
    ? unknown
    : { readonly w: FormatName }
  : unknown;

/** Names of integer formats with stored zero points. */
type WithZeros<F extends string> = F extends `int${string}_z${string}` ? true : false;

/** A stored tensor, or the rows of several, one below the other: q, k and v in one kernel, whose n is the sum of theirs. */
type Stored = ArrayBufferView | readonly ArrayBufferView[];

/** Stored weights, little-endian: codes, scales (and zeros, or offsets) of integer formats and binary-coded ones; else `raw`, as in the file (GGUF blocks, plain floats). */
export type StoredWeights<F extends string> = string extends F
  ? Readonly<Record<string, Stored>>
  : F extends `int${string}`
    ? WithZeros<F> extends true
      ? { readonly codes: Stored; readonly scales: Stored; readonly zeros: Stored }
      : { readonly codes: Stored; readonly scales: Stored }
    : F extends `bcq${string}_o${string}`
      ? { readonly codes: Stored; readonly scales: Stored; readonly offsets: Stored }
      : F extends `bcq${string}` | `${string}_row`
        ? { readonly codes: Stored; readonly scales: Stored }
        : F extends `bfp${string}`
          ? { readonly codes: Stored; readonly exponents: Stored }
          : F extends `kv${string}_z`
            ? { readonly codes: Stored; readonly scales: Stored; readonly zeros: Stored }
            : F extends `kv${string}_m`
              ? { readonly codes: Stored; readonly scales: Stored; readonly minima: Stored }
              : { readonly raw: Stored };

type Rows<W> = W extends { readonly m: number }
  ? { readonly m?: number }
  : W extends { readonly m: unknown }
    ? { readonly m: number }
    : unknown;
type Weights<W, Packed> = W extends { readonly w: string } ? { readonly w: Packed } : unknown;
/** An input that a workload has where its field is true. */
type Where<W, Field extends string, Name extends string = Field> = W extends { readonly [F in Field]: false }
  ? { readonly [N in Name]?: never }
  : W extends { readonly [F in Field]: true }
    ? { readonly [N in Name]: Float32Array }
    : { readonly [N in Name]?: Float32Array };
/** The inputs that steps of a matmul's epilogue take. */
type Operands<W> = W extends { readonly epilogue: readonly (infer E)[] }
  ? { readonly [Name in "gate" | "residual" as Name extends E ? Name : never]: Float32Array }
  : unknown;

/** Codes and scales: what operators that quantize give, and matmuls of quantized x take. */
interface Quantized {
  readonly q: Int8Array;
  readonly s: Float32Array;
}

/** x of a matmul, by its numerics: f32, or codes and scales. */
type Activations<N> = N extends { readonly x: "quantized" }
  ? Quantized
  : "x" extends keyof N
    ? Float32Array | Quantized
    : Float32Array;

/** A result and `Others` beside it; the result, by the field `quantize`, as f32, as codes and scales, or as both. Alone it is the array. */
type Result<W, Others = never> = W extends { readonly quantize?: infer Q } ? ResultAs<Q, Others> : Plain<Others>;
type ResultAs<Q, Others> = Q extends { readonly keep: true }
  ? Together<Others, Quantized & { readonly y: Float32Array }>
  : Q extends object
    ? Together<Others, Quantized>
    : Plain<Others>;
type Plain<Others> = [Others] extends [never] ? Float32Array : Together<Others, { readonly y: Float32Array }>;
type Together<Others, Y> = [Others] extends [never] ? Flat<Y> : Flat<Others & Y>;
type Flat<T> = { readonly [Name in keyof T]: T[Name] };

/** What says how heads are turned. */
interface Turning {
  readonly positions: Int32Array;
  readonly frequencies: Float32Array;
}

/** The inputs of each operator's kernels, row-major, `w` and `m` left out (what they are is said at the workloads, `ir/workload.ts`). */
interface Inputs<W> {
  readonly matmul: {
    readonly x: W extends { readonly numerics: infer N } ? Activations<N> : Float32Array;
  } & Where<W, "bias"> &
    Operands<W>;
  readonly quantize: { readonly x: Float32Array };
  readonly dequantize: unknown;
  readonly rmsnorm: { readonly x: Float32Array; readonly weight: Float32Array } & Where<W, "residual">;
  readonly embed: { readonly ids: Int32Array };
  readonly rope: { readonly x: Float32Array } & Turning;
  readonly swiglu: { readonly gate: Float32Array; readonly up: Float32Array };
  readonly merge: { readonly o: Float32Array; readonly l: Float32Array };
  readonly append: { readonly k: Float32Array; readonly v: Float32Array } & (W extends { readonly rope: ScaledRotation }
    ? Turning
    : unknown);
  readonly rotate: { readonly first: number; readonly deltas: Int32Array; readonly frequencies: Float32Array };
  readonly attention: { readonly q: Float32Array } & (W extends { readonly positions: "given" }
    ? { readonly positions: Int32Array }
    : unknown) &
    Where<W, "slopes"> &
    Where<W, "bias"> &
    Where<W, "sinks">;
}

/** The outputs of each operator's kernels: the only one, or several by name. */
interface Results<W> {
  readonly matmul: Result<W>;
  readonly quantize: Flat<Quantized>;
  readonly dequantize: Float32Array;
  readonly rmsnorm: W extends { readonly residual: false }
    ? Result<W>
    : W extends { readonly residual: true }
      ? Result<W, { readonly sum: Float32Array }>
      : Result<W> | Result<W, { readonly sum: Float32Array }>;
  readonly embed: Float32Array;
  readonly rope: Float32Array;
  readonly swiglu: Result<W>;
  readonly append: W extends { readonly decoded: true }
    ? { readonly keys: Float32Array; readonly values: Float32Array }
    : Record<never, never>;
  readonly rotate: Record<never, never>;
  readonly merge: { readonly y: Float32Array; readonly lse: Float32Array };
  readonly attention: W extends { readonly lse: true }
    ? { readonly y: Float32Array; readonly lse: Float32Array }
    : Float32Array;
}

interface Contiguous<Kv> {
  readonly cache: Kv;
}
/** A run over sequences of a paged cache, in their order. */
interface Paged<Pool extends PagePool> {
  readonly cache: Pool;
  readonly sequences: readonly Sequence<Pool>[];
}
type Cache<W, Kv, Pool extends PagePool> = W extends { readonly keys: string }
  ? W extends { readonly pages: number }
    ? Paged<Pool>
    : "pages" extends keyof W
      ? Contiguous<Kv> | Paged<Pool>
      : Contiguous<Kv>
  : unknown;

/** What `run` takes: the inputs, `w` what `pack` gave, `m` the rows (which may be left out where the workload says them). */
export type RunArguments<
  W extends Workload,
  Packed = PackedTensors,
  Kv = KvCache,
  Pool extends PagePool = PagedCache,
> = W extends Workload
  ? (Packed extends PackedTensors ? Holding<Inputs<W>[W["op"]]> : GpuHolding<Inputs<W>[W["op"]]>) &
      Weights<W, Packed> &
      Cache<W, Kv, Pool> &
      Rows<W>
  : never;

/** What `run` gives. */
export type RunResult<W extends Workload> = W extends Workload ? Results<W>[W["op"]] : never;

export type WeightsOf<W extends Workload> = W extends { readonly w: infer F extends string } ? StoredWeights<F> : never;
