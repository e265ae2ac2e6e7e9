/** Reproducible random data for tests, and the formats to try. */
import { formatNames } from "../../ir/index.ts";

/** Every format, of the integer family those with one group size and those per row: what differs between groups is tested apart. */
export const typicalFormats: readonly string[] = formatNames().filter((name) => !/_g(16|64|128|256)/.test(name));

/** Numbers in [0, 1) from a seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `count` f32 values from one to another, equally far apart. */
export const range = (from: number, to: number, count: number): readonly number[] =>
  Array.from({ length: count }, (_, i) => Math.fround(from + ((to - from) * i) / (count - 1)));

/** About normal f32 values. */
export function normals(count: number, seed: number): Float32Array<ArrayBuffer> {
  const random = randomOf(seed);
  return Float32Array.from({ length: count }, () => random() + random() + random() + random() - 2);
}

/** Random bytes. */
export function bytesOf(count: number, seed: number): Uint8Array<ArrayBuffer> {
  const random = randomOf(seed);
  return Uint8Array.from({ length: count }, () => random() * 256);
}

/** Normalized mean squared error of `y` against `reference`. */
export function nmse(y: ArrayLike<number>, reference: ArrayLike<number>): number {
  let error = 0;
  let power = 0;
  for (let i = 0; i < reference.length; i++) {
    error += ((y[i] as number) - (reference[i] as number)) ** 2;
    power += (reference[i] as number) ** 2;
  }
  return error / power;
}

/** The bits of f32 values, for comparisons that tell -0 from 0. */
export const bitsOf = (values: ArrayLike<number>): Uint32Array => new Uint32Array(Float32Array.from(values).buffer);

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
