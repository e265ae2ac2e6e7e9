/** Tensors stored as plain floats: one field `v`, kept in its width. */
import type { Format } from "./format.ts";

const plain = (scalar: "f32" | "f16" | "bf16"): Format => ({
  name: scalar,
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
    },
  ],
  rule: "cast",
});

export const floatFormats: readonly Format[] = [plain("f32"), plain("f16"), plain("bf16")];
