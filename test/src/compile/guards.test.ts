// That the guards of the other tests see what they are for, and that kernels read nothing outside of their tensors either: with a tensor at the very end of memory, one byte more would trap.

import { describe, expect, test } from "vitest";
import type { Device, MatmulWorkload, Numerics } from "../../../ir/index.ts";
import { evaluate, type Launch, resolve, type TensorSpec, type WasmArtifact } from "../../../src/compile/index.ts";
import { normals } from "../../ir/samples.ts";
import { guardedKernel, poisonedRuntime, relaxed, strict } from "./harness.ts";
import { activations, storedWeights } from "./tensors.ts";

const base = {
  op: "matmul",
  m: "any",
  n: 37,
  k: 64,
  w: "int4_g32",
  bias: true,
  numerics: { compute: "i8", xGroup: 32 },
} as const satisfies MatmulWorkload;
const data = { seed: 1, exact: false };
const weights = storedWeights(base.w, base.n, base.k, data);
const x = activations(9, base.k, 32, data);
const bias = normals(base.n, 1);

describe("the guards see", () => {
  const smaller = (specs: readonly TensorSpec[], name: string, by: number): readonly TensorSpec[] =>
    specs.map((spec) => (spec.name === name ? { ...spec, bytes: ["-", spec.bytes, by] } : spec));
  const runtime = poisonedRuntime(2 ** 20);

  test("a packer that writes too far", async () => {
    const { artifact } = await resolve(base, relaxed, false);
    const wrong: WasmArtifact = { ...artifact, packed: smaller(artifact.packed, "w.q", 1) };
    expect(() => guardedKernel(wrong, weights, runtime)).toThrow("w.q: 0 bytes behind the buffer's end");
  });
  test("a kernel that writes too far, or into a workspace's neighbour", async () => {
    const { artifact } = await resolve(base, relaxed, false);
    const shortY: WasmArtifact = { ...artifact, outputs: smaller(artifact.outputs, "y", 4) };
    expect(() => guardedKernel(shortY, weights, runtime).run(x, 9, bias)).toThrow("y: 0 bytes behind");
    const parts = artifact.parts.map((p) => ({ ...p, workspaces: smaller(p.workspaces, "x.s", 4) }));
    expect(() => guardedKernel({ ...artifact, parts }, weights, runtime).run(x, 9, bias)).toThrow(
      "x.s: 0 bytes behind",
    );
  });
  test("an input that is read too far", async () => {
    const { artifact } = await resolve({ ...base, numerics: { compute: "f32" } }, relaxed, false);
    const y = guardedKernel(artifact, weights, runtime).run(x.subarray(0, 3 * base.k - 1), 3, bias);
    expect(y.findIndex(Number.isNaN)).toBe(2 * base.n);
    expect(guardedKernel(artifact, weights, runtime).run(x, 3, bias.subarray(0, 36))[36]).toBe(Number.NaN);
  });
});

// ------------------------------------------------------------------------------------------------- the end of memory

type Exported = (...args: readonly number[]) => void;

/** Runs packing and the kernel with one tensor at the end of memory; true where it came to its end. */
function runsWith(last: string, artifact: WasmArtifact, m: number): boolean {
  const symbols = { M: m };
  const part = artifact.parts.find((p) => m >= p.min && m <= p.max) as WasmArtifact["parts"][number];
  const { weights: stored, packed, inputs, outputs } = artifact;
  const all = [...stored, ...packed, ...inputs, ...outputs, ...part.workspaces].map(
    (s) => [s.name, evaluate(s.bytes, symbols)] as const,
  );
  const pages = Math.ceil(all.reduce((sum, [, bytes]) => sum + bytes + 64, 64) / 65536);
  const memory = new WebAssembly.Memory({ initial: pages });
  const at = new Map<string, number>();
  let free = 64;
  for (const [name, bytes] of all) {
    at.set(name, name === last ? pages * 65536 - bytes : free);
    if (name !== last) free += Math.ceil(bytes / 64) * 64;
  }
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(artifact.code), { env: { memory } });
  const inDomain = (s: Launch["symbols"][number]): boolean => m >= s.min && m <= s.max && m % s.modulo === s.residue;
  for (const launch of [...artifact.pack, ...part.launches]) {
    if (!launch.symbols.every(inDomain)) continue;
    const addresses = launch.tensors.map((name) => at.get(name) as number);
    (exports[launch.function] as Exported)(
      ...addresses,
      ...launch.symbols.map(() => m),
      0,
      evaluate(launch.threads, symbols),
    );
  }
  return true;
}

const i8 = (xGroup: number | "row"): Numerics => ({ compute: "i8", xGroup });
const shapes: readonly (readonly [w: string, n: number, k: number, numerics: Numerics, device: Device])[] = [
  ["int4_g32", 37, 64, i8(32), relaxed],
  ["int2_g16_z", 5, 48, i8(16), strict],
  ["int3_g32_zf", 37, 96, i8(32), relaxed],
  ["int5_row", 3, 7, i8("row"), strict],
  ["int6_g32_s16", 33, 32, i8("row"), relaxed],
  ["int8_g64", 17, 64, i8(16), strict],
  ["int3_row", 6, 11, { compute: "f32" }, relaxed],
  ["int4_g16", 19, 16, { compute: "f32" }, strict],
  ["q4_0", 3, 32, i8(32), relaxed],
  ["q6_K", 5, 256, i8(32), strict],
  ["q3_K", 5, 256, { compute: "f32" }, relaxed],
  ["q8_0", 35, 32, { compute: "f32" }, strict],
  ["bf16", 5, 9, { compute: "f32" }, relaxed],
];

describe("nothing is read beyond the end of memory", () => {
  test.each(shapes)("%s, %i x %i, %o", async (w, n, k, numerics, device) => {
    // A tile of four rows of x, and a tail of one.
    const m = 5;
    const { artifact } = await resolve({ ...base, m, n, k, w, numerics }, device, false);
    const [part] = artifact.parts;
    const tensors = [artifact.weights, artifact.packed, artifact.inputs, artifact.outputs, part?.workspaces ?? []];
    for (const { name } of tensors.flat())
      expect(() => runsWith(name, artifact, m), `${name} at the end`).not.toThrow();
  });
});

test("one byte less does trap", async () => {
  const { artifact } = await resolve(base, relaxed, false);
  const inputs = artifact.inputs.map((s): TensorSpec => (s.name === "x" ? { ...s, bytes: ["-", s.bytes, 1] } : s));
  expect(() => runsWith("x", { ...artifact, inputs }, 3)).toThrow("memory access out of bounds");
});
