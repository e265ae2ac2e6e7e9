// Every relaxed SIMD instruction, executed on operands for which all engines have to agree.

import { expect, test } from "vitest";
import { type InstructionName, instructions } from "../../../../backends/wasm/asm/index.ts";
import { fromFloats, fromIntegers } from "./lanes.ts";
import { simdReference } from "./simd-reference.ts";
import { single } from "./single.ts";

const codes = fromIntegers("u8", [0n, 1n, 2n, 3n, 15n, 127n, 126n, 64n, 9n, 100n, 127n, 127n, 5n, 6n, 7n, 8n]);
const activations = fromIntegers("i8", [
  -128n,
  127n,
  -1n,
  0n,
  55n,
  -127n,
  12n,
  -64n,
  3n,
  -100n,
  127n,
  127n,
  -128n,
  1n,
  2n,
  -3n,
]);
const within = fromIntegers("u8", [15n, 0n, 14n, 1n, 13n, 2n, 12n, 3n, 11n, 4n, 10n, 5n, 9n, 6n, 8n, 7n]);
const halves = fromIntegers("i16", [-32768n, 32767n, -1n, 256n, 12345n, -129n, 1000n, -12345n]);
const otherHalves = fromIntegers("i16", [32767n, -32767n, 16384n, -16384n, 3n, 0n, -32768n, 77n]);
const sums = fromIntegers("i32", [-2147483000n, 2147480000n, -5n, 77n]);
const mask = fromIntegers("i64", [0n, -1n]);
const [small, smaller, addend] = [
  fromFloats("f32", [1.5, -3, 1024, 7]),
  fromFloats("f32", [2, 5, -0.25, 0]),
  fromFloats("f32", [0.5, 100, -7, 3]),
];
const [double, otherDouble, thirdDouble] = [
  fromFloats("f64", [1.5, -3]),
  fromFloats("f64", [2, 4096.25]),
  fromFloats("f64", [8, 1]),
];

/** Operands in the determined range: swizzle indices below 16, masks of whole lanes, 7-bit right factors, exact sums... */
const operands = {
  "i8x16.relaxed_swizzle": [activations, within],
  "i32x4.relaxed_trunc_f32x4_s": [fromFloats("f32", [-2.9, 2147483520, -2147483648, 0.99])],
  "i32x4.relaxed_trunc_f32x4_u": [fromFloats("f32", [2.9, 4294967040, 0, 2147483648])],
  "i32x4.relaxed_trunc_f64x2_s_zero": [fromFloats("f64", [-2147483648.9, 2147483647.9])],
  "i32x4.relaxed_trunc_f64x2_u_zero": [fromFloats("f64", [4294967295.5, 3.5])],
  "f32x4.relaxed_madd": [small, smaller, addend],
  "f32x4.relaxed_nmadd": [small, smaller, addend],
  "f64x2.relaxed_madd": [double, otherDouble, thirdDouble],
  "f64x2.relaxed_nmadd": [double, otherDouble, thirdDouble],
  "i8x16.relaxed_laneselect": [activations, codes, mask],
  "i16x8.relaxed_laneselect": [activations, codes, mask],
  "i32x4.relaxed_laneselect": [activations, codes, mask],
  "i64x2.relaxed_laneselect": [activations, codes, mask],
  "f32x4.relaxed_min": [small, smaller],
  "f32x4.relaxed_max": [small, smaller],
  "f64x2.relaxed_min": [double, otherDouble],
  "f64x2.relaxed_max": [double, otherDouble],
  "i16x8.relaxed_q15mulr_s": [halves, otherHalves],
  "i16x8.relaxed_dot_i8x16_i7x16_s": [activations, codes],
  "i32x4.relaxed_dot_i8x16_i7x16_add_s": [activations, codes, sums],
} as const satisfies Partial<Record<InstructionName, readonly Uint8Array[]>>;

const names = Object.keys(operands) as (keyof typeof operands)[];

test("covers the feature", () => {
  const feature = Object.values(instructions).filter((row) => row.feature === "relaxed-simd");
  expect(feature.map((row) => row.name).toSorted()).toEqual(names.toSorted());
});

test.each(names)("%s", (name) => {
  const expected = simdReference(name)!(operands[name], {});
  expect([...(single(name).run(...operands[name]) as Uint8Array)]).toEqual([...(expected as Uint8Array)]);
});
