// Formats of caches against their definitions, written down a second time: floats of 8 bits by all their codes and at all their boundaries, float zero points in both
// conventions, block floating point.

import { describe, expect, test } from "vitest";
import { smallFloatAt, smallFloatBits, smallFloatOf, smallFloatValue } from "../../../ir/formats/small-float.ts";
import { b, type Containers, decodeReference, encode, fieldReader, formatOf } from "../../../ir/index.ts";
import { containerTensors, f32, run } from "../interpreted.ts";
import { hex, normals } from "../samples.ts";

const codes = Array.from({ length: 256 }, (_, code) => code);

/** A value by its definition, in fields. */
const defined = {
  e4m3: (code: number): number => {
    const [sign, e, m] = [code >> 7 ? -1 : 1, (code >> 3) & 15, code & 7];
    if (e === 15 && m === 7) return Number.NaN;
    return sign * (e === 0 ? m * 2 ** -9 : (1 + m / 8) * 2 ** (e - 7));
  },
  /** The upper byte of an f16. */
  e5m2: (code: number): number => new DataView(Uint8Array.of(0, code).buffer).getFloat16(0, true),
};
const greatest = { e4m3: 448, e5m2: 57344 };

/** Expressions computed by the interpreter. */
function computed(
  scalar: "u8" | "f32",
  values: readonly number[],
  e: (x: ReturnType<typeof b.load>) => ReturnType<typeof b.op>,
) {
  const x = b.buffer("x", scalar, [values.length], { role: "input" });
  const value = e(b.load(x, [b.variable("i")]));
  const y = b.buffer("y", value.type.scalar, [values.length], { role: "output" });
  const body = [b.loop("i", values.length, [b.store("y", [b.variable("i")], value)])];
  const kernel = b.kernel("k", "main", { buffers: [x, y], body });
  const given =
    scalar === "f32"
      ? f32([values.length], values)
      : { scalar, shape: [values.length], values: Float64Array.from(values) };
  return [...(run({ name: "p", kernels: [kernel] }, new Map([["x", given]])).get("y") ?? [])];
}

describe.each(["e4m3", "e5m2"] as const)("%s", (kind) => {
  const values = codes.map(defined[kind]);
  const finite = codes.filter((code) => Number.isFinite(values[code]));

  test("all codes are what they are defined as", () => {
    expect(codes.map((code) => smallFloatValue(kind, code))).toEqual(values);
    expect(computed("u8", codes, (x) => smallFloatAt(kind, x))).toEqual(values);
    expect([...decodeReference(formatOf(kind), { "w.raw": Uint8Array.from(codes) }, 1, 256)]).toEqual(values);
  });

  test("where no NaN is looked for, finite codes are the same and others finite", () => {
    const made = computed("u8", codes, (x) => smallFloatAt(kind, x, true));
    expect(made).toEqual(codes.map((code) => smallFloatValue(kind, code, true)));
    expect(finite.map((code) => made[code])).toEqual(finite.map((code) => values[code]));
    expect(made.every(Number.isFinite)).toBe(true);
  });

  test("values round to the nearest, halves to even, on both sides of every boundary; what is too large is the greatest", () => {
    const upper = finite.filter((code) => code < 0x80);
    const half = new Float32Array(1);
    const bits = new Uint32Array(half.buffer);
    const beside = (value: number, step: number): number => {
      half[0] = value;
      bits[0] = (bits[0] as number) + step;
      return half[0] as number;
    };
    const wanted: [value: number, code: number][] = [];
    for (const code of upper) {
      wanted.push([values[code] as number, code]);
      if (code + 1 === upper.length) continue;
      const middle = ((values[code] as number) + (values[code + 1] as number)) / 2;
      wanted.push(
        [middle, code % 2 === 0 ? code : code + 1],
        [beside(middle, -1), code],
        [beside(middle, 1), code + 1],
      );
    }
    const last = upper.length - 1;
    for (const large of [1.01, 1.07, 2, 1e30]) wanted.push([Math.fround(greatest[kind] * large), last]);
    wanted.push([Number.POSITIVE_INFINITY, last], [2 ** -149, 0]);
    const both = wanted.flatMap(([value, code]) => [[value, code] as const, [-value, code | 0x80] as const]);
    const [given, expected] = [both.map(([value]) => value), both.map(([, code]) => code)];
    expect(given.map((value) => smallFloatBits(kind, value))).toEqual(expected);
    expect(computed("f32", given, (x) => smallFloatOf(kind, x))).toEqual(expected);
  });

  test("NaN stays NaN", () => {
    expect(smallFloatValue(kind, smallFloatBits(kind, Number.NaN))).toBeNaN();
    const [code] = computed("f32", [Number.NaN], (x) => smallFloatOf(kind, x));
    expect(smallFloatValue(kind, code as number)).toBeNaN();
  });

  test("with a scale the greatest magnitude becomes the greatest float; zeros have a scale of 0", () => {
    const format = formatOf(`${kind}_row`);
    const x = Float32Array.from([...normals(31, 1), -7, ...new Array(32).fill(0)]);
    const stored = encode(format, x, 2, 32);
    const scales = new Float32Array((stored["w.scales"] as Uint8Array).slice().buffer);
    expect([...scales]).toEqual([Math.fround(7 / greatest[kind]), 0]);
    expect((stored["w.codes"] as Uint8Array)[31]).toBe(smallFloatBits(kind, -greatest[kind]));
    const decoded = decodeReference(format, stored, 2, 32);
    for (const [i, value] of decoded.entries()) expect(Math.abs(value - (x[i] as number))).toBeLessThanOrEqual(7 / 8);
    expect(() => encode(format, Float32Array.of(Number.NaN), 1, 1)).toThrow(/NaN has no code/);
  });
});

test("golden codes of the definitions", () => {
  expect([0x01, 0x08, 0x38, 0x7e].map((code) => smallFloatValue("e4m3", code))).toEqual([2 ** -9, 2 ** -6, 1, 448]);
  expect([0x01, 0x3c, 0x7b].map((code) => smallFloatValue("e5m2", code))).toEqual([2 ** -16, 1, 57344]);
});

const halvesOf = (bytes: Uint8Array | undefined): number[] => {
  const view = new DataView((bytes as Uint8Array).slice().buffer);
  return Array.from({ length: view.byteLength / 2 }, (_, i) => view.getFloat16(2 * i, true));
};
const nibbles = (bytes: Uint8Array | undefined): number[] =>
  [...(bytes as Uint8Array)].flatMap((byte) => [byte & 15, byte >> 4]);
const even = (x: number): number => {
  const below = Math.floor(x);
  return x - below < 0.5 || (x - below === 0.5 && below % 2 === 0) ? below : below + 1;
};
const clamp = (code: number, most: number): number => Math.min(most, Math.max(0, code));

/** Rows of one head: ordinary ones, one far from zero, one whose zero point halves can't hold, a constant one, zeros, one small step. */
const rows = (size: number): Float32Array => {
  const ordinary = normals(3 * size, 5);
  const far = normals(size, 6).map((x) => 100 + x);
  const beyond = normals(size, 7).map((x) => 3000 + x / 100);
  const ramp = Float32Array.from({ length: size }, (_, i) => (i - 4) / 8);
  return Float32Array.from([
    ...ordinary,
    ...far,
    ...beyond,
    ...ramp,
    ...new Array(size).fill(0.3),
    ...new Array(size).fill(0),
    ...new Array(size).fill(-5),
  ]);
};

describe("float zero points", () => {
  const [size, count] = [64, 9];
  const x = rows(size);
  const rowAt = (r: number): number[] => [...x.subarray(r * size, (r + 1) * size)];

  test("kv4_row_z: (q - z) * s as QServe has it", () => {
    const stored = encode(formatOf("kv4_row_z"), x, count, size);
    const [scales, zeros] = [halvesOf(stored["w.scales"]), halvesOf(stored["w.zeros"])];
    const q = nibbles(stored["w.codes"]);
    const decoded = decodeReference(formatOf("kv4_row_z"), stored, count, size);
    for (let r = 0; r < count; r++) {
      const [s, z] = [scales[r] as number, zeros[r] as number];
      expect(s).toBeGreaterThan(0);
      const [low, high] = [Math.min(...rowAt(r)), Math.max(...rowAt(r))];
      if (r < 4 || r === 5) {
        expect(s).toBe(Math.f16round((high - low) / 15));
        expect(Math.abs(z + (15 * low) / (high - low))).toBeLessThanOrEqual(Math.abs(z) * 2 ** -11 + 1e-6);
      }
      for (const [i, value] of rowAt(r).entries()) {
        const steps = Math.fround(Math.fround(value / s) + z);
        expect(q[r * size + i], `row ${r}, ${i}`).toBe(clamp(even(steps), 15));
        // The real number (q - z) * s, rounded once.
        expect(decoded[r * size + i]).toBe(Math.fround(((q[r * size + i] as number) - z) * s));
        // A code would wrap to 0 where 15 is not the most: values stay within a step and what halves are apart.
        expect(Math.abs((decoded[r * size + i] as number) - value)).toBeLessThanOrEqual(
          s * (0.51 + Math.abs(z) * 2 ** -10),
        );
      }
    }
  });

  test("kv4_row_m: q * s + m as QuaRot and FlatQuant have it", () => {
    const stored = encode(formatOf("kv4_row_m"), x, count, size);
    const [scales, minima] = [halvesOf(stored["w.scales"]), halvesOf(stored["w.minima"])];
    const q = nibbles(stored["w.codes"]);
    const decoded = decodeReference(formatOf("kv4_row_m"), stored, count, size);
    for (let r = 0; r < count; r++) {
      const [s, m] = [scales[r] as number, minima[r] as number];
      const [low, high] = [Math.min(...rowAt(r)), Math.max(...rowAt(r))];
      expect([s, m]).toEqual([Math.f16round((high - low) / 15), Math.f16round(low)]);
      for (const [i, value] of rowAt(r).entries()) {
        const steps = s === 0 ? 0 : Math.fround(Math.fround(value - m) / s);
        expect(q[r * size + i], `row ${r}, ${i}`).toBe(clamp(even(steps), 15));
        expect(decoded[r * size + i]).toBe(Math.fround((q[r * size + i] as number) * s + m));
      }
    }
  });

  test("kv2_g32_m: KIVI's words of 16 codes, the first lowest", () => {
    const wanted = [3, 0, 1, 2, ...new Array(11).fill(0), 1, ...new Array(16).fill(0)];
    const { "w.codes": bytes } = encode(formatOf("kv2_g32_m"), Float32Array.from(wanted), 1, 32) as Containers;
    expect(new DataView((bytes as Uint8Array).slice().buffer).getUint32(0, true).toString(16)).toBe("40000093");
  });
});

describe.each([
  ["bfp12_g32", 4],
  ["bfp16_g32", 8],
] as const)("%s", (name, bits) => {
  const format = formatOf(name);
  const [low, high] = [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];

  test("mantissas of the block's greatest exponent, halves to even, within their range", () => {
    const x = Float32Array.from([
      ...normals(64, 3),
      ...normals(32, 4).map((v) => v * 1e-30),
      ...normals(32, 5).map((v) => v * 1e30),
    ]);
    // The greatest value is just below a power of two: its mantissa would be one too many.
    x[5] = Math.fround(7.9999);
    x[40] = -8;
    const stored = encode(format, x, 1, 128);
    const decoded = decodeReference(format, stored, 1, 128);
    for (let g = 0; g < 4; g++) {
      const block = [...x.subarray(g * 32, g * 32 + 32)];
      const exponent = Math.floor(Math.log2(Math.max(...block.map(Math.abs))));
      expect((stored["w.exponents"] as Uint8Array)[g]).toBe(exponent - (bits - 2) + 127);
      const unit = 2 ** (exponent - (bits - 2));
      expect([...decoded.subarray(g * 32, g * 32 + 32)]).toEqual(
        block.map((value) => Math.min(high, Math.max(low, even(value / unit))) * unit + 0),
      );
    }
  });

  test("zeros stay zeros", () => {
    const stored = encode(format, new Float32Array(32), 1, 32);
    expect(new Set(decodeReference(format, stored, 1, 32))).toEqual(new Set([0]));
    expect(containerTensors(format, stored, 1, 32).size).toBe(2);
    expect(fieldReader(format, format.fields[1] as never, stored, 32)(0, 0)).toBe(2 ** -127);
    expect(hex(stored["w.exponents"] as Uint8Array)).toBe("00");
  });
});
