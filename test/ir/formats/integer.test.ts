// The plain integer family: bit order, zero points, float zero points, rows that don't fill a byte.

import { describe, expect, test } from "vitest";
import {
  type Containers,
  containerBuffers,
  containerBytes,
  decodeReference,
  encode,
  fieldOf,
  fieldReader,
  formatNames,
  formatOf,
  packedFields,
  spanOf,
} from "../../../ir/index.ts";
import { hex, normals, typicalFormats } from "../samples.ts";

const family = formatNames().filter((name) => name.startsWith("int"));

/** The bytes of one row of codes: a tensor whose scale is 1, encoded from the values of these codes. */
function codesOf(bits: number, codes: readonly number[]): Uint8Array {
  const zero = 2 ** (bits - 1);
  // The value of code 0 is the extreme, so it fixes the scale at 1.
  const values = Float32Array.from(codes, (code) => code - zero);
  const format = formatOf(`int${bits}_row`);
  const containers = encode(format, values, 1, codes.length);
  expect(new Float32Array((containers["w.scales"] as Uint8Array).slice().buffer)).toEqual(Float32Array.of(1));
  return containers["w.codes"] as Uint8Array;
}

describe("golden vectors of the definitions", () => {
  test("3 bits: the little-endian bit string of GPTQ's words", () => {
    const bytes = codesOf(
      3,
      Array.from({ length: 32 }, (_, k) => (5 * k + 3) % 8),
    );
    const words = Array.from(new Uint32Array(bytes.slice().buffer), (word) => word.toString(16));
    expect(words).toEqual(["43c67543", "7543c675", "c67543c6"]);
  });
  test("4 bits: ONNX's bytes, low nibble first", () => {
    expect(hex(codesOf(4, [1, 2, 3, 4, 5, 6, 7, 8, 0, 0]))).toBe("2143658700");
  });
  test("2 bits: ONNX's bytes, lowest pair first", () => {
    expect(hex(codesOf(2, [0, 1, 2, 3, 3, 2, 1, 0]))).toBe("e41b");
  });
});

test("the family is widths x spans x zero points x scale types", () => {
  // One bit has no code for 0 but with zero points.
  expect(family.length).toBe(6 * 6 * 3 * 2 + 6 * 2 * 2);
  expect(new Set(family).size).toBe(family.length);
});

test("shapes and types of containers and fields", () => {
  const show = (name: string, k: number): string =>
    [...containerBuffers(formatOf(name), 4, k), ...packedFields(formatOf(name), 4, k)]
      .map(
        (b) =>
          `${b.role} ${b.name} ${b.scalar}[${b.shape.map((e) => (e.kind === "const" ? e.value : "?"))}]${b.range ? ` ${b.range.join("..")}` : ""}`,
      )
      .join("; ");
  expect(show("int4_g32", 64)).toMatchInlineSnapshot(
    `"weight w.codes u8[4,32]; weight w.scales f32[4,2]; packed w.q u4[4,64]; packed w.s f32[4,2]"`,
  );
  expect(show("int3_g64_z_s16", 128)).toMatchInlineSnapshot(
    `"weight w.codes u8[4,48]; weight w.scales f16[4,2]; weight w.zeros u8[4,2]; packed w.q u3[4,128]; packed w.s f32[4,2]; packed w.z u8[4,2] 0..8"`,
  );
  expect(show("int5_row_zf_s16", 13)).toMatchInlineSnapshot(
    `"weight w.codes u8[4,9]; weight w.scales f16[4,1]; weight w.zeros f16[4,1]; packed w.q u5[4,13]; packed w.s f32[4,1]; packed w.o f32[4,1]"`,
  );
  expect(show("int8_row_z", 7)).toMatchInlineSnapshot(
    `"weight w.codes u8[4,7]; weight w.scales f32[4,1]; weight w.zeros u8[4,1]; packed w.q u8[4,7]; packed w.s f32[4,1]; packed w.z u8[4,1] 0..255"`,
  );
  expect(show("q4_K", 512)).toMatchInlineSnapshot(
    `"weight w.raw u8[4,288]; packed w.q u4[4,512]; packed w.s f32[4,16]; packed w.o f32[4,16]"`,
  );
  expect(show("q8_0", 64)).toMatchInlineSnapshot(`"weight w.raw u8[4,68]; packed w.q i8[4,64]; packed w.s f32[4,2]"`);
  expect(show("f16", 5)).toMatchInlineSnapshot(`"weight w.raw f16[4,5]; packed w.v f16[4,5]"`);
});

test.each([2, 3, 4, 5, 6, 8])("%i bits: a row is padded to a byte, whose spare bits don't matter", (bits) => {
  const format = formatOf(`int${bits}_row`);
  const k = 13;
  const containers = encode(format, normals(2 * k, bits), 2, k);
  const codes = containers["w.codes"] as Uint8Array;
  expect(codes.byteLength).toBe(2 * Math.ceil((k * bits) / 8));
  const values = decodeReference(format, containers, 2, k);
  const spare = 8 * Math.ceil((k * bits) / 8) - k * bits;
  const dirty = codes.slice();
  for (const end of [codes.length / 2 - 1, codes.length - 1]) dirty[end] = (dirty[end] as number) | (0xff00 >> spare);
  expect(decodeReference(format, { ...containers, "w.codes": dirty }, 2, k)).toEqual(values);
});

describe("decoding is the documented formula", () => {
  const k = 64;
  const parts = (
    name: string,
  ): { containers: Containers; decoded: Float32Array; read: (field: "q" | "s" | "z" | "o", i: number) => number } => {
    const format = formatOf(name);
    const containers = encode(format, normals(k, 5), 1, k);
    return {
      containers,
      decoded: decodeReference(format, containers, 1, k),
      read: (field, i) => {
        const of = fieldOf(format, field);
        if (of === undefined) throw new Error(`no ${field}`);
        return fieldReader(format, of, containers, k)(0, Math.floor(i / spanOf(of.span, k)));
      },
    };
  };
  test("symmetric: (q - 8) * s", () => {
    const { decoded, read } = parts("int4_g16");
    decoded.forEach((value, i) => {
      expect(value).toBe(Math.fround((read("q", i) - 8) * read("s", i)));
    });
  });
  test("stored zero points: (q - z) * s", () => {
    const { decoded, read, containers } = parts("int4_g16_z");
    expect(containers["w.zeros"]?.byteLength).toBe(4);
    decoded.forEach((value, i) => {
      expect(value).toBe(Math.fround((read("q", i) - read("z", i)) * read("s", i)));
    });
  });
  test("float zero points: q*s + o with o = -(s*z), scale and zero in f16", () => {
    const { decoded, read, containers } = parts("int4_g16_zf_s16");
    const zeros = new DataView((containers["w.zeros"] as Uint8Array).slice().buffer);
    decoded.forEach((value, i) => {
      const z = zeros.getFloat16(2 * Math.floor(i / 16), true);
      expect(read("o", i)).toBe(-Math.fround(read("s", i) * z));
      expect(value).toBe(Math.fround(Math.fround(read("q", i) * read("s", i)) + read("o", i)));
    });
  });
});

describe.each(typicalFormats.filter((name) => name.startsWith("int")))("%s", (name) => {
  const format = formatOf(name);
  const [n, k] = [2, 256];
  const x = normals(n * k, 7);
  const containers = encode(format, x, n, k);
  const decoded = decodeReference(format, containers, n, k);

  test("takes the bytes it says", () => {
    expect(Object.fromEntries(Object.entries(containers).map(([key, bytes]) => [key, bytes.byteLength]))).toEqual(
      containerBytes(format, n, k),
    );
  });

  test("encoding is off by at most a step", () => {
    const scale = fieldOf(format, "s");
    if (scale === undefined) throw new Error("no scales");
    const read = fieldReader(format, scale, containers, k);
    // Symmetric codes have one step less on one side; elsewhere half a step, and what f16 scales and zeros lose.
    const steps = name.includes("_z") ? (name.endsWith("_s16") ? 0.8 : 0.501) : 1.2;
    decoded.forEach((value, i) => {
      const g = Math.floor((i % k) / spanOf(scale.span, k));
      const error = Math.abs(value - (x[i] as number)) / Math.abs(read(Math.floor(i / k), g));
      expect(error, `value ${i}`).toBeLessThan(steps);
    });
  });

  test("a group of zeros and a constant group survive", () => {
    const flat = Float32Array.from({ length: n * k }, (_, i) => (i < k ? 0 : -0.75));
    const back = decodeReference(format, encode(format, flat, n, k), n, k);
    expect(back.subarray(0, k).every((value) => value === 0)).toBe(true);
    back.subarray(k).forEach((value) => {
      expect(value).toBeCloseTo(-0.75, name.endsWith("_s16") ? 2 : 6);
    });
  });
});
