// What a user sees when a format, a size or a stored tensor can't be.

import { describe, expect, test } from "vitest";
import {
  type Containers,
  checkContainers,
  containerBuffers,
  decodeReference,
  encode,
  formatNames,
  formatOf,
  WorkloadError,
} from "../../../ir/index.ts";
import { normals } from "../samples.ts";

/** The message of the `WorkloadError` that `act` throws. */
function message(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof WorkloadError) return error.message;
    throw error;
  }
  throw new Error("nothing was thrown");
}

/** A good tensor, and the same with bytes of one container changed. */
function damaged(name: string, n: number, k: number, container: string, change: (bytes: DataView) => void): () => void {
  const format = formatOf(name);
  const containers: Containers = encode(format, normals(n * k, 3), n, k);
  checkContainers(format, containers, n, k);
  const bytes = containers[container] as Uint8Array;
  change(new DataView(bytes.buffer));
  return () => checkContainers(format, containers, n, k);
}

describe("format names", () => {
  test("every listed name is a format of that name", () => {
    for (const name of formatNames()) expect(formatOf(name).name).toBe(name);
    expect(formatOf("q4_K")).toBe(formatOf("q4_K"));
  });
  test("unknown names come with near ones", () => {
    expect(message(() => formatOf("q4_k"))).toMatchInlineSnapshot(
      `"unknown format "q4_k"; near it are q4_K, q4_0, q4_1, q2_K"`,
    );
    expect(message(() => formatOf("int4_g48"))).toMatchInlineSnapshot(
      `"unknown format "int4_g48"; near it are int4_g16, int4_g32, int4_g64, int4_g128"`,
    );
    expect(message(() => formatOf("int7_g32"))).toMatchInlineSnapshot(
      `"unknown format "int7_g32"; near it are int2_g32, int3_g32, int4_g32, int5_g32"`,
    );
    expect(message(() => formatOf("int4_g32_s16_z"))).toMatchInlineSnapshot(
      `"unknown format "int4_g32_s16_z"; near it are int4_g32_s16, int2_g32_s16, int3_g32_s16, int5_g32_s16"`,
    );
    expect(message(() => formatOf(""))).toMatchInlineSnapshot(`"unknown format ""; near it are f32, f16, bf16, e4m3"`);
    expect(message(() => formatOf("x".repeat(1e6))).length).toBeLessThan(1e6 + 100);
    expect(message(() => formatOf("__proto__"))).toContain("unknown format");
  });
});

test("K that the format can't hold", () => {
  expect(message(() => containerBuffers(formatOf("q4_K"), 1, 600))).toMatchInlineSnapshot(
    `"k: 600 is not a multiple of q4_K's block of 256; the nearest are 512 and 768"`,
  );
  expect(message(() => containerBuffers(formatOf("int4_g32"), 1, 16))).toMatchInlineSnapshot(
    `"k: 16 is not a multiple of int4_g32's block of 32; the nearest is 32"`,
  );
  expect(message(() => containerBuffers(formatOf("int4_g32"), 1, 0))).toMatchInlineSnapshot(
    `"k: 0 is not a positive integer"`,
  );
  expect(message(() => containerBuffers(formatOf("f16"), 1, 1.5))).toMatchInlineSnapshot(
    `"k: 1.5 is not a positive integer"`,
  );
});

test("bytes that are not the tensor", () => {
  const format = formatOf("int4_g32_z");
  const good = encode(format, normals(2 * 64, 1), 2, 64);
  const check = (containers: Containers): string => message(() => checkContainers(format, containers, 2, 64));
  expect(check({ ...good, "w.codes": new Uint8Array(63) })).toMatchInlineSnapshot(
    `"w.codes has 63 bytes, but int4_g32_z of 2 x 64 takes 64 (2 rows of 32)"`,
  );
  expect(check({ "w.codes": good["w.codes"] as Uint8Array })).toMatchInlineSnapshot(
    `"w.scales is missing: int4_g32_z is stored as w.codes, w.scales, w.zeros"`,
  );
  expect(check({ ...good, "w.raw": new Uint8Array(1) })).toMatchInlineSnapshot(
    `"w.raw is no part of int4_g32_z, which is stored as w.codes, w.scales, w.zeros"`,
  );
  expect(
    message(() => decodeReference(formatOf("q4_0"), { "w.raw": new Uint8Array(35) }, 1, 64)),
  ).toMatchInlineSnapshot(`"w.raw has 35 bytes, but q4_0 of 1 x 64 takes 36 (1 rows of 36)"`);
});

test("scales, offsets and zero points that are no numbers", () => {
  expect(
    message(damaged("int4_g32", 4, 64, "w.scales", (bytes) => bytes.setFloat32(4 * 5, Number.NaN, true))),
  ).toMatchInlineSnapshot(`"row 2, group 1 (k 32..63): the scale is NaN; the tensor is damaged, quantize it again"`);
  expect(
    message(damaged("int4_g32_zf_s16", 2, 64, "w.zeros", (bytes) => bytes.setUint16(2, 0x7c00, true))),
  ).toMatchInlineSnapshot(
    `"row 0, group 1 (k 32..63): the offset is infinite; the tensor is damaged, quantize it again"`,
  );
  expect(
    message(damaged("q4_K", 2, 512, "w.raw", (bytes) => bytes.setUint16(3 * 144 + 2, 0xfc00, true))),
  ).toMatchInlineSnapshot(
    `"row 1, group 8 (k 256..287): the offset is infinite; the tensor is damaged, quantize it again"`,
  );
  expect(message(damaged("int4_row_z", 2, 40, "w.zeros", (bytes) => bytes.setUint8(1, 200)))).toMatchInlineSnapshot(
    `"row 1, group 0 (k 0..39): the zero point is 200, expected 0..16; the tensor is damaged, quantize it again"`,
  );
});

test("plain floats may be anything", () => {
  const containers = encode(formatOf("f16"), Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY), 1, 2);
  checkContainers(formatOf("f16"), containers, 1, 2);
  expect(decodeReference(formatOf("f16"), containers, 1, 2)).toEqual(Float32Array.of(Number.NaN, Infinity));
});

test("values that have no code", () => {
  const big = new Float32Array(32).fill(1e9);
  expect(message(() => encode(formatOf("q4_0"), big, 1, 32))).toMatchInlineSnapshot(
    `"row 0, group 0: q4_0 can't hold -125000000 in w.s; scale the values down or use a format with f32 scales"`,
  );
  expect(message(() => encode(formatOf("int4_g32"), big.with(7, Number.NaN), 1, 32))).toMatchInlineSnapshot(
    `"row 0, k 7: NaN has no code"`,
  );
  expect(message(() => encode(formatOf("int4_g32"), big, 2, 32))).toMatchInlineSnapshot(
    `"32 values are not 2 x 32; expected 64, row-major"`,
  );
});
