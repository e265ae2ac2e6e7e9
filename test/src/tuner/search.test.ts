/** The strategies, on times that are a formula. */
import { describe, expect, test } from "vitest";
import { canonicalJson } from "../../../ir/index.ts";
import { type Point, pointsOf, type Space } from "../../../schedules/index.ts";
import { evolutionary } from "../../../src/tuner/search/evolutionary.ts";
import { exhaustive } from "../../../src/tuner/search/exhaustive.ts";
import { countPoints, type Strategy, strategyFor, type Tried } from "../../../src/tuner/search/index.ts";

const powers = [1, 2, 4, 8, 16, 32];
const large: Space = {
  axes: { a: powers, b: powers, c: powers, d: powers, order: ["in", "out", "between"] },
  where: [
    { name: "a divides b", violated: (p) => (Number(p["b"]) % Number(p["a"]) === 0 ? undefined : "it does not") },
  ],
  layout: ["a"],
};
const small: Space = { ...large, axes: { a: [1, 2, 4], b: [1, 2, 4], order: ["in", "out"] } };

/** Smallest, 1, at one point, and rising with the distance in each axis. */
function timeOf(p: Point): number {
  const off = (axis: string, best: number): number => Math.abs(Math.log2(Number(p[axis]) / best));
  return 1 + off("a", 4) + off("b", 8) + off("c", 2) / 2 + off("d", 16) / 2 + (p["order"] === "between" ? 0 : 1);
}

interface Run {
  readonly seed?: number;
  readonly seeds?: readonly Point[];
  readonly most?: number;
  readonly time?: (point: Point) => number | undefined;
  readonly before?: readonly Tried[];
}

/** The points in the order tried. */
function search(
  strategy: Strategy,
  space: Space,
  { seed = 1, seeds = [], most = 1e4, time = timeOf, before = [] }: Run = {},
): readonly Tried[] {
  const tried: Tried[] = [...before];
  const known = new Set(tried.map(({ point }) => canonicalJson(point)));
  const has = (point: Point): boolean => known.has(canonicalJson(point));
  while (tried.length < most) {
    const point = strategy.next({ space, seeds, tried, has, seed });
    if (point === undefined) break;
    expect(has(point)).toBe(false);
    known.add(canonicalJson(point));
    tried.push({ point, score: time(point) });
  }
  return tried;
}

const right = (space: Space): readonly string[] => [...pointsOf(space)].map(canonicalJson).sort();
const keys = (tried: readonly Tried[]): readonly string[] => tried.map(({ point }) => canonicalJson(point));

test("a small space is searched whole, a large one by evolution", () => {
  expect(countPoints(small)).toBe(12);
  expect(strategyFor(12).name).toBe("exhaustive");
  expect(strategyFor(countPoints(large)).name).toBe("evolutionary");
  const vast = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`axis${i}`, powers]));
  expect(countPoints({ axes: vast, where: [], layout: [] })).toBeUndefined();
  expect(strategyFor(undefined).name).toBe("evolutionary");
});

describe("exhaustive", () => {
  const seeds: readonly Point[] = [{ a: 2, b: 4, order: "out" }];

  test("tries every right point once, the seeds first", () => {
    const tried = search(exhaustive, small, { seeds });
    expect(tried[0]?.point).toEqual(seeds[0]);
    expect([...keys(tried)].sort()).toEqual(right(small));
  });

  test("goes in an order that only the seed decides", () => {
    expect(keys(search(exhaustive, small))).toEqual(keys(search(exhaustive, small, { time: () => undefined })));
    expect(keys(search(exhaustive, small))).not.toEqual(keys(search(exhaustive, small, { seed: 2 })));
  });
});

describe("evolutionary", () => {
  const seeds: readonly Point[] = [
    { a: 1, b: 1, c: 32, d: 1, order: "in" },
    { a: 1, b: 2, c: 32, d: 1, order: "in" },
  ];

  test("begins with the seeds and finds the best of thousands in a few dozen", () => {
    for (const seed of [1, 2, 3]) {
      const tried = search(evolutionary, large, { seed, seeds, most: 120 });
      expect(tried.slice(0, 2).map(({ point }) => point)).toEqual(seeds);
      expect(Math.min(...tried.map(({ score }) => score!))).toBeLessThanOrEqual(1.5);
    }
  });

  test("gives the same order for the same seed and times, whatever came to nothing", () => {
    const time = (p: Point): number | undefined => (p["c"] === 4 ? undefined : timeOf(p));
    const first = keys(search(evolutionary, large, { seeds, time, most: 80 }));
    expect(keys(search(evolutionary, large, { seeds, time, most: 80 }))).toEqual(first);
    expect(keys(search(evolutionary, large, { seed: 2, seeds, time, most: 80 }))).not.toEqual(first);
    const able = new Set(right(large));
    expect(first.filter((key) => !able.has(key))).toEqual([]);
  });

  test("ends when a long run has brought nothing faster, and does not begin again", () => {
    const tried = search(evolutionary, large, { seeds, time: () => 1 });
    expect(tried).toHaveLength(65);
    expect(search(evolutionary, large, { seeds, before: tried, time: () => 1 })).toHaveLength(65);
  });

  test("tries everything where there is little, and nothing where there is nothing", () => {
    expect([...keys(search(evolutionary, small))].sort()).toEqual(right(small));
    expect(search(evolutionary, { axes: {}, where: [], layout: [] })).toHaveLength(1);
    expect(search(evolutionary, { ...small, where: [{ name: "none", violated: () => "never" }] })).toEqual([]);
  });
});
