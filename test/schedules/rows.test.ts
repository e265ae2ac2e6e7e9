// What a decoder layer does between its matmuls, scheduled for both kinds of devices: the scheduled and the lowered program compute what the naive one does, bit for bit on
// data for which every order of summation is exact.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  buffersWithRole,
  interpretProgram,
  lower,
  type Program,
  programOf,
  verifyProgram,
  type Workload,
} from "../../ir/index.ts";
import { applySchedule, pointsOf, scheduleOf, type Target, templateFor, templateNamed } from "../../schedules/index.ts";
import { arbitraryWorkloads, numbersOf, operatorNames, rowsTried, tensorsOf } from "../ir/ops/operators.ts";
import { patience, runs } from "./runs.ts";
import { packedOf } from "./same.ts";

const kinds = ["wasm", "wgsl"] as const;
const outputsOf = (workload: Workload): readonly string[] =>
  buffersWithRole(programOf(workload), "output").map(({ name }) => name);

/** The program at a point of the template's space, and lowered, for every M. */
function expectEqual(
  kind: (typeof kinds)[number],
  workload: Workload,
  template: ReturnType<typeof templateFor>,
  seed: number,
): void {
  const target: Target = { workload, device: { kind, features: [], limits: {} } };
  const points = [...pointsOf(template.space(target))];
  const naive = programOf(workload);
  const scheduled = applySchedule(naive, scheduleOf(template, target, points[seed % points.length] ?? {}));
  verifyProgram(scheduled, kind === "wgsl" ? "grid" : "scheduled");
  const kernels = scheduled.kernels.map((k) => (k.stage === "pack" ? k : lower(k, kind)));
  for (const m of rowsTried(workload)) {
    const inputs = tensorsOf(workload, numbersOf(workload, m, seed, true));
    const given = new Map([...inputs, ...packedOf(scheduled, inputs, { M: m })]);
    const run = (program: Program, from: typeof given, isPacked: boolean): unknown => {
      const options = { order: seed, run: (stage: string) => !isPacked || stage !== "pack" };
      const made = interpretProgram(program, { M: m }, from, options);
      return outputsOf(workload).map((name) => [...(made.get(name)?.values ?? [])]);
    };
    const wanted = run(naive, new Map(inputs), false);
    expect(run(scheduled, given, true)).toEqual(wanted);
    expect(run({ ...scheduled, kernels }, given, true)).toEqual(wanted);
  }
}

describe.each(operatorNames)("%s", (name) => {
  const workloads = arbitraryWorkloads[name] as fc.Arbitrary<Workload>;
  test.each(kinds)("on %s, by its template and the fallback", { timeout: patience }, (kind) => {
    fc.assert(
      fc.property(workloads, fc.nat(), (workload, seed) => {
        const template = templateFor({ workload, device: { kind, features: [], limits: {} } });
        expect(template.name).toBe(kind === "wgsl" ? "gpu-elementwise" : "elementwise");
        expectEqual(kind, workload, template, seed);
        expectEqual(kind, workload, templateNamed("fallback") as typeof template, seed);
      }),
      { numRuns: runs(12) },
    );
  });
});

test("rows that are long enough go by vectors, and by workgroups", () => {
  const rmsnorm: Workload = { op: "rmsnorm", m: "any", k: 2048, eps: 1e-5, residual: true };
  const scheduleFor = (workload: Workload, kind: (typeof kinds)[number]): string => {
    const target: Target = { workload, device: { kind, features: [], limits: {} } };
    const template = templateFor(target);
    return JSON.stringify(scheduleOf(template, target, template.default(target)));
  };
  expect(scheduleFor(rmsnorm, "wasm")).toContain('"rfactor"');
  expect(scheduleFor(rmsnorm, "wgsl")).toContain('"local.x"');
  for (const pairing of ["neox", "interleaved"] as const)
    expect(scheduleFor({ op: "rope", m: 1, heads: 2, d: 64, rotary: 64, pairing, scale: 1 }, "wasm")).toContain(
      pairing === "neox" ? '"loops":["il"]' : '"loops":["il","p"]',
    );
});
