// Attention whose newest tokens are held as they are, against KIVI's rules written out in float64: what is stored when, and what of it is read, at every border of the window.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compileResidual, type ResidualKernel } from "../../../src/compile/index.ts";
import { nmse, normals } from "../../ir/samples.ts";

const [heads, kvHeads, headSize] = [4, 2, 32];
const row = kvHeads * headSize;
const formats = { keys: "kv2_t32_m", values: "kv2_g32_m" };

const even = (x: number): number => {
  const below = Math.floor(x);
  return x - below < 0.5 || (x - below === 0.5 && below % 2 === 0) ? below : below + 1;
};

/** A group of 2-bit codes as it is read back (KIVI, `new_pack.py`; a scale of 0 gives the minimum). */
function throughTwoBits(group: readonly number[]): number[] {
  const [low, high] = [Math.min(...group), Math.max(...group)];
  const [scale, mn] = [Math.f16round((high - low) / 3), Math.f16round(low)];
  return group.map(
    (x) => Math.min(3, Math.max(0, scale === 0 ? 0 : even(Math.fround(Math.fround(x - mn) / scale)))) * scale + mn,
  );
}

/** Everything that has joined, and what the rules make of it. */
class Reference {
  readonly #keys: number[][] = [];
  readonly #values: number[][] = [];
  readonly #storedKeys: number[][] = [];
  readonly #storedValues: number[][] = [];
  readonly #window: number;

  constructor(window: number) {
    this.#window = window;
  }

  /** What comes after attention in a step: keys leave together when the window is full, values one by one. */
  evict(): void {
    while (this.#keys.length - this.#storedKeys.length >= this.#window) {
      const start = this.#storedKeys.length;
      for (let g = start; g < start + this.#window; g += 32) {
        const tokens = this.#keys.slice(g, g + 32);
        const columns = Array.from({ length: row }, (_, d) =>
          throughTwoBits(tokens.map((token) => token[d] as number)),
        );
        for (const [t] of tokens.entries()) this.#storedKeys.push(columns.map((column) => column[t] as number));
      }
    }
    while (this.#values.length - this.#storedValues.length > this.#window) {
      const token = this.#values[this.#storedValues.length] as number[];
      const groups = Array.from({ length: row / 32 }, (_, g) => throughTwoBits(token.slice(g * 32, g * 32 + 32)));
      this.#storedValues.push(groups.flat());
    }
  }

  get stored(): number {
    return this.#storedValues.length;
  }

  append(k: Float32Array, v: Float32Array): void {
    for (let at = 0; at < k.length; at += row) {
      this.#keys.push([...k.subarray(at, at + row)]);
      this.#values.push([...v.subarray(at, at + row)]);
    }
  }

  attend(q: Float32Array): Float64Array {
    const m = q.length / (heads * headSize);
    const y = new Float64Array(q.length);
    for (let i = 0; i < m; i++)
      for (let h = 0; h < heads; h++) {
        const [at, shared] = [(i * heads + h) * headSize, Math.floor(h / (heads / kvHeads)) * headSize];
        const seen = this.#keys.length - m + i + 1;
        const scores = Array.from({ length: seen }, (_, t) => {
          const key = (this.#storedKeys[t] ?? this.#keys[t]) as number[];
          let sum = 0;
          for (let d = 0; d < headSize; d++) sum += (q[at + d] as number) * (key[shared + d] as number);
          return sum / Math.sqrt(headSize);
        });
        const most = Math.max(...scores);
        const weights = scores.map((s) => Math.exp(s - most));
        const total = weights.reduce((a, b) => a + b);
        weights.forEach((p, t) => {
          const value = (this.#storedValues[t] ?? this.#values[t]) as number[];
          for (let d = 0; d < headSize; d++) (y[at + d] as number) += (p / total) * (value[shared + d] as number);
        });
      }
    return y;
  }
}

let kernel: ResidualKernel;
beforeAll(async () => {
  kernel = await compileResidual({ heads, kvHeads, headSize, ...formats });
}, 60_000);
afterAll(() => kernel.dispose());

/** Steps of so many tokens each. */
function expectSteps(
  residual: number | undefined,
  steps: readonly number[],
  edit: (k: Float32Array) => void = () => {},
) {
  const window = residual ?? 128;
  const cache = kernel.newCache(residual);
  const reference = new Reference(window);
  for (const [i, m] of steps.entries()) {
    const added = { k: normals(m * row, 3 * i + 1).map((x) => x * 2), v: normals(m * row, 3 * i + 2) };
    edit(added.k);
    const q = normals(m * heads * headSize, 3 * i + 3).map((x) => x * 2);
    reference.evict();
    reference.append(added.k, added.v);
    cache.append({ ...added, m });
    expect(nmse(cache.run({ q, m }), reference.attend(q)), `step ${i}, ${cache.tokens} tokens`).toBeLessThan(1e-9);
    expect(cache.stored).toBe(reference.stored);
  }
  expect(cache.tokens).toBe(steps.reduce((a, b) => a + b));
  cache.dispose();
}

const ones = (count: number): readonly number[] => new Array<number>(count).fill(1);

describe("token by token over every border", () => {
  test("a window of one group, several times full", () => expectSteps(32, [...ones(102)]));
  test("a window that is no multiple of a block", () => expectSteps(96, [90, ...ones(12), 85, ...ones(14), 3, 1]));
  test("R - 1, R, R + 1 tokens, and twice as many, R = 128 by default", () =>
    expectSteps(undefined, [126, ...ones(4), 123, ...ones(5)]));
});

test("a prompt of several windows, then single tokens and several at once", () =>
  expectSteps(64, [300, ...ones(3), 5, 16, 1, 70, 1, 1]));

test("a prompt of exactly a window, and of none", () => expectSteps(64, [64, 1, 1, 63, 1, 1]));

test("keys that are the same at all tokens divide nothing by zero", () =>
  expectSteps(32, [40, ...ones(30)], (k) => {
    for (let i = 0; i < k.length; i += 3) k[i] = 0.7;
    for (let i = 1; i < k.length; i += 3) k[i] = 0;
  }));

test("what can't be is refused", () => {
  expect(() => kernel.newCache(48)).toThrowErrorMatchingInlineSnapshot(
    `[ApiError: residual = 48: a number of tokens, a multiple of 32]`,
  );
  const cache = kernel.newCache(32);
  const [k, v] = [new Float32Array(3), new Float32Array(row)];
  expect(() => cache.append({ k, v, m: 1 })).toThrowErrorMatchingInlineSnapshot(
    `[ApiError: k has 3 values and v 64, expected 64 each (m = 1)]`,
  );
  cache.dispose();
});
