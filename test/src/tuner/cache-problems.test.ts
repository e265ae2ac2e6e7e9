/** Append and rotate as the tuner measures them: every point leaves in the cache what the naive program does, however often it runs, and what is not so is seen. */
import { describe, expect, test } from "vitest";
import type { AppendWorkload, RotateWorkload } from "../../../ir/index.ts";
import { pointsOf, templateFor } from "../../../schedules/index.ts";
import { buildCandidate } from "../../../src/tuner/measuring/build.ts";
import { wasmArena } from "../../../src/tuner/measuring/contestant-wasm.ts";
import { makeProblem } from "../../../src/tuner/measuring/problem.ts";
import { strict } from "../compile/harness.ts";

const heads = { kvHeads: 1, headSize: 32 } as const;
const workloads: readonly (AppendWorkload | RotateWorkload)[] = [
  { op: "append", m: 2, ...heads, keys: "f32", values: "int4_row", decoded: true },
  { op: "append", m: 1, ...heads, keys: "i8_row", values: "f16", rope: { rotary: 16, pairing: "neox", scale: 1 } },
  { op: "rotate", m: 3, ...heads, keys: "int4_row", rotary: 32, pairing: "interleaved", pages: 64 },
];

describe.each(workloads)("$op of $keys", (workload) => {
  const problem = makeProblem(workload, 1);
  test("is right at every point, run after run", async () => {
    const target = { workload, device: strict };
    const arena = await wasmArena({ ...target, seed: 1, copies: 1, testHook: undefined }, problem);
    const template = templateFor(target);
    const points = [...pointsOf(template.space(target))];
    expect(points.map(({ lanes }) => lanes)).toEqual([4, 8, 16, 32]);
    for (const point of points) {
      const { artifact } = buildCandidate(target, { template: template.name, point });
      const contestant = arena.contestant(artifact, async () => {});
      expect((await contestant.check()).maxError).toBe(0);
      await contestant.time(3);
      await contestant.recheck();
      contestant.dispose();
    }
    arena.dispose();
  });

  test("is not what was there before", () => {
    const { changed = {}, judge } = problem;
    expect(Object.keys(changed)).toContain(workload.keys === "f32" ? "k.v" : "k.q");
    const missing = (name: string) => changed[name] ?? new Uint8Array(4 * 2 * 32);
    expect(judge(missing).fault).toMatch(/^k\.\w\[|^row \d+ of k\.\w is off by NMSE/);
  });
});
