// GGUF formats against tensors that the real ggml wrote, and against the definitions' golden vectors: equal to the last bit.

import { describe, expect, test } from "vitest";
import {
  checkContainers,
  containerBytes,
  decodeReference,
  encode,
  fieldOf,
  fieldReader,
  formatNames,
  formatOf,
  programOf,
} from "../../../ir/index.ts";
import { containerTensors, run } from "../interpreted.ts";
import { bitsOf, hex, nmse } from "../samples.ts";
import { hasVector, vectorBytes, vectorShape, vectorValues } from "../vectors.ts";

const { n, k } = vectorShape;
const names = formatNames().filter((name) => hasVector(`deq.${name}`));
const stored = (name: string): { "w.raw": Uint8Array } => ({ "w.raw": vectorBytes(`w.${name}`) });

test("every format that must be exact is in the vectors", () => {
  expect(names).toEqual([
    ...[
      "f16",
      "bf16",
      "q4_0",
      "q4_1",
      "q5_0",
      "q5_1",
      "q8_0",
      "q2_K",
      "q3_K",
      "q4_K",
      "q5_K",
      "q6_K",
      "iq4_nl",
      "iq4_xs",
      "tq1_0",
      "mxfp4",
      "nvfp4",
      "tq2_0",
    ],
  ]);
});

describe.each(names)("%s", (name) => {
  const format = formatOf(name);
  const exact = bitsOf(vectorValues(`deq.${name}`));

  test("takes as many bytes as ggml's tensor, and passes the checks", () => {
    expect(containerBytes(format, n, k)).toEqual({ "w.raw": vectorBytes(`w.${name}`).byteLength });
    checkContainers(format, stored(name), n, k);
  });

  test("decodes to ggml's values without the IR", () => {
    expect(bitsOf(decodeReference(format, stored(name), n, k))).toEqual(exact);
  });

  test("decodes to ggml's values by the interpreted program", () => {
    const program = programOf({ op: "dequantize", n, k, w: name });
    const made = run(program, containerTensors(format, stored(name), n, k));
    expect(bitsOf(made.get("y") ?? [])).toEqual(exact);
  });

  test("is encoded as ggml does, or about as well", () => {
    const bytes = encode(format, vectorValues("w.f32"), n, k);
    if (!/_K$|^iq4/.test(name)) return expect(hex(bytes["w.raw"] as Uint8Array)).toBe(hex(stored(name)["w.raw"]));
    const ours = nmse(decodeReference(format, bytes, n, k), vectorValues("w.f32"));
    expect(ours).toBeLessThan(1.25 * nmse(vectorValues(`deq.${name}`), vectorValues("w.f32")));
  });
});

test("f32 is stored as it is", () => {
  const values = vectorValues("w.f32");
  const containers = encode(formatOf("f32"), values, n, k);
  expect(hex(containers["w.raw"] as Uint8Array)).toBe(hex(vectorBytes("w.f32")));
  expect(decodeReference(formatOf("f32"), containers, n, k)).toEqual(values);
});

describe("golden vectors of the definitions", () => {
  test("q4_0: one ramp", () => {
    const ramp = Float32Array.from({ length: 32 }, (_, i) => (i - 12) / 8);
    const { "w.raw": block } = encode(formatOf("q4_0"), ramp, 1, 32);
    expect(hex(block as Uint8Array)).toBe("c0b46d6d5c5c5b4b4b3a3a39292818180707");
  });

  // d = 1 (f16 0x3c00), so that a group's scale is its integer level
  const levels = Array.from({ length: 12 }, (_, i) => 0x11 * (i + 1));
  const read = (name: string, field: "s" | "o", bytes: readonly number[], count: number): number[] => {
    const format = formatOf(name);
    const block = Uint8Array.from(
      { length: containerBytes(format, 1, 256)["w.raw"] as number },
      (_, i) => bytes[i] ?? 0,
    );
    const of = fieldOf(format, field);
    if (of === undefined) throw new Error(`${name} has no ${field}`);
    const reader = fieldReader(format, of, { "w.raw": block }, 256);
    return Array.from({ length: count }, (_, g) => reader(0, g));
  };

  test.each(["q4_K", "q5_K"])("%s: scales and minima of 6 bits in 12 bytes", (name) => {
    const block = [0x00, 0x3c, 0x00, 0x3c, ...levels];
    expect(read(name, "s", block, 8)).toEqual([17, 34, 51, 4, 9, 10, 11, 28]);
    expect(read(name, "o", block, 8)).toEqual([21, 38, 55, 8, 25, 26, 27, 44].map((min) => -min));
  });

  test("q3_K: scales of 6 bits less 32 in 12 bytes", () => {
    const block = [...new Array(96).fill(0), ...levels, 0x00, 0x3c];
    const half = [-15, 2, 19, -28, 5, 6, 7, 24];
    expect(read("q3_K", "s", block, 16)).toEqual([...half, ...half]);
  });
});

describe("formats by hand, in plain TypeScript and by the program", () => {
  const both = (name: string, block: readonly number[]): number[] => {
    const format = formatOf(name);
    const containers = { "w.raw": Uint8Array.from(block) };
    const plain = decodeReference(format, containers, 1, format.block);
    const program = programOf({ op: "dequantize", n: 1, k: format.block, w: name });
    const made = run(program, containerTensors(format, containers, 1, format.block)).get("y") ?? [];
    expect(bitsOf(made)).toEqual(bitsOf(plain));
    return [...plain];
  };
  const zeros = (count: number): number[] => new Array(count).fill(0);

  test("q1_0: bits, lowest first, are signs; d is the mean magnitude", () => {
    const values = both("q1_0", [0x00, 0x38, 0b00000101, ...zeros(14), 0x80]);
    expect(values.map((v) => (v > 0 ? "+" : "-")).join("")).toBe(`+-+${"-".repeat(124)}+`);
    expect(new Set(values.map(Math.abs))).toEqual(new Set([0.5]));
    expect(Object.is(both("q1_0", zeros(18))[0], -0)).toBe(true);
    const x = Float32Array.from({ length: 128 }, (_, i) => (i % 3 === 0 ? -2 : i % 3 === 1 ? 0 : 1));
    const { "w.raw": block } = encode(formatOf("q1_0"), x, 1, 128);
    expect(hex(block as Uint8Array).slice(0, 10)).toBe("003cb66ddb");
  });

  test("q2_0: adjacent pairs of bits, lowest first, less 1", () => {
    const values = both("q2_0", [0x00, 0x40, 0b11100100, 0b00011011, ...zeros(14)]);
    expect(values.slice(0, 9)).toEqual([-2, 0, 2, 4, 4, 2, 0, -2, -2]);
  });

  test("tq1_0: five trits to a byte, the first one highest; four in the last bytes; d stands last", () => {
    const block = zeros(54);
    [block[1], block[33], block[49], block[53]] = [0xb8, 0xb8, 0x95, 0x3c];
    const values = both("tq1_0", block);
    expect([1, 33, 65, 97, 129].map((at) => values[at])).toEqual([1, -1, 0, 0, -1]);
    expect([161, 177, 193, 209, 225].map((at) => values[at])).toEqual([1, -1, 0, 0, -1]);
    expect([241, 245, 249, 253].map((at) => values[at])).toEqual([0, 1, -1, 1]);
    const { "w.raw": again } = encode(formatOf("tq1_0"), Float32Array.from(values), 1, 256);
    expect(hex(again as Uint8Array)).toBe(hex(Uint8Array.from(block)));
  });

  test("mxfp4: powers of two as scales, subnormal ones and the largest too", () => {
    const codes = Array.from({ length: 16 }, (_, i) => i);
    const e2m1 = [0, 0.5, 1, 1.5, 2, 3, 4, 6, 0, -0.5, -1, -1.5, -2, -3, -4, -6];
    for (const e of [0, 1, 2, 126, 127, 128, 252])
      expect(both("mxfp4", [e, ...codes]).slice(0, 16)).toEqual(e2m1.map((v) => v * 2 ** (e - 127)));
    expect(both("mxfp4", [255, ...codes])[1]).toBe(2 ** 127);
  });

  test("nvfp4: scales of 8 bits without a sign, subnormals, and 0x7f, which is 0", () => {
    const scales = [0x00, 0x01, 0x07, 0x08, 0x38, 0x3f, 0x7e, 0x7f];
    const expected = [0, 2 ** -9, 7 * 2 ** -9, 2 ** -6, 1, 1.875, 448, 0];
    for (const half of [0, 4])
      expect(
        [0, 16, 32, 48].map((at) => both("nvfp4", [...scales.slice(half, half + 4), ...new Array(32).fill(0x22)])[at]),
      ).toEqual(expected.slice(half, half + 4));
  });
});

test("half scales below 2^-14 keep all their bits", () => {
  const block = new Uint8Array(34).fill(127);
  block.set([0x03, 0x00]);
  const value = 127 * 3 * 2 ** -24;
  const containers = { "w.raw": block };
  expect(decodeReference(formatOf("q8_0"), containers, 1, 32)).toEqual(new Float32Array(32).fill(value));
  const program = programOf({ op: "dequantize", n: 1, k: 32, w: "q8_0" });
  const made = run(program, containerTensors(formatOf("q8_0"), containers, 1, 32));
  expect(made.get("y")).toEqual(new Float64Array(32).fill(value));
});
