// The naive programs of rmsnorm, embed, rope and swiglu against their float64 references, on random shapes.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  buffersWithRole,
  errorBoundOf,
  interpretProgram,
  iterationsOf,
  meaningOf,
  parseProgram,
  printProgram,
  programOf,
  quantizedResultOf,
  quantizeReference,
  type RopeWorkload,
  reachOf,
  referenceOf,
  ropePairings,
  verifyProgram,
  type Workload,
  workloadText,
} from "../../../ir/index.ts";
import { f32, run } from "../interpreted.ts";
import { nmse, normals } from "../samples.ts";
import { arbitraryWorkloads, numbersOf, operatorNames, rowsTried, tensorsOf } from "./operators.ts";

/** A workload whose result is not quantized. */
const plain = (workload: Workload): Workload => ({ ...workload, quantize: undefined }) as Workload;

/** Checks every row of every output; codes and scales of a result are to the bit those of the result in f32. */
function expectAsReference(workload: Workload, m: number, seed: number): void {
  const program = programOf(plain(workload));
  const numbers = numbersOf(workload, m, seed, false);
  const made = interpretProgram(program, { M: m }, tensorsOf(workload, numbers));
  const result = quantizedResultOf(workload);
  if (result !== undefined && "k" in workload && m > 0) {
    const y = Float32Array.from(made.get("y")?.values ?? []);
    const group = result.group === "row" ? workload.k : result.group;
    const { q, s } = quantizeReference(y, group, reachOf(result.bits));
    const quantized = interpretProgram(programOf(workload), { M: m }, tensorsOf(workload, numbers));
    const outputs = buffersWithRole(programOf(workload), "output").map(({ name }) => name);
    expect(outputs).toEqual(expect.arrayContaining(["y.q", "y.s", ...(result.keep ? ["y"] : [])]));
    expect(outputs.includes("y")).toBe(result.keep === true);
    expect([...(quantized.get("y.q")?.values ?? [])].map((v) => v + 0)).toEqual([...q]);
    expect([...(quantized.get("y.s")?.values ?? [])]).toEqual([...s]);
    expect([...(quantized.get("y")?.values ?? [])]).toEqual([...y]);
  }
  const inputs = Object.fromEntries([...numbers.inputs].map(([name, { values }]) => [name, values]));
  const reference = referenceOf(workload, inputs, numbers.weights);
  const outputs = buffersWithRole(program, "output");
  expect(outputs.map(({ name }) => name).sort()).toEqual(Object.keys(reference).sort());
  for (const { name } of outputs) {
    const [values, wanted] = [made.get(name)?.values ?? new Float64Array(), Float64Array.from(reference[name] ?? [])];
    expect(values.length).toBe(wanted.length);
    const row = wanted.length / m;
    for (let i = 0; i < m; i++) {
      const [got, exact] = [values, wanted].map((all) => all.subarray(i * row, (i + 1) * row));
      // Of a row that is zero in all places there is no mean of squares to compare with.
      if (exact?.some((value) => value !== 0)) expect(nmse(got ?? [], exact)).toBeLessThan(errorBoundOf(workload));
      else expect(got).toEqual(exact);
    }
  }
}

describe.each(operatorNames)("%s", (name) => {
  const tried = fc.record({ workload: arbitraryWorkloads[name] as fc.Arbitrary<Workload>, seed: fc.nat() });
  test("is its float64 reference, on random shapes", () => {
    fc.assert(
      fc.property(tried, ({ workload, seed }) => {
        for (const m of rowsTried(workload)) expectAsReference(workload, m, seed);
      }),
      { numRuns: 60 },
    );
  });

  test("has a program that verifies and whose text reads back, an equation and a line of text", () => {
    fc.assert(
      fc.property(tried, ({ workload }) => {
        const program = programOf(workload);
        verifyProgram(program, "naive");
        expect(parseProgram(printProgram(program))).toEqual(program);
        expect(meaningOf(workload)).toMatch(/y\[.*\] = /);
        expect(workloadText(workload).split(" ")[0]).toBe(name);
      }),
      { numRuns: 20 },
    );
  });
});

test("texts and iterations", () => {
  const rmsnorm = { op: "rmsnorm", m: 2, k: 8, eps: 1e-5, residual: true } as const;
  expect(workloadText(rmsnorm)).toBe("rmsnorm m=2 k=8 eps=0.00001 + residual");
  expect(meaningOf(rmsnorm)).toBe("sum = x + residual, y[m,k] = sum[m,k] * weight[k] / sqrt(mean_k(sum[m,k]^2) + eps)");
  expect(workloadText({ op: "embed", m: "any", n: 4, k: 32, w: "q4_0" })).toBe("embed m=any n=4 k=32 q4_0");
  // In a row a sum over k, the root of its mean, and two results for each k.
  expect(iterationsOf(programOf(rmsnorm), {})).toBe(2 * (8 + 1 + 2 * 8));
  const matmul = { op: "matmul", m: 3, n: 4, k: 32, w: "q4_0", bias: false, numerics: { compute: "f32" } } as const;
  expect(iterationsOf(programOf(matmul), {})).toBe(3 * 4 * 32);
});

test("sizes that can't be", () => {
  const rope: RopeWorkload = { op: "rope", m: 1, heads: 2, d: 8, rotary: 8, pairing: "neox", scale: 1 };
  expect(() => programOf({ ...rope, rotary: 10 })).toThrow("rotary: 10 is not an even number up to d = 8");
  expect(() => programOf({ ...rope, rotary: 3 })).toThrow("rotary: 3 is not an even number up to d = 8");
  expect(() => programOf({ op: "embed", m: 1, n: 0, k: 32, w: "q4_0" })).toThrow("n: 0 is not a positive integer");
  expect(() => programOf({ op: "embed", m: 1, n: 1, k: 33, w: "q4_0" })).toThrow("not a multiple of q4_0's block");
});

describe("rope", () => {
  const [m, heads, d] = [4, 2, 16];
  /** x rotated, one head after the other. */
  const rotate = (workload: RopeWorkload, x: Float64Array, positions: readonly number[]): Float64Array => {
    const { rotary } = workload;
    const frequencies = Array.from({ length: rotary / 2 }, (_, i) => Math.fround(10000 ** ((-2 * i) / rotary)));
    const made = run(
      programOf(workload),
      new Map([
        ["x", f32([m, heads, d], x)],
        ["positions", { ...f32([m], positions), scalar: "i32" }],
        ["frequencies", f32([rotary / 2], frequencies)],
      ]),
    );
    return made.get("y") as Float64Array;
  };
  const x = Float64Array.from(normals(m * heads * d, 3));

  test.each(ropePairings.flatMap((pairing) => [16, 10].map((rotary) => [pairing, rotary] as const)))(
    "%s, the first %i of 16: from p1 to p2 is the rotation by p2 - p1, however far",
    (pairing, rotary) => {
      const workload: RopeWorkload = { op: "rope", m, heads, d, rotary, pairing, scale: 1 };
      const from = [0, 17, 2 ** 20 - 1, 131_071];
      const to = [2 ** 20, 3, 1, 131_072];
      const moved = rotate(
        workload,
        rotate(workload, x, from),
        to.map((p, i) => p - (from[i] as number)),
      );
      const there = rotate(workload, x, to);
      // The length of a vector is kept: twice the error of an angle and that of f32 for each rotation.
      expect(Math.max(...moved.map((value, i) => Math.abs(value - (there[i] as number))))).toBeLessThan(2e-6);
      expect(nmse(moved, there)).toBeLessThan(1e-12);
      expect(nmse(there, x)).toBeGreaterThan(1e-3);
      for (let i = 0; i < x.length; i++) if (i % d >= rotary) expect(there[i]).toBe(x[i]);
    },
  );

  test("pairs are halves, or neighbours", () => {
    const one = new Float64Array(m * heads * d);
    one[0] = 1;
    const workload = { op: "rope", m, heads, d, rotary: d, scale: 2 } as const;
    const turned = (pairing: RopeWorkload["pairing"]): readonly [number, number][] =>
      [...rotate({ ...workload, pairing }, one, [1, 0, 0, 0]).entries()].filter(([, value]) => value !== 0);
    for (const [pairing, second] of [["neox", 8] as const, ["interleaved", 1] as const]) {
      const [a, b, ...others] = turned(pairing);
      expect([a?.[0], b?.[0], others]).toEqual([0, second, []]);
      expect(a?.[1]).toBeCloseTo(2 * Math.cos(1), 6);
      expect(b?.[1]).toBeCloseTo(2 * Math.sin(1), 6);
    }
  });
});
