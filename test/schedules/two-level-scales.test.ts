// Scales of two levels that stay integers: where, what is packed of them, and that results are those of scales that were multiplied out.
import { describe, expect, test } from "vitest";
import {
  containerBuffers,
  encode,
  type Feature,
  formatOf,
  type IntegerNumerics,
  interpretProgram,
  type MatmulWorkload,
  printProgram,
  programOf,
  type Tensor,
  tensorOfBytes,
} from "../../ir/index.ts";
import {
  applySchedule,
  type Schedule,
  scheduleOf,
  type Target,
  type Template,
  templateNamed,
} from "../../schedules/index.ts";
import { normals } from "../ir/samples.ts";

const template = templateNamed("integer-dot-decode") as Template;

const targetOf = (
  w: string,
  numerics: Partial<IntegerNumerics> = {},
  features: readonly Feature[] = ["relaxed-simd"],
): Target => ({
  workload: { op: "matmul", m: 2, n: 21, k: 256, w, bias: false, numerics: { compute: "i8", xGroup: 32, ...numerics } },
  device: { kind: "wasm", features, limits: {} },
});

const programFor = (target: Target, scales: string) => {
  const schedule: Schedule = scheduleOf(template, target, { ...template.default(target), scales });
  return applySchedule(programOf(target.workload), schedule);
};

test.each([
  ["two sub-blocks in a group of x", targetOf("q3_K"), true],
  ["with minima of two levels", targetOf("q2_K"), true],
  ["sums of a sub-block that i16 does not hold", targetOf("q6_K"), false],
  ["one sub-block in a group of x", targetOf("q4_K"), false],
  ["scales of one level", targetOf("nvfp4"), false],
  ["groups of x that are one sub-block", targetOf("q3_K", { xGroup: 16 }), false],
  ["x that is given in an order of its own", targetOf("q3_K", { x: "quantized" }), false],
  ["products of i16", targetOf("q3_K", {}, []), false],
])("%s", (_, target, isPossible) => {
  expect(template.space(target).axes["scales"]).toEqual(isPossible ? ["levels", "whole"] : undefined);
  expect(template.default(target)["scales"]).toBe(isPossible ? "levels" : undefined);
});

describe.each(["q2_K", "q3_K"])("%s", (w) => {
  const target = targetOf(w);
  const { n, k } = target.workload as MatmulWorkload;

  test("packs a byte per sub-block and a float per block, for each product", () => {
    const text = printProgram(programFor(target, "levels"));
    for (const field of w === "q2_K" ? ["s", "o"] : ["s"]) {
      expect(text).toContain(`packed w.${field}.0: f32[2, 1, 4, 4]`);
      expect(text).toContain(`packed w.${field}.1: i8[2, 8, 4, 4, 2] in `);
    }
    expect(text).toContain("dot2_i32_i16");
    expect(text).not.toContain("sum2_i32_i16");
  });

  test("gives what scales multiplied out give, to the rounding of f32", () => {
    const format = formatOf(w);
    const stored = encode(format, normals(n * k, 7), n, k);
    const inputs = new Map<string, Tensor>(
      containerBuffers(format, n, k).map(({ name, scalar, shape }) => {
        const sizes = shape.map((e) => (e.kind === "const" ? e.value : 0));
        return [name, tensorOfBytes(scalar, sizes, stored[name] as Uint8Array)];
      }),
    );
    inputs.set("x", { scalar: "f32", shape: [2, k], values: normals(2 * k, 8) } as unknown as Tensor);
    const [levels, whole] = ["levels", "whole"].map(
      (scales) => interpretProgram(programFor(target, scales), {}, inputs).get("y")?.values as ArrayLike<number>,
    ) as [ArrayLike<number>, ArrayLike<number>];
    const most = Math.max(...Array.from(whole, Math.abs));
    expect(levels.length).toBe(2 * n);
    for (let i = 0; i < levels.length; i++)
      expect(Math.abs((levels[i] as number) - (whole[i] as number))).toBeLessThan(most * 2 ** -20);
  });
});
