/** The GPU templates: in grid form the scheduled program computes what the naive one does, bit for bit on data for which every order of summation is exact. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Feature,
  formatNames,
  interpretProgram,
  lower,
  type MatmulWorkload,
  type Program,
  programOf,
  type QuantizeWorkload,
  type Tensor,
  tensor,
  verifyProgram,
} from "../../ir/index.ts";
import {
  applySchedule,
  type Point,
  pointsOf,
  rejection,
  scheduleOf,
  type Target,
  type Template,
  templateFor,
  templateNamed,
} from "../../schedules/index.ts";
import { normals } from "../ir/samples.ts";
import { exactInputs } from "./exact.ts";
import { patience, runs } from "./runs.ts";
import { expectSame, numericsOf, packedOf, quantizedOrNot, widthsOf } from "./same.ts";

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
        workload: fc
          .record({
            op: fc.constant("matmul" as const),
            m: fc.constantFrom<MatmulWorkload["m"][]>("any", "any", 0, 1, 2, 3, 5, 8, 11),
            n: fc.integer({ min: 1, max: 40 }),
            k: fc.constant(k),
            w: fc.constant(w),
            bias: fc.boolean(),
            numerics: fc.constantFrom(...numericsOf(w, k)),
          })
          .chain(quantizedOrNot),
        device: fc.constantFrom(...features).map(deviceOf),
      }),
    )
    .filter((target) => template.refuses(target) === undefined);

describe.each(["gpu-decode", "gpu-prefill", "fallback"])("template %s", (name) => {
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

/** The program in grid form and lowered, without its packing, computes what the naive one does. */
function expectEqual(target: Target, symbols: Readonly<Record<string, number>>, inputs: Map<string, Tensor>): void {
  const template = templateFor(target);
  const naive = programOf(target.workload);
  const scheduled = applySchedule(naive, scheduleOf(template, target, template.default(target)));
  verifyProgram(scheduled, "grid");
  const kernels = scheduled.kernels.map((k) => (k.stage === "pack" ? k : lower(k, "wgsl")));
  const packed = packedOf(scheduled, inputs, symbols);
  const run = (program: Program, given = inputs, isPacked = false): unknown =>
    [...interpretProgram(program, symbols, given, { order: 1, run: (stage) => !isPacked || stage !== "pack" })]
      .filter(([name]) => name === "y" || name.startsWith("x."))
      .map(([name, { values }]) => [name, [...values]]);
  const wanted = run(naive);
  expect(run(scheduled)).toEqual(wanted);
  expect(run({ ...scheduled, kernels }, new Map([...inputs, ...packed]), true)).toEqual(wanted);
}

describe("template gpu-elementwise", () => {
  test("quantize, for every M: codes and scales are the same for any data", { timeout: patience }, () => {
    const sizes = fc.constantFrom<[number, number | "row"][]>(
      [64, 16],
      [64, 32],
      [256, "row"],
      [80, "row"],
      [1024, 512],
      [33, "row"],
      [40, 10],
    );
    fc.assert(
      fc.property(sizes, fc.constantFrom<QuantizeWorkload["m"][]>("any", 0, 1, 3), fc.nat(), ([k, group], m, seed) => {
        const target = { workload: { op: "quantize", m, k, group } as const, device: deviceOf([]) };
        expect(templateFor(target).name).toBe("gpu-elementwise");
        for (const rows of m === "any" ? [0, 1, 4] : [m]) {
          const x = normals(rows * k, seed).map((value, i) => (i % k < 16 && seed % 2 === 0 ? 0 : value));
          expectEqual(target, { M: rows }, new Map([["x", tensor("f32", [rows, k], x)]]));
        }
      }),
      { numRuns: runs(8) },
    );
  });

  test.each(["int4_g32", "int3_row_zf", "q6_K", "bf16", "q8_0"])("dequantize %s", (w) => {
    const [n, k] = [3, widthsOf(w)[0] as number];
    const matmul: MatmulWorkload = { op: "matmul", m: 1, n, k, w, bias: false, numerics: { compute: "f32" } };
    const inputs = exactInputs(matmul, 1, 1);
    inputs.delete("x");
    expectEqual({ workload: { op: "dequantize", n, k, w }, device: deviceOf([]) }, {}, inputs);
  });
});
