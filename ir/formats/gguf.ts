/**
 * GGUF's block formats, one row each: the block's struct as bit positions. Source: ggml `src/ggml-common.h`, `src/ggml-quants.c` at d99724f2.
 * Blocks lie along K, a row is K / block of them. Equal to ggml's dequantization to the last bit.
 */
import type { Scalar } from "../types.ts";
import type { BitsSource, Codes, Digit, EncodeRule, Field, Format, Plane, Source, TritsSource } from "./format.ts";

const plane = (byte: number, bit: number, width: number, to: number, digits: readonly Digit[]): Plane => ({
  at: 8 * byte + bit,
  width,
  to,
  digits,
});
const bits = (as: BitsSource["as"], planes: readonly Plane[], bias = 0): BitsSource => ({
  kind: "bits",
  container: "raw",
  planes,
  as,
  bias,
});

/** An f16 of the block's own. */
const half = (byte: number): BitsSource => bits("f16", [plane(byte, 0, 16, 0, [])]);

/** Value 16h+j of 32: nibble h of byte j. */
const halves: readonly Digit[] = [
  [2, 4],
  [16, 8],
];
/** Value 16b+8h+j of 64: nibble h of byte 8b+j. */
const eighths: readonly Digit[] = [
  [4, 64],
  [2, 4],
  [8, 8],
];
/** Value 32b+16h+j of 256: nibble h of byte 16b+j. */
const sixteenths: readonly Digit[] = [
  [8, 128],
  [2, 4],
  [16, 8],
];
/** Value 64c+32h+l of 256: nibble h of byte 32c+l. */
const chunks: readonly Digit[] = [
  [4, 256],
  [2, 4],
  [32, 8],
];
/** Value 128h+32j+l of 256: bits 2j and up of byte 32h+l. */
const quarters: readonly Digit[] = [
  [2, 256],
  [4, 2],
  [32, 8],
];

/**
 * The 6-bit scales and minima that q4_K and q5_K keep in 12 bytes, sub-block 4a+c of 8: scale = low nibble of byte 8a+c and, above it, bits 4+2a
 * of byte c, which for a = 0 are one field; the minimum likewise in bytes 4+c, with its low part for a = 1 in the high nibble of byte 8+c.
 */
const scale6 = (byte: number): BitsSource =>
  bits("uint", [
    plane(byte, 0, 4, 0, [
      [2, 64],
      [4, 8],
    ]),
    plane(byte, 4, 2, 4, [
      [2, 2],
      [4, 8],
    ]),
  ]);
const min6 = (byte: number): BitsSource =>
  bits("uint", [
    plane(byte + 4, 0, 4, 0, [
      [2, 36],
      [4, 8],
    ]),
    plane(byte + 4, 4, 2, 4, [
      [2, 2],
      [4, 8],
    ]),
  ]);

/** The values of iq4_nl and iq4_xs: 4-bit floats fitted to normal weights, as integers. */
const fitted = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];
/** Twice the values of e2m1, the 4-bit float of mxfp4 and nvfp4: a sign, two bits of exponent, one of fraction. */
const twiceE2m1 = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

interface Row {
  readonly block: number;
  readonly bytes: number;
  readonly group: number;
  /** Scalar of the codes, and the constant subtracted from them or the integers that they stand for. */
  readonly codes: readonly [Scalar, bits: number, zero: number | readonly number[]];
  readonly q: readonly Plane[] | TritsSource;
  readonly s: readonly Source[];
  /** Added (`plus`) or subtracted (`minus`) product. */
  readonly plus?: readonly Source[];
  readonly minus?: readonly Source[];
  readonly rule: EncodeRule;
}

const rows = {
  q4_0: {
    block: 32,
    bytes: 18,
    group: 32,
    codes: ["u4", 4, 8],
    q: [plane(2, 0, 4, 0, halves)],
    s: [half(0)],
    rule: "extreme",
  },
  q4_1: {
    block: 32,
    bytes: 20,
    group: 32,
    codes: ["u4", 4, 0],
    q: [plane(4, 0, 4, 0, halves)],
    s: [half(0)],
    plus: [half(2)],
    rule: "range",
  },
  q5_0: {
    block: 32,
    bytes: 22,
    group: 32,
    codes: ["u5", 5, 16],
    q: [plane(6, 0, 4, 0, halves), plane(2, 0, 1, 4, [[32, 1]])],
    s: [half(0)],
    rule: "extreme",
  },
  q5_1: {
    block: 32,
    bytes: 24,
    group: 32,
    codes: ["u5", 5, 0],
    q: [plane(8, 0, 4, 0, halves), plane(4, 0, 1, 4, [[32, 1]])],
    s: [half(0)],
    plus: [half(2)],
    rule: "range",
  },
  q8_0: {
    block: 32,
    bytes: 34,
    group: 32,
    codes: ["i8", 8, 0],
    q: [plane(2, 0, 8, 0, [[32, 8]])],
    s: [half(0)],
    rule: "absmax",
  },
  q2_K: {
    block: 256,
    bytes: 84,
    group: 16,
    codes: ["u2", 2, 0],
    q: [plane(16, 0, 2, 0, quarters)],
    s: [half(80), bits("uint", [plane(0, 0, 4, 0, [[16, 8]])])],
    minus: [half(82), bits("uint", [plane(0, 4, 4, 0, [[16, 8]])])],
    rule: "range0",
  },
  q3_K: {
    block: 256,
    bytes: 110,
    group: 16,
    codes: ["u3", 3, 4],
    q: [
      plane(32, 0, 2, 0, quarters),
      // hmask: value 128h+32j+l has bit 4h+j of byte l
      plane(0, 0, 1, 2, [
        [8, 1],
        [32, 8],
      ]),
    ],
    s: [
      half(108),
      bits(
        "uint",
        [
          plane(96, 0, 4, 0, [
            [2, 4],
            [8, 8],
          ]),
          plane(104, 0, 2, 4, [
            [4, 2],
            [4, 8],
          ]),
        ],
        -32,
      ),
    ],
    rule: "extreme",
  },
  q4_K: {
    block: 256,
    bytes: 144,
    group: 32,
    codes: ["u4", 4, 0],
    q: [plane(16, 0, 4, 0, chunks)],
    s: [half(0), scale6(4)],
    minus: [half(2), min6(4)],
    rule: "range0",
  },
  q5_K: {
    block: 256,
    bytes: 176,
    group: 32,
    codes: ["u5", 5, 0],
    q: [
      plane(48, 0, 4, 0, chunks),
      // qh: value 32j+l has bit j of byte l
      plane(16, 0, 1, 4, [
        [8, 1],
        [32, 8],
      ]),
    ],
    s: [half(0), scale6(4)],
    minus: [half(2), min6(4)],
    rule: "range0",
  },
  q6_K: {
    block: 256,
    bytes: 210,
    group: 16,
    codes: ["u6", 6, 32],
    q: [
      // ql: value 128h+64b+32a+l has nibble b of byte 64h+32a+l
      plane(0, 0, 4, 0, [
        [2, 512],
        [2, 4],
        [64, 8],
      ]),
      plane(128, 0, 2, 4, quarters),
    ],
    s: [half(208), bits("sint", [plane(192, 0, 8, 0, [[16, 8]])])],
    rule: "extreme",
  },
  q1_0: {
    block: 128,
    bytes: 18,
    group: 128,
    codes: ["u1", 1, [-1, 1]],
    q: [plane(2, 0, 1, 0, [[128, 1]])],
    s: [half(0)],
    rule: "mean",
  },
  q2_0: {
    block: 64,
    bytes: 18,
    group: 64,
    codes: ["u2", 2, 1],
    q: [plane(2, 0, 2, 0, [[64, 2]])],
    s: [half(0)],
    rule: "absmax",
  },
  iq4_nl: {
    block: 32,
    bytes: 18,
    group: 32,
    codes: ["u4", 4, fitted],
    q: [plane(2, 0, 4, 0, halves)],
    s: [half(0)],
    rule: "extreme",
  },
  iq4_xs: {
    block: 256,
    bytes: 136,
    group: 32,
    codes: ["u4", 4, fitted],
    q: [plane(8, 0, 4, 0, sixteenths)],
    s: [half(0), bits("uint", [plane(4, 0, 4, 0, [[8, 4]]), plane(2, 0, 2, 4, [[8, 2]])], -32)],
    rule: "extreme",
  },
  tq1_0: {
    block: 256,
    bytes: 54,
    group: 256,
    codes: ["u2", 2, 1],
    q: {
      kind: "trits",
      container: "raw",
      runs: [
        { at: 0, bytes: 32, trits: 5 },
        { at: 32, bytes: 16, trits: 5 },
        { at: 48, bytes: 4, trits: 4 },
      ],
    },
    s: [half(52)],
    rule: "absmax",
  },
  mxfp4: {
    block: 32,
    bytes: 17,
    group: 32,
    codes: ["u4", 4, twiceE2m1],
    q: [plane(1, 0, 4, 0, halves)],
    s: [bits("e8m0", [plane(0, 0, 8, 0, [])], -128)],
    rule: "power",
  },
  nvfp4: {
    block: 64,
    bytes: 36,
    group: 16,
    codes: ["u4", 4, twiceE2m1],
    q: [plane(4, 0, 4, 0, eighths)],
    s: [bits("ue4m3", [plane(0, 0, 8, 0, [[4, 8]])], -8)],
    rule: "absmax",
  },
  tq2_0: {
    block: 256,
    bytes: 66,
    group: 256,
    codes: ["u2", 2, 1],
    q: [plane(0, 0, 2, 0, quarters)],
    s: [half(64)],
    rule: "absmax",
  },
} satisfies Record<string, Row>;

/**
 * Codes that stand for integers: where these span at most 127 the least of them is subtracted only afterwards, so that they fit the 7-bit operand of dot
 * products.
 */
function codesOf([scalar, bits, values]: Row["codes"]): Codes {
  if (typeof values === "number") {
    const [low, high] = scalar === "i8" ? [-128, 127] : [0, 2 ** bits - 1];
    return { bits, low, high, zero: values, table: undefined };
  }
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const zero = most - least <= 127 ? -least : 0;
  return { bits, low: least + zero, high: most + zero, zero, table: values.map((value) => value + zero) };
}

function formatOfRow(name: string, row: Row): Format {
  const [scalar] = row.codes;
  const field = (of: Pick<Field, "name" | "scalar" | "span" | "product">, negate = false): Field => ({
    ...{ ...of, terms: 1, range: undefined, negate },
  });
  const perGroup = { scalar: "f32", span: row.group } as const;
  const offset = row.plus ?? row.minus;
  const codes = "kind" in row.q ? row.q : bits(scalar === "i8" ? "sint" : "uint", row.q);
  return {
    name,
    block: row.block,
    group: row.group,
    codes: codesOf(row.codes),
    containers: [{ name: "raw", scalar: "u8", per: row.block, elements: row.bytes }],
    fields: [
      field({ name: "q", scalar, span: 1, product: [codes] }),
      field({ name: "s", ...perGroup, product: row.s }),
      ...(offset ? [field({ name: "o", ...perGroup, product: offset }, row.minus !== undefined)] : []),
    ],
    rule: row.rule,
  };
}

/** Every GGUF block format known. */
export const ggufFormats: readonly Format[] = Object.entries<Row>(rows).map(([name, row]) => formatOfRow(name, row));
