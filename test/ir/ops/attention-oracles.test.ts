// The definitions of attention, naive and in float64, against another's implementation: ONNX Runtime's native operators.
import { describe, expect, test } from "vitest";
import { type AttentionWorkload, programOf, referenceAttention, type Tensor } from "../../../ir/index.ts";
import {
  type AttentionOperator,
  attentionModel,
  attentionTensors,
  unsupportedBy,
} from "../../../src/bench/onnx/attention.ts";
import type { Feed } from "../../../src/bench/onnx/model.ts";

import { ortNode } from "../../../src/bench/peers/ort-node.ts";
import { f32, run } from "../interpreted.ts";
import { nmse, normals } from "../samples.ts";
import { cacheOf } from "./cached.ts";

const base: AttentionWorkload = {
  op: "attention",
  m: "any",
  heads: 4,
  kvHeads: 4,
  headSize: 8,
  keys: "f32",
  values: "f32",
  causal: true,
  numerics: { scores: "f32", weights: "f32" },
};

interface Sizes {
  readonly queries: number;
  readonly tokens: number;
}

/** Every query sees its own token, so that nobody's way with rows that see nothing matters. */
function biasOf({ queries, tokens }: Sizes): Float32Array {
  return normals(queries * tokens, 7).map((value, i) => {
    const [query, token] = [Math.floor(i / tokens), i % tokens];
    return token !== tokens - queries + query && i % 3 === 0 ? Number.NEGATIVE_INFINITY : value;
  });
}

function inputsOf({ heads, kvHeads, headSize }: AttentionWorkload, sizes: Sizes) {
  const { queries, tokens } = sizes;
  return {
    // Sharp enough for a soft cap to matter.
    q: normals(queries * heads * headSize, 1).map((value) => 4 * value),
    keys: normals(tokens * kvHeads * headSize, 2),
    values: normals(tokens * kvHeads * headSize, 3),
    slopes: normals(heads, 5),
    sinks: normals(heads, 6),
    bias: biasOf(sizes),
  };
}

async function oracle(
  operator: AttentionOperator,
  workload: AttentionWorkload,
  inputs: ReturnType<typeof inputsOf>,
): Promise<Float32Array> {
  const tensors = attentionTensors(operator, workload, inputs);
  const session = await ortNode.session(attentionModel(operator, workload), tensors, 1);
  try {
    await session.run();
    return await session.output();
  } finally {
    await session.dispose();
  }
}

function naive(workload: AttentionWorkload, { queries, tokens }: Sizes, inputs: ReturnType<typeof inputsOf>) {
  const { heads, kvHeads, headSize } = workload;
  const { q, keys, values, slopes, sinks, bias } = inputs;
  const tensors = new Map<string, Tensor>([
    ["q", f32([queries * heads, headSize], q)],
    ...cacheOf("k", "f32", keys, [kvHeads, headSize]).fields,
    ...cacheOf("v", "f32", values, [kvHeads, headSize]).fields,
    ...(workload.slopes ? ([["slopes", f32([heads], slopes)]] as const) : []),
    ...(workload.sinks ? ([["sinks", f32([heads], sinks)]] as const) : []),
    ...(workload.bias ? ([["bias", f32([queries, tokens], bias)]] as const) : []),
  ]);
  return run(programOf(workload), tensors, { M: queries, T: tokens }).get("y") as Float64Array;
}

const sizes: Readonly<Record<string, Sizes>> = {
  decode: { queries: 1, tokens: 70 },
  "prefill after a past": { queries: 3, tokens: 20 },
  "prefill, from nothing": { queries: 5, tokens: 5 },
};

type Options = Partial<AttentionWorkload>;

const grouped: Readonly<Record<string, Options>> = {
  "no options": {},
  "one head of keys": { kvHeads: 1 },
  "as many heads of keys": { kvHeads: 4 },
  "not causal": { causal: false },
  "an odd scale": { scale: 0.37 },
  softcap: { softcap: 2, scale: 1 },
  bias: { bias: true },
  "bias, not causal": { bias: true, causal: false },
  slopes: { slopes: true },
  "softcap, slopes and bias": { softcap: 2, slopes: true, bias: true },
};

const cases: Readonly<Record<AttentionOperator, Readonly<Record<string, Options>>>> = {
  GroupQueryAttention: {
    ...grouped,
    "a window": { window: 5 },
    "a window of one": { window: 1 },
    "a window longer than all": { window: 100 },
    sinks: { sinks: true },
    "sinks in a window, softcapped": { sinks: true, window: 7, softcap: 3 },
    "another head size": { headSize: 24, heads: 6, kvHeads: 3 },
  },
  MultiHeadAttention: Object.fromEntries(
    Object.entries(grouped)
      .filter(([, options]) => options.softcap === undefined)
      .map(([name, options]) => [name, { ...options, kvHeads: 4 }]),
  ),
  Attention: grouped,
};

describe.each(Object.keys(cases) as AttentionOperator[])("%s", (operator) => {
  const kvHeads = operator === "MultiHeadAttention" ? 4 : 2;
  test.each(Object.entries(cases[operator]))("%s", async (_name, options) => {
    const workload = { ...base, kvHeads, ...options };
    expect(unsupportedBy(operator, workload)).toBeUndefined();
    for (const [name, of] of Object.entries(sizes)) {
      const inputs = inputsOf(workload, of);
      const wanted = await oracle(operator, workload, inputs);
      expect(nmse(referenceAttention(workload, inputs).y, wanted), `${name}: float64`).toBeLessThan(1e-6);
      expect(nmse(naive(workload, of, inputs), wanted), `${name}: naive`).toBeLessThan(1e-6);
    }
  });
});

test("every option changes what the oracle computes", async () => {
  const workload = { ...base, kvHeads: 2 };
  const inputs = inputsOf(workload, { queries: 5, tokens: 30 });
  const plain = referenceAttention(workload, inputs).y;
  const changes: readonly Options[] = [
    { causal: false },
    { window: 5 },
    { scale: 0.37 },
    { softcap: 1 },
    { sinks: true },
    { bias: true },
    { slopes: true },
  ];
  for (const change of changes) {
    const wanted = await oracle("GroupQueryAttention", { ...workload, ...change }, inputs);
    expect(nmse(wanted, plain), JSON.stringify(change)).toBeGreaterThan(1e-4);
  }
});

test.each(Object.keys(cases) as AttentionOperator[])(
  "%s leaves the cache of all tokens, run by run",
  async (operator) => {
    const workload = { ...base, kvHeads: operator === "MultiHeadAttention" ? 4 : 2 };
    const { kvHeads, headSize } = workload;
    const inputs = inputsOf(workload, { queries: 2, tokens: 9 });
    const tensors = attentionTensors(operator, workload, inputs);
    const session = await ortNode.session(attentionModel(operator, workload), tensors, 1);
    for (let turn = 0; turn < 2; turn++) {
      await session.run();
      expect(nmse(await session.output(), referenceAttention(workload, inputs).y)).toBeLessThan(1e-6);
      for (const of of ["key", "value"] as const) {
        const { data, dims } = tensors.results.get(`present_${of}`) as Feed;
        expect(dims).toEqual([1, kvHeads, 9, headSize]);
        const rows = data.map((_, i) => {
          const [head, token, d] = [Math.floor(i / headSize / 9), Math.floor(i / headSize) % 9, i % headSize];
          return inputs[`${of}s`][(token * kvHeads + head) * headSize + d] as number;
        });
        expect(data).toEqual(rows);
      }
    }
    await session.dispose();
  },
);

test("a head size that isn't a multiple of 8", async () => {
  const workload = { ...base, kvHeads: 2, headSize: 5 };
  const inputs = inputsOf(workload, { queries: 3, tokens: 20 });
  expect(nmse(referenceAttention(workload, inputs).y, await oracle("Attention", workload, inputs))).toBeLessThan(1e-6);
});

test("what an operator lacks is said", () => {
  expect(unsupportedBy("GroupQueryAttention", { ...base, lse: true })).toBe("GroupQueryAttention has no lse");
  expect(unsupportedBy("GroupQueryAttention", { ...base, positions: "given" })).toBe(
    "GroupQueryAttention has no positions",
  );
  expect(unsupportedBy("GroupQueryAttention", { ...base, headSize: 12 })).toBe(
    "GroupQueryAttention takes multiples of 8 as head size, not 12",
  );
  expect(unsupportedBy("Attention", { ...base, window: 4 })).toBe("Attention has no window");
  expect(unsupportedBy("MultiHeadAttention", { ...base, kvHeads: 2 })).toBe(
    "MultiHeadAttention has as many key heads as heads, not 2 of 4",
  );
});
