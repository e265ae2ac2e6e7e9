/** The matmuls of Llama-3.2-1B. Not here: models in files (src/gguf). */
import type { MatmulWorkload } from "../../ir/index.ts";

/** A matmul, and what a model calls it. */
export interface NamedMatmul {
  readonly name: string;
  readonly workload: MatmulWorkload;
}

const matmul = (name: string, n: number, k: number, w: string): NamedMatmul => ({
  name,
  workload: { op: "matmul", m: "any", n, k, w, bias: false, numerics: { compute: "i8", xGroup: 32 } },
});

/**
 * Hidden size 2048, 32 query and 8 key/value heads of 64, feed-forward 8192, vocabulary 128256, with weights as in a common quantization of
 * it: 4 bits, and 6 for the output matrix.
 */
export const llama1b: readonly NamedMatmul[] = [
  matmul("attn_q_o", 2048, 2048, "q4_0"),
  matmul("attn_k_v", 512, 2048, "q4_0"),
  matmul("ffn_gate_up", 8192, 2048, "q4_0"),
  matmul("ffn_down", 2048, 8192, "q4_0"),
  matmul("lm_head", 128256, 2048, "q6_K"),
];
