/** Attention's templates: at random points of random workloads the scheduled program agrees with the float64 definition, as the lowered one does. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type AttentionWorkload,
  errorBoundOf,
  type Feature,
  interpretProgram,
  lower,
  type Program,
  programOf,
  verifyProgram,
} from "../../ir/index.ts";
import { applySchedule, pointsOf, scheduleOf, type Target, type Template, templates } from "../../schedules/index.ts";
import { attentionData } from "../ir/ops/attention-data.ts";
import { nmse } from "../ir/samples.ts";
import { patience, runs } from "./runs.ts";

const own = templates.filter((t) => t.name.startsWith("attention-"));

const formats = [
  "f32",
  "f16",
  "bf16",
  "i8_row",
  "q8_0",
  "q4_0",
  "int4_row",
  "int4_row_zf",
  "int4_g16_z",
  "int2_g16",
  "int8_row",
  "int3_row",
  "e4m3",
  "e5m2_row",
  "kv4_row_z",
  "kv2_g32_m",
  "bfp12_g32",
  "bfp16_g32",
];
const flag = fc.option(fc.boolean(), { nil: undefined });

const workloads: fc.Arbitrary<AttentionWorkload> = fc
  .record({
    op: fc.constant("attention" as const),
    m: fc.constantFrom<AttentionWorkload["m"][]>("any", "any", 0, 1, 3),
    kvHeads: fc.constantFrom(1, 2),
    group: fc.constantFrom(1, 2, 3),
    headSize: fc.constantFrom(1, 3, 16, 20, 32, 33, 48),
    keys: fc.constantFrom(...formats, "kv2_t32_m", "bfp12_t64"),
    values: fc.constantFrom(...formats),
    causal: fc.boolean(),
    positions: fc.constantFrom<AttentionWorkload["positions"][]>(undefined, "last", "given"),
    window: fc.constantFrom(undefined, undefined, 5),
    softcap: fc.constantFrom(undefined, undefined, 2),
    slopes: flag,
    bias: flag,
    sinks: flag,
    lse: flag,
    pages: fc.constantFrom(undefined, undefined, 64, 128),
    numerics: fc.record({
      scores: fc.constantFrom("f32" as const, "i8" as const),
      weights: fc.constantFrom("f32" as const, "i8" as const),
    }),
  })
  .map(({ group, window, ...rest }) => ({
    ...rest,
    heads: rest.kvHeads * group,
    window: rest.causal ? window : undefined,
  }))
  .filter((workload) => {
    try {
      programOf(workload);
      return true;
    } catch {
      return false;
    }
  });

const targetsOf = (template: Template): fc.Arbitrary<Target> =>
  fc
    .record({
      workload: workloads,
      device: fc
        .constantFrom<Feature[][]>(["relaxed-simd"], [])
        .map((features): Target["device"] => ({ kind: "wasm", features, limits: {} })),
    })
    .filter((target) => template.refuses(target) === undefined);

function expectClose(
  workload: AttentionWorkload,
  program: Program,
  queries: number,
  tokens: number,
  seed: number,
): void {
  const { inputs, symbols, reference } = attentionData(workload, queries, tokens, seed);
  const made = interpretProgram(program, symbols, inputs, { run: () => true });
  const wanted = reference["y"] as Float64Array;
  if (wanted.length === 0) return;
  const got = made.get("y")?.values as Float64Array;
  if (wanted.every((value) => value === 0)) expect(new Set(got)).toEqual(new Set([0]));
  else expect(nmse(got, wanted)).toBeLessThan(errorBoundOf(workload));
  const lse = made.get("lse")?.values;
  for (const [i, value] of (lse ?? []).entries()) expect(value).toBeCloseTo(reference["lse"]?.[i] as number, 3);
}

describe.each(own)("template $name", (template) => {
  test("random workloads at random points", { timeout: patience * 3 }, () => {
    const tried = targetsOf(template).chain((target) =>
      fc.record({
        target: fc.constant(target),
        point: fc.constantFrom(template.default(target), ...pointsOf(template.space(target))),
        queries: fc.constantFrom(1, 2, 5),
        tokens: fc.constantFrom(1, 5, 64, 70, 130),
        seed: fc.nat(1000),
      }),
    );
    fc.assert(
      fc.property(tried, ({ target, point, queries, tokens, seed }) => {
        const workload = target.workload as AttentionWorkload;
        const scheduled = applySchedule(programOf(workload), scheduleOf(template, target, point));
        verifyProgram(scheduled, "scheduled");
        const rows = workload.m === "any" ? queries : workload.m;
        expectClose(workload, scheduled, rows, tokens, seed);
        const lowered = { ...scheduled, kernels: scheduled.kernels.map((kernel) => lower(kernel, "wasm")) };
        expectClose(workload, lowered, rows, tokens, seed);
      }),
      { numRuns: runs(8) },
    );
  });
});
