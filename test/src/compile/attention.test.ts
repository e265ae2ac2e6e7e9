// Attention through the API: a cache that append kernels fill, decode and prefill, against the float64 definition; what can't be is refused and changes nothing.
import { describe, expect, test } from "vitest";
import { probeWasm, WasmMemory } from "../../../backends/index.ts";
import {
  type AppendWorkload,
  type AttentionWorkload,
  attentionBounds,
  cacheBytes,
  cachedTensor,
  decodeReference,
  encode,
  fieldReader,
  formatOf,
  programOf,
  quantizeReference,
  referenceAttention,
} from "../../../ir/index.ts";
import { scheduleOf, templateFor } from "../../../schedules/index.ts";
import { compile } from "../../../src/compile/index.ts";
import { nmse, normals } from "../../ir/samples.ts";

const [heads, kvHeads, headSize] = [6, 2, 32];
const row = kvHeads * headSize;

const attentionOf = (options: Partial<AttentionWorkload> = {}): AttentionWorkload => ({
  ...{ op: "attention", m: "any", heads, kvHeads, headSize, keys: "f32", values: "f32", causal: true },
  numerics: { scores: "f32", weights: "f32" },
  ...options,
});
const appendOf = ({ keys, values }: AttentionWorkload): AppendWorkload => ({
  ...{ op: "append", m: "any", kvHeads, headSize, keys, values },
});

const decoded = (format: string, values: Float32Array): Float32Array => {
  const rows = values.length / headSize;
  return decodeReference(formatOf(format), encode(formatOf(format), values, rows, headSize), rows, headSize);
};

function queriesOf({ numerics }: AttentionWorkload, q: Float32Array): ArrayLike<number> {
  if (numerics.scores === "f32") return q;
  const { q: codes, s } = quantizeReference(q, headSize);
  return Float64Array.from(codes, (code, i) => code * (s[Math.floor(i / headSize)] as number));
}

const numerics = (scores: "f32" | "i8", weights: "f32" | "i8") => ({ numerics: { scores, weights } });

describe.each<[string, Partial<AttentionWorkload>]>([
  ["f32", {}],
  ["f16", { keys: "f16", values: "f16" }],
  ["i8_row, all in integers", { keys: "i8_row", values: "i8_row", ...numerics("i8", "i8") }],
  ["int4_row, all in integers", { keys: "int4_row", values: "int4_row", ...numerics("i8", "i8") }],
  ["q8_0 and q4_0, scores in integers", { keys: "q8_0", values: "q4_0", ...numerics("i8", "f32") }],
  ["int4_row_zf in f32", { keys: "int4_row_zf", values: "int4_row_zf" }],
  [
    "kv4_row_z, scores in integers, and kv4_row_m",
    { keys: "kv4_row_z", values: "kv4_row_m", ...numerics("i8", "f32") },
  ],
  ["e4m3 and e5m2", { keys: "e4m3", values: "e5m2" }],
  ["e5m2_row and e4m3_row", { keys: "e5m2_row", values: "e4m3_row" }],
  ["bfp12_g32 and bfp16_g32, all in integers", { keys: "bfp12_g32", values: "bfp16_g32", ...numerics("i8", "i8") }],
  ["softcap, sinks, window", { softcap: 3, sinks: true, window: 40 }],
])("%s", (_name, options) => {
  test("prefill, decode, several tokens at once: each as the definition has it", async () => {
    const workload = attentionOf(options);
    const runtime = new WasmMemory({ shared: false });
    const [append, attend] = await Promise.all([
      compile(appendOf(workload), { runtime }),
      compile(workload, { runtime }),
    ]);
    const cache = append.newCache(10);
    const sinks = workload.sinks ? { sinks: normals(heads, 9) } : {};
    const all = { k: new Float32Array(), v: new Float32Array() };
    for (const [turn, count] of [70, 1, 1, 5, 61, 1].entries()) {
      const added = { k: normals(count * row, turn * 3 + 1), v: normals(count * row, turn * 3 + 2) };
      for (const name of ["k", "v"] as const) all[name] = Float32Array.from([...all[name], ...added[name]]);
      append.run({ ...added, cache, m: count });
      const q = normals(count * heads * headSize, turn * 3 + 3);
      const y = attend.run({ q, cache, m: count, ...sinks } as never) as Float32Array;
      const wanted = referenceAttention(workload, {
        q: queriesOf(workload, q),
        keys: decoded(workload.keys, all.k),
        values: decoded(workload.values, all.v),
        ...sinks,
      }).y;
      expect(nmse(y, wanted), `turn ${turn}`).toBeLessThan(attentionBounds[workload.numerics.weights]);
    }
    expect(cache.tokens).toBe(139);
    for (const part of [append, attend, runtime]) part.dispose();
  });
});

describe.each([
  ["e4m3", "e5m2"],
  ["e4m3_row", "e5m2_row"],
  ["kv4_row_z", "kv2_g32_m"],
  ["bfp12_g32", "bfp16_g32"],
])("%s and %s", (keys, values) => {
  test("are appended as encode has them, to the last bit", async () => {
    const workload = appendOf(attentionOf({ keys, values }));
    const append = await compile(workload);
    const cache = append.newCache(64);
    // Magnitudes from f32's subnormals to beyond what floats of 8 bits hold, and what lies between two of those; constant rows, zeros.
    const spread = normals(64 * row, 1).map((x, i) => x * 2 ** ((i % 37) - 24));
    const coarse = normals(64 * row, 2).map((x, i) => Math.round(x * 64) * 2 ** ((i % 27) - 18));
    for (const data of [spread, coarse])
      data
        .fill(0.3, 0, row)
        .fill(0, row, 2 * row)
        .fill(-7, 2 * row, 3 * row);
    append.run({ k: spread, v: coarse, cache, m: 64 });
    for (const [name, format, data] of [
      ["k", keys, spread],
      ["v", values, coarse],
    ] as const) {
      const stored = encode(formatOf(format), data, 64 * kvHeads, headSize);
      const of = cachedTensor(name, workload);
      const wanted = cacheBytes(of, workload, 64, (field, r, entry) =>
        fieldReader(of.format, field, stored, headSize)(r, entry),
      );
      for (const [field, bytes] of Object.entries(wanted))
        expect(cache.runtime.read(cache.addresses.get(field) as number, bytes.length), field).toEqual(bytes);
    }
    append.dispose();
  });
});

describe("merge", () => {
  test.each([1, 2, 7, 64])(
    "of %i parts is attention over the whole; parts without tokens take no part",
    async (parts) => {
      const [m, size] = [2, 16];
      const workload = attentionOf({ m, headSize: size, heads: 4, kvHeads: 2, causal: false, lse: true });
      const tokens = 130;
      const [k, v] = [normals(tokens * 2 * size, 1), normals(tokens * 2 * size, 2)];
      const q = normals(m * 4 * size, 3);
      const whole = referenceAttention(workload, { q, keys: k, values: v });
      // Pieces of any lengths, every third one empty.
      const ends = Array.from({ length: parts }, (_, p) =>
        p === parts - 1 ? tokens : Math.min(tokens, 3 * (p - (p % 3))),
      );
      const pieces = ends.map((end, p) => {
        const [from, to] = [(ends[p - 1] ?? 0) * 2 * size, end * 2 * size];
        return referenceAttention(workload, { q, keys: k.subarray(from, to), values: v.subarray(from, to) });
      });
      const kernel = await compile({ op: "merge", m: "any", parts, heads: 4, headSize: size });
      const joined = (name: "y" | "lse"): Float32Array =>
        Float32Array.from(pieces.flatMap((piece) => [...piece[name]]));
      const { y, lse } = kernel.run({ o: joined("y"), l: joined("lse"), m });
      expect(nmse(y, whole.y)).toBeLessThan(1e-10);
      expect(nmse(lse, whole.lse)).toBeLessThan(1e-10);
      const nothing = {
        o: new Float32Array(parts * m * 4 * size),
        l: new Float32Array(parts * m * 4).fill(Number.NEGATIVE_INFINITY),
      };
      const empty = kernel.run({ ...nothing, m });
      expect(new Set(empty.y)).toEqual(new Set([0]));
      expect(new Set(empty.lse)).toEqual(new Set([Number.NEGATIVE_INFINITY]));
      kernel.dispose();
    },
  );
});

describe("the cache", () => {
  const workload = attentionOf({ keys: "i8_row", values: "i8_row", ...numerics("i8", "f32") });
  const tokensOf = (count: number, seed: number) => ({
    k: normals(count * row, seed),
    v: normals(count * row, seed + 1),
  });

  test("grows without losing a token, and takes tokens back", async () => {
    const runtime = new WasmMemory({ shared: false });
    const [append, attend] = await Promise.all([
      compile(appendOf(workload), { runtime }),
      compile(workload, { runtime }),
    ]);
    const [small, large] = [append.newCache(), attend.newCache(300)];
    const q = normals(heads * headSize, 1);
    for (let turn = 0; turn < 5; turn++)
      for (const cache of [small, large]) append.run({ ...tokensOf(50, turn * 2), cache, m: 50 });
    expect(attend.run({ q, cache: small, m: 1 })).toEqual(attend.run({ q, cache: large, m: 1 }));
    expect(small.tokens).toBe(250);
    expect(small.capacity).toBeGreaterThanOrEqual(250);
    const before = attend.run({ q, cache: large, m: 1 });
    append.run({ ...tokensOf(3, 90), cache: large, m: 3 });
    expect(attend.run({ q, cache: large, m: 1 })).not.toEqual(before);
    large.truncate(250);
    expect(attend.run({ q, cache: large, m: 1 })).toEqual(before);
    for (const part of [small, large, append, attend, runtime]) part.dispose();
  });

  test("is refused where it does not fit, and stays as it is", async () => {
    const runtime = new WasmMemory({ shared: false });
    const other = attentionOf({ keys: "f32", values: "f32" });
    const [append, attend, wrong, elsewhere] = await Promise.all([
      compile(appendOf(workload), { runtime }),
      compile(workload, { runtime }),
      compile(other, { runtime }),
      compile(workload),
    ]);
    const cache = append.newCache();
    append.run({ ...tokensOf(2, 1), cache, m: 2 });
    const q = normals(heads * headSize, 1);
    const said = (run: () => unknown): string => {
      try {
        run();
      } catch (error) {
        return `${(error as Error).name}: ${(error as Error).message}`;
      }
      return "nothing was thrown";
    };
    expect([
      said(() => attend.run({ q, m: 1 } as never)),
      said(() => wrong.run({ q, cache, m: 1 })),
      said(() => elsewhere.run({ q, cache, m: 1 })),
      said(() => append.run({ ...tokensOf(2, 1), cache, m: 3 })),
      said(() => append.run({ k: normals(row, 1), cache, m: 1 } as never)),
      said(() => cache.truncate(3)),
      said(() => attend.newCache(-1)),
    ]).toMatchInlineSnapshot(`
      [
        "ApiError: cache is missing; pass what newCache() gave",
        "ApiError: cache: it holds other formats or heads than the kernel's; make one with this kernel's newCache()",
        "ApiError: cache: it is in another memory; give both kernels one memory to work in",
        "ApiError: k has 128 values, expected 192 (m = 3)",
        "ApiError: v is missing; it has 64 values of f32",
        "ApiError: tokens = 3: the cache holds 2",
        "ApiError: capacity = -1: a number of tokens, an integer from 0 up",
      ]
    `);
    expect(cache.tokens).toBe(2);
    cache.dispose();
    expect(said(() => attend.run({ q, cache, m: 1 }))).toMatchInlineSnapshot(
      `"ApiError: the cache is disposed; make another"`,
    );
    const matmul = await compile({ op: "swiglu", m: "any", k: 4 });
    expect(said(() => matmul.newCache())).toMatchInlineSnapshot(`"ApiError: newCache: a swiglu has no cache"`);
    for (const part of [append, attend, wrong, elsewhere, runtime, matmul]) part.dispose();
  });

  test("filled by two threads is filled as by one, where codes of neighbouring tokens share bytes", () => {
    const { kernels } = programOf(appendOf(attentionOf({ values: "int4_row" })));
    const target = {
      workload: appendOf(attentionOf({ values: "int4_row" })),
      device: { kind: "wasm", features: [], limits: {} },
    } as const;
    const template = templateFor(target);
    const shared = scheduleOf(template, target, template.default(target)).flatMap((s) =>
      s.op === "bind" ? [s.loop] : [],
    );
    expect(shared).toEqual(kernels.map(() => "h"));
  });

  test("on two threads, and without relaxed SIMD, results are those of one thread", async () => {
    const added = tokensOf(300, 3);
    const q = normals(5 * heads * headSize, 9);
    const results = async (options: Parameters<typeof compile>[1], shared: boolean): Promise<Float32Array> => {
      const runtime = new WasmMemory({ shared });
      const [append, attend] = await Promise.all([
        compile(appendOf(workload), { ...options, runtime }),
        compile(workload, { ...options, runtime }),
      ]);
      const cache = append.newCache();
      append.run({ ...added, cache, m: 300 });
      const y = attend.run({ q, cache, m: 5 }) as Float32Array;
      for (const part of [append, attend, runtime]) part.dispose();
      return y;
    };
    const one = await results({}, false);
    expect(await results({ threads: 2 } as never, true)).toEqual(one);
    const { features, ...device } = await probeWasm();
    const strict = { ...device, features: features.filter((name) => name !== "relaxed-simd") };
    expect(nmse(await results({ device: strict }, false), one)).toBeLessThan(1e-12);
  });
});
