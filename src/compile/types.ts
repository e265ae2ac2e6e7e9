/** What a kernel of each workload takes and gives, as types: a wrong format or a missing bias does not compile. */
import type { DequantizeWorkload, MatmulWorkload, QuantizeWorkload, Workload } from "../../ir/index.ts";
import type { PackedTensors } from "../runtime/index.ts";

/** The formats beside the family of integer ones. */
export const otherFormats = [
  "f32",
  "f16",
  "bf16",
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
  | `${BinaryCoded}${"" | "_o"}${"" | "_s16"}`;

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
      : F extends `bcq${string}`
        ? { readonly codes: Stored; readonly scales: Stored }
        : { readonly raw: Stored };

type Rows<W> = W extends { readonly m: number } ? { readonly m?: number } : { readonly m: number };
type Bias<W> = W extends { readonly bias: false }
  ? { readonly bias?: never }
  : W extends { readonly bias: true }
    ? { readonly bias: Float32Array }
    : { readonly bias?: Float32Array };
/** The inputs that steps of the epilogue take. */
type Operands<W> = W extends { readonly epilogue: readonly (infer E)[] }
  ? { readonly [Name in "gate" | "residual" as Name extends E ? Name : never]: Float32Array }
  : unknown;

/** What `run` takes: x is f32, m x k, row-major; `w` what `pack` gave. */
export type RunArguments<W extends Workload, Packed = PackedTensors> = W extends MatmulWorkload
  ? { readonly x: Float32Array; readonly w: Packed } & Bias<W> & Operands<W> & Rows<W>
  : W extends QuantizeWorkload
    ? { readonly x: Float32Array } & Rows<W>
    : W extends DequantizeWorkload
      ? { readonly w: Packed }
      : never;

/** What `run` gives: f32, row-major; codes and scales of quantize. */
export type RunResult<W extends Workload> = W extends QuantizeWorkload
  ? { readonly q: Int8Array; readonly s: Float32Array }
  : Float32Array;

export type WeightsOf<W extends Workload> = W extends { readonly w: infer F extends string } ? StoredWeights<F> : never;
