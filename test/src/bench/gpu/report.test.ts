import { describe, expect, test } from "vitest";
import { type Point, pointsOf, type Space } from "../../../../schedules/index.ts";
import type { Figure } from "../../../../src/bench/gpu/figure.ts";
import { perTime } from "../../../../src/bench/gpu/figure.ts";
import type { GpuLimits } from "../../../../src/bench/gpu/limits.ts";
import { matmulOf } from "../../../../src/bench/gpu/plan.ts";
import { reduceSpace } from "../../../../src/bench/gpu/reduced.ts";
import type { GpuReport, MatmulReport } from "../../../../src/bench/gpu/report.ts";
import { gpuReportSchema } from "../../../../src/bench/gpu/schema.ts";
import { gpuLimitMs, readSizes, weightBytes } from "../../../../src/bench/gpu/share.ts";
import { targetsOf } from "../../../../src/bench/gpu/targets.ts";

const figure = (median: number): Figure => ({ median, low: 0.9 * median, high: 1.1 * median, samples: 9 });
const limit = (rate: number) => ({ rate: figure(rate), variant: { groups: 4, order: "swept" }, tried: 3 });
const matmul = (compute: string, kernels: MatmulReport["kernels"]): MatmulReport => ({
  ...{ n: 8192, k: 8192, w: "int4_g32", compute, kernels },
});
const decode = (of: MatmulReport, share: number) => ({
  ...of,
  ...{ copies: 13, bytes: 41943040, ms: figure(0.1), rate: figure(400), share },
});
const prefill = (of: MatmulReport, share: number) => ({
  ...of,
  ...{ m: 512, ms: figure(1), rate: figure(9000), against: "i8" as const, share },
});
const rows = (of: MatmulReport, steps: readonly number[]) => ({
  ...of,
  copies: 13,
  rows: [{ m: 1, ms: figure(1) }, ...steps.map((step, i) => ({ m: i + 2, ms: figure(1 + i), step }))],
});
const shape = (defaultOfTuned: number, tunedOfOptimum: number) => ({
  ...{ name: "attn_q_o", m: 1, n: 2048, k: 2048, w: "int4_g32", compute: "i8", copies: 200, template: "gpu-decode" },
  ...{ tried: 64, reduced: 48, defaultOfTuned, tunedOfOptimum },
  default: { point: { lanes: 8 }, ms: figure(0.02) },
  tuned: { point: { lanes: 16 }, ms: figure(0.015) },
  optimum: { point: { lanes: 16 }, ms: figure(0.015) },
});

const figures = {
  decode: [
    decode(matmul("i8", "default"), 0.4),
    decode(matmul("i8", "tuned"), 0.75),
    decode(matmul("f32", "default"), 0.6),
  ],
  rows: [rows(matmul("i8", "tuned"), [0.6, 1.2, 0.9])],
  prefill: [prefill(matmul("i8", "tuned"), 0.55)],
  shapes: [shape(0.8, 0.99), shape(0.7, 0.94)],
};

const report: GpuReport = {
  format: "qloom GPU report 1",
  ...{ software: false, quick: false, complete: true, started: "2030-01-02T03:04:05.678Z", seconds: 600 },
  versions: { qloom: "0.1.0" },
  system: { platform: "linux x64", release: "6.1", cpu: "some", memoryGiB: 64 },
  device: {
    ...{ label: "a GPU", fingerprint: "a GPU, dawn", architecture: "vendor chip", engine: "dawn", features: ["f16"] },
    ...{ limits: { maxBinding: 134217728 }, adapter: { vendor: "vendor" }, driver: "" },
    clock: { clock: "timestamps", why: "they agree with the wall", quantumMs: 1e-6, overheadMs: 0.05 },
  },
  limits: { read: [{ bytes: 2 ** 29, limit: limit(1000) }], rates: { f32: limit(20000), i8: limit(80000) } },
  ...figures,
  targets: targetsOf(figures),
  failures: [],
};

describe("schema", () => {
  test("takes a report, whole or with parts missing, through JSON", () => {
    const partial = {
      ...report,
      device: undefined,
      limits: undefined,
      decode: [],
      failures: [{ what: "a", why: "b" }],
    };
    for (const one of [report, partial]) {
      const read = JSON.parse(JSON.stringify(one)) as unknown;
      expect(gpuReportSchema.parse(read)).toEqual(read);
    }
  });

  test.each([
    ["another format", { format: "qloom GPU report 0" }],
    ["a name that it has not", { extra: 1 }],
    ["a share that is no number", { prefill: [{ ...figures.prefill[0], share: Number.NaN }] }],
    ["a rate of something else", { limits: { ...report.limits, rates: { f64: limit(1) } } }],
  ])("refuses %s", (_, change) => {
    expect(gpuReportSchema.safeParse({ ...report, ...change }).success).toBe(false);
  });
});

describe("targets", () => {
  test("the worst counts, of tuned kernels where there are some, for each kind of arithmetic", () => {
    expect(targetsOf(figures).map(({ what, reached, met }) => [what.split(":")[0], reached, met])).toEqual([
      ["i8 decode, M = 1", 0.75, true],
      ["f32 decode, M = 1", 0.6, false],
      ["i8 more rows one by one", 1.2, false],
      ["i8 prefill", 0.55, true],
      ["a model's shapes", 0.7, true],
      ["a model's shapes", 0.94, false],
    ]);
  });

  test("what was not measured is neither met nor missed", () => {
    const targets = targetsOf({ decode: [], rows: [], prefill: [], shapes: [] });
    expect(targets).toHaveLength(5);
    for (const { reached, met } of targets) expect([reached, met]).toEqual([null, null]);
  });
});

test("a rate's low comes from the longest time, and no time is an infinite rate", () => {
  expect(perTime(100, { median: 10, low: 5, high: 20, samples: 3 })).toEqual({
    median: 10,
    low: 5,
    high: 20,
    samples: 3,
  });
  expect(Number.isFinite(perTime(100, figure(0)).median)).toBe(true);
});

describe("share of the limits", () => {
  const limits: GpuLimits = {
    read: [
      { bytes: 2 ** 20, limit: limit(2000) },
      { bytes: 2 ** 29, limit: limit(1000) },
    ],
    rates: { f32: limit(20000) },
  };
  const workload = matmulOf("any", 8192, 8192, { compute: "i8", xGroup: 32 });

  test("a row is bound by memory at the rate of the nearest size, many rows by the arithmetic that there is", () => {
    expect(gpuLimitMs(workload, 1, limits)).toEqual({ ms: weightBytes(workload) / 1000 / 1e6, by: "memory" });
    const operations = 2 * 512 * 8192 * 8192;
    expect(gpuLimitMs(workload, 512, limits)).toEqual({ ms: operations / 20000 / 1e6, by: "arithmetic" });
  });

  test("sizes to read are powers of two, each once, in order", () => {
    const small = matmulOf(1, 64, 64, { compute: "f32" });
    expect(readSizes([workload, small, { ...workload, m: 1 }])).toEqual([2 ** 18, 2 ** 25]);
  });
});

describe("reduced space", () => {
  const space: Space = {
    axes: { lanes: [1, 2, 4, 8, 16], tile: [1, 2, 4], order: ["a", "b"] },
    where: [
      {
        name: "fits",
        violated: (p: Point) => ((p["lanes"] as number) * (p["tile"] as number) > 32 ? "too many" : undefined),
      },
    ],
    layout: [],
  };
  const around: Point = { lanes: 8, tile: 2, order: "b" };
  const points = (most: number) => [...pointsOf(reduceSpace(space, around, most))];

  test("holds the point itself, at most as many as asked for, all of them where there is room", () => {
    expect(points(1)).toEqual([around]);
    for (const most of [2, 5, 12, 20]) {
      expect(points(most).length).toBeLessThanOrEqual(most);
      expect(points(most)).toContainEqual(around);
    }
    expect(points(100)).toEqual([...pointsOf(space)]);
  });

  test("nearest values come first", () => {
    expect(reduceSpace(space, around, 8).axes).toEqual({ lanes: [4, 8], tile: [1, 2], order: ["a", "b"] });
  });
});
