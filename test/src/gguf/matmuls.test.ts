// Which tensors are matmuls: of well-known models described by their tensor lists, and of files that are no models.

import { describe, expect, test } from "vitest";
import type { GgufTensor, GgufValue, Model } from "../../../src/gguf/index.ts";
import { distinctMatmuls, openGguf, surveyMatmuls } from "../../../src/gguf/index.ts";
import { VECTORS } from "./bytes.ts";

type Row = readonly [name: string, type: GgufTensor["type"], ...shape: number[]];

function model(
  rows: readonly Row[],
  architecture: string | undefined = "llama",
  more: Record<string, GgufValue> = {},
): Model {
  const metadata = new Map<string, GgufValue>(Object.entries(more));
  if (architecture !== undefined) metadata.set(`${architecture}.block_count`, { type: "u32", value: 2 });
  const tensors = rows.map(([name, type, ...shape]) => ({ name, type, shape }));
  return { metadata, architecture, shard: undefined, tensors };
}

const reasons = (of: Model): Record<string, string> =>
  Object.fromEntries(surveyMatmuls(of).others.map(({ name, reason }) => [name, reason]));

// Llama-3.2-1B's layers: 2048 wide, 32 heads and 8 KV heads of 64, 8192 between gate/up and down.
const block = (i: number): Row[] => [
  [`blk.${i}.attn_norm.weight`, "f32", 2048],
  [`blk.${i}.attn_q.weight`, "q4_K", 2048, 2048],
  [`blk.${i}.attn_k.weight`, "q4_K", 2048, 512],
  [`blk.${i}.attn_v.weight`, i === 0 ? "q6_K" : "q4_K", 2048, 512],
  [`blk.${i}.attn_output.weight`, "q4_K", 2048, 2048],
  [`blk.${i}.ffn_norm.weight`, "f32", 2048],
  [`blk.${i}.ffn_gate.weight`, "q4_K", 2048, 8192],
  [`blk.${i}.ffn_up.weight`, "q4_K", 2048, 8192],
  [`blk.${i}.ffn_down.weight`, "q4_K", 8192, 2048],
];
const ends: Row[] = [
  ["token_embd.weight", "q6_K", 2048, 128256],
  ["output_norm.weight", "f32", 2048],
  ["rope_freqs.weight", "f32", 32],
];
const llama: Row[] = [...ends, ...block(0), ...block(1)];

describe("a decoder", () => {
  test("tied embeddings: the distinct matmuls in the file's order, the embedding as lm_head", () => {
    expect(distinctMatmuls(model(llama))).toEqual([
      { n: 128256, k: 2048, type: "q6_K", tensors: ["token_embd.weight"], matrices: 1 },
      {
        n: 2048,
        k: 2048,
        type: "q4_K",
        tensors: ["blk.0.attn_q.weight", "blk.0.attn_output.weight", "blk.1.attn_q.weight", "blk.1.attn_output.weight"],
        matrices: 4,
      },
      {
        n: 512,
        k: 2048,
        type: "q4_K",
        tensors: ["blk.0.attn_k.weight", "blk.1.attn_k.weight", "blk.1.attn_v.weight"],
        matrices: 3,
      },
      { n: 512, k: 2048, type: "q6_K", tensors: ["blk.0.attn_v.weight"], matrices: 1 },
      {
        n: 8192,
        k: 2048,
        type: "q4_K",
        tensors: ["blk.0.ffn_gate.weight", "blk.0.ffn_up.weight", "blk.1.ffn_gate.weight", "blk.1.ffn_up.weight"],
        matrices: 4,
      },
      { n: 2048, k: 8192, type: "q4_K", tensors: ["blk.0.ffn_down.weight", "blk.1.ffn_down.weight"], matrices: 2 },
    ]);
    expect(reasons(model(llama))["blk.0.attn_norm.weight"]).toBe("1-D (a norm, a bias, a scale)");
  });

  test("every tensor is in exactly one of the two lists", () => {
    const { matmuls, others } = surveyMatmuls(model(llama));
    const names = [...matmuls.flatMap(({ tensors }) => tensors), ...others.map(({ name }) => name)];
    expect(names.sort()).toEqual(llama.map(([name]) => name).sort());
  });

  test("an lm_head of its own: the embedding is only a row gather", () => {
    const untied = model([...ends, ["output.weight", "q6_K", 2048, 128256]]);
    expect(distinctMatmuls(untied).map(({ tensors }) => tensors)).toEqual([["output.weight"]]);
    expect(reasons(untied)["token_embd.weight"]).toBe("a row gather");
  });

  test("the embedding of one shard, and of a model without lm_head, is no matmul", () => {
    expect(reasons({ ...model(ends), shard: { index: 0, count: 2 } })["token_embd.weight"]).toBe(
      "a row gather (whether it is the lm_head too is not seen in one shard)",
    );
    const noHead = "a row gather (an embedding model has no lm_head)";
    const bert = model(ends, "bert", { "bert.attention.causal": { type: "bool", value: false } });
    expect(reasons(bert)["token_embd.weight"]).toBe(noHead);
    const pooled = model(ends, "qwen3", { "qwen3.pooling_type": { type: "u32", value: 3 } });
    expect(reasons(pooled)["token_embd.weight"]).toBe(noHead);
    const unpooled = model(ends, "qwen3", { "qwen3.pooling_type": { type: "u32", value: 0 } });
    expect(reasons(unpooled)["token_embd.weight"]).toBeUndefined();
  });

  test("experts count one by one, biases of experts not at all", () => {
    const moe = model([
      ["output.weight", "q8_0", 2880, 201088],
      ["blk.0.ffn_gate_inp.weight", "f32", 2880, 32],
      ["blk.0.ffn_gate_exps.weight", "mxfp4", 2880, 2880, 32],
      ["blk.0.ffn_gate_exps.bias", "f32", 2880, 32],
      ["blk.0.ffn_down_exps.weight", "mxfp4", 2880, 2880, 32],
    ]);
    expect(distinctMatmuls(moe)).toEqual([
      { n: 201088, k: 2880, type: "q8_0", tensors: ["output.weight"], matrices: 1 },
      { n: 32, k: 2880, type: "f32", tensors: ["blk.0.ffn_gate_inp.weight"], matrices: 1 },
      {
        n: 2880,
        k: 2880,
        type: "mxfp4",
        tensors: ["blk.0.ffn_gate_exps.weight", "blk.0.ffn_down_exps.weight"],
        matrices: 64,
      },
    ]);
    expect(reasons(moe)).toEqual({ "blk.0.ffn_gate_exps.bias": "no weight by its name (a bias, a scale, a state)" });
  });

  test("what else has two or three dimensions and is no matmul", () => {
    const odd = model([
      ["output.weight", "bf16", 64, 128],
      ["blk.0.attn_q_norm.weight", "f32", 128, 32],
      ["blk.0.ssm_conv1d.weight", "f32", 4, 4096],
      ["blk.0.shortconv.conv.weight", "f32", 3, 2048],
      ["blk.0.shortconv.in_proj.weight", "q4_0", 2048, 6144],
      ["blk.0.ssm_a", "f32", 16, 4096],
      ["blk.0.time_mix_lerp_fused.weight", "f32", 2048, 1, 5],
      ["position_embd.weight", "f32", 768, 1024],
      ["per_layer_token_embd.weight", "q8_0", 8192, 262144],
      ["v.patch_embd.weight", "f16", 14, 14, 3, 1152],
      ["v.other.weight", "f16", 14, 14, 3, 1152],
      ["ids.weight", "i32", 8, 8],
      ["blk.0.new.weight", "unknown(200)", 8, 8],
    ]);
    expect(distinctMatmuls(odd).flatMap(({ tensors }) => tensors)).toEqual([
      "output.weight",
      "blk.0.shortconv.in_proj.weight",
    ]);
    expect(reasons(odd)).toMatchInlineSnapshot(`
      {
        "blk.0.attn_q_norm.weight": "the gain of a normalization",
        "blk.0.new.weight": "type unknown(200) is not known here",
        "blk.0.shortconv.conv.weight": "a convolution",
        "blk.0.ssm_a": "no weight by its name (a bias, a scale, a state)",
        "blk.0.ssm_conv1d.weight": "a convolution",
        "blk.0.time_mix_lerp_fused.weight": "multiplied element by element",
        "ids.weight": "i32: integers, no weights",
        "per_layer_token_embd.weight": "a row gather",
        "position_embd.weight": "a row gather",
        "v.other.weight": "4-D: a convolution",
        "v.patch_embd.weight": "a convolution",
      }
    `);
  });
});

describe("no decoder", () => {
  test("the vectors file: every 2-D tensor of a quantized type", async () => {
    await using file = await openGguf(VECTORS);
    const { matmuls, others } = surveyMatmuls(file);
    expect(matmuls.map(({ n, k, type, tensors }) => `${n} ${k} ${type} ${tensors}`)).toMatchInlineSnapshot(`
      [
        "16 512 q4_0 w.q4_0",
        "16 512 q4_1 w.q4_1",
        "16 512 q5_0 w.q5_0",
        "16 512 q5_1 w.q5_1",
        "16 512 q8_0 w.q8_0",
        "16 512 q2_K w.q2_K",
        "16 512 q3_K w.q3_K",
        "16 512 q4_K w.q4_K",
        "16 512 q5_K w.q5_K",
        "16 512 q6_K w.q6_K",
        "16 512 iq4_nl w.iq4_nl",
        "16 512 iq4_xs w.iq4_xs",
        "16 512 tq1_0 w.tq1_0",
        "16 512 tq2_0 w.tq2_0",
        "16 512 mxfp4 w.mxfp4",
        "16 512 nvfp4 w.nvfp4",
      ]
    `);
    expect(others).toHaveLength(74 - 16);
    expect(others.find(({ name }) => name === "w.bf16")).toMatchInlineSnapshot(`
      {
        "name": "w.bf16",
        "reason": "bf16, and in a file that is no decoder only quantized tensors count",
      }
    `);
  });

  test("without an architecture names mean nothing", () => {
    const plain = model(
      [
        ["token_embd.weight", "q4_0", 32, 4],
        ["norm", "q8_0", 32, 4],
        ["m", "f16", 32, 4],
        ["v", "q4_0", 32],
        ["e", "q4_0", 32, 4, 2],
        ["u", "unknown(99)", 32, 4],
      ],
      undefined,
    );
    const { matmuls } = surveyMatmuls({ ...plain, architecture: undefined });
    expect(matmuls.flatMap(({ tensors }) => tensors)).toEqual(["token_embd.weight", "norm"]);
    expect(reasons({ ...plain, architecture: undefined })).toMatchInlineSnapshot(`
      {
        "e": "3-D, and in a file that is no decoder only 2-D tensors count",
        "m": "f16, and in a file that is no decoder only quantized tensors count",
        "u": "type unknown(99) is not known here",
        "v": "1-D, and in a file that is no decoder only 2-D tensors count",
      }
    `);
  });
});
