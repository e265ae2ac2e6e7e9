/**
 * Workloads: what is to be computed, as plain JSON. A workload states its numerics; the tuner chooses how, never what.
 */
import { z } from "zod";
import type {
  AppendWorkload,
  AttentionNumerics,
  AttentionWorkload,
  MergeWorkload,
  RotateWorkload,
} from "./attention.ts";
import { WorkloadError } from "./errors.ts";
import { inWords } from "./in-words.ts";
import { ropePairings, type ScaledRotation } from "./rope.ts";

/**
 * What a matmul is computed in.
 * - `f32`: weights are decoded to f32, products and sums are f32 in any order. Bound: NMSE 1e-10 against float64.
 * - `f16`: x and decoded weights are rounded to f16, products are f16; sums over up to 32 values of K may be f16, across those they are f32. Values beyond 65504
 *   become infinite. Bound: NMSE 1e-5 against float64.
 * - `i8`: activations are quantized to 8 bits, symmetric, per `xGroup` values of K (or per row) by the program's prologue; products are
 *   summed as integers inside a group, in f32 across groups. On the quantized activations the same bound as f32. With `xBits` they are quantized to so few
 *   bits: codes from -(2^(xBits-1) - 1) to its negative, the scale the greatest magnitude over that. With `x: "quantized"` they come so, as the inputs
 *   `x.q` (i8, m x k) and `x.s` (f32, m x k/xGroup), from an operator that quantized its result or from `quantize`. With `tables: "i8"` sums of 4 products
 *   may be rounded to 8 bits (table lookup), in steps of a 63rd of the greatest in a group. Bound: NMSE 5e-4 on the quantized activations.
 */
export type Numerics =
  | { readonly compute: "f32" }
  | { readonly compute: "f16" }
  | {
      readonly compute: "i8";
      readonly xGroup: number | "row";
      /** Bits of an activation, 2 to 7. @default 8 */
      readonly xBits?: number | undefined;
      /** Whether they are given as codes and scales, not as f32. @default f32 */
      readonly x?: "quantized" | undefined;
      readonly tables?: "i8" | undefined;
    };

export type IntegerNumerics = Extract<Numerics, { readonly compute: "i8" }>;

/**
 * What numerics are called, as text: `f32`, `f16`, `i8_g<group>` or `i8_row` (`i2` to `i7`: of so many bits), these with `_t8` where tables may have 8 bits, and with
 * `_q` where x comes quantized.
 */
export function numericsName(numerics: Numerics): string {
  if (numerics.compute !== "i8") return numerics.compute;
  const { xGroup, xBits = 8, tables, x } = numerics;
  const [table, given] = [tables === "i8" ? "_t8" : "", x === "quantized" ? "_q" : ""];
  return `i${xBits}_${xGroup === "row" ? "row" : `g${xGroup}`}${table}${given}`;
}

/** The names that `numericsName` gives, for messages. */
export const numericsNames =
  "f32, f16, i8_g<group> or i8_row (or i2 to i7, of fewer bits), these with _t8 for 8-bit tables, _q for x that comes quantized";

/** The numerics of this name, or undefined. */
export function numericsNamed(name: string): Numerics | undefined {
  if (name === "f32" || name === "f16") return { compute: name };
  const [, bits, span, group, tables, given] = /^i([2-8])_(g([1-9]\d*)|row)(_t8)?(_q)?$/.exec(name) ?? [];
  if (span === undefined) return undefined;
  return {
    compute: "i8",
    xGroup: group === undefined ? "row" : Number(group),
    ...(bits !== "8" && { xBits: Number(bits) }),
    ...(tables !== undefined && { tables: "i8" as const }),
    ...(given !== undefined && { x: "quantized" as const }),
  };
}

/** Rows of an activation: a number, or `any`: known at run time, from 0 up. */
export type Rows = number | "any";

/** Mean of squared errors over mean of squares that a matmul's results may have, by what it computes in; for i8 on the quantized activations. */
export const matmulBounds: Readonly<Record<Numerics["compute"] | "i8 tables", number>> = {
  f32: 1e-10,
  f16: 1e-5,
  i8: 1e-10,
  "i8 tables": 5e-4,
};

/** The bound of a matmul's numerics (see `matmulBounds`). */
export const boundOf = (numerics: Numerics): number =>
  matmulBounds[numerics.compute === "i8" && numerics.tables === "i8" ? "i8 tables" : numerics.compute];

/** Steps on the sums of a matmul, in any order: `silu`, times the input `gate` (m x n), plus the input `residual` (m x n). */
export const epilogueNames = ["silu", "gate", "residual"] as const;
export type EpilogueName = (typeof epilogueNames)[number];

/**
 * What becomes of a result `y` (f32, m x n) that feeds a matmul: codes `y.q` (i8, m x n) and scales `y.s` (f32, m x n/group), to the bit those of `quantize`, instead of
 * y. They are what a matmul with `x: "quantized"` takes, its `xGroup` and `xBits` being `group` and `bits`.
 */
export interface QuantizedResult {
  readonly group: number | "row";
  /** Bits of a code, 2 to 7. @default 8 */
  readonly bits?: number | undefined;
  /** y comes out too. @default false */
  readonly keep?: boolean | undefined;
}

/**
 * `y[m,n] = sum_k x[m,k] * w[n,k] (+ bias[n])`, then the steps of `epilogue`: x, the inputs of these and y are f32, row-major (but what is quantized); w is stored in the
 * format named `w`.
 */
export interface MatmulWorkload {
  readonly op: "matmul";
  readonly m: Rows;
  readonly n: number;
  readonly k: number;
  readonly w: string;
  readonly bias: boolean;
  /** Each at most once. @default none */
  readonly epilogue?: readonly EpilogueName[] | undefined;
  /** After the epilogue. @default y stays f32 */
  readonly quantize?: QuantizedResult | undefined;
  readonly numerics: Numerics;
}

/**
 * `x` (f32, m x k) to i8 codes and f32 scales per `group` values (or per row): scale = amax/127, halves away from zero (ggml's q8_0 in f32); with `bits` to codes of so
 * many.
 */
export interface QuantizeWorkload {
  readonly op: "quantize";
  readonly m: Rows;
  readonly k: number;
  readonly group: number | "row";
  /** Bits of a code, 2 to 7. @default 8 */
  readonly bits?: number | undefined;
}

/** Weights (n x k in format `w`) to f32, row-major. */
export interface DequantizeWorkload {
  readonly op: "dequantize";
  readonly n: number;
  readonly k: number;
  readonly w: string;
}

/**
 * `y[m,k] = x[m,k] * weight[k] / sqrt(mean_k(x[m,k]^2) + eps)`, f32. With `residual` the sum of x and the input `residual` (m x k) stands for x, and is the output `sum`
 * besides.
 */
export interface RmsNormWorkload {
  readonly op: "rmsnorm";
  readonly m: Rows;
  readonly k: number;
  readonly eps: number;
  readonly residual: boolean;
  /** @default y stays f32 */
  readonly quantize?: QuantizedResult | undefined;
}

/** `y[m,k] = w[ids[m],k]`, f32: rows of a table (n x k in format `w`) by their numbers, i32 from 0 to n - 1. */
export interface EmbedWorkload {
  readonly op: "embed";
  readonly m: Rows;
  readonly n: number;
  readonly k: number;
  readonly w: string;
}

/**
 * Rotary position embedding (Su et al., RoFormer, arXiv:2104.09864) of `x[m,heads,d]`, f32: of the first `rotary` values of a head, pair i is turned by the angle
 * `positions[m] * frequencies[i]` and multiplied by `scale` (YaRN's attention factor; 1 where there is none); the rest is as it was. Positions are i32 of at most
 * 2^24, frequencies f32 of at most 16, in magnitude. A rotation by p2 - p1 takes what stood at p1 to p2.
 */
export interface RopeWorkload extends ScaledRotation {
  readonly op: "rope";
  readonly m: Rows;
  readonly heads: number;
  readonly d: number;
}

/** `y[m,k] = silu(gate[m,k]) * up[m,k]`, f32: the gated unit of a decoder's MLP (Shazeer, arXiv:2002.05202), where a matmul's epilogue has not done it. */
export interface SwigluWorkload {
  readonly op: "swiglu";
  readonly m: Rows;
  readonly k: number;
  /** @default y stays f32 */
  readonly quantize?: QuantizedResult | undefined;
}

export type Workload =
  | MatmulWorkload
  | QuantizeWorkload
  | DequantizeWorkload
  | RmsNormWorkload
  | EmbedWorkload
  | RopeWorkload
  | SwigluWorkload
  | AttentionWorkload
  | AppendWorkload
  | RotateWorkload
  | MergeWorkload;

/** What a field should be, beside what it is. */
const expecting = (what: string): { error: (issue: { readonly input?: unknown }) => string } => ({
  error: ({ input }) => `${typeof input === "number" ? input : (JSON.stringify(input) ?? typeof input)} is not ${what}`,
});
/** Indices are i32. */
const largest = 2 ** 31 - 1;
const tooLarge = expecting(`at most ${largest}`);
const positive = expecting("a positive integer");
const rowCount = expecting('a number of rows from 0 up, nor "any"');
const fewBits = expecting("a number of bits from 2 to 7; for 8 leave it out");
const groupSize = expecting('a positive integer, nor "row"');

const size = z.int(positive).positive(positive).max(largest, tooLarge);
const rows = z.union([z.int(rowCount).nonnegative(rowCount).max(largest, tooLarge), z.literal("any")], rowCount);
const notNegative = expecting("a number from 0 up");
const magnitude = z.number(notNegative).nonnegative(notNegative);
const group = z.union([z.int(groupSize).positive(groupSize).max(largest, tooLarge), z.literal("row")], groupSize);
const bits = z.int(fewBits).min(2, fewBits).max(7, fewBits).optional();
const numerics = z.discriminatedUnion("compute", [
  z.strictObject({ compute: z.literal("f32") }),
  z.strictObject({ compute: z.literal("f16") }),
  z.strictObject({
    ...{ compute: z.literal("i8"), xGroup: group, tables: z.literal("i8").optional() },
    ...{ xBits: bits, x: z.literal("quantized").optional() },
  }),
]);
const flag = z.boolean().optional();
const quantize = z.strictObject({ group, bits, keep: flag }).optional();
const rotation = { rotary: size, pairing: z.enum(ropePairings) };
const epilogue = z
  .array(z.enum(epilogueNames))
  .min(1, expecting("a step; leave it out"))
  .refine((names) => new Set(names).size === names.length, { error: "a step is there twice" });

const workload: z.ZodType<Workload> = z.discriminatedUnion("op", [
  z.strictObject({
    ...{ op: z.literal("matmul"), m: rows, n: size, k: size, w: z.string(), bias: z.boolean(), numerics },
    ...{ epilogue: epilogue.optional(), quantize },
  }),
  z.strictObject({ op: z.literal("quantize"), m: rows, k: size, group, bits }),
  z.strictObject({ op: z.literal("dequantize"), n: size, k: size, w: z.string() }),
  z.strictObject({ op: z.literal("rmsnorm"), m: rows, k: size, eps: magnitude, residual: z.boolean(), quantize }),
  z.strictObject({ op: z.literal("embed"), m: rows, n: size, k: size, w: z.string() }),
  z.strictObject({ op: z.literal("rope"), m: rows, heads: size, d: size, ...rotation, scale: magnitude }),
  z.strictObject({ op: z.literal("swiglu"), m: rows, k: size, quantize }),
  z.strictObject({
    ...{ op: z.literal("attention"), m: rows, heads: size, kvHeads: size, headSize: size },
    ...{ keys: z.string(), values: z.string(), causal: z.boolean(), window: size.optional() },
    ...{ positions: z.enum(["last", "given"]).optional(), scale: magnitude.optional(), softcap: magnitude.optional() },
    ...{ slopes: flag, bias: flag, sinks: flag, lse: flag, pages: size.optional() },
    numerics: z.strictObject({ scores: z.enum(["f32", "i8"]), weights: z.enum(["f32", "i8"]) }),
  }),
  z.strictObject({
    ...{ op: z.literal("append"), m: rows, kvHeads: size, headSize: size },
    ...{ keys: z.string(), values: z.string(), pages: size.optional(), decoded: flag },
    rope: z.strictObject({ ...rotation, scale: magnitude }).optional(),
  }),
  z.strictObject({
    ...{ op: z.literal("rotate"), m: rows, kvHeads: size, headSize: size, keys: z.string(), ...rotation },
    pages: size.optional(),
  }),
  z.strictObject({ op: z.literal("merge"), m: rows, parts: size, heads: size, headSize: size }),
]);

/** Checks data from outside as a workload. Throws a `WorkloadError` that names the field. */
export function parseWorkload(data: unknown): Workload {
  const result = workload.safeParse(data, { error: inWords });
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const at = issue?.path.join(".") || "workload";
  throw new WorkloadError(`${at}: ${issue?.message ?? "not a workload"}`);
}

/** JSON with sorted keys and no spaces: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value).filter(([, v]) => v !== undefined);
    entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${canonicalJson(v)}`).join(",")}}`;
  }
  return JSON.stringify(value);
}

/**
 * A workload in a line, for people: its sizes, the format of its weights, what it computes in, what is done besides.
 *
 *     matmul m=1 n=4096 k=4096 q4_K x i8_g32 + bias + silu + quantize i8_g32
 */
export function workloadText({ op, ...fields }: Workload): string {
  const said = Object.entries(fields).flatMap(([name, value]): readonly (readonly [rank: number, text: string])[] => {
    if (typeof value === "boolean") return value ? [[3, `+ ${name}`]] : [];
    if (Array.isArray(value)) return value.map((step) => [3, `+ ${step}`] as const);
    if (name === "numerics") return [[2, numericsText(value as Numerics | AttentionNumerics)]];
    if (name === "rope") return value === undefined ? [] : [[3, `+ ${rotationText(value as ScaledRotation)}`]];
    if (name === "w") return [[1, String(value)]];
    if (name === "quantize") return value === undefined ? [] : [[4, `+ quantize ${quantizedName(value)}`]];
    return [[0, `${name}=${value}`]];
  });
  return [op, ...said.sort(([a], [c]) => a - c).map(([, text]) => text)].join(" ");
}

/** What a quantized result is called, as numerics are: `i8_g32`; with `_y` where y comes out too. */
export const quantizedName = ({ group, bits = 8, keep = false }: QuantizedResult): string =>
  `${numericsName({ compute: "i8", xGroup: group, xBits: bits })}${keep ? "_y" : ""}`;

/** The names that `quantizedName` gives, for messages. */
export const quantizedNames = "i8_g<group> or i8_row (or i2 to i7, of fewer bits), these with _y where y comes out too";

/** The quantized result of this name, or undefined. */
export function quantizedNamed(name: string): QuantizedResult | undefined {
  const [, codes, keep] = /^(.*?)(_y)?$/.exec(name) ?? [];
  const { compute, x, tables, xGroup, xBits } = { ...numericsNamed(codes ?? "") } as Partial<IntegerNumerics>;
  if (compute !== "i8" || xGroup === undefined || x !== undefined || tables !== undefined) return undefined;
  return { group: xGroup, ...(xBits !== undefined && { bits: xBits }), ...(keep !== undefined && { keep: true }) };
}

const numericsText = (numerics: Numerics | AttentionNumerics): string =>
  "compute" in numerics ? `x ${numericsName(numerics)}` : `in ${numerics.scores}, weights in ${numerics.weights}`;

const rotationText = ({ pairing, rotary, scale }: ScaledRotation): string =>
  `rope ${pairing} ${rotary}${scale === 1 ? "" : ` scale=${scale}`}`;

/** The canonical key of a workload. */
export const workloadKey = (of: Workload): string => canonicalJson(of);
