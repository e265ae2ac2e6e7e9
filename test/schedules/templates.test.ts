/** Whole templates: the scheduled program computes what the naive one does, bit for bit on data for which every order of summation is exact. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  boundOf,
  containerBuffers,
  encode,
  type Feature,
  formatNames,
  formatOf,
  interpretProgram,
  type MatmulWorkload,
  type Program,
  programOf,
  type QuantizeWorkload,
  tensor,
  tensorOfBytes,
  verifyProgram,
} from "../../ir/index.ts";
import {
  applySchedule,
  pointsOf,
  scheduleOf,
  type Target,
  type Template,
  templateFor,
  templates,
} from "../../schedules/index.ts";
import { nmse, normals } from "../ir/samples.ts";
import { patience, runs } from "./runs.ts";
import { expectSame, numericsOf, quantizedOrNot, widthsOf } from "./same.ts";

const deviceOf = (features: readonly Feature[]): Target["device"] => ({ kind: "wasm", features, limits: {} });

const arbitraryTarget = (template: Template): fc.Arbitrary<Target> =>
  fc
    .constantFrom(...formatNames())
    .chain((w) => fc.tuple(fc.constant(w), fc.constantFrom(...widthsOf(w))))
    .chain(([w, k]) =>
      fc.record({
        workload: fc
          .record({
            op: fc.constant("matmul" as const),
            m: fc.constantFrom<MatmulWorkload["m"][]>("any", "any", 0, 1, 2, 3, 5, 9),
            n: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(16, 32)),
            k: fc.constant(k),
            w: fc.constant(w),
            bias: fc.boolean(),
            numerics: fc.constantFrom(...numericsOf(w, k)),
          })
          .chain(quantizedOrNot),
        device: fc.constantFrom<Feature[][]>(["relaxed-simd"], []).map(deviceOf),
      }),
    )
    .filter((target) => template.refuses(target) === undefined);

// Rounded tables and exponentials are not exact: they have tests of their own.
const others = ["elementwise", "rounded-lookup"];

describe.each(templates.filter((t) => !others.includes(t.name) && !/^(gpu|attention)-/.test(t.name)))(
  "template $name",
  (template) => {
    test("random targets at random points", { timeout: patience }, () => {
      const tried = arbitraryTarget(template).chain((target) => {
        const points = [...pointsOf(template.space(target))];
        return fc.record({
          target: fc.constant(target),
          point: fc.constantFrom(template.default(target), ...points),
          rows: fc.uniqueArray(fc.integer({ min: 0, max: 10 }), { minLength: 2, maxLength: 2 }),
          seed: fc.nat(),
        });
      });
      fc.assert(
        fc.property(tried, ({ target, point, rows, seed }) => {
          expectSame(target, point, template, rows, seed);
        }),
        { numRuns: runs(12) },
      );
    });
  },
);

const representative = [
  ...["f32", "f16", "bf16", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q2_K", "q3_K", "q4_K", "q5_K", "q6_K", "tq2_0"],
  ...["int1_g32_z", "int1_g32_zf"],
  ...["q1_0", "q2_0", "iq4_nl", "iq4_xs", "tq1_0", "mxfp4", "nvfp4"],
  ...[2, 3, 4, 5, 6, 8].flatMap((bits) => ["", "_z", "_zf"].map((zero) => `int${bits}_g32${zero}`)),
  ...["bcq1_g32", "bcq1_g64_o", "bcq2_g32", "bcq2_g64_o_s16", "bcq3_g32_o", "bcq4_row_o"],
  ...["int4_g16", "int4_g64_s16", "int3_row_zf", "int8_row"],
];

test.each(representative)("%s at its templates' default points, for every M", (w) => {
  const k = w === "int3_row_zf" ? 96 : (widthsOf(w)[0] as number);
  const [f32, f16, i8] = numericsOf(w, k) as readonly [MatmulWorkload["numerics"], ...MatmulWorkload["numerics"][]];
  const forms: readonly [MatmulWorkload["numerics"] | undefined, readonly Feature[]][] = [
    [f32, []],
    [f16, []],
    [i8, []],
    [i8, ["relaxed-simd"]],
  ];
  for (const [numerics, features] of forms) {
    if (numerics === undefined) continue;
    const workload: MatmulWorkload = { op: "matmul", m: "any", n: 5, k, w, bias: false, numerics };
    const target = { workload, device: deviceOf(features) };
    const template = templateFor(target);
    expectSame(target, template.default(target), template, [0, 1, 5], 1);
  }
});

test.each(representative)("%s has a schedule by each template that takes it", (w) => {
  const k = widthsOf(w)[0] as number;
  const all = numericsOf(w, k).flatMap((n): readonly MatmulWorkload["numerics"][] =>
    n.compute === "i8" ? [n, { ...n, tables: "i8" } as const] : [n],
  );
  for (const numerics of all)
    for (const features of [[], ["relaxed-simd"]] as const) {
      const workload: MatmulWorkload = { op: "matmul", m: 1, n: 5, k, w, bias: false, numerics };
      const target = { workload, device: deviceOf(features) };
      for (const template of templates.filter((t) => t.refuses(target) === undefined)) {
        const schedule = scheduleOf(template, target, template.default(target));
        expect(() => applySchedule(programOf(workload), schedule), template.name).not.toThrow();
      }
    }
});

test("quantize, for every M: codes and scales are the same for any data", { timeout: patience }, () => {
  const sizes = fc.constantFrom<[number, number | "row"][]>(
    [64, 16],
    [64, 32],
    [64, "row"],
    [80, "row"],
    [33, "row"],
    [40, 8],
  );
  fc.assert(
    fc.property(sizes, fc.constantFrom<QuantizeWorkload["m"][]>("any", 0, 1, 3), fc.nat(), ([k, group], m, seed) => {
      const workload: QuantizeWorkload = { op: "quantize", m, k, group };
      const target = { workload, device: deviceOf([]) };
      const template = templateFor(target);
      const naive = programOf(workload);
      const scheduled = applySchedule(naive, scheduleOf(template, target, template.default(target)));
      verifyProgram(scheduled, "scheduled");
      for (const rows of m === "any" ? [0, 1, 4] : [m]) {
        const x = normals(rows * k, seed).map((value, i) => (i % k < 16 && seed % 2 === 0 ? 0 : value));
        const inputs = new Map([["x", tensor("f32", [rows, k], x)]]);
        const run = (program: Program): unknown =>
          [...interpretProgram(program, { M: rows }, inputs)].map(([name, { values }]) => [name, [...values]]);
        expect(run(scheduled)).toEqual(run(naive));
      }
    }),
    { numRuns: runs(10) },
  );
});

test.each(["int1_g32_zf", "int2_g32", "int2_g32_z", "int2_g32_zf", "tq2_0", "q1_0", "bcq2_g32_o", "bcq4_row"])(
  "rounded tables of %s keep the bound of their numerics",
  (w) => {
    const k = w === "tq2_0" ? 256 : 128;
    const numerics = { compute: "i8", xGroup: 32, tables: "i8" } as const;
    const workload: MatmulWorkload = { op: "matmul", m: 3, n: 21, k, w, bias: false, numerics };
    const target = { workload, device: deviceOf(["relaxed-simd"]) };
    const template = templateFor(target);
    expect(template.name).toBe("rounded-lookup");
    const naive = programOf(workload);
    const x = normals(3 * k, 5);
    const stored = encode(formatOf(w), normals(21 * k, 6), 21, k);
    const inputs = new Map([["x", tensor("f32", [3, k], x)]]);
    for (const { name, scalar, shape } of containerBuffers(formatOf(w), 21, k)) {
      const sizes = shape.map((e) => (e.kind === "const" ? e.value : 0));
      inputs.set(name, tensorOfBytes(scalar, sizes, stored[name] as Uint8Array));
    }
    const yOf = (program: Program): readonly number[] => [
      ...(interpretProgram(program, {}, inputs).get("y")?.values ?? []),
    ];
    const wanted = yOf(naive);
    for (const entries of [16, 8]) {
      const point = { ...template.default(target), entries };
      const scheduled = applySchedule(naive, scheduleOf(template, target, point));
      verifyProgram(scheduled, "scheduled");
      const got = yOf(scheduled);
      expect(got).not.toEqual(wanted);
      expect(nmse(Float32Array.from(got), Float64Array.from(wanted)), `${entries}`).toBeLessThan(boundOf(numerics));
    }
  },
);
