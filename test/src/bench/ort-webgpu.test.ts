// The peer in a real Chromium: its results against float64, its runs timed in the page. Each shape and width is one of ONNX Runtime's own kernels
// there: the general one, the wide tile, the one of 8-bit dot products.

import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { probeWasm } from "../../../backends/index.ts";
import { intWeightSource, type MatmulCase, makeCase } from "../../../src/bench/case.ts";
import { benchMatmul, ours, peers, type Session } from "../../../src/bench/index.ts";
import { checkResult, referenceOf } from "../../../src/bench/reference.ts";

// A software GPU compiles a shader in seconds where others want its processors too.
vi.setConfig({ testTimeout: 60_000 });

const peer = peers["ort-webgpu"];
const caseOf = (m: number, n: number, k: number, weights: string, x: string): MatmulCase =>
  makeCase({ m, n, k, weights, x, threads: 1 }, m + n, [intWeightSource]);

/** Keeps the browser open from one test to the next. */
let first: Session;

beforeAll(async () => {
  first = await peer.prepare(caseOf(1, 16, 64, "int4_g32", "f32"));
});
afterAll(() => first?.dispose());

test.each([
  [1, 7, 256, "int2_g16", "f32", 1e-6],
  [5, 64, 256, "int4_g32", "f32", 1e-6],
  [5, 33, 512, "int8_g256", "f32", 1e-6],
  [5, 64, 256, "int4_g32", "i8_g32", 0.015],
])("m %i, n %i, k %i, %s x %s agrees with the float64 reference", async (m, n, k, weights, x, bound) => {
  const matmul = caseOf(m, n, k, weights, x);
  const session = await peer.prepare(matmul);
  await session.run();
  const { maxError: error } = checkResult("ort-webgpu", await session.output(), matmul, referenceOf(matmul));
  await session.dispose();
  expect(error).toBeLessThan(bound);
  // int8 for x is what it was asked for: its time is that of int8.
  if (x !== "f32") expect(error).toBeGreaterThan(1e-4);
});

test("is measured beside others, by the page's clock", async () => {
  const device = await probeWasm();
  const shape = { m: 1, n: 16, k: 64, weights: "int4_g32", x: "f32", threads: 1 };
  const { rows } = await benchMatmul(
    { ...shape, peers: ["ort-webgpu"], seconds: 0, minSamples: 1, device },
    { qloom: ours({ device, db: false }) },
  );
  expect(rows.map(({ who }) => who)).toEqual(["qloom", "ort-webgpu"]);
  expect(first.timed?.quantumMs).toBeGreaterThan(0);
  expect(await first.timed?.time(3)).toBeGreaterThan(0);
});

test("what it can't take is refused with the reason", async () => {
  const matmul = caseOf(1, 3, 96, "int3_g32", "f32");
  expect(peer.unsupported(matmul)).toBe("MatMulNBits takes 2, 4 or 8 bits, not 3");
  await expect(peer.prepare(matmul)).rejects.toThrow("peer ort-webgpu: MatMulNBits takes 2, 4 or 8 bits, not 3");
});

test("what the page throws is told in its words, and the other sessions go on", async () => {
  const matmul = caseOf(1, 16, 64, "int4_g32", "f32");
  const { weights } = matmul;
  if (weights.kind !== "int") throw new Error("int weights expected");
  // The provider refuses scales that don't fit the weights.
  const short = { ...weights, scales: weights.scales.subarray(1) };
  await expect(peer.prepare({ ...matmul, weights: short })).rejects.toThrow(/^peer ort-webgpu: .*scales/);
  await expect(first.run()).resolves.toBeUndefined();
});
