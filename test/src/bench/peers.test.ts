import { describe, expect, test } from "vitest";
import { accuracyOf, intWeightSource, makeCase } from "../../../src/bench/case.ts";
import { intWeights, type MatmulCase, peers } from "../../../src/bench/index.ts";
import { matMulNBitsModel } from "../../../src/bench/onnx/matmul.ts";
import { importPeer } from "../../../src/bench/peers/peer.ts";
import { checkResult, referenceOf } from "../../../src/bench/reference.ts";
import { splitmix32 } from "../../../src/timing/index.ts";

/** A case with zero points of its own, or the format's default. */
function caseOf(m: number, n: number, k: number, weights: string, x: string, zeroPoints = false): MatmulCase {
  const drawn = makeCase({ m, n, k, weights, x, threads: 1 }, m + n, [intWeightSource]);
  if (!zeroPoints || drawn.weights.kind !== "int") return drawn;
  const { bits, group, codes, scales } = drawn.weights;
  const random = splitmix32(5);
  const zeros = Uint8Array.from(scales, () => random() & (2 ** bits - 1));
  return { ...drawn, weights: intWeights(weights, k, { bits, group, codes, scales, zeroPoints: zeros }) };
}

/** max |y - ref| / max |ref| of one run. */
async function errorOf(peer: keyof typeof peers, matmul: MatmulCase): Promise<number> {
  const session = await peers[peer].prepare(matmul);
  try {
    await session.run();
    return checkResult(peer, await session.output(), matmul, referenceOf(matmul)).maxError;
  } finally {
    await session.dispose();
  }
}

describe.each([2, 4, 8])("%i-bit weights", (bits) => {
  test.each([16, 32, 64, 128, 256])("in groups of %i agree with the float64 reference", async (group) => {
    for (const [m, n, zeroPoints] of [
      [1, 7, false],
      [5, 33, false],
      [5, 7, true],
    ] as const) {
      // k = 3 groups of 256: an odd count of groups, so that a row's 2- and 4-bit zero points end inside a byte.
      const exact = caseOf(m, n, 3 * 256, `int${bits}_g${group}`, "f32", zeroPoints);
      const quantized = { ...exact, accuracy: accuracyOf("i8_g32") };
      for (const peer of ["ort-node", "ort-web"] as const) {
        expect(await errorOf(peer, exact), `${peer} m${m} n${n}`).toBeLessThan(5e-6);
        // Activations rounded to int8 per group; where a build has no int8 kernel for the case, it computes in f32.
        expect(await errorOf(peer, quantized), `${peer} m${m} n${n} int8`).toBeLessThan(0.015);
      }
    }
  });
});

test("ort-node computes in int8 at accuracy level 4, so that its time is that of int8", async () => {
  expect(await errorOf("ort-node", caseOf(5, 33, 512, "int4_g32", "i8_g32"))).toBeGreaterThan(1e-4);
});

test("a code, scale or zero point changed is seen in the result", async () => {
  const drawn = caseOf(1, 3, 64, "int4_g32", "f32", true);
  if (drawn.weights.kind !== "int") throw new Error("int weights expected");
  const { format, bits, group, codes, scales, zeroPoints } = drawn.weights;
  for (const changed of [
    { codes: codes.with(70, codes[70]! ^ 15), scales, zeroPoints: zeroPoints! },
    { codes, scales: scales.with(5, scales[5]! * 2), zeroPoints: zeroPoints! },
    { codes, scales, zeroPoints: zeroPoints!.with(3, zeroPoints![3]! ^ 8) },
    { codes, scales },
  ]) {
    const session = await peers["ort-web"].prepare({
      ...drawn,
      weights: intWeights(format, 64, { bits, group, ...changed }),
    });
    await session.run();
    const output = await session.output();
    expect(() => checkResult("ort-web", output, drawn, referenceOf(drawn))).toThrow("disagrees");
    await session.dispose();
  }
});

test("what MatMulNBits can't take is refused with the reason", async () => {
  const reason = (matmul: MatmulCase) => peers["ort-node"].unsupported(matmul);
  expect(reason(caseOf(1, 3, 96, "int3_g32", "f32"))).toBe("MatMulNBits takes 2, 4 or 8 bits, not 3");
  expect(reason(caseOf(1, 3, 96, "int4_g48", "f32"))).toBe(
    "MatMulNBits takes groups of 16, 32, 64, 128 or 256, not 48",
  );
  const blocks = { kind: "blocks", format: "q4_K", stored: {}, decodeRow: () => {} } as const;
  const matmul = { ...caseOf(1, 3, 96, "int4_g32", "f32"), weights: blocks };
  expect(reason(matmul)).toBe("MatMulNBits takes integer codes with a scale per group, not q4_K");
  await expect(peers["ort-web"].prepare(matmul)).rejects.toThrow("peer ort-web: MatMulNBits takes integer codes");
});

test("a model past 2 GB, or with codes that don't fill bytes, is refused before it is written", () => {
  const none = { codes: new Uint8Array(0), scales: new Float32Array(0) };
  expect(() => matMulNBitsModel({ n: 2 ** 20, k: 2 ** 13, bits: 4, group: 32, ...none }, 4)).toThrow(
    "weights of 5.3 GB pass the 2 GB",
  );
  expect(() => matMulNBitsModel({ n: 4, k: 100, bits: 4, group: 32, ...none }, 4)).toThrow("doesn't fill whole bytes");
});

test("a peer that isn't installed says what to install; other failures pass through", async () => {
  const missing = "onnxruntime-absent";
  await expect(importPeer("ort-absent", missing, () => import(missing))).rejects.toThrow(
    "peer ort-absent needs the package onnxruntime-absent: npm i -D onnxruntime-absent",
  );
  const broken = () => Promise.reject(new Error("libonnxruntime.so: wrong machine"));
  await expect(importPeer("ort-node", "onnxruntime-node", broken)).rejects.toThrow("wrong machine");
});

test("ort-web refuses a second thread count in one process", async () => {
  await errorOf("ort-web", caseOf(1, 3, 64, "int4_g32", "f32"));
  const two = { ...caseOf(1, 3, 64, "int4_g32", "f32"), threads: 2 };
  await expect(peers["ort-web"].prepare(two)).rejects.toThrow("one process runs one thread count (1, not 2)");
});
