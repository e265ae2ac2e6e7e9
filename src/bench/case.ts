// The numbers of one matmul benchmark, the same for every contestant: weights by format name, activations, and how
// far a result may be off. Not here: formats that only ir/formats knows (given as a
// WeightSource), or running anything.

import { givenActivations, numericsNamed, numericsNames, type Quantized } from "../../ir/index.ts";
import { normal, type Random, splitmix32, uniform } from "../timing/index.ts";
import { BenchError } from "./errors.ts";

/** y[m,n] = Σ_k x[m,k] · w[n,k]: x f32, y f32, w quantized. */
export interface MatmulCase {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly weights: Weights;
  /** f32 [m, k]. */
  readonly x: Float32Array;
  /** x as our kernels are given it: its first rows, quantized where the activations come so. */
  readonly given: (rows: number) => Float32Array | Quantized;
  /** How products may be computed, as named on the command line: see {@link accuracyOf}. */
  readonly activations: string;
  readonly accuracy: Accuracy;
  readonly threads: number;
}

export type Weights = IntWeights | BlockWeights;

interface WeightsBase {
  /** The format's name, as given. */
  readonly format: string;
  /** Dequantizes row n (k values) into `out`: the reference's definition. */
  decodeRow(n: number, out: Float64Array): void;
}

/** Integer codes with one scale per group: w[n,k] = (codes[n,k] - zero[n,k/group]) · scales[n,k/group]. */
export interface IntWeights extends WeightsBase {
  readonly kind: "int";
  readonly bits: number;
  readonly group: number;
  /** One code per byte, [n, k]. */
  readonly codes: Uint8Array;
  /** [n, k / group]. */
  readonly scales: Float32Array;
  /** Codes, [n, k / group]; absent means 2^(bits-1) everywhere. */
  readonly zeroPoints?: Uint8Array;
}

/** Weights of a format that only we know (GGUF's q4_K and the like), as they are stored. */
export interface BlockWeights extends WeightsBase {
  readonly kind: "blocks";
  /** The stored arrays by name: `raw`, or `codes`, `scales`, .. */
  readonly stored: Readonly<Record<string, Uint8Array>>;
}

/** Makes random weights [n, k] of the format named, or undefined when the format isn't its own. */
export type WeightSource = (format: string, n: number, k: number, random: Random) => Weights | undefined;

/** What is computed in: the accuracy_level of ONNX Runtime that means the same, and the largest error that agrees. */
export interface Accuracy {
  readonly accuracyLevel: 1 | 4;
  /** Bound of max |y - ref| / max |ref|. */
  readonly bound: number;
}

const accuracies = {
  f32: { accuracyLevel: 1, bound: 1e-4 },
  f16: { accuracyLevel: 1, bound: 5e-3 },
  i8: { accuracyLevel: 4, bound: 2e-2 },
} as const satisfies Record<string, Accuracy>;

/**
 * What is asked of results whose activations are called so.
 *
 * @throws BenchError for any other name.
 */
export function accuracyOf(activations: string): Accuracy {
  const numerics = numericsNamed(activations);
  if (numerics === undefined)
    throw new BenchError(`bench: activations "${activations}" are unknown; take ${numericsNames}, as in i8_g32`);
  const accuracy = accuracies[numerics.compute];
  // The reference's activations are not quantized: steps of fewer bits are as much coarser.
  const { xBits = 8 } = numerics.compute === "i8" ? numerics : {};
  return { ...accuracy, bound: (accuracy.bound * 127) / (2 ** (xBits - 1) - 1) };
}

/**
 * The case of the shape and formats given, its numbers drawn from `seed`.
 *
 * @throws BenchError when a size isn't a positive integer, or no source knows the weights' format or takes the shape.
 */
export function makeCase(
  shape: {
    readonly m: number;
    readonly n: number;
    readonly k: number;
    readonly weights: string;
    readonly x: string;
    readonly threads: number;
  },
  seed: number,
  sources: readonly WeightSource[],
): MatmulCase {
  const { m, n, k, threads } = shape;
  for (const [name, size] of Object.entries({ m, n, k, threads })) {
    if (!Number.isSafeInteger(size) || size < 1) throw new BenchError(`bench: ${name} = ${size}; it must be 1 or more`);
  }
  const random = splitmix32(seed);
  let weights: Weights | undefined;
  for (const source of sources) weights ??= source(shape.weights, n, k, random);
  if (!weights) {
    throw new BenchError(`bench: weights "${shape.weights}" are unknown; take int<bits>_g<group>, as in int4_g32`);
  }
  const x = Float32Array.from({ length: m * k }, () => normal(random));
  const all = givenActivations(numericsNamed(shape.x) ?? { compute: "f32" }, x, k);
  const given = (rows: number) => firstRows(all, rows, k);
  return { m, n, k, weights, x, given, activations: shape.x, accuracy: accuracyOf(shape.x), threads };
}

/** The first rows of k values, which are whole groups. */
function firstRows(x: Float32Array | Quantized, rows: number, k: number): Float32Array | Quantized {
  if (!("q" in x)) return x.subarray(0, rows * k);
  const { q, s } = x;
  return { q: q.subarray(0, rows * k), s: s.subarray(0, (rows * k * s.length) / q.length) };
}

/**
 * The source of `int<bits>_g<group>`: 2 to 8 bits but 7, groups of 16 to 256, zero point 2^(bits-1), f32 scales.
 *
 * @throws BenchError when k isn't a multiple of the group.
 */
export const intWeightSource: WeightSource = (format, n, k, random) => {
  const match = /^int([234568])_g(\d+)$/.exec(format);
  if (!match) return undefined;
  const bits = Number(match[1]);
  const group = Number(match[2]);
  if (group < 16 || group > 256) throw new BenchError(`bench: weights "${format}": a group has 16 to 256 codes`);
  if (k % group !== 0) throw new BenchError(`bench: weights "${format}": k = ${k} is not a multiple of the group`);
  const codes = new Uint8Array(n * k);
  for (let i = 0; i < codes.length; ) {
    for (let drawn = random(), j = 0; j < 4 && i < codes.length; j++, drawn >>>= 8)
      codes[i++] = drawn & (2 ** bits - 1);
  }
  // Scales that keep y near 1, each a little different, so that none may be swapped unnoticed.
  const unit = 1 / (2 ** (bits - 1) * Math.sqrt(k));
  const scales = Float32Array.from({ length: (n * k) / group }, () => unit * (0.5 + uniform(random)));
  return intWeights(format, k, { bits, group, codes, scales });
};

/** Integer weights from their parts, each as {@link IntWeights} says. */
export function intWeights(
  format: string,
  k: number,
  parts: Omit<IntWeights, "format" | "kind" | "decodeRow">,
): IntWeights {
  const { bits, group, codes, scales, zeroPoints } = parts;
  const groups = k / group;
  const decodeRow = (n: number, out: Float64Array) => {
    for (let g = 0, at = 0; g < groups; g++) {
      const scale = scales[n * groups + g]!;
      const zero = zeroPoints ? zeroPoints[n * groups + g]! : 2 ** (bits - 1);
      for (const end = at + group; at < end; at++) out[at] = (codes[n * k + at]! - zero) * scale;
    }
  };
  return { format, kind: "int", ...parts, decodeRow };
}
