import { describe, expect, test } from "vitest";
import type { Device } from "../../../ir/index.ts";
import { intWeightSource, makeCase } from "../../../src/bench/case.ts";
import {
  BenchError,
  benchMatmul,
  type Factory,
  type MatmulBench,
  type MatmulCase,
  type WeightSource,
} from "../../../src/bench/index.ts";
import { checkResult, referenceOf } from "../../../src/bench/reference.ts";

/** Ours for the test: dequantizes to f32, then a plain loop; `spoil` may damage the result. */
const float32 =
  (spoil: (y: Float32Array, run: number) => unknown = () => {}, log: string[] = []): Factory =>
  async ({ m, n, k, x, weights }) => {
    const w = new Float64Array(n * k);
    for (let row = 0; row < n; row++) weights.decodeRow(row, w.subarray(row * k, (row + 1) * k));
    const y = new Float32Array(m * n);
    let runs = 0;
    return {
      run: () => {
        for (let i = 0; i < m; i++) {
          for (let j = 0; j < n; j++) {
            let sum = 0;
            for (let l = 0; l < k; l++) sum = Math.fround(sum + x[i * k + l]! * w[j * k + l]!);
            y[i * n + j] = sum;
          }
        }
        spoil(y, runs++);
      },
      output: () => y,
      dispose: () => void log.push("disposed"),
    };
  };

const device: Device = {
  kind: "wasm",
  label: "test",
  fingerprint: "test",
  architecture: "test",
  engine: "v8 test",
  features: [],
  limits: { cores: 2 },
};

const request = {
  m: 3,
  n: 37,
  k: 256,
  weights: "int4_g32",
  x: "i8_g32",
  threads: 1,
  peers: ["ort-node", "ort-web"],
  seconds: 0.05,
  device,
} satisfies MatmulBench;

describe("benchMatmul", () => {
  test("reports ours and the peers on one set of numbers", async () => {
    const log: string[] = [];
    const report = await benchMatmul(request, { qloom: float32(undefined, log) });
    expect(report.device).toEqual(device);
    expect(report.rows.map((row) => row.who)).toEqual(["qloom", "ort-node", "ort-web"]);
    for (const row of report.rows) {
      expect(row.workload).toBe("matmul m3 n37 k256 int4_g32 x i8_g32, 1 thread");
      expect(row.lowMs).toBeGreaterThan(0);
      expect(row.lowMs).toBeLessThanOrEqual(row.medianMs);
      expect(row.medianMs).toBeLessThanOrEqual(row.highMs);
      expect(row.gops * row.medianMs * 1e6).toBeCloseTo(2 * 3 * 37 * 256, 3);
      expect(row.maxError).toBeLessThan(0.015);
    }
    expect(report.rows[0]!.maxError).toBeLessThan(1e-5);
    expect(report.rows[1]!.maxError).toBeGreaterThan(1e-4);
    expect(log).toEqual(["disposed"]);
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });

  test("leaves out a peer that can't take the case, with a note", async () => {
    const notes: string[] = [];
    const report = await benchMatmul(
      { ...request, weights: "int3_g32", note: (line) => notes.push(line) },
      { qloom: float32() },
    );
    expect(report.rows.map((row) => row.who)).toEqual(["qloom"]);
    expect(notes).toEqual([
      "ort-node is left out: MatMulNBits takes 2, 4 or 8 bits, not 3",
      "ort-web is left out: MatMulNBits takes 2, 4 or 8 bits, not 3",
    ]);
  });

  test("takes formats from a source", async () => {
    const halves: WeightSource = (format) =>
      format === "q4_test"
        ? { kind: "blocks", format, stored: {}, decodeRow: (_, out) => void out.fill(0.5) }
        : undefined;
    const report = await benchMatmul(
      { ...request, weights: "q4_test", sources: [halves], note: () => {} },
      { qloom: float32() },
    );
    expect(report.rows).toMatchObject([{ who: "qloom", workload: expect.stringContaining("q4_test") }]);
  });

  test("fails rather than reports when a result is wrong, at first or only later", async () => {
    const log: string[] = [];
    const wrong = float32((y) => y.fill(100, 40, 41), log);
    await expect(benchMatmul(request, { qloom: wrong })).rejects.toThrow(
      /^bench: qloom disagrees with the float64 reference: y is 100 at m = 1, n = 3, off by \S+ of the largest value \(0.02 is allowed\)/,
    );
    const later = float32((y, run) => y.fill(run > 3 ? Number.NaN : y[110]!, 110), log);
    await expect(benchMatmul({ ...request, peers: [] }, { qloom: later })).rejects.toThrow(
      "bench: qloom gave NaN at m = 2, n = 36",
    );
    expect(log).toEqual(["disposed", "disposed"]);
  });

  test("stops when told to", async () => {
    const signal = AbortSignal.abort(new Error("interrupted"));
    await expect(benchMatmul({ ...request, signal }, { qloom: float32() })).rejects.toThrow("interrupted");
  });

  test.each([
    [{ peers: ["ort-nod"] }, 'bench: no peer is named "ort-nod"; there are ort-node, ort-web'],
    [{ m: 0 }, "bench: m = 0; it must be 1 or more"],
    [{ k: 100 }, 'bench: weights "int4_g32": k = 100 is not a multiple of the group'],
    [{ weights: "int7_g32" }, 'bench: weights "int7_g32" are unknown; take int<bits>_g<group>, as in int4_g32'],
    [{ weights: "int4_g8" }, 'bench: weights "int4_g8": a group has 16 to 256 codes'],
    [
      { x: "i4" },
      'bench: activations "i4" are unknown; take f32, f16, i8_g<group> or i8_row (or i2 to i7, of fewer bits), these with _t8 for 8-bit tables, _q for x that comes quantized, as in i8_g32',
    ],
  ])("refuses %j", async (change, message) => {
    const refused = benchMatmul({ ...request, ...change }, {});
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toBeInstanceOf(BenchError);
  });
});

describe("the reference", () => {
  const drawn = (m: number, n: number, k: number): MatmulCase =>
    makeCase({ m, n, k, weights: "int8_g32", x: "f32", threads: 1 }, 1, [intWeightSource]);

  test("is the sum over k in float64", () => {
    const matmul = drawn(2, 3, 32);
    const { columns, values, largest } = referenceOf(matmul);
    expect(columns).toEqual([0, 1, 2]);
    const w = new Float64Array(32);
    matmul.weights.decodeRow(1, w);
    const y = w.reduce((sum, value, l) => sum + value * matmul.x[32 + l]!, 0);
    expect(values[1 * 3 + 1]).toBeCloseTo(y, 12);
    expect(largest).toBe(Math.max(...values.map(Math.abs)));
  });

  test("samples columns of a big shape, the ends among them, and all rows of x", () => {
    const matmul = drawn(4, 500, 64);
    const all = referenceOf(matmul);
    const some = referenceOf(matmul, 4 * 64 * 20);
    expect(all.columns).toHaveLength(500);
    expect(some.columns).toHaveLength(20);
    expect([some.columns[0], some.columns.at(-1)]).toEqual([0, 499]);
    expect(new Set(some.columns).size).toBe(20);
    const y = Float32Array.from(all.values);
    expect(checkResult("ours", y, matmul, some).maxError).toBeLessThan(1e-7);
    y[3 * 500 + 499]! += 1;
    expect(() => checkResult("ours", y, matmul, some)).toThrow("at m = 3, n = 499");
    expect(() => checkResult("ours", y.subarray(1), matmul, some)).toThrow("gave 1999 values instead of 4 x 500");
  });
});
