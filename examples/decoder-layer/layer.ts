/**
 * One decoder layer (Llama's) from quantized weights: RMSNorm, q, k and v, RoPE, append, attention, output projection, RMSNorm, gated MLP. Prefill and decode are the
 * same call. Loads in Node and in browsers. In a project of your own import from "qloom".
 */
import {
  type AttentionWorkload,
  type CompileOptions,
  compile,
  type KvCache,
  type Numerics,
  release,
  ropeTable,
  WasmRuntime,
} from "../../src/index.ts";

export interface LayerSizes {
  readonly hidden: number;
  readonly heads: number;
  /** Heads of keys and values: a divisor of `heads`. */
  readonly kvHeads: number;
  readonly headSize: number;
  /** Width of the gated MLP. */
  readonly mlp: number;
  readonly eps: number;
  /** RoPE's base. */
  readonly theta: number;
}

/** Matrices are GGUF blocks of q4_0, outputs by inputs, as they stand in a file; norms have a value per hidden one. */
export interface LayerWeights {
  readonly attentionNorm: Float32Array;
  readonly q: Uint8Array;
  readonly k: Uint8Array;
  readonly v: Uint8Array;
  readonly output: Uint8Array;
  readonly mlpNorm: Float32Array;
  readonly gate: Uint8Array;
  readonly up: Uint8Array;
  readonly down: Uint8Array;
}

/** What a layer is computed in, and what its cache holds. */
export interface LayerNumerics {
  readonly matmul: Numerics;
  readonly attention: AttentionWorkload["numerics"];
  readonly cache: "f32" | "i8_row";
}

export const in8Bits: LayerNumerics = {
  matmul: { compute: "i8", xGroup: 32 },
  attention: { scores: "i8", weights: "i8" },
  cache: "i8_row",
};
export const inF32: LayerNumerics = {
  matmul: { compute: "f32" },
  attention: { scores: "f32", weights: "f32" },
  cache: "f32",
};

export interface DecoderLayer {
  /** An empty cache with room for so many tokens; it grows. */
  newCache(tokens: number): KvCache;
  /** The layer's output for the tokens that follow those in the cache, which they join: x and the result are tokens x hidden, one token or many. */
  step(x: Float32Array, cache: KvCache): Float32Array;
  /** Frees the weights and all caches. */
  dispose(): void;
}

/** Compiles the kernels and packs the weights, once. */
export async function decoderLayer(
  weights: LayerWeights,
  { hidden, heads, kvHeads, headSize, mlp, eps, theta }: LayerSizes,
  numerics: LayerNumerics = in8Bits,
  given: Omit<CompileOptions, "runtime" | "threads"> = {},
): Promise<DecoderLayer> {
  // One memory for all: append and attention share the cache in it, and what one kernel holds is the next one's input.
  const runtime = new WasmRuntime();
  const options = { ...given, runtime };
  const [qWidth, kvWidth] = [heads * headSize, kvHeads * headSize];
  const { frequencies, scale } = ropeTable({ theta, rotary: headSize });

  const matmul = { op: "matmul", m: "any", w: "q4_0", bias: false, numerics: numerics.matmul } as const;
  // In integers, what feeds several matmuls, or leaves one for another, is quantized once: where it is computed.
  const { matmul: own } = numerics;
  const result = own.compute === "i8" ? { quantize: { group: own.xGroup } } : {};
  const fed = { ...matmul, numerics: own.compute === "i8" ? ({ ...own, x: "quantized" } as const) : own };
  const rope = { op: "rope", m: "any", d: headSize, rotary: headSize, pairing: "neox", scale } as const;
  const cached = { m: "any", kvHeads, headSize, keys: numerics.cache, values: numerics.cache } as const;

  const norm = await compile({ op: "rmsnorm", m: "any", k: hidden, eps, residual: false, ...result }, options);
  const query = await compile({ ...fed, n: qWidth, k: hidden }, options);
  const keyValue = await compile({ ...fed, n: kvWidth, k: hidden }, options);
  const ropeQ = await compile({ ...rope, heads }, options);
  const ropeK = await compile({ ...rope, heads: kvHeads }, options);
  const append = await compile({ op: "append", ...cached }, options);
  const attend = await compile(
    { op: "attention", ...cached, heads, causal: true, numerics: numerics.attention },
    options,
  );
  const output = await compile({ ...matmul, n: hidden, k: qWidth, epilogue: ["residual"] }, options);
  const up = await compile({ ...fed, n: mlp, k: hidden }, options);
  const gate = await compile({ ...fed, n: mlp, k: hidden, epilogue: ["silu", "gate"], ...result }, options);
  const down = await compile({ ...fed, n: hidden, k: mlp, epilogue: ["residual"] }, options);

  const w = {
    q: query.pack({ raw: weights.q }),
    k: keyValue.pack({ raw: weights.k }),
    v: keyValue.pack({ raw: weights.v }),
    output: output.pack({ raw: weights.output }),
    up: up.pack({ raw: weights.up }),
    gate: gate.pack({ raw: weights.gate }),
    down: down.pack({ raw: weights.down }),
  };

  return {
    newCache: (tokens) => append.newCache(tokens),
    step: (x, cache) => {
      const m = x.length / hidden;
      const positions = Int32Array.from({ length: m }, (_, i) => cache.tokens + i);

      const attentionIn = norm.hold({ x, weight: weights.attentionNorm, m });
      const [q, k, v] = [
        query.hold({ x: attentionIn, w: w.q, m }),
        keyValue.hold({ x: attentionIn, w: w.k, m }),
        keyValue.hold({ x: attentionIn, w: w.v, m }),
      ];
      const [turnedQ, turnedK] = [
        ropeQ.hold({ x: q, positions, frequencies, m }),
        ropeK.hold({ x: k, positions, frequencies, m }),
      ];
      append.run({ k: turnedK, v, cache, m });
      const attended = attend.hold({ q: turnedQ, cache, m });
      const middle = output.hold({ x: attended, w: w.output, residual: x, m });

      const mlpIn = norm.hold({ x: middle, weight: weights.mlpNorm, m });
      const upped = up.hold({ x: mlpIn, w: w.up, m });
      const gated = gate.hold({ x: mlpIn, w: w.gate, gate: upped, m });
      const y = down.run({ x: gated, w: w.down, residual: middle, m });
      release(attentionIn, q, k, v, turnedQ, turnedK, attended, middle, mlpIn, upped, gated);
      return y;
    },
    dispose: () => {
      for (const kernel of [norm, query, keyValue, ropeQ, ropeK, append, attend, output, up, gate, down])
        kernel.dispose();
      runtime.dispose();
    },
  };
}
