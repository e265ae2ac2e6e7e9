// Keys in another order: products with queries stay the same to the last bit, pairs stay pairs, and blocks that share an exponent lose less.
import { describe, expect, test } from "vitest";
import { decodeReference, encode, formatOf, referenceOf } from "../../../ir/index.ts";
import { keyOrder, reorderFrequencies, reorderHeads, ropeTable } from "../../../src/models/index.ts";
import { nmse, normals, randomOf } from "../../ir/samples.ts";

const [heads, kvHeads, headSize, k] = [4, 2, 16, 24];

/** Rows of small integers of very different sizes: sums of their products are exact in any order. */
function weights(count: number, seed: number): Float32Array {
  const random = randomOf(seed);
  const sizes = Array.from({ length: headSize }, () => 2 ** Math.floor(random() * 4));
  return Float32Array.from({ length: count * headSize * k }, (_, i) =>
    Math.round((random() * 2 - 1) * (sizes[Math.floor(i / k) % headSize] as number)),
  );
}

const projected = (w: Float32Array, x: Float32Array): Float32Array =>
  Float32Array.from({ length: w.length / k }, (_, row) =>
    x.reduce((sum, value, i) => sum + value * (w[row * k + i] as number), 0),
  );

const dot = (q: Float32Array, key: Float32Array, h: number): number => {
  const shared = Math.floor(h / (heads / kvHeads));
  let sum = 0;
  for (let d = 0; d < headSize; d++) sum += (q[h * headSize + d] as number) * (key[shared * headSize + d] as number);
  return sum;
};

const x = Float32Array.from(normals(k, 3), (value) => Math.round(value * 4));

describe.each([
  ["neox", 16],
  ["interleaved", 16],
  ["neox", 8],
  ["interleaved", 6],
  ["neox", 0],
] as const)("%s pairs in %i values", (pairing, rotary) => {
  const [wq, wk] = [weights(heads, 1), weights(kvHeads, 2)];
  const order = keyOrder(wk, { kvHeads, headSize, rotary, pairing });
  const half = rotary / 2;

  test("is a permutation by falling norm that keeps pairs and what is not rotated", () => {
    expect([...order.values].sort((a, b) => a - b)).toEqual(Array.from({ length: headSize }, (_, i) => i));
    const partner = (d: number): number =>
      d >= rotary ? d : pairing === "interleaved" ? d ^ 1 : d < half ? d + half : d - half;
    order.values.forEach((from, to) => {
      expect(partner(from)).toBe(order.values[partner(to)]);
      expect(from < rotary).toBe(to < rotary);
    });
    const norm = (d: number): number =>
      [0, 1].reduce(
        (sum, h) =>
          sum + wk.subarray((h * headSize + d) * k, (h * headSize + d + 1) * k).reduce((s, v) => s + v * v, 0),
        0,
      );
    const norms = Array.from(order.pairs, (pair) =>
      pairing === "neox" ? norm(pair) + norm(pair + half) : norm(2 * pair) + norm(2 * pair + 1),
    );
    expect(norms).toEqual([...norms].sort((a, b) => b - a));
    const rest = Array.from(order.values.subarray(rotary), norm);
    expect(rest).toEqual([...rest].sort((a, b) => b - a));
  });

  test("changes no product of queries and keys, before and after the rotation", () => {
    const [q, key] = [projected(wq, x), projected(wk, x)];
    const [q2, key2] = [projected(reorderHeads(wq, order, k), x), projected(reorderHeads(wk, order, k), x)];
    expect(key2).not.toEqual(key);
    for (let h = 0; h < heads; h++) expect(dot(q2, key2, h)).toBe(dot(q, key, h));
    if (rotary === 0) return;
    const { frequencies } = ropeTable({ theta: 10_000, rotary });
    const turned = (values: Float32Array, table: Float32Array, position: number): Float32Array =>
      Float32Array.from(
        referenceOf(
          { op: "rope", m: 1, heads: values.length / headSize, d: headSize, rotary, pairing, scale: 1 },
          { x: values, positions: Int32Array.of(position), frequencies: table },
          {},
        )["y"] as Float64Array,
      );
    const moved = reorderFrequencies(frequencies, order);
    for (let h = 0; h < heads; h++) {
      const before = dot(turned(q, frequencies, 37), turned(key, frequencies, 5), h);
      const after = dot(turned(q2, moved, 37), turned(key2, moved, 5), h);
      expect(Math.abs(after - before)).toBeLessThan(1e-6 * Math.abs(before) + 1e-3);
    }
  });
});

test("stored bytes of rows move as the rows do", () => {
  const order = keyOrder(weights(kvHeads, 2), { kvHeads, headSize, rotary: 16, pairing: "neox" });
  const bytes = Uint8Array.from({ length: kvHeads * headSize * 3 }, (_, i) => i);
  const moved = reorderHeads(bytes, order, 3);
  order.values.forEach((from, to) => {
    expect([...moved.subarray((headSize + to) * 3, (headSize + to) * 3 + 3)]).toEqual([
      ...bytes.subarray((headSize + from) * 3, (headSize + from) * 3 + 3),
    ]);
  });
});

test("blocks that share an exponent lose a tenth of what they lost, where a quarter of the values is large", () => {
  const [size, tokens] = [128, 50];
  const sizes = Float32Array.from({ length: size }, (_, d) => (d % 4 === 3 ? 40 : 1));
  const keys = normals(tokens * size, 7).map((value, i) => value * (sizes[i % size] as number));
  const order = keyOrder(sizes, { kvHeads: 1, headSize: size, rotary: 0, pairing: "neox" });
  const stored = (values: Float32Array): Float32Array =>
    decodeReference(formatOf("bfp12_g32"), encode(formatOf("bfp12_g32"), values, tokens, size), tokens, size);
  /** Errors of the small values alone, relative to their own power. */
  const loss = (values: Float32Array, small: (d: number) => boolean): number => {
    const own = (of: Float32Array): Float32Array => of.filter((_, i) => small(i % size));
    return nmse(own(stored(values)), own(values));
  };
  const before = loss(keys, (d) => sizes[d] === 1);
  const after = loss(reorderHeads(keys, order, 1), (d) => sizes[order.values[d] as number] === 1);
  expect(before).toBeGreaterThan(0.5);
  expect(after).toBeLessThan(before / 10);
});

test("what can't be is refused", () => {
  const shape = { kvHeads: 2, headSize: 4, rotary: 4, pairing: "neox" } as const;
  expect(() => keyOrder(new Float32Array(12), shape)).toThrowErrorMatchingInlineSnapshot(
    `[WorkloadError: wk: 12 values are no 8 rows]`,
  );
  expect(() => keyOrder(new Float32Array(16), { ...shape, rotary: 3 })).toThrowErrorMatchingInlineSnapshot(
    `[WorkloadError: rotary: 3 is not an even number from 0 to 4]`,
  );
  const order = keyOrder(new Float32Array(16), shape);
  expect(() => reorderHeads(new Float32Array(6), order, 1)).toThrowErrorMatchingInlineSnapshot(
    `[WorkloadError: rows: 6 elements are no heads of 4]`,
  );
});
