// ggml's tensor types: the id in the file, and how many bytes a block of how many elements takes. All that ggml's
// ggml.h and ggml-common.h define, one row each, also those that qloom doesn't compute with: a file lists and copies them all
// the same. What the bytes of a block mean is not here (ir/formats).

/** ggml's own name of a tensor type, in ggml's spelling (`q4_K`, `iq4_nl`). */
export type GgmlTypeName =
  | ("f32" | "f16" | "bf16" | "f64" | "i8" | "i16" | "i32" | "i64")
  | ("q1_0" | "q2_0" | "q4_0" | "q4_1" | "q5_0" | "q5_1" | "q8_0" | "q8_1")
  | ("q2_K" | "q3_K" | "q4_K" | "q5_K" | "q6_K" | "q8_K")
  | ("iq1_s" | "iq1_m" | "iq2_xxs" | "iq2_xs" | "iq2_s" | "iq3_xxs" | "iq3_s" | "iq4_nl" | "iq4_xs")
  | ("tq1_0" | "tq2_0" | "mxfp4" | "nvfp4");

/** How a type is stored: its id in the file, and its block. A row of K elements is K / blockElements blocks. */
export type GgmlType = { readonly id: number; readonly blockElements: number; readonly blockBytes: number };

// Ids 4, 5 (q4_2, q4_3), 31 to 33 and 36 to 38 (row-interleaved q4_0, iq4_nl) were taken out of ggml and are unknown here too.
export const GGML_TYPES: Readonly<Record<GgmlTypeName, GgmlType>> = {
  f32: { id: 0, blockElements: 1, blockBytes: 4 },
  f16: { id: 1, blockElements: 1, blockBytes: 2 },
  q4_0: { id: 2, blockElements: 32, blockBytes: 18 },
  q4_1: { id: 3, blockElements: 32, blockBytes: 20 },
  q5_0: { id: 6, blockElements: 32, blockBytes: 22 },
  q5_1: { id: 7, blockElements: 32, blockBytes: 24 },
  q8_0: { id: 8, blockElements: 32, blockBytes: 34 },
  q8_1: { id: 9, blockElements: 32, blockBytes: 36 },
  q2_K: { id: 10, blockElements: 256, blockBytes: 84 },
  q3_K: { id: 11, blockElements: 256, blockBytes: 110 },
  q4_K: { id: 12, blockElements: 256, blockBytes: 144 },
  q5_K: { id: 13, blockElements: 256, blockBytes: 176 },
  q6_K: { id: 14, blockElements: 256, blockBytes: 210 },
  q8_K: { id: 15, blockElements: 256, blockBytes: 292 },
  iq2_xxs: { id: 16, blockElements: 256, blockBytes: 66 },
  iq2_xs: { id: 17, blockElements: 256, blockBytes: 74 },
  iq3_xxs: { id: 18, blockElements: 256, blockBytes: 98 },
  iq1_s: { id: 19, blockElements: 256, blockBytes: 50 },
  iq4_nl: { id: 20, blockElements: 32, blockBytes: 18 },
  iq3_s: { id: 21, blockElements: 256, blockBytes: 110 },
  iq2_s: { id: 22, blockElements: 256, blockBytes: 82 },
  iq4_xs: { id: 23, blockElements: 256, blockBytes: 136 },
  i8: { id: 24, blockElements: 1, blockBytes: 1 },
  i16: { id: 25, blockElements: 1, blockBytes: 2 },
  i32: { id: 26, blockElements: 1, blockBytes: 4 },
  i64: { id: 27, blockElements: 1, blockBytes: 8 },
  f64: { id: 28, blockElements: 1, blockBytes: 8 },
  iq1_m: { id: 29, blockElements: 256, blockBytes: 56 },
  bf16: { id: 30, blockElements: 1, blockBytes: 2 },
  tq1_0: { id: 34, blockElements: 256, blockBytes: 54 },
  tq2_0: { id: 35, blockElements: 256, blockBytes: 66 },
  mxfp4: { id: 39, blockElements: 32, blockBytes: 17 },
  nvfp4: { id: 40, blockElements: 64, blockBytes: 36 },
  q1_0: { id: 41, blockElements: 128, blockBytes: 18 },
  q2_0: { id: 42, blockElements: 64, blockBytes: 18 },
};

const NAMES = Object.keys(GGML_TYPES) as GgmlTypeName[]; // keyof a Record whose keys are exactly the union
const NAME_BY_ID: ReadonlyMap<number, GgmlTypeName> = new Map(NAMES.map((name) => [GGML_TYPES[name].id, name]));

/** The name of the type with this id in a file, or undefined where ggml (as known here) has none. */
export function ggmlTypeName(id: number): GgmlTypeName | undefined {
  return NAME_BY_ID.get(id);
}

/** Whether `name` is a type of the table (and not `unknown(123)`, say). */
export function isGgmlType(name: string): name is GgmlTypeName {
  return Object.hasOwn(GGML_TYPES, name);
}

/** Whether elements are stored as codes of a block with a scale, and not one by one. */
export function isQuantized(name: GgmlTypeName): boolean {
  return GGML_TYPES[name].blockElements > 1;
}
