import { expect, test } from "vitest";
import { type Plot, plotSvg } from "../../../src/bench/index.ts";

const plot: Plot = {
  title: "speed & size",
  x: { label: "N = K", scale: "log2" },
  y: { label: "GOP/s", scale: "linear" },
  series: [
    {
      name: "one",
      points: [
        [512, 10],
        [1024, 20],
        [4096, 40],
      ],
    },
    {
      name: "limit",
      points: [
        [512, 40],
        [4096, 40],
      ],
      isLimit: true,
    },
  ],
};

const numbers = (svg: string, pattern: RegExp): readonly number[] =>
  [...svg.matchAll(pattern)].map(([, value]) => Number(value));

test("points lie where their values are", () => {
  const svg = plotSvg(plot);
  const [x, y] = [numbers(svg, /cx="([\d.]+)"/g), numbers(svg, /cy="([\d.]+)"/g)];
  expect(x).toHaveLength(3);
  // A factor of 4 is twice a factor of 2 on an axis of powers; the other axis begins at 0.
  expect((x[2]! - x[1]!) / (x[1]! - x[0]!)).toBeCloseTo(2, 1);
  expect((y[0]! - y[2]!) / (y[0]! - y[1]!)).toBeCloseTo(3, 1);
});

test("a limit is dashed and has no points; names do not cover each other; text is escaped", () => {
  const svg = plotSvg(plot);
  expect(svg.match(/stroke-dasharray/g)).toHaveLength(1);
  const [one, limit] = ["one", "limit"].map((name) => Number(new RegExp(`y="([\\d.]+)"[^>]*>${name}<`).exec(svg)?.[1]));
  expect(Math.abs(one! - limit!)).toBeGreaterThanOrEqual(15);
  expect(svg).toContain("speed &amp; size");
});

test("powers of two are labelled as numbers", () => {
  for (const value of [512, 1024, 2048, 4096]) expect(plotSvg(plot)).toContain(`>${value}<`);
});
