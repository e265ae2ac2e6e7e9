/**
 * The tables that the operator rope is given: a frequency per pair, in radians per position, and the factor on cosines and sines. Each way of scaling them makes a model
 * read further than it was trained to. Not here: the rotation (`ir/ops/rope.ts`).
 */
import { WorkloadError } from "../../ir/index.ts";

/**
 * How frequencies are changed.
 * - `linear`: all divided by `factor` (Chen et al., position interpolation, arXiv:2306.15595).
 * - `ntk`: a greater theta, so that the lowest frequency is divided by `factor` and the highest stays (bloc97, "NTK-aware scaled RoPE", 2023). Dynamic NTK is this with
 *   `factor * length / trained - (factor - 1)`.
 * - `yarn`: pairs that turn fewer than `slow` times in the `trained` positions are divided by `factor`, those that turn more than `fast` times stay, between them a ramp; cosines and
 *   sines are multiplied by `attentionFactor`, 0.1 ln(factor) + 1 unless given (Peng et al., arXiv:2309.00071; `truncate`, on unless given, rounds the ends of the ramp to
 *   whole pairs, as in Hugging Face's `modeling_rope_utils.py`).
 * - `llama3`: pairs longer than `trained / low` positions are divided by `factor`, those shorter than `trained / high` stay, between them a blend (Meta's llama-models,
 *   `apply_scaling`).
 * - `factors`: each pair's divided by its own, as LongRoPE has it (Ding et al., arXiv:2402.13753) and GGUF files in `rope_freqs.weight`.
 */
export type RopeScaling =
  | { readonly kind: "linear" | "ntk"; readonly factor: number }
  | {
      readonly kind: "yarn";
      readonly factor: number;
      readonly trained: number;
      readonly fast?: number;
      readonly slow?: number;
      readonly attentionFactor?: number;
      readonly truncate?: boolean;
    }
  | {
      readonly kind: "llama3";
      readonly factor: number;
      readonly trained: number;
      readonly low: number;
      readonly high: number;
    }
  | { readonly kind: "factors"; readonly factors: ArrayLike<number>; readonly attentionFactor?: number };

export interface RopeOptions {
  /** The base: pair i of r/2 turns by theta^(-2i/r) radians from one position to the next. */
  readonly theta: number;
  /** Values of a head that are rotated: twice the pairs. */
  readonly rotary: number;
  /** @default none */
  readonly scaling?: RopeScaling;
}

/** What the operator rope takes: the input `frequencies` (rotary / 2 values of f32), and `scale` of its workload. */
export interface RopeTable {
  readonly frequencies: Float32Array;
  readonly scale: number;
}

/** The table of a model. Throws a `WorkloadError` for numbers that give none. */
export function ropeTable({ theta, rotary, scaling }: RopeOptions): RopeTable {
  if (!(theta > 0)) throw new WorkloadError(`theta: ${theta} is not a number above 0`);
  if (!(Number.isInteger(rotary) && rotary > 0 && rotary % 2 === 0))
    throw new WorkloadError(`rotary: ${rotary} is not an even number from 2 up`);
  if (scaling !== undefined && "factor" in scaling && !(scaling.factor > 0))
    throw new WorkloadError(`scaling.factor: ${scaling.factor} is not a number above 0`);
  const plain = (i: number, base = theta): number => base ** ((-2 * i) / rotary);
  const table = (frequency: (i: number) => number, scale = 1): RopeTable => ({
    frequencies: Float32Array.from({ length: rotary / 2 }, (_, i) => frequency(i)),
    scale,
  });
  switch (scaling?.kind) {
    case undefined:
      return table(plain);
    case "linear":
      return table((i) => plain(i) / scaling.factor);
    case "ntk": {
      const base = rotary > 2 ? theta * scaling.factor ** (rotary / (rotary - 2)) : theta;
      return table((i) => plain(i, base));
    }
    case "yarn": {
      const { factor, attentionFactor = 0.1 * Math.log(Math.max(1, factor)) + 1 } = scaling;
      const kept = yarnRamp(theta, rotary, scaling);
      return table((i) => (plain(i) * (1 - kept(i))) / factor + plain(i) * kept(i), attentionFactor);
    }
    case "llama3": {
      const { factor, trained, low, high } = scaling;
      return table((i) => {
        const turns = (trained * plain(i)) / (2 * Math.PI);
        const kept = clamp((turns - low) / (high - low));
        return (plain(i) * (1 - kept)) / factor + plain(i) * kept;
      });
    }
    case "factors": {
      const { factors, attentionFactor = 1 } = scaling;
      if (factors.length !== rotary / 2)
        throw new WorkloadError(`scaling.factors: ${factors.length} values for ${rotary / 2} pairs`);
      return table((i) => plain(i) / (factors[i] as number), attentionFactor);
    }
  }
}

const clamp = (value: number): number => Math.min(1, Math.max(0, value));

/** How much of each pair's frequency YaRN keeps: 1 for the first pairs, 0 for the last, a line between. */
function yarnRamp(
  theta: number,
  rotary: number,
  { trained, fast = 32, slow = 1, truncate = true }: Extract<RopeScaling, { kind: "yarn" }>,
): (i: number) => number {
  /** The pair that turns so many times in the trained positions. */
  const pairOf = (turns: number): number =>
    (rotary * Math.log(trained / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  const [first, last] = [pairOf(fast), pairOf(slow)];
  const begin = Math.max(0, truncate ? Math.floor(first) : first);
  const end = Math.min(rotary - 1, truncate ? Math.ceil(last) : last);
  return (i) => 1 - clamp((i - begin) / (end === begin ? 0.001 : end - begin));
}
