/** Formats made for caches, where a row is what one token has for one head. */
import type { Format } from "./format.ts";

/** Signed 8-bit codes with one f32 scale per row, symmetric: the form of int8 caches per token and head. */
const i8Row: Format = {
  name: "i8_row",
  block: 1,
  group: "row",
  codes: { bits: 8, low: -127, high: 127, zero: 0, table: undefined },
  containers: [
    { name: "codes", scalar: "u8", per: 1, elements: 1 },
    { name: "scales", scalar: "f32", per: "row", elements: 1 },
  ],
  fields: [
    {
      name: "q",
      scalar: "i8",
      range: undefined,
      span: 1,
      terms: 1,
      product: [
        {
          kind: "bits",
          container: "codes",
          planes: [{ at: 0, width: 8, to: 0, digits: [[1, 8]] }],
          as: "sint",
          bias: 0,
        },
      ],
      negate: false,
    },
    {
      name: "s",
      scalar: "f32",
      range: undefined,
      span: "row",
      terms: 1,
      product: [{ kind: "element", container: "scales" }],
      negate: false,
    },
  ],
  rule: "absmax",
};

export const cacheFormats: readonly Format[] = [i8Row];
