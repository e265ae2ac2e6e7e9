/** The kernels of real schedules: lowered programs compute what the scheduled ones do, to the last bit. */
import { describe, expect, test } from "vitest";
import {
  type Device,
  encode,
  formatOf,
  interpretProgram,
  lower,
  type MatmulWorkload,
  programOf,
  verifyKernel,
} from "../../../ir/index.ts";
import { applySchedule, templateFor } from "../../../schedules/index.ts";
import { containerTensors, f32 } from "../interpreted.ts";
import { normals } from "../samples.ts";

const device = (...features: Device["features"]): Device => ({
  kind: "wasm",
  label: "",
  fingerprint: "",
  architecture: "",
  engine: "",
  features,
  limits: {},
});

const cases: readonly (readonly [
  w: string,
  n: number,
  k: number,
  m: number | "any",
  xGroup: number | "row" | "f32",
])[] = [
  ["q4_0", 16, 64, 1, 32],
  ["q4_0", 18, 64, "any", 32],
  ["int2_g16_s16", 16, 32, 3, 32],
  ["int3_g32", 18, 64, 1, 32],
  ["int4_g64_z", 16, 128, 2, 16],
  ["int5_row_z", 17, 33, 1, "row"],
  ["q8_0", 16, 64, 3, "row"],
  ["q6_K", 17, 256, 1, 256],
  ["q4_K", 16, 256, 9, "f32"],
  ["bf16", 18, 24, "any", "f32"],
];

describe.each(cases)("%s %i x %i, M = %s, x %s", (w, n, k, m, xGroup) => {
  test.each([device("relaxed-simd"), device()])("with features $features", (on) => {
    const numerics = xGroup === "f32" ? ({ compute: "f32" } as const) : ({ compute: "i8", xGroup } as const);
    const workload: MatmulWorkload = { op: "matmul", m, n, k, w, bias: n % 2 === 0, numerics };
    const target = { workload, device: on };
    const template = templateFor(target);
    const scheduled = applySchedule(programOf(workload), template.schedule(target, template.default(target)));
    const lowered = { ...scheduled, kernels: scheduled.kernels.map((kernel) => lower(kernel, "wasm")) };
    for (const kernel of lowered.kernels) verifyKernel(kernel, "lowered");
    for (const rows of m === "any" ? [1, 6] : [m]) {
      const inputs = containerTensors(formatOf(w), encode(formatOf(w), normals(n * k, 3), n, k), n, k);
      inputs.set("x", f32([rows, k], normals(rows * k, 7)));
      if (workload.bias) inputs.set("bias", f32([n], normals(n, 9)));
      const y = (program: typeof scheduled): unknown => interpretProgram(program, { M: rows }, inputs).get("y")?.values;
      expect(y(lowered)).toEqual(y(scheduled));
    }
  });
});
