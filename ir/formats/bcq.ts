/**
 * Binary-coded weights (BCQ: LUT-GEMM, ShiftAddLLM), `bcq<planes>_g<group>` or `bcq<planes>_row`: planes of signs, each with a scale of its own per
 * group, and with the suffix `_o` an offset per group (LUT-GEMM's `q_bias`); `_s16`: scales and offsets are f16 instead of f32.
 *
 *     w[n,k] = sum over b < planes of (2 * bit b of [n,k] - 1) * scale[n,g,b]  (+ offset[n,g])
 *
 * Containers: `codes`, for each 32 values of a row a little-endian word of 32 bits per plane, value k in bit k % 32 (LUT-GEMM's `bWeight`, its axes in
 * the order n, k / 32, plane); `scales`, `planes` of them per group, and `offsets`. An integer format is one with the scales s * 2^b / 2.
 */
import type { Codes, Field, Format, Source, Span } from "./format.ts";

const planeCounts = [1, 2, 3, 4] as const;
const spans: readonly Span[] = [32, 64, 128, 256, "row"];
const pattern: RegExp = /^bcq([1234])_(?:g(32|64|128|256)|row)(_o)?(_s16)?$/;

/** Values whose signs share a word. */
const word = 32;

/** A sign is 2q - 1. */
const signs: Codes = { bits: 1, low: 0, high: 2, zero: 1, table: [0, 2] };

function bcqFormat(name: string, planes: number, span: Span, hasOffset: boolean, half: boolean): Format {
  const perGroup = { scalar: half ? "f16" : "f32", per: span } as const;
  const field = (of: Pick<Field, "name" | "scalar" | "span" | "terms" | "product">): Field => ({
    ...{ ...of, range: undefined, negate: false },
  });
  const digits = [[word, 1], ...(planes > 1 ? [[planes, word] as const] : [])] as const;
  const bits = {
    kind: "bits",
    container: "codes",
    planes: [{ at: 0, width: 1, to: 0, digits }],
    as: "uint",
    bias: 0,
  } as const;
  const element = (container: string): Source => ({ kind: "element", container });
  return {
    name,
    block: span === "row" ? word : span,
    group: span,
    codes: signs,
    containers: [
      { name: "codes", scalar: "u8", per: word, elements: (word / 8) * planes },
      { name: "scales", ...perGroup, elements: planes },
      ...(hasOffset ? [{ name: "offsets", ...perGroup, elements: 1 }] : []),
    ],
    fields: [
      field({ name: "q", scalar: "u1", span: 1, terms: planes, product: [bits] }),
      field({ name: "s", scalar: "f32", span, terms: planes, product: [element("scales")] }),
      ...(hasOffset ? [field({ name: "o", scalar: "f32", span, terms: 1, product: [element("offsets")] })] : []),
    ],
    rule: "planes",
  };
}

/** The format of this name; undefined when the name is not of the family. */
export function parseBcq(name: string): Format | undefined {
  const [, planes, group, offset, half] = pattern.exec(name) ?? [];
  if (planes === undefined) return undefined;
  const span = group === undefined ? "row" : Number(group);
  return bcqFormat(name, Number(planes), span, offset !== undefined, half !== undefined);
}

/** Every name of the family. */
export const bcqNames: readonly string[] = planeCounts.flatMap((planes) =>
  spans.flatMap((span) =>
    ["", "_o"].flatMap((offset) =>
      ["", "_s16"].map((half) => `bcq${planes}_${span === "row" ? "row" : `g${span}`}${offset}${half}`),
    ),
  ),
);
