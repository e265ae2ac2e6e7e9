/** The GPU templates: in grid form the scheduled program computes what the naive one does, bit for bit on data for which every order of summation is exact. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Feature, formatNames, type MatmulWorkload } from "../../ir/index.ts";
import { type Point, pointsOf, rejection, type Target, type Template, templateNamed } from "../../schedules/index.ts";
import { patience, runs } from "./runs.ts";
import { expectSame, numericsOf, widthsOf } from "./same.ts";

const features: readonly (readonly Feature[])[] = [[], ["subgroups"], ["packed-dot"], ["f16"], ["f16", "subgroups"]];
const deviceOf = (of: readonly Feature[]): Target["device"] => ({ kind: "wgsl", features: of, limits: {} });

/** Longer rows than other tests have, for lanes over k. */
const lengthsOf = (w: string): readonly number[] => [...widthsOf(w), ...widthsOf(w).map((k) => 5 * k)];

/** Whether a workgroup computes few results: others take the interpreter long, and differ in numbers alone. */
const isSmall = (point: Point): boolean =>
  ["tm", "tn", "my", "nx"].reduce((product, axis) => product * Number(point[axis] ?? 1), 1) <= 128;

const arbitraryTarget = (template: Template): fc.Arbitrary<Target> =>
  fc
    .constantFrom(...formatNames())
    .chain((w) => fc.tuple(fc.constant(w), fc.constantFrom(...lengthsOf(w))))
    .chain(([w, k]) =>
      fc.record({
        workload: fc.record({
          op: fc.constant("matmul" as const),
          m: fc.constantFrom<MatmulWorkload["m"][]>("any", "any", 0, 1, 2, 3, 5, 8, 11),
          n: fc.integer({ min: 1, max: 40 }),
          k: fc.constant(k),
          w: fc.constant(w),
          bias: fc.boolean(),
          numerics: fc.constantFrom(...numericsOf(w, k)),
        }),
        device: fc.constantFrom(...features).map(deviceOf),
      }),
    )
    .filter((target) => template.refuses(target) === undefined);

describe.each(["gpu-decode", "gpu-prefill"])("template %s", (name) => {
  const template = templateNamed(name) as Template;
  test("random targets at random points", { timeout: patience }, () => {
    const tried = arbitraryTarget(template).chain((target) => {
      const points = [...pointsOf(template.space(target))].filter(isSmall);
      return fc.record({
        target: fc.constant(target),
        point: fc.constantFrom(...points),
        rows: fc.uniqueArray(fc.integer({ min: 0, max: 10 }), { minLength: 2, maxLength: 2 }),
        seed: fc.nat(),
      });
    });
    fc.assert(
      fc.property(tried, ({ target, point, rows, seed }) => {
        expectSame(target, point, template, rows, seed);
      }),
      { numRuns: runs(6) },
    );
  });

  test("the default is a point of the space", () => {
    fc.assert(
      fc.property(arbitraryTarget(template), (target) => {
        expect(rejection(template.space(target), template.default(target))).toBe(undefined);
      }),
    );
  });
});
