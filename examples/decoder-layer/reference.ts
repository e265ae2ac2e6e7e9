/** The same layer by its definition, in float64: nothing here is qloom's. */
import type { LayerSizes, LayerWeights } from "./layer.ts";

/** The layer's output for all tokens from the first on (x is tokens x hidden), with no cache and nothing rounded. */
export function referenceLayer(weights: LayerWeights, sizes: LayerSizes, x: ArrayLike<number>): Float64Array {
  const { hidden, heads, kvHeads, headSize, mlp, eps, theta } = sizes;
  const attentionIn = rmsNorm(x, weights.attentionNorm, eps);
  const q = rope(product(attentionIn, weights.q, hidden), heads, headSize, theta);
  const k = rope(product(attentionIn, weights.k, hidden), kvHeads, headSize, theta);
  const attended = attention(q, k, product(attentionIn, weights.v, hidden), sizes);
  const middle = product(attended, weights.output, heads * headSize).map((value, i) => value + (x[i] as number));
  const mlpIn = rmsNorm(middle, weights.mlpNorm, eps);
  const up = product(mlpIn, weights.up, hidden);
  const gated = product(mlpIn, weights.gate, hidden).map((g, i) => (g / (1 + Math.exp(-g))) * at(up, i));
  return product(gated, weights.down, mlp).map((value, i) => value + at(middle, i));
}

/** Mean of squared errors of what the layer adds to its input, over the mean of its squares: the input itself, which passes by, would hide errors. */
export function errorOf(y: ArrayLike<number>, reference: ArrayLike<number>, x: ArrayLike<number>): number {
  let [error, power] = [0, 0];
  for (let i = 0; i < reference.length; i++) {
    error += (at(y, i) - at(reference, i)) ** 2;
    power += (at(reference, i) - at(x, i)) ** 2;
  }
  return error / power;
}

const at = (values: ArrayLike<number>, i: number): number => values[i] as number;

function rmsNorm(x: ArrayLike<number>, weight: Float32Array, eps: number): Float64Array {
  const y = new Float64Array(x.length);
  for (let row = 0; row < x.length; row += weight.length) {
    let sum = 0;
    for (let i = 0; i < weight.length; i++) sum += at(x, row + i) ** 2;
    const root = Math.sqrt(sum / weight.length + eps);
    for (let i = 0; i < weight.length; i++) y[row + i] = (at(x, row + i) * at(weight, i)) / root;
  }
  return y;
}

/** x times the transpose of a matrix with rows of k values. */
function product(x: Float64Array, blocks: Uint8Array, k: number): Float64Array {
  const matrix = decoded(blocks);
  const [m, n] = [x.length / k, matrix.length / k];
  const y = new Float64Array(m * n);
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let at = 0; at < k; at++) sum += (x[i * k + at] as number) * (matrix[j * k + at] as number);
      y[i * n + j] = sum;
    }
  return y;
}

/** GGUF's q4_0: blocks of 18 bytes, an f16 scale d (here always normal and positive) and 16 bytes; value i < 16 is d * (low nibble of byte i - 8), value 16 + i of its high nibble. */
function decoded(blocks: Uint8Array): Float64Array {
  const values = new Float64Array((blocks.length / 18) * 32);
  for (let block = 0; block * 18 < blocks.length; block++) {
    const bytes = blocks.subarray(block * 18, (block + 1) * 18);
    const bits = at(bytes, 0) | (at(bytes, 1) << 8);
    const d = 2 ** ((bits >> 10) - 15) * (1 + (bits & 1023) / 1024);
    for (let i = 0; i < 16; i++) {
      values[block * 32 + i] = d * ((at(bytes, 2 + i) & 15) - 8);
      values[block * 32 + 16 + i] = d * ((at(bytes, 2 + i) >> 4) - 8);
    }
  }
  return values;
}

/** Row p is at position p: value i of a head and value i + headSize / 2 turn by p * theta^(-2i / headSize). */
function rope(x: Float64Array, heads: number, headSize: number, theta: number): Float64Array {
  const half = headSize / 2;
  return x.map((value, index) => {
    const i = index % headSize;
    const position = Math.floor(index / (heads * headSize));
    const angle = position * theta ** ((-2 * (i % half)) / headSize);
    const partner = i < half ? -at(x, index + half) : at(x, index - half);
    return value * Math.cos(angle) + partner * Math.sin(angle);
  });
}

/** Each token attends to itself and all before; head h reads the keys and values of head h // (heads / kvHeads). */
function attention(q: Float64Array, k: Float64Array, v: Float64Array, sizes: LayerSizes): Float64Array {
  const { heads, kvHeads, headSize } = sizes;
  const y = new Float64Array(q.length);
  for (let row = 0; row < q.length / headSize; row++) {
    const [token, head] = [Math.floor(row / heads), row % heads];
    const kvAt = (t: number): number => (t * kvHeads + Math.floor(head / (heads / kvHeads))) * headSize;
    const scores = Array.from({ length: token + 1 }, (_, t) => {
      let sum = 0;
      for (let i = 0; i < headSize; i++) sum += at(q, row * headSize + i) * at(k, kvAt(t) + i);
      return sum / Math.sqrt(headSize);
    });
    const greatest = Math.max(...scores);
    const powers = scores.map((score) => Math.exp(score - greatest));
    const divisor = powers.reduce((a, b) => a + b);
    for (let i = 0; i < headSize; i++)
      y[row * headSize + i] = powers.reduce((sum, power, t) => sum + power * at(v, kvAt(t) + i), 0) / divisor;
  }
  return y;
}
