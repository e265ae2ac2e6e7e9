// The peer in a real Chromium: its results against float64, its runs timed in the page. Each shape and width is one of ONNX Runtime's own kernels
// there: the general one, the wide tile, the one of 8-bit dot products.

import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { probeWasm } from "../../../backends/index.ts";
import { type AttentionCase, attentionCase, attentionReference, nmseOf } from "../../../src/bench/attention-case.ts";
import { intWeightSource, type MatmulCase, makeCase } from "../../../src/bench/case.ts";
import {
  benchAttention,
  benchMatmul,
  ourAttentionInPage,
  ours,
  type Peer,
  peers,
  type Session,
} from "../../../src/bench/index.ts";
import { attentionPeers } from "../../../src/bench/peers/index.ts";
import { checkResult, referenceOf } from "../../../src/bench/reference.ts";

// A software GPU compiles a shader in seconds where others want its processors too.
vi.setConfig({ testTimeout: 60_000 });

const peer = peers["ort-webgpu"];
const caseOf = (m: number, n: number, k: number, weights: string, x: string): MatmulCase =>
  makeCase({ m, n, k, weights, x, threads: 1 }, m + n, [intWeightSource]);

/** What every GPU has, of the processor in its place. */
const gpuLimits = { workgroupMemory: 16384, invocations: 256, storageBuffers: 8, processor: 1 };

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

test("attention, ours and the peer's, over caches that stay on the GPU, agrees with the float64 reference", async () => {
  const device = { ...(await probeWasm()), kind: "wgsl", features: [], limits: gpuLimits } as const;
  const { signal } = new AbortController();
  const sizes = { sequences: 2, queries: 1, tokens: [9], heads: 2, kvHeads: 1, headSize: 16 };
  const notes: string[] = [];
  const { lengths } = await benchAttention(
    {
      ...{ ...sizes, caches: [{ keys: "f32", values: "f32" }], peers: ["ort-webgpu"], seconds: 0, seed: 1 },
      ...{ device, db: false, note: (line: string) => void notes.push(line), signal },
    },
    ourAttentionInPage,
  );
  expect(notes).toEqual(["ort-webgpu GroupQueryAttention is left out: it is given one sequence"]);
  expect(lengths.map(({ rows, readGBs }) => [readGBs, rows.map(({ who, numerics }) => [who, numerics])])).toEqual([
    [undefined, [["qloom", { scores: "f32", weights: "f32" }]]],
  ]);
  const [gqa] = attentionPeers["ort-webgpu"];
  // Queries beyond the first few in a tile: ONNX Runtime's prefill, which takes subgroups for 32 wide, is wrong on this adapter.
  const given = attentionCase({ sequences: 1, queries: 3, tokens: 20, heads: 4, kvHeads: 2, headSize: 16 }, 1, 1);
  const { keys, values } = given.inputs;
  const session = await (gqa as Peer<AttentionCase>).prepare(given);
  // Each run finds the cache of the tokens before, whatever the one before left.
  await session.run();
  await session.run();
  expect(nmseOf(await session.output(), attentionReference(given.workload, given, keys, values))).toBeLessThan(1e-10);
  await session.dispose();
  const residual = { ...given.workload, keys: "kv2_t32_m", values: "f32" };
  await expect(ourAttentionInPage({ workload: residual, given, device })).rejects.toThrow(
    "bench: keys kv2_t32_m have groups of tokens, the newest of which are held as they are: that is for --target wasm",
  );
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
