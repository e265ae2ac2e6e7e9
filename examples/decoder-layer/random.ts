/** A layer's weights and inputs by chance, the same for the same seed. */
import type { LayerSizes, LayerWeights } from "./layer.ts";

const blockBytes = 18;

export function randomWeights({ hidden, heads, kvHeads, headSize, mlp }: LayerSizes, seed: number): LayerWeights {
  const random = randomOf(seed);
  /** Blocks of q4_0: the scale as f16, then 32 nibbles. Scales keep a product with unit values near unit values. */
  const matrix = (n: number, k: number): Uint8Array => {
    const bytes = Uint8Array.from({ length: (n * k * blockBytes) / 32 }, () => random() * 256);
    const exponent = Math.floor(Math.log2(0.15 / Math.sqrt(k))) + 15;
    for (let at = 1; at < bytes.length; at += blockBytes) bytes[at] = (exponent << 2) | ((bytes[at] as number) & 3);
    return bytes;
  };
  const norm = (): Float32Array => Float32Array.from({ length: hidden }, () => 0.5 + random());
  return {
    attentionNorm: norm(),
    q: matrix(heads * headSize, hidden),
    k: matrix(kvHeads * headSize, hidden),
    v: matrix(kvHeads * headSize, hidden),
    output: matrix(hidden, heads * headSize),
    mlpNorm: norm(),
    gate: matrix(mlp, hidden),
    up: matrix(mlp, hidden),
    down: matrix(hidden, mlp),
  };
}

/** Rows of a layer's input, tokens x hidden. */
export function randomTokens(tokens: number, { hidden }: LayerSizes, seed: number): Float32Array {
  const random = randomOf(seed);
  return Float32Array.from({ length: tokens * hidden }, () => 4 * random() - 2);
}

/** Numbers in [0, 1) from a seed (a linear congruential generator, its upper bits). */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
