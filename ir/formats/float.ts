/** Tensors stored as plain floats: one field `v`, kept in its width. */
import type { Field, Format } from "./format.ts";

const plain = (name: string, scalar: Field["scalar"], float?: Field["float"]): Format => ({
  name,
  block: 1,
  group: undefined,
  codes: undefined,
  containers: [{ name: "raw", scalar, per: 1, elements: 1 }],
  fields: [
    {
      name: "v",
      scalar,
      range: undefined,
      span: 1,
      terms: 1,
      product: [{ kind: "element", container: "raw" }],
      negate: false,
      ...(float && { float }),
    },
  ],
  rule: "cast",
});

export const floatFormats: readonly Format[] = [
  plain("f32", "f32"),
  plain("f16", "f16"),
  plain("bf16", "bf16"),
  plain("e4m3", "u8", "e4m3"),
  plain("e5m2", "u8", "e5m2"),
];
