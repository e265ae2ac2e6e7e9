/** The programs of operators, and those that schedules for other devices make of them, lowered for WGSL: they compute what they did, to the last bit. */
import { describe, expect, test } from "vitest";
import {
  type Device,
  encode,
  formatOf,
  interpretProgram,
  lower,
  type MatmulWorkload,
  type Program,
  programOf,
  verifyKernel,
} from "../../../../ir/index.ts";
import { applySchedule, templateFor } from "../../../../schedules/index.ts";
import { containerTensors, f32 } from "../../interpreted.ts";
import { normals } from "../../samples.ts";

const device: Device = {
  kind: "wasm",
  label: "",
  fingerprint: "",
  architecture: "",
  engine: "",
  features: [],
  limits: {},
};

const cases: readonly (readonly [w: string, n: number, k: number, m: number | "any", xGroup: number | "f32"])[] = [
  ["q4_0", 8, 64, 1, 32],
  ["int3_g32", 5, 32, "any", 32],
  ["q8_0", 6, 32, 3, "f32"],
  ["q4_K", 4, 256, 2, 256],
];

describe.each(cases)("%s %i x %i, M = %s, x %s", (w, n, k, m, xGroup) => {
  const numerics = xGroup === "f32" ? ({ compute: "f32" } as const) : ({ compute: "i8", xGroup } as const);
  const workload: MatmulWorkload = { op: "matmul", m, n, k, w, bias: false, numerics };
  const target = { workload, device };
  const template = templateFor(target);
  const naive = programOf(workload);
  const rows = m === "any" ? 2 : m;
  const inputs = containerTensors(formatOf(w), encode(formatOf(w), normals(n * k, 3), n, k), n, k);
  inputs.set("x", f32([rows, k], normals(rows * k, 7)));
  const y = (program: Program): unknown =>
    interpretProgram(program, { M: rows }, inputs, { order: 1 }).get("y")?.values;

  test.each([
    ["naive", naive],
    ["scheduled", applySchedule(naive, template.schedule(target, template.default(target)))],
  ] as const)("%s", (_, program) => {
    // Weights are packed on the CPU.
    const kernels = program.kernels.map((kernel) => lower(kernel, kernel.stage === "pack" ? "wasm" : "wgsl"));
    for (const kernel of kernels) if (kernel.stage !== "pack") verifyKernel(kernel, "invocation");
    expect(y({ ...program, kernels })).toEqual(y(program));
  });
});
