// rmsnorm, embed, rope, swiglu and merge compiled to Wasm: between guards on random shapes against their references, and through the API, whose `run` checks what enters.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Buffer, buffersWithRole, programOf, sizeOf, type Workload } from "../../../ir/index.ts";
import { pointsOf, templateFor } from "../../../schedules/index.ts";
import { ApiError, compile } from "../../../src/index.ts";
import { shortName } from "../../../src/runtime/index.ts";
import { buildCandidate } from "../../../src/tuner/measuring/build.ts";
import { wasmArena } from "../../../src/tuner/measuring/contestant-wasm.ts";
import { makeProblem } from "../../../src/tuner/measuring/problem.ts";
import { arbitraryWorkloads, numbersOf, operatorNames } from "../../ir/ops/operators.ts";
import { patience, runs } from "../../schedules/runs.ts";
import { strict, unprefixed } from "./harness.ts";

/** Runs a workload as the tuner runs its candidates: what is beside its tensors is poison, and every value is compared. */
async function expectRight(workload: Workload, seed: number): Promise<void> {
  const setting = { workload, device: strict, seed, copies: 1, testHook: undefined };
  const arena = await wasmArena(setting, makeProblem(workload, seed));
  const target = { workload, device: strict };
  const template = templateFor(target);
  const points = [...pointsOf(template.space(target))];
  const point = points[seed % points.length] ?? {};
  const contestant = arena.contestant(
    buildCandidate(target, { template: template.name, point }).artifact,
    async () => {},
  );
  await contestant.check();
  contestant.dispose();
  arena.dispose();
}

/** What a tensor has of its first rows, `count` of `all`: all of it where it has no axis of rows. */
function firstRows({ shape }: Buffer, values: ArrayLike<number>, all: number, count: number): number[] {
  const axis = shape.findIndex((size) => size.kind === "var" && size.name === "M");
  if (axis < 0) return Array.from(values);
  const inner = shape.slice(axis + 1).reduce((product, size) => product * sizeOf(size, {}), 1);
  return Array.from(values).filter((_, i) => Math.floor(i / inner) % all < count);
}

/** A kernel's results by name, for these rows of its inputs. */
type Run = (args: Record<string, unknown>) => Float32Array | Record<string, Float32Array>;

describe.each(operatorNames)("%s", (name) => {
  const workloads = arbitraryWorkloads[name] as fc.Arbitrary<Workload>;
  test("is right on random shapes, and writes nothing else", { timeout: patience }, async () => {
    const fixed = workloads.filter((workload) => "m" in workload && workload.m !== 0 && workload.m !== "any");
    await fc.assert(fc.asyncProperty(fixed, fc.nat(), expectRight), { numRuns: runs(12) });
  });

  test("gives a row the same result at every M", { timeout: patience }, async () => {
    const any = workloads.map((workload) => ({ ...workload, m: "any" }) as Workload);
    await fc.assert(
      fc.asyncProperty(any, fc.nat(), async (workload, seed) => {
        const kernel = await compile(workload as never, { db: false, device: strict });
        const { inputs, weights } = numbersOf(workload, 5, seed, false);
        const w = "w" in workload ? { w: kernel.pack(unprefixed(weights) as never) } : {};
        const program = programOf(workload);
        const run = (rows: number): Record<string, Float32Array> => {
          const given = buffersWithRole(program, "input").map((input) => {
            const values = firstRows(input, inputs.get(input.name)?.values as Float64Array, 5, rows);
            return [input.name, input.scalar === "i32" ? Int32Array.from(values) : Float32Array.from(values)];
          });
          const made = (kernel.run as unknown as Run)({ ...Object.fromEntries(given), ...w, m: rows });
          return made instanceof Float32Array ? { y: made } : made;
        };
        const all = run(5);
        for (const rows of [0, 1, 2])
          for (const [output, values] of Object.entries(run(rows))) {
            const tensor = buffersWithRole(program, "output").find(({ name }) => shortName(name) === output) as Buffer;
            expect([...values]).toEqual(firstRows(tensor, all[output] as Float32Array, 5, rows));
          }
        kernel.dispose();
      }),
      { numRuns: runs(4) },
    );
  });
});

describe("what enters is checked", () => {
  const message = (work: () => unknown): string => {
    try {
      work();
    } catch (error) {
      expect(error).toBeInstanceOf(ApiError);
      return (error as Error).message;
    }
    return "nothing is thrown";
  };

  test("rows of a table by number, type and count", async () => {
    const kernel = await compile({ op: "embed", m: "any", n: 4, k: 32, w: "q8_0" }, { db: false });
    const w = kernel.pack({ raw: new Uint8Array(4 * 34) });
    const run = (ids: ArrayLike<number>, type: typeof Int32Array | typeof Float32Array = Int32Array): string =>
      message(() => kernel.run({ ids: type.from(ids) as Int32Array, w, m: ids.length }));
    expect(run([0, 3, 1])).toBe("nothing is thrown");
    expect(run([0, 3, 4])).toBe("ids[2] is 4, outside of 0..3");
    expect(run([-1])).toBe("ids[0] is -1, outside of 0..3");
    expect(run([1], Float32Array)).toBe("ids is not an Int32Array; it has 1 values of i32");
    expect(message(() => kernel.run({ ids: new Int32Array(3), w, m: 2 }))).toBe("ids has 3 values, expected 2 (m = 2)");
    expect(message(() => kernel.run({ w, m: 2 } as never))).toBe("ids is missing; it has 2 values of i32");
    expect(message(() => kernel.run({ ids: new Int32Array(1), w, m: 1, x: 3 } as never))).toBe(
      "x: the kernel was compiled without one; it takes ids, w, m",
    );
    kernel.dispose();
  });

  test("positions and frequencies that angles can't be made of", async () => {
    const rope = { op: "rope", m: 1, heads: 1, d: 2, rotary: 2, pairing: "neox", scale: 1 } as const;
    const kernel = await compile(rope, { db: false });
    const run = (position: number, frequency: number): string =>
      message(() =>
        kernel.run({
          x: new Float32Array(2),
          positions: Int32Array.of(position),
          frequencies: Float32Array.of(frequency),
        }),
      );
    expect(run(-(2 ** 24), 1)).toBe("nothing is thrown");
    expect(run(2 ** 24 + 1, 1)).toBe("positions[0] is 16777217, outside of -16777216..16777216");
    expect(run(1, Number.NaN)).toBe("frequencies[0] is NaN, outside of -16..16");
    kernel.dispose();
  });

  test("several outputs come by name", async () => {
    const norm = { op: "rmsnorm", m: 1, k: 4, eps: 0, residual: true } as const;
    const kernel = await compile(norm, { db: false });
    const [x, residual, weight] = [
      [3, 0, 0, 0],
      [0, 4, 0, 0],
      [1, 2, 3, 4],
    ].map((v) => Float32Array.from(v)) as [Float32Array, Float32Array, Float32Array];
    const { sum, y } = kernel.run({ x, residual, weight });
    expect([...sum]).toEqual([3, 4, 0, 0]);
    expect([...y]).toEqual([1.2, 3.2, 0, 0].map((value) => expect.closeTo(value, 6)));
    kernel.dispose();
  });
});
