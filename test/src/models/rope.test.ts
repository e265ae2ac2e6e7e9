// Frequencies of rotary embeddings, against the formulas of their sources written out for single pairs.

import { describe, expect, test } from "vitest";
import { ropeTable } from "../../../src/models/index.ts";

const llama = { theta: 500_000, rotary: 128 } as const;
const near = (value: number): number => expect.closeTo(value, 8);

test("plain: theta^(-2i/r)", () => {
  const { frequencies, scale } = ropeTable({ theta: 10_000, rotary: 4 });
  expect([...frequencies, scale]).toEqual([1, near(0.01), 1]);
});

test("linear: all are divided", () => {
  const [plain, scaled] = [ropeTable(llama), ropeTable({ ...llama, scaling: { kind: "linear", factor: 4 } })];
  expect([...scaled.frequencies]).toEqual([...plain.frequencies].map((f) => f / 4));
});

test("ntk: the highest stays, the lowest is divided", () => {
  const [plain, scaled] = [ropeTable(llama), ropeTable({ ...llama, scaling: { kind: "ntk", factor: 4 } })];
  expect(scaled.frequencies[0]).toBe(1);
  expect((plain.frequencies[63] as number) / (scaled.frequencies[63] as number)).toBeCloseTo(4, 5);
});

test("llama3: short waves stay, long ones are divided, between them both are blended", () => {
  const scaling = { kind: "llama3", factor: 8, trained: 8192, low: 1, high: 4 } as const;
  const [plain, scaled] = [ropeTable(llama).frequencies, ropeTable({ ...llama, scaling }).frequencies];
  const wave = (i: number): number => 2 * Math.PI * 500_000 ** (i / 64);
  const ratios = Array.from(plain, (f, i) => f / (scaled[i] as number));
  ratios.forEach((ratio, i) => {
    if (wave(i) < 8192 / 4) expect(ratio).toBeCloseTo(1, 6);
    else if (wave(i) > 8192) expect(ratio).toBeCloseTo(8, 5);
    else {
      const smooth = (8192 / wave(i) - 1) / (4 - 1);
      expect(scaled[i]).toBeCloseTo(((1 - smooth) * (plain[i] as number)) / 8 + smooth * (plain[i] as number), 8);
    }
  });
  expect(ratios.filter((ratio) => ratio > 1.01 && ratio < 7.99).length).toBe(6);
});

describe("yarn", () => {
  const scaling = { kind: "yarn", factor: 4, trained: 32_768 } as const;
  const model = { theta: 1_000_000, rotary: 128 } as const;
  test("pairs that turn often stay, those that turn less than once are divided, between them a line", () => {
    const [plain, { frequencies, scale }] = [ropeTable(model).frequencies, ropeTable({ ...model, scaling })];
    // 128 ln(32768 / (32 2 pi)) / (2 ln 1e6) = 23.6, and 39.6 with one turn.
    expect([0, 23].map((i) => frequencies[i])).toEqual([0, 23].map((i) => plain[i]));
    expect([40, 63].map((i) => frequencies[i])).toEqual([40, 63].map((i) => near((plain[i] as number) / 4)));
    const kept = 1 - (30 - 23) / (40 - 23);
    expect(frequencies[30]).toEqual(near((plain[30] as number) * (kept + (1 - kept) / 4)));
    expect(scale).toBeCloseTo(0.1 * Math.log(4) + 1, 12);
  });
  test("ends of the line between pairs, and an attention factor of the model's own", () => {
    const { frequencies, scale } = ropeTable({
      ...model,
      scaling: { ...scaling, truncate: false, attentionFactor: 1 },
    });
    const [first, last] = [32, 1].map(
      (turns) => (128 * Math.log(32_768 / (turns * 2 * Math.PI))) / (2 * Math.log(1e6)),
    );
    const kept = 1 - (30 - (first as number)) / ((last as number) - (first as number));
    expect(frequencies[30]).toEqual(near((ropeTable(model).frequencies[30] as number) * (kept + (1 - kept) / 4)));
    expect(scale).toBe(1);
  });
});

test("factors: each pair has its own", () => {
  const scaling = { kind: "factors", factors: [1, 2], attentionFactor: 1.5 } as const;
  expect(ropeTable({ theta: 10_000, rotary: 4, scaling })).toEqual({
    frequencies: Float32Array.of(1, 0.005),
    scale: 1.5,
  });
});

test("numbers that give no table", () => {
  expect(() => ropeTable({ theta: 0, rotary: 4 })).toThrow("theta: 0 is not a number above 0");
  expect(() => ropeTable({ theta: 10, rotary: 3 })).toThrow("rotary: 3 is not an even number");
  expect(() => ropeTable({ theta: 10, rotary: 4, scaling: { kind: "linear", factor: 0 } })).toThrow(
    "scaling.factor: 0",
  );
  expect(() => ropeTable({ theta: 10, rotary: 4, scaling: { kind: "factors", factors: [1] } })).toThrow(
    "scaling.factors: 1 values for 2 pairs",
  );
});
