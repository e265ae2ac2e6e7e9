// Writes ONNX models of a single node, in protobuf. Holds the few ONNX messages that this needs; not here: which node (matmul.ts, attention.ts),
// external data (so a model is limited to 2 GB), or running the model (../peers).
//
// Source: onnx/onnx.proto (field numbers).

/** An operator's node and the tensors around it. Everything is made once, at build; sizes that are names are known at run time. */
export interface OnnxNode {
  readonly operator: string;
  readonly domain: keyof typeof opsets;
  /** Undefined where the operator's default is meant. */
  readonly attributes: Readonly<Record<string, Attribute | undefined>>;
  /** In the operator's order; undefined where an optional one is left out. */
  readonly inputs: readonly (OnnxInput | OnnxConstant | undefined)[];
  readonly outputs: readonly OnnxInput[];
}

export type Attribute = { readonly int: number } | { readonly float: number };

/** A tensor that a run is given, or gives. */
export interface OnnxInput {
  readonly name: string;
  readonly type: keyof typeof dataTypes;
  readonly shape: readonly (number | string)[];
}

/** What a run is given for an input. */
export interface Feed {
  readonly type: "float32" | "int32";
  readonly data: Float32Array | Int32Array;
  readonly dims: readonly number[];
  /** Whether it stays where the model runs, from run to run: a cache. */
  readonly stays?: boolean;
}

/** The tensors of a run, by name. A feed that is a result, too, is written in place. */
export interface Tensors {
  readonly feeds: ReadonlyMap<string, Feed>;
  /** What a run leaves beside `y`. */
  readonly results: ReadonlyMap<string, Feed>;
}

/** A tensor that is part of the model, its elements as bytes. */
export interface OnnxConstant extends OnnxInput {
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** The opset of ONNX's own domain is the first with Attention. */
const opsets = { "": 23, "com.microsoft": 1 } as const;

/** The file bytes of a model that is this node. */
export function modelOf({ operator, domain, attributes, inputs, outputs }: OnnxNode): Uint8Array<ArrayBuffer> {
  const given = inputs.filter((input) => input !== undefined);
  const named = inputs.slice(0, inputs.findLastIndex((input) => input !== undefined) + 1);
  const node: Message = {
    input: named.map((input) => input?.name ?? ""),
    output: outputs.map(({ name }) => name),
    name: operator,
    opType: operator,
    domain,
    attribute: Object.entries(attributes).flatMap(([name, value]) => attributeOf(name, value)),
  };
  const graph: Message = {
    node,
    name: operator,
    initializer: given.filter(isConstant).map(({ name, type, shape, bytes }) => ({
      dims: shape,
      dataType: dataTypes[type],
      name,
      rawData: bytes,
    })),
    input: given.filter((input) => !isConstant(input)).map(valueInfo),
    output: outputs.map(valueInfo),
  };
  const model: Message = {
    irVersion: 10,
    producerName: "qloom",
    graph,
    opsetImport: Object.entries(opsets).map(([of, version]) => ({ domain: of, version })),
  };
  return concatenate(encode("Model", model));
}

const attributeOf = (name: string, value: Attribute | undefined): readonly Message[] =>
  value === undefined ? [] : ["int" in value ? { name, i: value.int, type: 2 } : { name, f: value.float, type: 1 }];

const isConstant = (input: OnnxInput): input is OnnxConstant => "bytes" in input;

/** The elements of an array as bytes. */
export const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

// --- ONNX's messages: field name -> [field number, type]; only the fields written here. -------------------------------

const dataTypes = { float32: 1, uint8: 2, int32: 6 } as const;

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
  Attribute: { name: [1, "text"], f: [2, "float"], i: [3, "int"], type: [20, "int"] },
  Tensor: { dims: [1, "int"], dataType: [2, "int"], name: [8, "text"], rawData: [9, "bytes"] },
  ValueInfo: { name: [1, "text"], type: [2, "Type"] },
  Type: { tensorType: [1, "TensorType"] },
  TensorType: { elemType: [1, "int"], shape: [2, "Shape"] },
  Shape: { dim: [1, "Dimension"] },
  Dimension: { dimValue: [1, "int"], dimParam: [2, "text"] },
} as const satisfies Record<string, Record<string, readonly [number, string]>>;

type MessageName = keyof typeof messages;
type FieldType = MessageName | "int" | "float" | "text" | "bytes";
type Value = number | string | Uint8Array | Message;
/** A field's value, or several where the field is repeated. */
interface Message {
  readonly [field: string]: Value | readonly Value[];
}

function valueInfo({ name, type, shape }: OnnxInput): Message {
  const dim = shape.map((size) => (typeof size === "number" ? { dimValue: size } : { dimParam: size }));
  return { name, type: { tensorType: { elemType: dataTypes[type], shape: { dim } } } };
}

// --- protobuf: a message is its fields, each a varint key and a varint, four bytes, or a counted run of bytes. ---------

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
      if (type === "float") {
        pieces.push(varint(number * 8 + 5), bytesOf(Float32Array.of(value as number)));
        continue;
      }
      const body = encodeCounted(type, value);
      const length = body.reduce((sum, piece) => sum + piece.length, 0);
      pieces.push(varint(number * 8 + 2), varint(length), ...body);
    }
  }
  return pieces;
}

function encodeCounted(type: Exclude<FieldType, "int" | "float">, value: Value): Uint8Array[] {
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
