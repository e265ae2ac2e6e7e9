// Attention with heads of any size, in formats that dot products take and in others: by templates that hold a block's scores at a time, as their descriptions say and runs allocate.
import { describe, expect, test, vi } from "vitest";
import { WasmMemory } from "../../../backends/index.ts";
import {
  type AttentionWorkload,
  attentionBounds,
  decodeReference,
  encode,
  formatOf,
  quantizeReference,
  referenceAttention,
} from "../../../ir/index.ts";
import { compile, evaluate } from "../../../src/compile/index.ts";
import { nmse, normals } from "../../ir/samples.ts";

const [heads, kvHeads] = [4, 2];

const workloadOf = (headSize: number, format: string, scores: "f32" | "i8", weights: "f32" | "i8") =>
  ({
    ...{ op: "attention", m: "any", heads, kvHeads, headSize, keys: format, values: format, causal: true },
    numerics: { scores, weights },
  }) as const satisfies AttentionWorkload;

const workloads: readonly (readonly [string, AttentionWorkload])[] = [
  ["f32, 1", workloadOf(1, "f32", "f32", "f32")],
  ["f32, 65", workloadOf(65, "f32", "f32", "f32")],
  ["i8_row, 33, in integers", workloadOf(33, "i8_row", "i8", "i8")],
  ["int4_row, 67, in integers", workloadOf(67, "int4_row", "i8", "i8")],
  ["int3_row, 7, in integers that no dot product takes", workloadOf(7, "int3_row", "i8", "i8")],
];

describe.each(workloads)("%s", (_, workload) => {
  const { headSize, keys, values, numerics } = workload;
  const row = kvHeads * headSize;
  const decoded = (x: Float32Array): Float32Array => {
    const [format, rows] = [formatOf(keys), x.length / headSize];
    return decodeReference(format, encode(format, x, rows, headSize), rows, headSize);
  };

  test("prefill and decode are the definition's; what a run allocates is what the description says", async () => {
    const runtime = new WasmMemory({ shared: false });
    const [append, attend] = await Promise.all([
      compile({ op: "append", m: "any", kvHeads, headSize, keys, values }, { runtime, db: false }),
      compile(workload, { runtime, db: false }),
    ]);
    const cache = append.newCache(90);
    const all = { k: new Float32Array(), v: new Float32Array() };
    for (const [turn, m] of [67, 1].entries()) {
      const [k, v, q] = [normals(m * row, turn), normals(m * row, turn + 2), normals(m * heads * headSize, turn + 4)];
      for (const [name, added] of Object.entries({ k, v }))
        all[name as "k" | "v"] = Float32Array.from([...all[name as "k" | "v"], ...added]);
      append.run({ cache, k, v, m });
      const allocate = vi.spyOn(runtime, "allocate");
      const y = attend.run({ cache, q, m });
      const bytes = allocate.mock.calls.reduce((sum, [size]) => sum + size, 0);
      allocate.mockRestore();
      const part = attend.artifact.parts.find(({ min, max }) => m >= min && m <= max);
      expect(bytes - q.byteLength - y.byteLength).toBe(evaluate(part?.peak ?? 0, { M: m, T: cache.tokens }));

      const codes = quantizeReference(q, headSize);
      const queries = Float64Array.from(codes.q, (code, i) => code * (codes.s[Math.floor(i / headSize)] as number));
      const { y: wanted } = referenceAttention(workload, {
        q: numerics.scores === "i8" ? queries : q,
        ...{ keys: decoded(all.k), values: decoded(all.v) },
      });
      expect(nmse(y, wanted), `turn ${turn}`).toBeLessThan(attentionBounds[numerics.weights]);
    }
    for (const { template, peak } of attend.artifact.parts) {
      expect(template).toMatch(/^attention-/);
      const bytes = (size: number): number => evaluate(peak, { M: size, T: size });
      const fixed = 2 * bytes(512) - bytes(1024);
      // Scores are never held: what grows goes with the queries alone, and is less than a few of them.
      expect(bytes(4096) - fixed).toBe(8 * (bytes(512) - fixed));
      expect(bytes(4096) - fixed).toBeLessThanOrEqual(4096 * heads * (4 * headSize + 64));
      expect(fixed).toBeLessThan(2 ** 20);
    }
    for (const part of [append, attend, runtime]) part.dispose();
  });
});
