import { describe, expect, test } from "vitest";
import { type Device, referenceAttention } from "../../../ir/index.ts";
import {
  attentionCase,
  attentionReference,
  checkAttention,
  nmseOf,
  stored,
} from "../../../src/bench/attention-case.ts";
import { type AttentionBench, BenchError, benchAttention, ourAttention } from "../../../src/bench/index.ts";
import type { AttentionRequest } from "../../../src/bench/ours-attention.ts";
import type { Session } from "../../../src/bench/peers/index.ts";

/** Ours for the test: the float64 definition on what the cache holds; `spoil` may damage the result. */
const defined =
  (spoil: (y: Float32Array, run: number) => unknown = () => {}, log: string[] = []) =>
  async ({ workload, given }: AttentionRequest): Promise<Session> => {
    const { q, keys, values } = given.inputs;
    const held = (format: string, rows: Float32Array) => stored(format, rows, given, given.tokens).decoded;
    const inputs = { q, keys: held(workload.keys, keys), values: held(workload.values, values) };
    let y = new Float32Array(0);
    let runs = 0;
    return {
      run: () => {
        y = Float32Array.from(referenceAttention(workload, inputs).y);
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

const sizes = { sequences: 1, queries: 2, heads: 4, kvHeads: 2, headSize: 16 };

const request: AttentionBench = {
  ...sizes,
  tokens: [20],
  caches: [{ keys: "f32", values: "f16" }],
  peers: ["ort-node", "ort-web"],
  seconds: 0.05,
  seed: 1,
  device,
  note: () => {},
  signal: new AbortController().signal,
};

describe("benchAttention", () => {
  test("reports each cache and the peers, with ratios to the peers and to ours over f32", async () => {
    const caches = [
      { keys: "f32", values: "f32" },
      { keys: "f32", values: "int4_row" },
    ];
    const report = await benchAttention({ ...request, tokens: [20, 33], caches }, defined());
    expect(report).toMatchObject({ ...sizes, device, lengths: [{ tokens: 20 }, { tokens: 33 }] });
    const operators = ["ort-node", "ort-web"].flatMap((name) => [`${name} GroupQueryAttention`, `${name} Attention`]);
    for (const { tokens, rows } of report.lengths) {
      expect(rows.map(({ who }) => who)).toEqual(["qloom", "qloom", "qloom", ...operators]);
      expect(rows.map(({ numerics }) => numerics.weights)).toEqual(["f32", "f32", "i8", "f32", "f32", "f32", "f32"]);
      for (const { medianMs, lowMs, highMs, cacheBytes, cacheGBs, ratios, nmse } of rows) {
        expect(lowMs).toBeLessThanOrEqual(medianMs);
        expect(medianMs).toBeLessThanOrEqual(highMs);
        expect(cacheGBs * medianMs * 1e6).toBeCloseTo(cacheBytes, 3);
        expect(nmse).toBeLessThan(1e-10);
        expect(Object.keys(ratios)).toEqual(["f32", ...operators]);
        for (const [i, { ratio, low, high }] of Object.values(ratios).entries()) {
          expect(ratio * medianMs).toBeCloseTo(rows[i === 0 ? 0 : i + 2]?.medianMs as number);
          expect(low).toBeLessThanOrEqual(high);
        }
      }
      const [exact, coarse, , peer] = rows;
      expect(exact?.cacheBytes).toBe(2 * tokens * 2 * 16 * 4);
      expect(peer?.cacheBytes).toBe(exact?.cacheBytes);
      expect(coarse?.cacheBytes).toBe(tokens * 2 * (16 * 4 + 16 / 2 + 4));
      expect(exact?.nmseToF32).toBeLessThan(1e-10);
      expect(coarse?.nmseToF32).toBeGreaterThan(1e-4);
    }
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });

  test("leaves out a peer that can't take the case, with a note", async () => {
    const notes: string[] = [];
    const note = (line: string): void => void notes.push(line);
    const { lengths } = await benchAttention({ ...request, headSize: 10, peers: ["ort-node"], note }, defined());
    expect(lengths[0]?.rows.map(({ who }) => who)).toEqual(["qloom", "ort-node Attention"]);
    expect(notes).toEqual([
      "ort-node GroupQueryAttention is left out: GroupQueryAttention takes multiples of 8 as head size, not 10",
    ]);
  });

  test("fails rather than reports when a result is wrong, at first or only later", async () => {
    const log: string[] = [];
    const wrong = defined((y) => y.fill(3, 40, 41), log);
    await expect(benchAttention(request, wrong)).rejects.toThrow(
      /^bench: qloom \(f32, f16\) disagrees with the float64 reference: NMSE \S+ \(0.000001 is allowed\)/,
    );
    const later = defined((y, run) => run > 3 && y.fill(Number.NaN, 7, 8), log);
    await expect(benchAttention({ ...request, peers: [] }, later)).rejects.toThrow("gave NaN at 7");
    expect(log).toEqual(["disposed", "disposed"]);
  });

  test("stops when told to", async () => {
    const signal = AbortSignal.abort(new Error("interrupted"));
    await expect(benchAttention({ ...request, signal }, defined())).rejects.toThrow("interrupted");
  });

  test.each([
    [{ peers: ["ggml"] }, 'bench: no peer is named "ggml"; there are ort-node, ort-web, ort-webgpu'],
    [{ queries: 0 }, "bench: queries = 0; it must be 1 or more"],
    [{ queries: 21 }, "bench: tokens = 20 are fewer than the 21 queries, which are the last of them"],
    [{ caches: [{ keys: "int4_row", values: "i9_row" }] }, 'unknown format "i9_row"'],
    [{ heads: 5 }, "kvHeads: 5 heads can't be grouped by 2; use a divisor of 5"],
  ])("refuses %j", async (change, message) => {
    await expect(benchAttention({ ...request, ...change }, defined())).rejects.toThrow(message);
  });
});

describe("ours", () => {
  test.each(["f32", "i8_row", "int4_row", "q8_0"])("over %s agrees with float64", async (format) => {
    const caches = [{ keys: format, values: format }];
    const bench = { ...request, ...sizes, headSize: 32, tokens: [70], queries: 3, caches, peers: [], seconds: 0.01 };
    const { lengths } = await benchAttention(bench, ourAttention);
    expect(lengths[0]?.rows.length).toBe(format === "f32" ? 1 : 2);
  });

  test("of several sequences, in caches and in pages, agrees with float64 for each", async () => {
    const caches = [{ keys: "i8_row", values: "f32" }];
    const notes: string[] = [];
    const note = (line: string): void => void notes.push(line);
    const bench = { ...request, ...sizes, sequences: 3, pages: 64, headSize: 32, tokens: [70], caches, note };
    const { lengths } = await benchAttention({ ...bench, peers: ["ort-node"], seconds: 0.01 }, ourAttention);
    const rows = lengths[0]?.rows ?? [];
    expect(rows.map(({ who, pages }) => [who, pages])).toEqual([
      ["qloom", undefined],
      ["qloom", 64],
    ]);
    expect(rows.map(({ cacheBytes }) => cacheBytes)).toEqual(rows.map(() => 3 * 70 * 2 * (32 + 4 + 4 * 32)));
    expect(rows[0]?.nmse).toEqual(rows[1]?.nmse);
    expect(notes.length).toBe(2);
    expect(notes[0]).toBe("ort-node GroupQueryAttention is left out: it is given one sequence");
  });
});

describe("the reference", () => {
  const given = attentionCase({ ...sizes, queries: 5, tokens: 12 }, 1, 3);
  const { keys, values } = given.inputs;

  test("is the definition, of all queries of a small case", () => {
    const { queries, y } = attentionReference(given.workload, given, keys, values);
    expect(queries).toEqual([0, 1, 2, 3, 4]);
    expect(y).toEqual(referenceAttention(given.workload, given.inputs).y);
  });

  test("samples the queries of a big case, the first and the last among them", () => {
    const big = attentionCase({ sequences: 1, queries: 300, tokens: 300, heads: 8, kvHeads: 1, headSize: 64 }, 1, 3);
    const reference = attentionReference(big.workload, big, big.inputs.keys, big.inputs.values);
    expect(reference.queries.length).toBeLessThan(300);
    expect([reference.queries[0], reference.queries.at(-1)]).toEqual([0, 299]);
    expect(new Set(reference.queries).size).toBe(reference.queries.length);
    const last = reference.y.slice(-512);
    const alone = referenceAttention(big.workload, { ...big.inputs, q: big.inputs.q.slice(-512) });
    expect(last).toEqual(alone.y);
  });

  test("tells a wrong size, and what is off", () => {
    const reference = attentionReference(given.workload, given, keys, values);
    const y = Float32Array.from(reference.y);
    const { numerics } = given.workload;
    expect(checkAttention("ours", y, numerics, given, reference)).toBeLessThan(1e-12);
    expect(() => checkAttention("ours", y.subarray(1), numerics, given, reference)).toThrow(BenchError);
    y[5] = (y[5] as number) + 0.1;
    expect(nmseOf(y, reference)).toBeCloseTo(0.01 / reference.y.reduce((sum, value) => sum + value ** 2, 0), 6);
    expect(() => checkAttention("ours", y, numerics, given, reference)).toThrow("ours disagrees");
  });

  test("is over what a cache holds", () => {
    const { bytes, decoded } = stored("int8_row", keys, { kvHeads: 1, headSize: 16 }, keys.length / 16);
    expect(bytes).toBe(keys.length + (keys.length / 16) * 4);
    expect(decoded.length).toBe(keys.length);
    expect(decoded).not.toEqual(keys);
  });
});
