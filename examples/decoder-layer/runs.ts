/** A layer of Llama-3.2-1B's sizes on random weights: a prompt, then tokens one by one. Nothing here is of Node's or of a page's. */
import { decoderLayer, in8Bits, inF32, type LayerSizes } from "./layer.ts";
import { randomTokens, randomWeights } from "./random.ts";
import { errorOf, referenceLayer } from "./reference.ts";

const sizes: LayerSizes = { hidden: 2048, heads: 32, kvHeads: 8, headSize: 64, mlp: 8192, eps: 1e-5, theta: 500_000 };
const [prompt, more] = [16, 16];

/** Runs it in each numerics; says of each the error against float64, and times. */
export async function* runs(): AsyncGenerator<string> {
  const weights = randomWeights(sizes, 1);
  const x = randomTokens(prompt + more, sizes, 2);
  const wanted = referenceLayer(weights, sizes, x);

  for (const [name, numerics] of Object.entries({ "8 bits": in8Bits, f32: inF32 })) {
    const layer = await decoderLayer(weights, sizes, numerics);
    const cache = layer.newCache(prompt + more);
    const y = new Float32Array(x.length);
    /** Tokens from one to another in one step. Milliseconds. */
    const timed = (from: number, to: number): number => {
      const begin = performance.now();
      const part = layer.step(x.subarray(from * sizes.hidden, to * sizes.hidden), cache);
      y.set(part, from * sizes.hidden);
      return performance.now() - begin;
    };
    const first = timed(0, prompt);
    const each = Array.from({ length: more }, (_, i) => timed(prompt + i, prompt + i + 1)).sort((a, b) => a - b);
    const error = errorOf(y, wanted, x).toExponential(1);
    const median = each[more / 2] as number;
    yield `in ${name}: ${prompt} tokens in ${first.toFixed(1)} ms, then one in ${median.toFixed(1)} ms (median of ${more}); NMSE ${error} against float64; cache of ${cache.byteLength} bytes`;
    layer.dispose();
  }
}
