// Numbers that can't be: scales, offsets and zero points are refused when weights are packed, with row and group; activations and plain float weights may be anything and
// harm nothing but what they belong to.

import { describe, expect, test } from "vitest";
import { encode, formatOf, type MatmulWorkload } from "../../../ir/index.ts";
import { ApiError, compile } from "../../../src/compile/index.ts";
import { normals } from "../../ir/samples.ts";
import { relaxed, strict, unprefixed } from "./harness.ts";

const n = 5;
const options = { db: false, device: relaxed } as const;
const workloadOf = (w: string, k: number) =>
  ({
    op: "matmul",
    m: 2,
    n,
    k,
    w,
    bias: false,
    numerics: { compute: "i8", xGroup: 32 },
  }) as const satisfies MatmulWorkload;

/** Stored tensors of which one has been changed. */
function damaged(w: string, k: number, name: string, change: (view: DataView) => void): Record<string, Uint8Array> {
  const stored = unprefixed(encode(formatOf(w), normals(n * k, 1), n, k));
  change(new DataView((stored[name] as Uint8Array).buffer));
  return stored;
}

const cases: readonly (readonly [
  what: string,
  message: string,
  w: string,
  k: number,
  name: string,
  change: (view: DataView) => void,
])[] = [
  [
    "a scale that is NaN",
    "row 2, group 1 (k 32..63): the scale is NaN",
    "int4_g32",
    64,
    "scales",
    (v) => v.setFloat32(4 * 5, Number.NaN, true),
  ],
  [
    "a scale that is infinite",
    "row 4, group 1 (k 32..63): the scale is infinite",
    "int3_g32_s16",
    64,
    "scales",
    (v) => v.setFloat16(2 * 9, -Infinity, true),
  ],
  [
    "a zero point past the codes",
    "row 1, group 1 (k 32..63): the zero point is 17, expected 0..16",
    "int4_g32_z",
    64,
    "zeros",
    (v) => v.setUint8(3, 17),
  ],
  [
    "a float zero point that is infinite",
    "row 4, group 0 (k 0..63): the offset is infinite",
    "int4_g64_zf",
    64,
    "zeros",
    (v) => v.setFloat32(4 * 4, Infinity, true),
  ],
  [
    "an offset that overflows",
    "row 0, group 0 (k 0..63): the offset is infinite",
    "int4_g64_zf",
    64,
    "zeros",
    (v) => v.setFloat32(0, 3e38 * Math.sign(v.getFloat32(0)), true),
  ],
  [
    "a scale per row",
    "row 2, group 0 (k 0..63): the scale is infinite",
    "int8_row",
    64,
    "scales",
    (v) => v.setFloat32(8, Infinity, true),
  ],
  [
    "a block's scale",
    "row 3, group 1 (k 32..63): the scale is NaN",
    "q4_0",
    64,
    "raw",
    (v) => v.setFloat16(18 * 7, Number.NaN, true),
  ],
  [
    "a block's minimum",
    "row 2, group 0 (k 0..31): the offset is infinite",
    "q5_1",
    64,
    "raw",
    (v) => v.setFloat16(24 * 4 + 2, Infinity, true),
  ],
  [
    "a superblock's scale",
    "row 1, group 16 (k 256..271): the scale is infinite",
    "q6_K",
    512,
    "raw",
    (v) => v.setFloat16(210 * 3 + 208, Infinity, true),
  ],
  [
    "a superblock's minimum",
    "row 2, group 0 (k 0..31): the offset is NaN",
    "q4_K",
    256,
    "raw",
    (v) => v.setFloat16(144 * 2 + 2, Number.NaN, true),
  ],
];

describe("stored weights", () => {
  test.each(cases)("%s", async (what, message, w, k, name, change) => {
    const stored = damaged(w, k, name, change);
    // A huge zero point has to meet a scale that makes it infinite.
    if (what.includes("overflows")) new DataView((stored["scales"] as Uint8Array).buffer).setFloat32(0, 4, true);
    const kernel = await compile(workloadOf(w, k), options);
    const weights = stored as Parameters<typeof kernel.pack>[0];
    expect(() => kernel.pack(weights)).toThrow(
      new ApiError(`weights: ${message}; the tensor is damaged, quantize it again`),
    );
    expect(() => kernel.pack(weights, { check: false })).not.toThrow();
    kernel.dispose();
  });

  test("a refused tensor leaves nothing in memory, and costs other rows nothing where it is not checked", async () => {
    const workload = workloadOf("int4_g32", 64);
    const kernel = await compile(workload, options);
    const good = unprefixed(encode(formatOf("int4_g32"), normals(n * 64, 1), n, 64)) as {
      codes: Uint8Array;
      scales: Uint8Array;
    };
    const bad = damaged("int4_g32", 64, "scales", (v) => v.setFloat32(4 * 5, Number.NaN, true)) as typeof good;
    const expected = kernel.pack(good);
    const used = expected.runtime.usedBytes;
    expect(() => kernel.pack(bad)).toThrow("row 2, group 1");
    expect(expected.runtime.usedBytes).toBe(used);
    const x = normals(2 * 64, 2);
    const y = kernel.run({ x, w: kernel.pack(bad, { check: false }) });
    const wanted = kernel.run({ x, w: expected });
    y.forEach((value, i) => {
      expect(value).toBe(i % n === 2 ? Number.NaN : wanted[i]);
    });
    kernel.dispose();
  });

  test("plain floats may be anything", async () => {
    const k = 16;
    const raw = normals(n * k, 3);
    const workload = { op: "matmul", m: 1, n, k, w: "f32", bias: false, numerics: { compute: "f32" } } as const;
    const kernel = await compile(workload, options);
    const x = normals(k, 4);
    const wanted = kernel.run({ x, w: kernel.pack({ raw }) });
    raw[3 * k + 1] = Number.NaN;
    raw[4 * k] = Infinity;
    const y = kernel.run({ x, w: kernel.pack({ raw }) });
    expect(y.subarray(0, 3)).toEqual(wanted.subarray(0, 3));
    expect(y[3]).toBe(Number.NaN);
    expect(y[4]).toBe(Infinity * Math.sign(x[0] as number));
    kernel.dispose();
  });
});

describe.each([relaxed, strict])("activations (features: $features)", (device) => {
  test.each([
    ["int4_g32", { compute: "i8", xGroup: 32 }],
    ["int8_g32", { compute: "i8", xGroup: "row" }],
    ["q4_K", { compute: "i8", xGroup: 32 }],
    ["q4_0", { compute: "f32" }],
  ] as const)("%s, %o: a row of NaN or infinities is no other row's", async (w, numerics) => {
    const k = 256;
    const kernel = await compile({ op: "matmul", m: 6, n, k, w, bias: false, numerics }, { db: false, device });
    const packed = kernel.pack(unprefixed(encode(formatOf(w), normals(n * k, 1), n, k)) as never);
    const x = normals(6 * k, 5);
    const wanted = kernel.run({ x, w: packed });
    for (const value of [Number.NaN, Infinity, -3e38]) {
      const odd = x.slice();
      for (const row of [1, 4]) odd[row * k + 7] = value;
      const y = kernel.run({ x: odd, w: packed });
      for (const row of [0, 2, 3, 5])
        expect(y.subarray(row * n, (row + 1) * n)).toEqual(wanted.subarray(row * n, (row + 1) * n));
      if (!Number.isFinite(value)) expect([...y.subarray(n, 2 * n)].some(Number.isFinite)).toBe(false);
    }
    kernel.dispose();
  });
});
