// Few-bit weights by every way there is, as compiled code between guards: bit planes of any integer code and ternary, planes with scales of their own, activations of
// 8 bits and of fewer.

import { describe, expect, test } from "vitest";
import type { MatmulWorkload } from "../../../ir/index.ts";
import { type Point, type Target, type Template, templateNamed } from "../../../schedules/index.ts";
import { buildArtifact, planPart, rangesOf } from "../../../src/compile/index.ts";
import { guardedKernel, poisonedRuntime, relaxed, strict } from "./harness.ts";
import { expectProduct, groupOfX, reachOfX } from "./product.ts";
import { activations, storedWeights } from "./tensors.ts";

const runtime = poisonedRuntime(2 ** 22);

const formats = [
  ...["int1_g32_z", "int1_g32_zf", "q1_0", "int2_g32", "int2_g32_z", "q2_0", "q2_K", "tq1_0", "tq2_0"],
  ...["int3_g32", "q3_K", "int4_g32", "int4_g32_zf", "q4_0", "q4_K"],
  ...["bcq1_g32", "bcq2_g32_o", "bcq3_g32", "bcq4_g32_o_s16"],
];

const ways = ["table-lookup", "plane-popcount", "integer-dot-decode"] as const;

const target = (w: string, xBits: number | undefined, isRelaxed: boolean): Target & { workload: MatmulWorkload } => {
  const k = w.endsWith("_K") || w.startsWith("tq") ? 256 : 128;
  const numerics = { compute: "i8", xGroup: 32, ...(xBits && { xBits }) } as const;
  const workload: MatmulWorkload = { op: "matmul", m: 3, n: 37, k, w, bias: false, numerics };
  return { workload, device: isRelaxed ? relaxed : strict };
};

/** The default, and of look-up tables made in the main kernel: whole ones, or halves. */
function pointsFrom(template: Template, of: Target, entries: 16 | 8): readonly Point[] {
  const point = template.default(of);
  return "tables" in point ? [point, { ...point, tables: "loop", entries }] : [point];
}

describe.each(formats)("%s", (w) => {
  test.each([
    [undefined, true],
    [2, true],
    [4, false],
  ] as const)("x of %s bits, relaxed %s", (xBits, isRelaxed) => {
    let tried = 0;
    for (const name of ways)
      for (const exact of [true, false]) {
        const of = target(w, xBits, isRelaxed);
        const { workload } = of;
        const template = templateNamed(name);
        if (template === undefined || template.refuses(of) !== undefined) continue;
        const { m, n, k } = workload;
        const data = { seed: 7, exact };
        const weights = storedWeights(w, n, k, data);
        const x = activations(m as number, k, groupOfX(workload), data, reachOfX(workload));
        for (const point of pointsFrom(template, of, exact ? 8 : 16)) {
          const plans = rangesOf(workload).map((range) => ({
            ...planPart(of, range, point),
            ...{ template: name, schedule: template.schedule(of, point) },
          }));
          const kernel = guardedKernel(
            buildArtifact({ ...of, device: { ...of.device, kind: "wasm" } }, plans),
            weights,
            runtime,
          );
          expectProduct(kernel.run(x, m as number, undefined), workload, x, weights, undefined, exact);
          kernel.free();
          tried++;
        }
      }
    // Counting bits is for activations of few bits.
    expect(tried).toBe(xBits === undefined ? 6 : 8);
  });
});
