// The com.microsoft operator MatMulNBits: the form in which ONNX Runtime takes quantized weights.
//
// Source: onnxruntime docs/ContribOperators.md (MatMulNBits).

import { BenchError } from "../errors.ts";
import { bytesOf, modelOf } from "./model.ts";

/** The weights of a MatMulNBits node, one code per byte; see {@link matMulNBitsModel}. */
export interface MatMulNBitsWeights {
  readonly n: number;
  readonly k: number;
  readonly bits: number;
  readonly group: number;
  /** [n, k] codes, each 0 .. 2^bits - 1. */
  readonly codes: Uint8Array;
  /** f32 [n, k / group]. */
  readonly scales: Float32Array;
  /** [n, k / group] codes; absent means 2^(bits-1) everywhere. */
  readonly zeroPoints?: Uint8Array;
}

/**
 * The file bytes of a model y = x · dequantize(weights)ᵀ with x f32 [M, k], y f32 [M, n], M symbolic.
 *
 * @param accuracyLevel 1: computes in f32; 4: quantizes x to int8 per group first.
 * @throws BenchError when the codes don't fill whole bytes or the model passes protobuf's 2 GB.
 */
export function matMulNBitsModel(weights: MatMulNBitsWeights, accuracyLevel: 1 | 4): Uint8Array<ArrayBuffer> {
  const { n, k, bits, group, zeroPoints } = weights;
  const groups = k / group;
  if (!Number.isInteger(groups) || (group * bits) % 8 !== 0) {
    throw new BenchError(`MatMulNBits: k = ${k} in groups of ${group} codes of ${bits} bits doesn't fill whole bytes`);
  }
  const bytes = (n * k * bits) / 8 + n * groups * 5;
  if (bytes > 2 ** 31 - 2 ** 16) {
    const gigabytes = (bytes / 2 ** 30).toFixed(1);
    throw new BenchError(
      `MatMulNBits: weights of ${gigabytes} GB pass the 2 GB that an ONNX file holds; take a smaller n or k`,
    );
  }
  const zeros = zeroPoints && packRows(zeroPoints, n, bits);
  return modelOf({
    operator: "MatMulNBits",
    domain: "com.microsoft",
    attributes: {
      K: { int: k },
      N: { int: n },
      bits: { int: bits },
      block_size: { int: group },
      accuracy_level: { int: accuracyLevel },
    },
    inputs: [
      { name: "x", type: "float32", shape: ["M", k] },
      {
        name: "B",
        type: "uint8",
        shape: [n, groups, (group * bits) / 8],
        bytes: packRows(weights.codes, n, bits),
      },
      { name: "scales", type: "float32", shape: [n, groups], bytes: bytesOf(weights.scales) },
      zeros && { name: "zero_points", type: "uint8", shape: [n, zeros.length / n], bytes: zeros },
    ],
    outputs: [{ name: "y", type: "float32", shape: ["M", n] }],
  });
}

/**
 * Packs `rows` equal rows of codes, one per byte, at `bits` (2, 4 or 8) bits each: low bits first, every row padded to
 * a byte.
 */
function packRows(codes: Uint8Array, rows: number, bits: number): Uint8Array {
  if (bits === 8) return codes;
  const perByte = 8 / bits;
  const columns = codes.length / rows;
  const rowBytes = Math.ceil(columns / perByte);
  const packed = new Uint8Array(rows * rowBytes);
  for (let row = 0, from = 0; row < rows; row++) {
    let at = row * rowBytes;
    for (let column = 0; column < columns; at++) {
      let byte = 0;
      for (let shift = 0; shift < 8 && column < columns; shift += bits, column++) byte |= codes[from++]! << shift;
      packed[at] = byte;
    }
  }
  return packed;
}
