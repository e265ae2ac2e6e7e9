import { describe, expect, test } from "vitest";
import {
  compare,
  figures,
  median,
  normal,
  quantile,
  splitmix32,
  summarize,
  uniform,
} from "../../../src/timing/index.ts";

/** Times around `middle` with a skewed noise of a few per cent, as a busy machine gives. */
function noisy(middle: number, count: number, seed: number): number[] {
  const random = splitmix32(seed);
  return Array.from({ length: count }, () => middle * (1 + 0.03 * Math.abs(normal(random))));
}

describe("quantile", () => {
  test("interpolates between order statistics, whatever the order given", () => {
    expect(quantile([4, 1, 3, 2], 0)).toBe(1);
    expect(quantile([4, 1, 3, 2], 1)).toBe(4);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([10, 9, 100])).toBe(10);
    expect(quantile([0, 10], 0.1)).toBeCloseTo(1, 12);
  });

  test("sorts by value, leaves its input alone and refuses no samples", () => {
    const samples = [30, 4, 200];
    expect(median(samples)).toBe(30);
    expect(samples).toEqual([30, 4, 200]);
    expect(() => median([])).toThrow("no samples");
  });

  test("a summary holds the middle and the spread", () => {
    const samples = Array.from({ length: 11 }, (_, i) => i + 1);
    expect(summarize(samples)).toEqual({ count: 11, median: 6, low: 2, high: 10, mad: 3 });
  });
});

test("figures are significant digits, without an exponent where there are more", () => {
  expect([0.0123456, 0.46, 999.4, 999.5, 3110.4].map((x) => figures(x, 3))).toEqual([
    "0.0123",
    "0.460",
    "999",
    "1000",
    "3110",
  ]);
});

describe("compare", () => {
  test("a difference within the noise is no win", () => {
    // An interval of 95 % is wrong once in twenty.
    let wins = 0;
    for (let seed = 0; seed < 200; seed++) {
      if (compare(noisy(1, 9, 2 * seed), noisy(1, 9, 2 * seed + 1), { margin: 0 }).verdict !== "same") wins++;
    }
    expect(wins).toBeLessThanOrEqual(16);
  });

  test("a difference well above the noise is one, in both directions", () => {
    const faster = compare(noisy(1, 15, 1), noisy(1.2, 15, 2));
    expect(faster.verdict).toBe("faster");
    expect(faster.low).toBeLessThan(faster.ratio);
    expect(faster.high).toBeGreaterThan(faster.ratio);
    expect(faster.ratio).toBeCloseTo(1 / 1.2, 1);
    expect(compare(noisy(1.2, 15, 2), noisy(1, 15, 1)).verdict).toBe("slower");
  });

  test("pairing cancels a drift that hides the difference otherwise", () => {
    const drift = Array.from({ length: 31 }, (_, i) => 1 + i / 10);
    const b = drift.map((slow) => slow * 1.05);
    expect(compare(drift, b).verdict).toBe("same");
    expect(compare(drift, b, { paired: true }).verdict).toBe("faster");
    expect(() => compare(drift, b.slice(1), { paired: true })).toThrow("can't be paired");
  });

  test("a sure difference below the margin, and too few samples, are no win", () => {
    const exact = [1, 1, 1, 1, 1];
    const bit = exact.map((ms) => ms * 1.005);
    expect(compare(exact, bit)).toMatchObject({ high: 1 / 1.005, verdict: "same" });
    expect(compare(exact, bit, { margin: 0 }).verdict).toBe("faster");
    expect(compare([1, 1], [2, 2])).toEqual({ ratio: 0.5, low: 0, high: Infinity, verdict: "same" });
  });

  test("the same samples give the same interval", () => {
    const [a, b] = [noisy(1, 9, 1), noisy(1.05, 12, 2)];
    expect(compare(a, b)).toEqual(compare(a, b));
  });
});

describe("random numbers", () => {
  test("follow the definition of splitmix32", () => {
    const random = splitmix32(0);
    const expected = bigSplitmix(0, 4);
    expect([random(), random(), random(), random()]).toEqual(expected);
    expect(splitmix32(7)()).toBe(bigSplitmix(7, 1)[0]);
  });

  test("have the moments that their names promise", () => {
    const random = splitmix32(3);
    const moments = (draw: () => number) => {
      const drawn = Array.from({ length: 20000 }, draw);
      const mean = drawn.reduce((sum, value) => sum + value, 0) / drawn.length;
      return [mean, drawn.reduce((sum, value) => sum + (value - mean) ** 2, 0) / drawn.length];
    };
    const [uniformMean, uniformVariance] = moments(() => uniform(random));
    expect(uniformMean).toBeCloseTo(0.5, 1);
    expect(uniformVariance).toBeCloseTo(1 / 12, 2);
    const [normalMean, normalVariance] = moments(() => normal(random));
    expect(normalMean).toBeCloseTo(0, 1);
    expect(normalVariance).toBeCloseTo(1, 1);
  });
});

/** splitmix32 in arithmetic that can't overflow. */
function bigSplitmix(seed: number, count: number): number[] {
  const word = (value: bigint) => value & 0xffffffffn;
  let state = BigInt(seed);
  return Array.from({ length: count }, () => {
    state = word(state + 0x9e3779b9n);
    let mixed = word((state ^ (state >> 16n)) * 0x21f0aaadn);
    mixed = word((mixed ^ (mixed >> 15n)) * 0x735a2d97n);
    return Number(mixed ^ (mixed >> 15n));
  });
}
