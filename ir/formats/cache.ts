/**
 * Formats made for caches, where a row is what one token has for one head (or, in a cache along tokens, what one value of a head is at all tokens):
 *
 *     i8_row                         signed 8-bit codes with one f32 scale, symmetric
 *     e4m3_row, e5m2_row             finite floats of 8 bits times one f32 scale (`e4m3` and `e5m2`, with NaN and without a scale, are in `float.ts`)
 *     kv{2,4}_<group>_z              (q - z) * s, unsigned codes, z and s f16, z not rounded to a code         kv4_row_z: QServe's KV4
 *     kv{2,4}_<group>_m              q * s + m, m and s f16                                                   kv4_row_m: QuaRot's, FlatQuant's; kv2_g32_m: KIVI's
 *     bfp12_<group>, bfp16_<group>   block floating point: mantissas of 4 or 8 bits, two's complement, times one power of two kept as an exponent of 8 bits
 *
 * <group> is row, g32, g64 or g128; of bfp g32, g64 or g128. (q - z) * s is q*s + -(s*z), both products exact in f32: of halves and codes of few bits.
 */
import type { Container, Field, Format, Source, Span } from "./format.ts";
import type { smallFloats } from "./small-float.ts";

const element = (container: string): Source => ({ kind: "element", container });
const perGroup = (name: string, scalar: Container["scalar"], per: Span): Container => ({
  ...{ name, scalar, per, elements: 1 },
});

const field = (
  name: Field["name"],
  scalar: Field["scalar"],
  span: Span,
  product: readonly Source[],
  negate = false,
): Field => ({ ...{ name, scalar, range: undefined, span, terms: 1, product, negate } });

/** Codes of 1, 2, 4 or 8 bits side by side, the first lowest. */
const codesOf = (bits: number, as: "uint" | "sint"): { readonly container: Container; readonly q: Field } => ({
  container: { name: "codes", scalar: "u8", per: 8 / bits, elements: 1 },
  q: field("q", as === "sint" ? "i8" : (`u${bits}` as Field["scalar"]), 1, [
    {
      ...{ kind: "bits", container: "codes", as, bias: 0 },
      planes: [{ at: 0, width: bits, to: 0, digits: [[8 / bits, bits]] }],
    },
  ]),
});

const i8Row: Format = {
  name: "i8_row",
  block: 1,
  group: "row",
  codes: { bits: 8, low: -127, high: 127, zero: 0, table: undefined },
  containers: [codesOf(8, "sint").container, perGroup("scales", "f32", "row")],
  fields: [codesOf(8, "sint").q, field("s", "f32", "row", [element("scales")])],
  rule: "absmax",
};

const scaledFloats = (["e4m3", "e5m2"] as const satisfies readonly (keyof typeof smallFloats)[]).map(
  (float): Format => ({
    name: `${float}_row`,
    block: 1,
    group: "row",
    codes: undefined,
    containers: [{ name: "codes", scalar: "u8", per: 1, elements: 1 }, perGroup("scales", "f32", "row")],
    fields: [{ ...field("v", "u8", 1, [element("codes")]), float }, field("s", "f32", "row", [element("scales")])],
    rule: "absmax",
  }),
);

const named = (span: Span): string => (span === "row" ? span : `g${span}`);

function asymmetric(bits: 2 | 4, span: Span, convention: "z" | "m"): Format {
  const { container, q } = codesOf(bits, "uint");
  const [scale, second] = [element("scales"), element(convention === "z" ? "zeros" : "minima")];
  const offset =
    convention === "z" ? field("o", "f32", span, [scale, second], true) : field("o", "f32", span, [second]);
  return {
    name: `kv${bits}_${named(span)}_${convention}`,
    block: span === "row" ? 1 : span,
    group: span,
    codes: { bits, low: 0, high: 2 ** bits - 1, zero: 0, table: undefined },
    containers: [container, perGroup("scales", "f16", span), perGroup(second.container, "f16", span)],
    fields: [q, field("s", "f32", span, [scale]), offset],
    rule: "nearest",
  };
}

/** A mantissa of 4 bits is stored with 8 added: unsigned, it is the operand of 7 bits of a dot product. */
function blockFloat(bits: 4 | 8, span: number): Format {
  const { container, q } = codesOf(bits, bits === 8 ? "sint" : "uint");
  const zero = bits === 8 ? 0 : 2 ** (bits - 1);
  const exponent: Source = {
    ...{ kind: "bits", container: "exponents", as: "e8m0", bias: -127 },
    planes: [{ at: 0, width: 8, to: 0, digits: [] }],
  };
  return {
    name: `bfp${bits + 8}_${named(span)}`,
    block: span,
    group: span,
    codes: { bits, low: zero - 2 ** (bits - 1), high: zero + 2 ** (bits - 1) - 1, zero, table: undefined },
    containers: [container, perGroup("exponents", "u8", span)],
    fields: [q, field("s", "f32", span, [exponent])],
    rule: "power",
  };
}

const spans: readonly Span[] = ["row", 32, 64, 128];

export const cacheFormats: readonly Format[] = [
  i8Row,
  ...scaledFloats,
  ...([4, 2] as const).flatMap((bits) =>
    spans.flatMap((span) => (["z", "m"] as const).map((convention) => asymmetric(bits, span, convention))),
  ),
  ...([4, 8] as const).flatMap((bits) => [32, 64, 128].map((span) => blockFloat(bits, span))),
];
