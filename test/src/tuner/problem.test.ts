/** The oracle's problems: right results pass, every wrong one is seen, and weights are those of the format. */
import { describe, expect, test } from "vitest";
import {
  checkContainers,
  decodeReference,
  formatOf,
  type MatmulWorkload,
  quantizeReference,
  referenceMatmul,
  type Workload,
} from "../../../ir/index.ts";
import { makeProblem, type Problem } from "../../../src/tuner/measuring/problem.ts";
import { matmul } from "./setting.ts";

/** Judges results given as typed arrays. */
function judge(problem: Problem, results: Readonly<Record<string, Float32Array | Int8Array>>): string | undefined {
  return problem.judge((name) => new Uint8Array(results[name]!.buffer.slice(0) as ArrayBuffer)).fault;
}

/** The whole result by the reference, without the pool. */
function resultOf(problem: Problem): Float32Array {
  const { workload, inputs, weights } = problem;
  const floats = inputs as Readonly<Record<string, Float32Array>>;
  return Float32Array.from(referenceMatmul(workload as MatmulWorkload, floats["x"]!, weights, floats).y);
}

const altered = (y: Float32Array, at: number, value: number): Float32Array => {
  const copy = y.slice();
  copy[at] = value;
  return copy;
};

describe("matmul", () => {
  const f32 = { compute: "f32" } as const;
  const workloads: readonly MatmulWorkload[] = [
    matmul(1, 200, 64),
    { ...matmul(3, 70, 256, "q4_K"), bias: true },
    { ...matmul(2, 5, 32, "int8_g16"), numerics: { compute: "i8", xGroup: 16 } },
    { ...matmul(1, 65, 48, "f16"), numerics: f32 },
    { ...matmul(2, 80, 256, "q6_K"), numerics: f32 },
  ];

  test.each(workloads)("knows every value of %j", (workload) => {
    const problem = makeProblem(workload, 1);
    const y = resultOf(problem);
    expect(judge(problem, { y })).toBeUndefined();
    const rms = Math.sqrt(y.reduce((sum, value) => sum + value * value, 0) / y.length);
    for (const at of [0, 1, y.length >> 1, y.length - 1]) {
      expect(judge(problem, { y: altered(y, at, y[at]! + 0.003 * rms) })).toMatch(
        /is off by NMSE .* is allowed; most at y\[/,
      );
    }
    expect(judge(problem, { y: altered(y, y.length - 1, Number.NaN) })).toMatch(
      `y[${(workload.m as number) - 1},${workload.n - 1}] is NaN: it was not written, or read what is not there`,
    );
  });

  test("sees rows that are exchanged or shifted", () => {
    const problem = makeProblem(matmul(1, 256, 64), 1);
    const y = resultOf(problem);
    for (const step of [1, 4, 16, 64, 128])
      expect(judge(problem, { y: y.map((_, n) => y[(n + step) % 256]!) })).toContain("is off by NMSE");
  });

  test("has weights that the format takes, extreme codes among them, and activations with whole groups of extremes and zeros", () => {
    const workload = matmul(1, 128, 512);
    const format = formatOf(workload.w);
    const { weights, inputs } = makeProblem(workload, 1);
    checkContainers(format, weights, 128, 512);
    const values = decodeReference(format, weights, 128, 512);
    const rowOfOnes = values.subarray(512, 1024);
    expect(new Set(rowOfOnes).size).toBe(1);
    const { q, s } = quantizeReference(inputs["x"] as Float32Array, 32);
    expect([...q.subarray(0, 64)].every((code) => code === 127)).toBe(true);
    expect([...s.subarray(2, 4)]).toEqual([0, 0]);
  });

  test("is the same for the same seed", () => {
    expect(makeProblem(matmul(), 1).weights).toEqual(makeProblem(matmul(), 1).weights);
    expect(makeProblem(matmul(), 1).weights).not.toEqual(makeProblem(matmul(), 2).weights);
  });

  test("needs rows", () => {
    expect(() => makeProblem(matmul("any"), 1)).toThrow(
      "m = any has nothing to measure; tune a number of rows from 1 up",
    );
    expect(() => makeProblem(matmul(0), 1)).toThrow("m = 0 has nothing to measure");
  });
});

test("quantize wants every code and scale", () => {
  const workload: Workload = { op: "quantize", m: 2, k: 64, group: 32 };
  const problem = makeProblem(workload, 1);
  const { q, s } = quantizeReference(problem.inputs["x"] as Float32Array, 32);
  expect(judge(problem, { "x.q": q, "x.s": s })).toBeUndefined();
  const wrong = q.slice();
  wrong[70] = 5;
  expect(judge(problem, { "x.q": wrong, "x.s": s })).toMatch(/^x\.q\[1,6\] is 5, which should be /);
  expect(judge(problem, { "x.q": q, "x.s": altered(s, 3, 1) })).toMatch(/^x\.s\[1,1\] is 1, which should be /);
});

test("dequantize wants every value to the last bit", () => {
  const problem = makeProblem({ op: "dequantize", n: 70, k: 32, w: "q4_0" }, 1);
  const y = decodeReference(formatOf("q4_0"), problem.weights, 70, 32);
  expect(judge(problem, { y })).toBeUndefined();
  expect(judge(problem, { y: altered(y, 69 * 32 + 31, y[0]! + 1) })).toMatch(/^y\[69,31\] is /);
});
