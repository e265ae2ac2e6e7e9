// What each SIMD instruction computes, lane by lane, written from the specification (section 4.3.3) and independent of any
// engine. Regular names (`i16x8.add_sat_u`) are taken apart; the others are listed. Loads and stores are in memory.test.ts.

import { floats, fromFloats, fromIntegers, integers, type LaneType } from "./lanes.ts";
import {
  comparisons,
  floatBinary,
  floatUnary,
  integerBinary,
  integerUnary,
  saturate,
  truncateSaturating,
} from "./numerics.ts";
import type { Immediates, Value } from "./single.ts";

/** Operands, then the immediates as in the plain data, to the result. */
export type Reference = (operands: readonly Value[], immediates: Immediates) => Value;

type Vectors = (a: Uint8Array, b: Uint8Array, c: Uint8Array) => Uint8Array | number;

const vectors =
  (compute: Vectors): Reference =>
  ([a, b, c]) =>
    compute(a as Uint8Array, b as Uint8Array, c as Uint8Array);

const integerShapes: Readonly<Record<string, number>> = { i8x16: 8, i16x8: 16, i32x4: 32, i64x2: 64 };
const floatShapes: Readonly<Record<string, "f32" | "f64">> = { f32x4: "f32", f64x2: "f64" };

/** The meaning of a SIMD instruction; undefined for loads and stores. */
export function simdReference(name: string): Reference | undefined {
  const [shape = "", rest = ""] = name.split(".");
  const bits = integerShapes[shape];
  const float = floatShapes[shape];
  if (bits !== undefined) return irregular[name] ?? laneOps(shape, rest) ?? integerOps(bits, rest);
  if (float !== undefined) return irregular[name] ?? laneOps(shape, rest) ?? floatOps(float, rest);
  return irregular[name];
}

function integerOps(bits: number, rest: string): Reference | undefined {
  const type = (rest.endsWith("_u") ? `u${bits}` : `i${bits}`) as LaneType;
  const [binary, unary, compare] = [integerBinary[rest], integerUnary[rest], comparisons[rest.replace(/_[su]$/, "")]];
  if (rest === "shl" || rest.startsWith("shr_")) {
    return ([a, count]) =>
      fromIntegers(
        type,
        integers(a as Uint8Array, type).map((lane) => binary!(lane, BigInt(count as number), bits)),
      );
  }
  if (binary !== undefined) {
    return vectors((a, b) => {
      const other = integers(b, type);
      return fromIntegers(
        type,
        integers(a, type).map((lane, index) => binary(lane, other[index]!, bits)),
      );
    });
  }
  if (compare !== undefined) {
    return vectors((a, b) => {
      const other = integers(b, type);
      return fromIntegers(
        type,
        integers(a, type).map((lane, index) => (compare(lane, other[index]!) ? -1n : 0n)),
      );
    });
  }
  if (unary !== undefined) {
    return vectors((a) =>
      fromIntegers(
        type,
        integers(a, type).map((lane) => unary(lane, bits)),
      ),
    );
  }
  if (rest === "all_true") return vectors((a) => Number(integers(a, type).every((lane) => lane !== 0n)));
  if (rest === "bitmask") {
    return vectors((a) => integers(a, type).reduce((mask, lane, index) => mask + (lane < 0n ? 2 ** index : 0), 0));
  }
  return wideningOps(bits, rest);
}

/** narrow_i16x8_s, extend_low_i8x16_u, extmul_high_i8x16_s, extadd_pairwise_i8x16_u. */
function wideningOps(bits: number, rest: string): Reference | undefined {
  const parts = /^(narrow|extend_low|extend_high|extmul_low|extmul_high|extadd_pairwise)_(i\d+)x\d+_([su])$/.exec(rest);
  if (parts === null) return undefined;
  const [, what = "", from = "", sign] = parts;
  const source = (sign === "u" && what !== "narrow" ? from.replace("i", "u") : from) as LaneType;
  const result = `i${bits}` as LaneType;
  const half = (values: readonly bigint[]): readonly bigint[] =>
    what.endsWith("high") ? values.slice(values.length / 2) : values.slice(0, values.length / 2);
  return vectors((a, b) => {
    const lanes = integers(a, source);
    if (what === "narrow") {
      const both = [...lanes, ...integers(b, source)];
      return fromIntegers(
        result,
        both.map((lane) => saturate(lane, bits, sign === "s")),
      );
    }
    if (what === "extadd_pairwise") return fromIntegers(result, pairSums(lanes));
    const other = what.startsWith("extmul") ? half(integers(b, source)) : undefined;
    return fromIntegers(
      result,
      half(lanes).map((lane, index) => lane * (other?.[index] ?? 1n)),
    );
  });
}

const pairSums = (lanes: readonly bigint[]): bigint[] =>
  lanes.flatMap((lane, index) => (index % 2 === 0 ? [lane + lanes[index + 1]!] : []));

function floatOps(type: "f32" | "f64", rest: string): Reference | undefined {
  const [binary, unary, compare] = [floatBinary[rest], floatUnary[rest], comparisons[rest]];
  if (binary !== undefined) return zipFloats(type, binary);
  if (unary !== undefined) return vectors((a) => fromFloats(type, floats(a, type).map(unary)));
  if (compare === undefined) return undefined;
  const mask = (type === "f32" ? "i32" : "i64") as LaneType;
  return vectors((a, b) => {
    const other = floats(b, type);
    return fromIntegers(
      mask,
      floats(a, type).map((lane, index) => (compare(lane, other[index]!) ? -1n : 0n)),
    );
  });
}

function zipFloats(type: "f32" | "f64", compute: (a: number, b: number, c: number) => number): Reference {
  return vectors((a, b, c) => {
    const [second, third] = [floats(b, type), floats(c ?? b, type)];
    return fromFloats(
      type,
      floats(a, type).map((lane, index) => compute(lane, second[index]!, third[index]!)),
    );
  });
}

/** splat, extract_lane, replace_lane of all shapes. */
function laneOps(shape: string, rest: string): Reference | undefined {
  const bits = integerShapes[shape];
  const scalar =
    bits === undefined ? floatShapes[shape]! : ((rest.endsWith("_u") ? `u${bits}` : `i${bits}`) as LaneType);
  const read = (vector: Uint8Array): readonly (number | bigint)[] =>
    scalar === "f32" || scalar === "f64" ? floats(vector, scalar) : integers(vector, scalar);
  const write = (lanes: readonly (number | bigint)[]): Uint8Array =>
    scalar === "f32" || scalar === "f64"
      ? fromFloats(scalar, lanes.map(Number))
      : fromIntegers(scalar, lanes.map(BigInt));
  const count = Number(shape.slice(shape.indexOf("x") + 1));
  if (rest === "splat") return ([value]) => write(Array(count).fill(value));
  if (rest === "replace_lane")
    return ([a, value], { lane }) => write(read(a as Uint8Array).with(lane as number, value as number));
  if (!rest.startsWith("extract_lane")) return undefined;
  return ([a], { lane }) => {
    const value = read(a as Uint8Array)[lane as number]!;
    return bits === 64 ? value : Number(value);
  };
}

/** To i32 lanes; the lanes that the source has not are zero. */
function truncations(source: "f32" | "f64", isSigned: boolean): Reference {
  return vectors((a) =>
    fromIntegers(
      "i32",
      floats(a, source).map((lane) => truncateSaturating(lane, 32, isSigned)),
    ),
  );
}

function conversions(type: "f32" | "f64", source: "i32" | "u32"): Reference {
  return vectors((a) =>
    fromFloats(
      type,
      integers(a, source)
        .slice(0, type === "f32" ? 4 : 2)
        .map(Number),
    ),
  );
}

const bitwise = (compute: (a: number, b: number, c: number) => number): Reference =>
  vectors((a, b, c) => a.map((byte, index) => compute(byte, b?.[index] ?? 0, c?.[index] ?? 0)));

const select = bitwise((a, b, c) => (a & c) | (b & ~c));
const swizzle = vectors((a, b) => b.map((index) => a[index] ?? 0));

/** Sums of `count` products next to each other: left signed, right signed. */
function dots(source: LaneType, result: LaneType, count: number): Vectors {
  return (a, b) => {
    const right = integers(b, source);
    let sums = integers(a, source).map((lane, index) => lane * right[index]!);
    for (let left = count; left > 1; left /= 2) sums = pairSums(sums);
    return fromIntegers(result, sums);
  };
}

const relaxedDotAdd: Vectors = (a, b, c) => {
  const [sums, addend] = [integers(dots("i8", "i32", 4)(a, b, c) as Uint8Array, "i32"), integers(c, "i32")];
  return fromIntegers(
    "i32",
    sums.map((sum, index) => sum + addend[index]!),
  );
};

const irregular: Readonly<Record<string, Reference>> = {
  "v128.const": (_, { bytes }) => Uint8Array.from(bytes as number[]),
  "v128.not": bitwise((a) => ~a),
  "v128.and": bitwise((a, b) => a & b),
  "v128.andnot": bitwise((a, b) => a & ~b),
  "v128.or": bitwise((a, b) => a | b),
  "v128.xor": bitwise((a, b) => a ^ b),
  "v128.bitselect": select,
  "v128.any_true": vectors((a) => Number(a.some((byte) => byte !== 0))),
  "i8x16.shuffle": ([a, b], { lanes }) => {
    const both = [...(a as Uint8Array), ...(b as Uint8Array)];
    return Uint8Array.from(lanes as number[], (lane) => both[lane]!);
  },
  "i8x16.swizzle": swizzle,
  "i32x4.dot_i16x8_s": vectors(dots("i16", "i32", 2)),
  "f32x4.demote_f64x2_zero": vectors((a) => fromFloats("f32", floats(a, "f64"))),
  "f64x2.promote_low_f32x4": vectors((a) => fromFloats("f64", floats(a, "f32").slice(0, 2))),
  "i32x4.trunc_sat_f32x4_s": truncations("f32", true),
  "i32x4.trunc_sat_f32x4_u": truncations("f32", false),
  "i32x4.trunc_sat_f64x2_s_zero": truncations("f64", true),
  "i32x4.trunc_sat_f64x2_u_zero": truncations("f64", false),
  "f32x4.convert_i32x4_s": conversions("f32", "i32"),
  "f32x4.convert_i32x4_u": conversions("f32", "u32"),
  "f64x2.convert_low_i32x4_s": conversions("f64", "i32"),
  "f64x2.convert_low_i32x4_u": conversions("f64", "u32"),

  // Relaxed SIMD on its determined range
  "i8x16.relaxed_swizzle": swizzle,
  "i32x4.relaxed_trunc_f32x4_s": truncations("f32", true),
  "i32x4.relaxed_trunc_f32x4_u": truncations("f32", false),
  "i32x4.relaxed_trunc_f64x2_s_zero": truncations("f64", true),
  "i32x4.relaxed_trunc_f64x2_u_zero": truncations("f64", false),
  "f32x4.relaxed_madd": zipFloats("f32", (a, b, c) => a * b + c),
  "f32x4.relaxed_nmadd": zipFloats("f32", (a, b, c) => -(a * b) + c),
  "f64x2.relaxed_madd": zipFloats("f64", (a, b, c) => a * b + c),
  "f64x2.relaxed_nmadd": zipFloats("f64", (a, b, c) => -(a * b) + c),
  "i8x16.relaxed_laneselect": select,
  "i16x8.relaxed_laneselect": select,
  "i32x4.relaxed_laneselect": select,
  "i64x2.relaxed_laneselect": select,
  "f32x4.relaxed_min": zipFloats("f32", Math.min),
  "f32x4.relaxed_max": zipFloats("f32", Math.max),
  "f64x2.relaxed_min": zipFloats("f64", Math.min),
  "f64x2.relaxed_max": zipFloats("f64", Math.max),
  "i16x8.relaxed_q15mulr_s": simdReferenceOf("i16x8.q15mulr_sat_s"),
  "i16x8.relaxed_dot_i8x16_i7x16_s": vectors(dots("i8", "i16", 2)),
  "i32x4.relaxed_dot_i8x16_i7x16_add_s": vectors(relaxedDotAdd),
};

function simdReferenceOf(name: string): Reference {
  return (operands, immediates) => integerOps(16, name.split(".")[1]!)!(operands, immediates);
}
