// Binary-coded weights: the definition, LUT-GEMM's order of bits, integer formats as one, what the encoder reaches.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Containers, containerBytes, decodeReference, encode, formatNames, formatOf } from "../../../ir/index.ts";
import { bytesOf, hex, nmse, normals } from "../samples.ts";

const family = formatNames().filter((name) => name.startsWith("bcq"));

const floats = (values: readonly number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);

test("the family is planes x spans x offsets x scale types", () => {
  expect(family.length).toBe(4 * 5 * 2 * 2);
  expect(new Set(family).size).toBe(family.length);
});

test("a word of 32 signs per plane, the planes of 32 values together", () => {
  // Values that are -3, -1, 1, 3 as bits 00, 01, 10, 11 of planes with the scales 2 (high) and 1 (low).
  const bits = [0, 1, 2, 3, 3, 2, 1, 0];
  const values = Float32Array.from({ length: 32 }, (_, k) => 2 * (bits[k % 8] as number) - 3);
  const containers = encode(formatOf("bcq2_g32"), values, 1, 32);
  expect(new Float32Array((containers["w.scales"] as Uint8Array).slice().buffer)).toEqual(Float32Array.of(2, 1));
  expect(hex(containers["w.codes"] as Uint8Array)).toBe(`${"3c".repeat(4)}${"5a".repeat(4)}`);
});

describe.each(["bcq1_g32", "bcq2_g64_o", "bcq3_row_o", "bcq4_g32_o", "bcq4_g128_s16"])("%s", (name) => {
  const format = formatOf(name);
  const planes = Number(name[3]);
  test("decoding is the documented sum, each operation rounded; where nothing is rounded it is the sum in float64", () => {
    const [n, k] = [2, 2 * format.block];
    const group = name.includes("row") ? k : (format.group as number);
    const width = name.endsWith("_s16") ? 2 : 4;
    const property = fc.property(fc.nat(), fc.boolean(), (seed, exact) => {
      const sizes = containerBytes(format, n, k);
      const count = (part: string): number => (sizes[part] ?? 0) / width;
      const numbers = (part: string, at: number): Float32Array => {
        const drawn = normals(count(part), seed + at).map((value) => (exact ? Math.round(4 * value) / 4 : value));
        return width === 2 ? drawn.map(Math.f16round) : drawn;
      };
      const [scales, offsets] = [numbers("w.scales", 1), numbers("w.offsets", 2)];
      const stored = (values: Float32Array): Uint8Array =>
        new Uint8Array((width === 2 ? Float16Array.from(values) : values).buffer);
      const codes = bytesOf(sizes["w.codes"] as number, seed);
      const words = new Uint32Array(codes.slice().buffer);
      const containers: Containers = {
        "w.codes": codes,
        "w.scales": stored(scales),
        ...("w.offsets" in sizes && { "w.offsets": stored(offsets) }),
      };
      decodeReference(format, containers, n, k).forEach((value, i) => {
        const g = Math.floor(i / group);
        const sum = (round: (x: number) => number): number => {
          const terms = Array.from({ length: planes }, (_, b) => {
            const bit = ((words[planes * Math.floor(i / 32) + b] as number) >>> (i % 32)) & 1;
            return (2 * bit - 1) * (scales[planes * g + b] as number);
          });
          const total = terms.reduce((all, term) => round(all + term));
          return "w.offsets" in sizes ? round(total + (offsets[g] as number)) : total;
        };
        expect(value).toBe(sum(Math.fround));
        if (exact) expect(value).toBe(sum((x) => x));
      });
    });
    fc.assert(property, { numRuns: 20 });
  });

  test("a group of zeros and a constant group survive", () => {
    const [n, k] = [2, format.block];
    const flat = Float32Array.from({ length: n * k }, (_, i) => (i < k ? 0 : -0.75));
    const back = decodeReference(format, encode(format, flat, n, k), n, k);
    expect(back.subarray(0, k).every((value) => value === 0)).toBe(true);
    expect(back.subarray(k).every((value) => value === -0.75)).toBe(true);
  });
});

test("integer codes are planes with scales s * 2^b / 2 and the offset that is left: the same values, where scales are powers of two", () => {
  const [n, k] = [3, 128];
  const int4 = formatOf("int4_g32_z");
  const codes = bytesOf((n * k) / 2, 1);
  const [scales, zeros] = [[0.5, 2, 1, 0.25], bytesOf((n * k) / 32, 2).map((z) => z % 17)];
  const groups = Array.from(zeros, (_, g) => scales[g % 4] as number);
  const integers: Containers = { "w.codes": codes, "w.scales": floats(groups), "w.zeros": zeros };
  const words = new Uint32Array((n * k * 4) / 32);
  for (let i = 0; i < n * k; i++) {
    const code = ((codes[i >> 1] as number) >> (4 * (i % 2))) & 15;
    for (let b = 0; b < 4; b++) words[4 * (i >> 5) + b]! |= ((code >> b) & 1) << (i % 32);
  }
  const planes: Containers = {
    "w.codes": new Uint8Array(words.buffer),
    "w.scales": floats(groups.flatMap((s) => [s / 2, s, 2 * s, 4 * s])),
    "w.offsets": floats(groups.map((s, g) => 7.5 * s - s * (zeros[g] as number))),
  };
  expect(decodeReference(formatOf("bcq4_g32_o"), planes, n, k)).toEqual(decodeReference(int4, integers, n, k));
});

describe("the encoder", () => {
  const errorOf = (name: string, x: Float32Array, n: number): number => {
    const format = formatOf(name);
    return nmse(decodeReference(format, encode(format, x, n, x.length / n), n, x.length / n), x);
  };
  test.each([1, 2, 3, 4])("%i planes lose no more than integers of as many bits", (bits) => {
    for (const [group, seed] of [
      [32, 1],
      [128, 2],
      [256, 3],
    ] as const) {
      const x = normals(8 * 512, seed);
      const integers = [`int${bits}_g${group}_zf`, ...(bits > 1 ? [`int${bits}_g${group}`] : [])];
      const best = Math.min(...integers.map((name) => errorOf(name, x, 8)));
      expect(errorOf(`bcq${bits}_g${group}_o`, x, 8)).toBeLessThan(best);
      if (bits > 1) expect(errorOf(`bcq${bits}_g${group}`, x, 8)).toBeLessThan(errorOf(`int${bits}_g${group}`, x, 8));
    }
  });
  test("an offset, one plane more, and scales of a row's parts each lose less", () => {
    const x = normals(4 * 256, 9).map((value) => value + 0.3);
    expect(errorOf("bcq2_g64_o", x, 4)).toBeLessThan(errorOf("bcq2_g64", x, 4));
    expect(errorOf("bcq3_g64_o", x, 4)).toBeLessThan(errorOf("bcq2_g64_o", x, 4));
    expect(errorOf("bcq2_g64_o", x, 4)).toBeLessThan(errorOf("bcq2_row_o", x, 4));
  });
  test("values of two signs and four magnitudes come back exactly, at any scale", () => {
    const property = fc.property(fc.double({ min: 2 ** -40, max: 2 ** 40, noNaN: true }), fc.nat(), (scale, seed) => {
      const x = Float32Array.from(bytesOf(64, seed), (byte) => Math.fround(scale) * (2 * (byte % 2) - 1));
      expect(decodeReference(formatOf("bcq1_g64"), encode(formatOf("bcq1_g64"), x, 1, 64), 1, 64)).toEqual(x);
    });
    fc.assert(property, { numRuns: 20 });
  });
  test("what a half can't hold is refused by group", () => {
    const x = Float32Array.from({ length: 64 }, (_, i) => (i < 32 ? 1 : 1e6));
    expect(() => encode(formatOf("bcq1_g32_s16"), x, 1, 64)).toThrowErrorMatchingInlineSnapshot(
      `[WorkloadError: row 0, group 1: bcq1_g32_s16 can't hold 1000000 in w.s; scale the values down or use a format with f32 scales]`,
    );
  });
});
