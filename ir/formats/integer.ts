/**
 * The parametric family of plain integer formats, `int<bits>_g<group>` or `int<bits>_row`, with suffixes:
 *
 *     (none)  symmetric: (q - 2^(bits-1)) * s            _z   stored integer zero points, u8 per group: (q - z) * s
 *     _zf     float zero points: q*s + -(s*z)            _s16 scales (and float zero points) are f16 instead of f32
 *
 * Containers: `codes`, each row the little-endian string of its codes' bits, padded to a byte (for 2, 4 and 8 bits ONNX's order); `scales` and
 * `zeros`, one per group.
 */
import type { Scalar } from "../types.ts";
import type { Container, Field, Format, Source, Span } from "./format.ts";

const widths = [1, 2, 3, 4, 5, 6, 8] as const;
const spans: readonly Span[] = [16, 32, 64, 128, 256, "row"];
const zeros = ["", "_z", "_zf"] as const;
const pattern: RegExp = /^int([1234568])_(?:g(16|32|64|128|256)|row)(_zf?)?(_s16)?$/;

/** One bit has no symmetric form here, whose two values would be -s and 0: as +-s/2 it is `_zf` with zero points of 1/2. */
const hasZeros = (bits: number, zero: string): boolean => bits > 1 || zero !== "";

/** Codes and bytes of the shortest run that ends at a byte: 8 codes in 3 bytes for 3 bits. */
function run(bits: number): { readonly per: number; readonly elements: number } {
  const per = bits % 8 === 0 ? 1 : bits % 4 === 0 ? 2 : bits % 2 === 0 ? 4 : 8;
  return { per, elements: (per * bits) / 8 };
}

const element = (container: string): Source => ({ kind: "element", container });

function integerFormat(name: string, bits: number, span: Span, zero: string, scaleType: Scalar): Format {
  const codes = run(bits);
  const perGroup = (of: Pick<Container, "name" | "scalar">): Container => ({ ...of, per: span, elements: 1 });
  const scale = element("scales"); // one source, in two fields where the zero points are in units of it
  const scales: Field = {
    name: "s",
    scalar: "f32",
    range: undefined,
    span,
    terms: 1,
    product: [scale],
    negate: false,
  };
  // A zero point may lie one past the codes: GPTQ files store z - 1 in as many bits as a code.
  const zeroRange = [0, Math.min(255, 2 ** bits)] as const;
  return {
    name,
    block: span === "row" ? 1 : span,
    group: span,
    codes: { bits, low: 0, high: 2 ** bits - 1, zero: zero === "" ? 2 ** (bits - 1) : 0, table: undefined },
    containers: [
      { name: "codes", scalar: "u8", ...codes },
      perGroup({ name: "scales", scalar: scaleType }),
      ...(zero === "" ? [] : [perGroup({ name: "zeros", scalar: zero === "_z" ? "u8" : scaleType })]),
    ],
    fields: [
      {
        name: "q",
        scalar: `u${bits}` as Scalar,
        range: undefined,
        span: 1,
        terms: 1,
        product: [
          {
            kind: "bits",
            container: "codes",
            planes: [{ at: 0, width: bits, to: 0, digits: [[codes.per, bits]] }],
            as: "uint",
            bias: 0,
          },
        ],
        negate: false,
      },
      scales,
      ...(zero === "_z"
        ? [{ ...scales, name: "z", scalar: "u8", range: zeroRange, product: [element("zeros")] } as const]
        : []),
      ...(zero === "_zf" ? [{ ...scales, name: "o", product: [scale, element("zeros")], negate: true } as const] : []),
    ],
    rule: zero === "" ? "extreme" : zero === "_z" ? "range0" : "range",
  };
}

/** The format of this name; undefined when the name is not of the family. */
export function parseInteger(name: string): Format | undefined {
  const [, bits, group, zero = "", half] = pattern.exec(name) ?? [];
  if (bits === undefined || !hasZeros(Number(bits), zero)) return undefined;
  return integerFormat(name, Number(bits), group === undefined ? "row" : Number(group), zero, half ? "f16" : "f32");
}

/** Every name of the family. */
export const integerNames: readonly string[] = widths.flatMap((bits) =>
  spans.flatMap((span) =>
    zeros
      .filter((zero) => hasZeros(bits, zero))
      .flatMap((zero) => ["", "_s16"].map((half) => `int${bits}_${span === "row" ? "row" : `g${span}`}${zero}${half}`)),
  ),
);
