// Writes an ONNX model that holds one com.microsoft MatMulNBits node: the form in which ONNX Runtime takes quantized
// weights. Holds the protobuf encoding of the few ONNX messages this needs; not here: any other node, external data
// (so a model is limited to 2 GB), or running the model (peers/).
//
// Sources: onnx/onnx.proto (field numbers), onnxruntime docs/ContribOperators.md (MatMulNBits).

import { BenchError } from "./errors.ts";

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
  const { n, k, bits, group } = weights;
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
  const initializer: Message[] = [
    tensor("B", dataType.uint8, [n, groups, (group * bits) / 8], packRows(weights.codes, n, bits)),
    tensor("scales", dataType.float, [n, groups], bytesOf(weights.scales)),
  ];
  const inputs = ["x", "B", "scales"];
  if (weights.zeroPoints) {
    const packed = packRows(weights.zeroPoints, n, bits);
    initializer.push(tensor("zero_points", dataType.uint8, [n, packed.length / n], packed));
    inputs.push("zero_points");
  }
  const node: Message = {
    input: inputs,
    output: "y",
    name: "matmul",
    opType: "MatMulNBits",
    domain: "com.microsoft",
    attribute: Object.entries({ K: k, N: n, bits, block_size: group, accuracy_level: accuracyLevel }).map(
      ([name, i]) => ({ name, i, type: 2 }),
    ),
  };
  const graph: Message = {
    node,
    name: "matmul",
    initializer,
    input: matrixInfo("x", { dimParam: "M" }, { dimValue: k }),
    output: matrixInfo("y", { dimParam: "M" }, { dimValue: n }),
  };
  const model: Message = {
    irVersion: 8,
    producerName: "qloom",
    graph,
    opsetImport: [
      { domain: "", version: 17 },
      { domain: "com.microsoft", version: 1 },
    ],
  };
  return concatenate(encode("Model", model));
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

// --- ONNX's messages: field name -> [field number, type]; only the fields written here. -------------------------------

const dataType = { float: 1, uint8: 2 } as const;

const messages = {
  Model: { irVersion: [1, "int"], producerName: [2, "text"], graph: [7, "Graph"], opsetImport: [8, "OperatorSet"] },
  OperatorSet: { domain: [1, "text"], version: [2, "int"] },
  Graph: {
    node: [1, "Node"],
    name: [2, "text"],
    initializer: [5, "Tensor"],
    input: [11, "ValueInfo"],
    output: [12, "ValueInfo"],
  },
  Node: {
    input: [1, "text"],
    output: [2, "text"],
    name: [3, "text"],
    opType: [4, "text"],
    attribute: [5, "Attribute"],
    domain: [7, "text"],
  },
  Attribute: { name: [1, "text"], i: [3, "int"], type: [20, "int"] },
  Tensor: { dims: [1, "int"], dataType: [2, "int"], name: [8, "text"], rawData: [9, "bytes"] },
  ValueInfo: { name: [1, "text"], type: [2, "Type"] },
  Type: { tensorType: [1, "TensorType"] },
  TensorType: { elemType: [1, "int"], shape: [2, "Shape"] },
  Shape: { dim: [1, "Dimension"] },
  Dimension: { dimValue: [1, "int"], dimParam: [2, "text"] },
} as const satisfies Record<string, Record<string, readonly [number, string]>>;

type MessageName = keyof typeof messages;
type FieldType = MessageName | "int" | "text" | "bytes";
type Value = number | string | Uint8Array | Message;
/** A field's value, or several where the field is repeated. */
interface Message {
  readonly [field: string]: Value | readonly Value[];
}

function tensor(name: string, type: number, dims: readonly number[], rawData: Uint8Array): Message {
  return { dims, dataType: type, name, rawData };
}

function matrixInfo(name: string, ...dim: readonly Message[]): Message {
  return { name, type: { tensorType: { elemType: dataType.float, shape: { dim } } } };
}

// --- protobuf: a message is its fields, each a varint key and a varint or a counted run of bytes. ---------------------

/** The message as pieces to be concatenated, so that large tensors are copied once, whatever the nesting. */
function encode(name: MessageName, message: Message): Uint8Array[] {
  const fields: Record<string, readonly [number, FieldType]> = messages[name];
  const pieces: Uint8Array[] = [];
  for (const [field, given] of Object.entries(message)) {
    const [number, type] = fields[field]!;
    for (const value of Array.isArray(given) ? (given as readonly Value[]) : [given as Value]) {
      if (type === "int") {
        pieces.push(varint(number * 8), varint(value as number));
        continue;
      }
      const body = encodeCounted(type, value);
      const length = body.reduce((sum, piece) => sum + piece.length, 0);
      pieces.push(varint(number * 8 + 2), varint(length), ...body);
    }
  }
  return pieces;
}

function encodeCounted(type: Exclude<FieldType, "int">, value: Value): Uint8Array[] {
  if (type === "text") return [new TextEncoder().encode(value as string)];
  if (type === "bytes") return [value as Uint8Array];
  return encode(type, value as Message);
}

/** Seven bits per byte, low first; the top bit says that more follow. */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.trunc(rest / 128)) bytes.push((rest % 128) | 128);
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

function concatenate(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

function bytesOf(array: Float32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
