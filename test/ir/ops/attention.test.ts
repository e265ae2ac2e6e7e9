// The naive attention against the float64 definition: every option, every kind of cache, no tokens, all masked, extreme scores.
import { describe, expect, test } from "vitest";
import {
  type AttentionWorkload,
  attentionBounds,
  parseProgram,
  printProgram,
  programOf,
  quantizeReference,
  referenceAttention,
  type Tensor,
  tensor,
  verifyProgram,
} from "../../../ir/index.ts";
import { f32, run } from "../interpreted.ts";
import { nmse, normals } from "../samples.ts";
import { attentionData } from "./attention-data.ts";
import { cacheOf } from "./cached.ts";

const base: AttentionWorkload = {
  op: "attention",
  m: "any",
  heads: 4,
  kvHeads: 2,
  headSize: 16,
  keys: "f32",
  values: "f32",
  causal: true,
  numerics: { scores: "f32", weights: "f32" },
};

interface Data {
  readonly queries: number;
  readonly tokens: number;
  readonly positions?: readonly number[];
  /** What queries are multiplied by. */
  readonly sharpness?: number;
}

/** Queries as 8-bit codes have them. */
function decoded(q: Float32Array, size: number): Float64Array {
  const { q: codes, s } = quantizeReference(q, size);
  return Float64Array.from(codes, (code, i) => code * (s[Math.floor(i / size)] as number));
}

function compared(options: Partial<AttentionWorkload>, { queries, tokens, positions, sharpness = 1 }: Data) {
  const workload = { ...base, ...options };
  const { heads, kvHeads, headSize } = workload;
  const q = normals(queries * heads * headSize, 1).map((value) => value * sharpness);
  const [k, v] = (["k", "v"] as const).map((name, i) =>
    cacheOf(name, i === 0 ? workload.keys : workload.values, normals(tokens * kvHeads * headSize, i + 2), [
      kvHeads,
      headSize,
    ]),
  ) as [ReturnType<typeof cacheOf>, ReturnType<typeof cacheOf>];
  const slopes = normals(heads, 5);
  const sinks = normals(heads, 6);
  const bias = normals(queries * tokens, 7).map((value, i) => (i % 3 === 0 ? Number.NEGATIVE_INFINITY : value));
  const inputs = new Map<string, Tensor>([["q", f32([queries * heads, headSize], q)]]);
  if (tokens > 0) for (const [name, field] of [...k.fields, ...v.fields]) inputs.set(name, field);
  if (tokens > 0 && positions) inputs.set("positions", tensor("i32", [queries], positions));
  if (workload.slopes) inputs.set("slopes", f32([heads], slopes));
  if (workload.sinks) inputs.set("sinks", f32([heads], sinks));
  if (workload.bias) inputs.set("bias", f32([queries, tokens], bias));
  const program = programOf(workload);
  verifyProgram(program, "naive");
  const made = run(program, inputs, { M: queries, T: tokens });
  const wanted = referenceAttention(workload, {
    q: workload.numerics.scores === "i8" ? decoded(q, headSize) : q,
    keys: k.decoded,
    values: v.decoded,
    positions,
    slopes,
    sinks,
    bias,
  });
  return { y: made.get("y") as Float64Array, lse: made.get("lse"), wanted };
}

function expectClose(options: Partial<AttentionWorkload>, data: Data): void {
  const { y, lse, wanted } = compared(options, data);
  expect(nmse(y, wanted.y)).toBeLessThan(attentionBounds[(options.numerics ?? base.numerics).weights]);
  if (options.lse)
    for (const [i, value] of (lse as Float64Array).entries()) expect(value).toBeCloseTo(wanted.lse[i] as number, 4);
}

describe("options", () => {
  const cases: Readonly<Record<string, readonly [Partial<AttentionWorkload>, Data]>> = {
    decode: [{}, { queries: 1, tokens: 70 }],
    "a part of a block": [{}, { queries: 1, tokens: 3 }],
    verification: [{}, { queries: 5, tokens: 66 }],
    "prefill, from nothing": [{}, { queries: 9, tokens: 9 }],
    "not causal": [{ causal: false }, { queries: 3, tokens: 20 }],
    window: [{ window: 5 }, { queries: 4, tokens: 70 }],
    "positions given": [{ positions: "given" }, { queries: 3, tokens: 40, positions: [39, 2, 17] }],
    scale: [{ scale: 0.5 }, { queries: 2, tokens: 20 }],
    softcap: [
      { softcap: 2, scale: 1 },
      { queries: 2, tokens: 20 },
    ],
    slopes: [{ slopes: true }, { queries: 2, tokens: 20 }],
    bias: [
      { bias: true, causal: false },
      { queries: 2, tokens: 20 },
    ],
    sinks: [
      { sinks: true, lse: true },
      { queries: 2, tokens: 20 },
    ],
    lse: [{ lse: true }, { queries: 3, tokens: 65 }],
    "one head of keys": [{ kvHeads: 1 }, { queries: 2, tokens: 20 }],
    "as many heads of keys": [{ kvHeads: 4 }, { queries: 2, tokens: 20 }],
    "an odd head size": [{ headSize: 7 }, { queries: 2, tokens: 20 }],
    "sharp scores": [{}, { queries: 2, tokens: 70, sharpness: 1000 }],
  };
  test.each(Object.entries(cases))("%s", (_name, [options, data]) => expectClose(options, data));
});

test.each([
  "f16",
  "bf16",
  "int8_row",
  "int4_row_zf_s16",
  "i8_row",
  "q8_0",
  "q4_0",
  "int2_g16_zf",
  "e4m3",
  "e5m2",
  "e4m3_row",
  "kv4_row_z",
  "kv2_g32_m",
])("a cache in %s", (name) => expectClose({ keys: name, values: name, headSize: 32 }, { queries: 2, tokens: 67 }));

test.each([
  "q8_0",
  "q4_0",
  "int4_g16",
  "int2_row_z",
  "int4_row_zf",
  "i8_row",
  "kv4_row_z",
  "kv4_row_m",
  "bfp12_g32",
  "bfp16_g32",
])("scores in integers, keys in %s", (keys) =>
  expectClose({ keys, headSize: 32, numerics: { scores: "i8", weights: "f32" } }, { queries: 2, tokens: 67 }),
);

test.each(["q8_0", "q4_0", "int4_g16", "i8_row", "bfp12_g32", "bfp16_g32"])(
  "weights in integers, values in %s",
  (values) =>
    expectClose({ values, headSize: 32, numerics: { scores: "f32", weights: "i8" } }, { queries: 2, tokens: 150 }),
);

test.each(["kv2_t32_m", "kv4_t64_z", "int4_t32_z", "bfp16_t32"])("keys with groups of tokens, %s", (keys) =>
  expectClose({ keys, values: "kv2_g32_m", headSize: 32 }, { queries: 2, tokens: 192 }),
);

test("keys and values in different formats", () =>
  expectClose({ keys: "q8_0", values: "int4_g32", headSize: 32 }, { queries: 2, tokens: 67 }));

test("without tokens results are 0, and the divisor's logarithm is -Infinity", () => {
  const { y, lse } = compared({ lse: true }, { queries: 2, tokens: 0 });
  expect(new Set(y)).toEqual(new Set([0]));
  expect(new Set(lse)).toEqual(new Set([Number.NEGATIVE_INFINITY]));
});

test("a query that sees nothing gives 0, beside others", () => {
  const { y, wanted } = compared({ positions: "given", window: 2 }, { queries: 2, tokens: 20, positions: [40, 7] });
  expect(nmse(y, wanted.y)).toBeLessThan(attentionBounds.f32);
  expect(new Set(y.slice(0, 64))).toEqual(new Set([0]));
});

test.each<Partial<AttentionWorkload>>([
  { pages: 64, bias: true, causal: false },
  { pages: 128, positions: "given", window: 30, keys: "i8_row", numerics: { scores: "i8", weights: "f32" } },
  { pages: 192, sinks: true, slopes: true, values: "q4_0", headSize: 32, numerics: { scores: "f32", weights: "i8" } },
])("sequences of different lengths, in pages: %j", (options) => {
  const workload: AttentionWorkload = { ...base, ...options, lse: true };
  const { inputs, symbols, reference } = attentionData(workload, 2, 130, 5);
  const program = programOf(workload);
  verifyProgram(program, "naive");
  expect(parseProgram(printProgram(program))).toEqual(program);
  const made = run(program, inputs, symbols);
  expect(nmse(made.get("y") as Float64Array, reference["y"] as Float64Array)).toBeLessThan(
    attentionBounds[workload.numerics.weights],
  );
  for (const [i, value] of (made.get("lse") as Float64Array).entries())
    expect(value).toBeCloseTo(reference["lse"]?.[i] as number, 3);
  expect(symbols["P"]).toBeGreaterThan(2);
});

test("what can't be is refused", () => {
  expect(() => programOf({ ...base, kvHeads: 3 })).toThrowErrorMatchingInlineSnapshot(
    `[WorkloadError: kvHeads: 4 heads can't be grouped by 3; use a divisor of 4]`,
  );
  for (const numerics of [
    { scores: "i8", weights: "f32" },
    { scores: "f32", weights: "i8" },
  ] as const)
    expect(() => programOf({ ...base, numerics })).toThrow(/f32 has none; use "f32"/);
  const integers = { scores: "f32", weights: "i8" } as const;
  expect(() => programOf({ ...base, values: "int4_row_zf", numerics: integers })).toThrow(/zero points of its own/);
  expect(() => programOf({ ...base, values: "int8_row", numerics: integers })).toThrow(/negative scales/);
  const scores = { scores: "i8", weights: "f32" } as const;
  expect(() => programOf({ ...base, keys: "kv2_t32_m", numerics: scores })).toThrow(
    /of which kv2_t32_m has one per value/,
  );
  expect(() => programOf({ ...base, pages: 96 })).toThrowErrorMatchingInlineSnapshot(
    `[WorkloadError: pages: 96 tokens are no whole blocks of 64; use a multiple of it]`,
  );
  expect(() => programOf({ ...base, causal: false, window: 3 })).toThrowErrorMatchingInlineSnapshot(
    `[WorkloadError: window: it needs causal: true]`,
  );
});
