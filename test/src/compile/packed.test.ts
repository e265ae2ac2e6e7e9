// Packed tensors: one packing for every M, in memory and in files, and what is refused.

import { describe, expect, test } from "vitest";
import { WasmMemory } from "../../../backends/index.ts";
import { encode, formatOf, type MatmulWorkload } from "../../../ir/index.ts";
import { type CompiledKernel, compile, resolve } from "../../../src/compile/index.ts";
import { bytesOf, normals } from "../../ir/samples.ts";
import { guardedKernel, poisonedRuntime, relaxed, strict, unprefixed } from "./harness.ts";
import { rows } from "./matrix.ts";
import { storedWeights } from "./tensors.ts";

const base = {
  op: "matmul",
  m: 2,
  n: 37,
  k: 64,
  w: "int4_g32",
  bias: false,
  numerics: { compute: "i8", xGroup: 32 },
} as const satisfies MatmulWorkload;

const weights = storedWeights(base.w, base.n, base.k, { seed: 1, exact: false });
const stored = unprefixed(weights) as { readonly codes: Uint8Array; readonly scales: Uint8Array };
const x = normals(17 * base.k, 2);
const options = { db: false, device: relaxed } as const;

describe("one packing serves every M", () => {
  test.each([
    base,
    { ...base, numerics: { compute: "f32" } },
    { ...base, w: "q6_K", k: 512 },
    { ...base, w: "int3_row_zf", k: 5, numerics: { compute: "i8", xGroup: "row" } },
    { ...base, w: "f16", numerics: { compute: "f32" } },
  ] as const satisfies MatmulWorkload[])("$w, $numerics: one layout", async (workload) => {
    const layouts = new Set<string>();
    for (const m of [0, 1, 5, 17, "any"] as const)
      layouts.add((await resolve({ ...workload, m }, workload.k === 64 ? relaxed : strict, false)).artifact.layout);
    expect(layouts.size).toBe(1);
  });

  test("kernels of one memory take each other's weights, with the same results", async () => {
    const runtime = new WasmMemory();
    const any = await compile({ ...base, m: "any" }, { ...options, runtime });
    const packed = any.pack(stored);
    const all = any.run({ x, m: 17, w: packed });
    for (const m of rows) {
      const kernel = await compile({ ...base, m }, { ...options, runtime });
      expect(kernel.run({ x: x.subarray(0, m * base.k), w: packed })).toEqual(all.subarray(0, m * base.n));
      kernel.dispose();
    }
    // Weights outlive the kernel that packed them where the memory is not its own.
    any.dispose();
    const last = await compile({ ...base, m: 17 }, { ...options, runtime });
    expect(last.run({ x, w: packed })).toEqual(all);
    last.dispose();
    packed.dispose();
    expect(runtime.usedBytes).toBe(0);
  });

  test("from a file too", async () => {
    const one = await compile({ ...base, m: 1 }, options);
    const file = one.pack(stored).toBytes();
    const expected = one.run({ x: x.subarray(0, base.k), w: one.pack(stored) });
    one.dispose();
    const any = await compile({ ...base, m: "any" }, options);
    const loaded = any.loadPacked(file);
    expect(any.run({ x: x.subarray(0, base.k), m: 1, w: loaded })).toEqual(expected);
    expect(loaded.toBytes()).toEqual(file);
    // A view into something larger, at an odd address.
    const shifted = new Uint8Array(file.length + 7).subarray(7);
    shifted.set(file);
    expect(any.loadPacked(shifted).toBytes()).toEqual(file);
    any.dispose();
  });
});

test("nothing in the padding reaches a result", async () => {
  const runtime = poisonedRuntime(2 ** 20);
  const { artifact } = await resolve(base, relaxed, false);
  const kernel = guardedKernel(artifact, weights, runtime);
  const expected = kernel.run(x.subarray(0, 2 * base.k), 2);
  // Bytes that are the same for any weights are padding.
  const packings = [3, 4, 5, 6, 7].map((seed) => guardedKernel(artifact, randomWeights(seed), runtime).packed);
  let padding = 0;
  const poisoned = kernel.packed.map(([name, bytes], tensor) => {
    const [first, ...others] = packings.map((packing) => packing[tensor]?.[1] as Uint8Array);
    const filled = bytes.map((byte, i) => {
      if (!others.every((other) => other[i] === first?.[i])) return byte;
      padding++;
      return 0xff;
    });
    return [name, filled] as const;
  });
  // 37 rows stand in 48: 11 of 48 rows of codes (32 bytes) and scales (8 bytes).
  expect(padding).toBe(11 * (32 + 8));
  expect(kernel.withPacked(poisoned).run(x.subarray(0, 2 * base.k), 2)).toEqual(expected);
});

const randomWeights = (seed: number): Record<string, Uint8Array> =>
  Object.fromEntries(Object.entries(weights).map(([name, { length }]) => [name, bytesOf(length, seed + length)]));

describe("what is refused", () => {
  type Kernel = CompiledKernel<typeof base>;
  const xOf = (m: number): Float32Array => x.subarray(0, m * base.k);
  const message = (action: () => unknown): string => {
    try {
      action();
    } catch (error) {
      return `${(error as Error).name}: ${(error as Error).message}`.replaceAll(/\b[0-9a-f]{12}\b/g, "<hash>");
    }
    return "nothing was thrown";
  };

  test("another layout", async () => {
    const runtime = new WasmMemory();
    const kernel = await compile(base, { ...options, runtime });
    const packed = kernel.pack(stored);
    const file = packed.toBytes();
    const others: readonly MatmulWorkload[] = [
      { ...base, n: 36 },
      { ...base, w: "q4_0" },
      { ...base, numerics: { compute: "f32" } },
    ];
    for (const workload of others) {
      const other = (await compile(workload, { ...options, runtime })) as Kernel;
      expect(message(() => other.run({ x: xOf(2), w: packed }))).toMatchInlineSnapshot(
        `"ApiError: w was packed with layout <hash>, the kernel reads <hash>; pack the weights with this kernel"`,
      );
      expect(message(() => other.loadPacked(file))).toMatchInlineSnapshot(
        `"ApiError: packed tensors: layout <hash> is not the kernel's <hash>; pack again with this kernel"`,
      );
    }
    // Kernels without relaxed SIMD read another layout.
    const plain = (await compile(base, { db: false, device: strict, runtime })) as Kernel;
    expect(message(() => plain.run({ x: xOf(2), w: packed }))).toContain("pack the weights with this kernel");
  });

  test("another memory", async () => {
    const [left, right] = [await compile(base, options), await compile(base, options)];
    expect(message(() => right.run({ x: xOf(2), w: left.pack(stored) }))).toMatchInlineSnapshot(
      `"ApiError: w was packed in another memory; give both kernels one memory to work in"`,
    );
  });

  test("what is disposed", async () => {
    const kernel = await compile(base, options);
    const [packed, other] = [kernel.pack(stored), kernel.pack(stored)];
    packed.dispose();
    expect(message(() => kernel.run({ x: xOf(2), w: packed }))).toMatchInlineSnapshot(
      `"ApiError: the packed tensors are disposed; pack the weights again"`,
    );
    expect(message(() => packed.toBytes())).toMatchInlineSnapshot(
      `"ApiError: the packed tensors are disposed; pack the weights again"`,
    );
    kernel.dispose();
    expect(message(() => kernel.run({ x: xOf(2), w: other }))).toMatchInlineSnapshot(
      `"ApiError: the kernel is disposed; compile it again"`,
    );
    expect(message(() => kernel.pack(stored))).toMatchInlineSnapshot(
      `"ApiError: the kernel is disposed; compile it again"`,
    );
    expect(message(() => kernel.loadPacked(new Uint8Array(9)))).toMatchInlineSnapshot(
      `"ApiError: the kernel is disposed; compile it again"`,
    );
    expect(message(() => other.toBytes())).toMatchInlineSnapshot(
      `"ApiError: the packed tensors are disposed; pack the weights again"`,
    );
    // Twice is once.
    for (const disposable of [kernel, packed, other]) disposable.dispose();
  });

  test("files that are none, cut short, too long or damaged", async () => {
    const kernel = await compile(base, options);
    const file = kernel.pack(stored).toBytes();
    const used = (): number => kernel.pack(stored).addresses.size;
    expect(used()).toBe(2);
    const withHeader = (change: (header: string) => string): Uint8Array => {
      const length = new DataView(file.buffer).getUint32(8, true);
      const text = change(new TextDecoder().decode(file.subarray(12, 12 + length)));
      const header = new TextEncoder().encode(text);
      const from = Math.ceil((12 + length) / 64) * 64;
      const to = Math.ceil((12 + header.length) / 64) * 64;
      const changed = new Uint8Array(to + file.length - from);
      changed.set(file.subarray(0, 8));
      new DataView(changed.buffer).setUint32(8, header.length, true);
      changed.set(header, 12);
      changed.set(file.subarray(from), to);
      return changed;
    };
    expect(withHeader((header) => header)).toEqual(file);
    const refusal = (bytes: Uint8Array): string => message(() => kernel.loadPacked(bytes));
    expect(refusal(new Uint8Array())).toMatchInlineSnapshot(
      `"ApiError: packed tensors: the bytes do not begin with qlpack01; pass what toBytes() gave"`,
    );
    expect(refusal(new TextEncoder().encode("GGUF, and something more"))).toMatchInlineSnapshot(
      `"ApiError: packed tensors: the bytes do not begin with qlpack01; pass what toBytes() gave"`,
    );
    expect(refusal(file.subarray(0, 11))).toMatchInlineSnapshot(
      `"ApiError: packed tensors: the bytes do not begin with qlpack01; pass what toBytes() gave"`,
    );
    expect(refusal(file.subarray(0, 100))).toMatchInlineSnapshot(
      `"ApiError: packed tensors: the file ends inside its header; pack again"`,
    );
    expect(refusal(file.subarray(0, -1))).toMatchInlineSnapshot(
      `"ApiError: packed tensors: 2111 bytes are not the 2112 of this layout; the file is damaged, pack again"`,
    );
    expect(refusal(file.subarray(0, 256))).toMatchInlineSnapshot(
      `"ApiError: packed tensors: 256 bytes are not the 2112 of this layout; the file is damaged, pack again"`,
    );
    expect(refusal(new Uint8Array([...file, 0]))).toMatchInlineSnapshot(
      `"ApiError: packed tensors: 2113 bytes are not the 2112 of this layout; the file is damaged, pack again"`,
    );
    expect(refusal(file.map((byte, i) => (i === 12 ? 0 : byte)))).toMatchInlineSnapshot(
      `"ApiError: packed tensors: the header is not readable; the file is damaged, pack again"`,
    );
    expect(refusal(withHeader((h) => h.replace("w.q", "w.s")))).toMatchInlineSnapshot(
      `"ApiError: packed tensors: the header does not list the tensors of its layout; the file is damaged, pack again"`,
    );
    expect(refusal(withHeader((h) => h.replace(/"bytes":\d+/, '"bytes":-1')))).toMatchInlineSnapshot(
      `"ApiError: packed tensors: the header does not list the tensors of its layout; the file is damaged, pack again"`,
    );
    expect(refusal(withHeader((h) => h.replace(/\{"name":"w.q".*?\},/, "")))).toMatchInlineSnapshot(
      `"ApiError: packed tensors: the header does not list the tensors of its layout; the file is damaged, pack again"`,
    );
    expect(refusal(withHeader(() => "null"))).toMatchInlineSnapshot(
      `"ApiError: packed tensors: the header is not readable; the file is damaged, pack again"`,
    );
    expect(refusal(withHeader(() => '{"layout":7}'))).toMatchInlineSnapshot(
      `"ApiError: packed tensors: the header is not readable; the file is damaged, pack again"`,
    );
    // At every length: refused, or whole.
    for (let length = 0; length < file.length; length += 13)
      expect(refusal(file.subarray(0, length))).toMatch(/^ApiError/);
    kernel.dispose();
  });

  test("memory is given back where a file is refused", async () => {
    const runtime = new WasmMemory();
    const kernel = await compile(base, { ...options, runtime });
    const packed = kernel.pack(stored);
    const before = runtime.usedBytes;
    expect(before).toBeGreaterThan(packed.byteLength - 1);
    expect(() => kernel.loadPacked(packed.toBytes().subarray(0, -1))).toThrow("damaged");
    expect(runtime.usedBytes).toBe(before);
  });
});

test("bytes of packed tensors", async () => {
  const kernel = await compile(base, options);
  // 48 rows (37 padded) of 64 codes of 4 bits and two f32 scales.
  expect(kernel.pack(stored).byteLength).toBe(48 * (32 + 8));
  kernel.dispose();
});

test("stored weights may be any views", async () => {
  const kernel = await compile(base, options);
  const containers = encode(formatOf(base.w), normals(base.n * base.k, 3), base.n, base.k);
  const { codes, scales } = unprefixed(containers) as typeof stored;
  const expected = kernel.pack({ codes, scales }).toBytes();
  const floats = new Float32Array(scales.slice().buffer);
  const within = new Uint8Array(codes.length + 3).fill(0xff);
  within.set(codes, 3);
  expect(kernel.pack({ codes: within.subarray(3), scales: floats }).toBytes()).toEqual(expected);
  expect(kernel.pack({ codes: new DataView(codes.slice().buffer), scales: floats }).toBytes()).toEqual(expected);
  kernel.dispose();
});
