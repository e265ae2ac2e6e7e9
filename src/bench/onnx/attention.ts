// The operators that compute attention in ONNX Runtime, over a cache of f32: com.microsoft's GroupQueryAttention and MultiHeadAttention, and ONNX's
// own Attention. A run is given the tokens before its queries as the past and the queries' own tokens as new ones, and leaves the cache of all: GroupQueryAttention in place.
//
// Sources: onnxruntime docs/ContribOperators.md (GroupQueryAttention, MultiHeadAttention), onnx docs/Operators.md (Attention-23).

import type { AttentionInputs, AttentionWorkload } from "../../../ir/index.ts";
import { type Attribute, type Feed, modelOf, type OnnxInput, type OnnxNode, type Tensors } from "./model.ts";

export type AttentionOperator = "GroupQueryAttention" | "MultiHeadAttention" | "Attention";

/** Queries and tokens of a run. The last tokens are the queries' own, where there are as many. */
interface Sizes {
  readonly queries: number;
  readonly tokens: number;
  /** Tokens before the queries' own. */
  readonly past: number;
  /** Tokens that the cache has room for. */
  readonly room: number;
}

/** Why the operator can't compute the workload, whatever its cache is stored in: peers cache f32. */
export function unsupportedBy(operator: AttentionOperator, workload: AttentionWorkload): string | undefined {
  const { heads, kvHeads, headSize } = workload;
  const { takes, sharesHeads, headSizes } = operators[operator];
  const asked = options.filter((option) => option in workload && isAsked(workload[option]));
  const beyond = asked.find((option) => !takes.includes(option));
  if (beyond !== undefined) return `${operator} has no ${beyond}`;
  if (headSize % headSizes !== 0) return `${operator} takes multiples of ${headSizes} as head size, not ${headSize}`;
  if (!sharesHeads && heads !== kvHeads)
    return `${operator} has as many key heads as heads, not ${kvHeads} of ${heads}`;
  return undefined;
}

/**
 * The file bytes of a model that computes the workload with any number of queries S and tokens: past P, new L, all of them T.
 * Outputs: `y` [1, S, heads · headSize], and the cache of all tokens, `present_key` and `present_value` [1, kvHeads, T, headSize].
 */
export function attentionModel(operator: AttentionOperator, workload: AttentionWorkload): Uint8Array<ArrayBuffer> {
  const { domain, inputs, attributes } = operators[operator];
  const { heads, headSize, kvHeads } = workload;
  const cache = (name: string): OnnxInput => ({ name, type: "float32", shape: [1, kvHeads, "T", headSize] });
  return modelOf({
    operator,
    domain,
    attributes: attributes(workload),
    inputs: inputs.map((name) =>
      name === undefined || !rows[name].isUsed(workload)
        ? undefined
        : { name, type: rows[name].type, shape: rows[name].shape(workload) },
    ),
    outputs: [
      { name: "y", type: "float32", shape: [1, "S", heads * headSize] },
      cache("present_key"),
      cache("present_value"),
    ],
  });
}

/** What a run of {@link attentionModel} is given, `inputs` of some queries and tokens, and where it leaves the cache of all tokens. */
export function attentionTensors(
  operator: AttentionOperator,
  workload: AttentionWorkload,
  inputs: AttentionInputs,
): Tensors {
  const { heads, kvHeads, headSize } = workload;
  const { inputs: names, isInPlace } = operators[operator];
  const queries = inputs.q.length / (heads * headSize);
  const tokens = inputs.keys.length / (kvHeads * headSize);
  const past = Math.max(0, tokens - queries);
  const sizes: Sizes = { queries, tokens, past, room: isInPlace ? tokens : past };
  const extents: Readonly<Record<string, number>> = { S: queries, P: sizes.room, L: tokens - past, T: tokens };
  const feeds = new Map<string, Feed>();
  for (const name of names) {
    if (name === undefined || !rows[name].isUsed(workload)) continue;
    const { type, shape, data, stays = false }: InputRow = rows[name];
    const dims = shape(workload).map((size) => (typeof size === "string" ? (extents[size] as number) : size));
    feeds.set(name, { type, data: data(workload, inputs, sizes), dims, stays });
  }
  const dims = [1, kvHeads, tokens, headSize];
  const cache = (of: "past_key" | "past_value"): Feed =>
    isInPlace
      ? (feeds.get(of) as Feed)
      : { type: "float32", data: new Float32Array(kvHeads * tokens * headSize), dims, stays: true };
  return {
    feeds,
    results: new Map(["key", "value"].map((of) => [`present_${of}`, cache(`past_${of}` as "past_key")])),
  };
}

// --- Inputs by name. ---------------------------------------------------------------------------------------------------

interface InputRow {
  readonly type: Feed["type"];
  readonly shape: (workload: AttentionWorkload) => OnnxInput["shape"];
  readonly isUsed: (workload: AttentionWorkload) => boolean;
  readonly data: (workload: AttentionWorkload, inputs: AttentionInputs, sizes: Sizes) => Feed["data"];
  readonly stays?: boolean;
}

type InputName = keyof typeof rows;

const always = (): boolean => true;

/** The new tokens of keys or values, as they are. */
const fresh = (of: "keys" | "values"): InputRow => ({
  type: "float32",
  shape: ({ kvHeads, headSize }) => [1, "L", kvHeads * headSize],
  isUsed: always,
  data: ({ kvHeads, headSize }, inputs, { past }) => Float32Array.from(inputs[of]).subarray(past * kvHeads * headSize),
});

/** The tokens before, head by head. */
const cached = (of: "keys" | "values"): InputRow => ({
  type: "float32",
  shape: ({ kvHeads, headSize }) => [1, kvHeads, "P", headSize],
  stays: true,
  isUsed: always,
  data: ({ kvHeads, headSize }, inputs, { past, room }) => {
    const list = new Float32Array(kvHeads * room * headSize);
    for (let h = 0; h < kvHeads; h++)
      for (let t = 0; t < past; t++)
        for (let d = 0; d < headSize; d++)
          list[(h * room + t) * headSize + d] = inputs[of][(t * kvHeads + h) * headSize + d] as number;
    return list;
  },
});

const rows = {
  query: {
    type: "float32",
    shape: ({ heads, headSize }) => [1, "S", heads * headSize],
    isUsed: always,
    data: (_, { q }) => Float32Array.from(q),
  },
  key: fresh("keys"),
  value: fresh("values"),
  past_key: cached("keys"),
  past_value: cached("values"),
  seqlens_k: {
    type: "int32",
    shape: () => [1],
    isUsed: always,
    data: (_, __, { tokens }) => Int32Array.of(tokens - 1),
  },
  total_sequence_length: {
    type: "int32",
    shape: () => [],
    isUsed: always,
    data: (_, __, { tokens }) => Int32Array.of(tokens),
  },
  /** What is added to scores: the bias, and what slopes make of distances. */
  attention_bias: {
    type: "float32",
    shape: ({ heads, slopes }) => [1, slopes ? heads : 1, "S", "T"],
    isUsed: ({ bias, slopes }) => bias === true || slopes === true,
    data: (workload, inputs, { queries, tokens }) => {
      const list = new Float32Array((workload.slopes ? workload.heads : 1) * queries * tokens);
      for (let h = 0, at = 0; at < list.length; h++)
        for (let i = 0; i < queries; i++)
          for (let t = 0; t < tokens; t++) {
            const distance = t - (tokens - queries + i);
            const sloped = workload.slopes ? (inputs.slopes?.[h] as number) * distance : 0;
            list[at++] = sloped + (workload.bias ? (inputs.bias?.[i * tokens + t] as number) : 0);
          }
      return list;
    },
  },
  head_sink: {
    type: "float32",
    shape: ({ heads }) => [heads],
    isUsed: ({ sinks }) => sinks === true,
    data: (_, { sinks }) => Float32Array.from(sinks as ArrayLike<number>),
  },
} as const satisfies Record<string, InputRow>;

// --- Operators. --------------------------------------------------------------------------------------------------------

/** Options that an operator may lack. */
const options = ["causal", "window", "positions", "softcap", "slopes", "bias", "sinks", "lse"] as const;

type Option = (typeof options)[number];

const isAsked = (value: AttentionWorkload[Option]): boolean =>
  value !== undefined && value !== false && value !== "last";

interface OperatorRow {
  readonly domain: "" | "com.microsoft";
  readonly takes: readonly Option[];
  /** Whether query heads may share key heads. */
  readonly sharesHeads: boolean;
  /** What head sizes are multiples of. */
  readonly headSizes: number;
  /** Whether new tokens join the cache in place, where it has room, instead of in a copy of it. */
  readonly isInPlace: boolean;
  /** In the operator's order; undefined for inputs that nothing here needs. */
  readonly inputs: readonly (InputName | undefined)[];
  readonly attributes: (workload: AttentionWorkload) => OnnxNode["attributes"];
}

const int = (value: number | boolean | undefined): Attribute | undefined =>
  value === undefined ? undefined : { int: Number(value) };
const float = (value: number | undefined): Attribute | undefined =>
  value === undefined ? undefined : { float: value };

const operators: Readonly<Record<AttentionOperator, OperatorRow>> = {
  GroupQueryAttention: {
    domain: "com.microsoft",
    takes: ["causal", "window", "softcap", "slopes", "bias", "sinks"],
    sharesHeads: true,
    headSizes: 8,
    isInPlace: true,
    inputs: [
      ...(["query", "key", "value", "past_key", "past_value", "seqlens_k", "total_sequence_length"] as const),
      ...[undefined, undefined, undefined],
      ...(["attention_bias", "head_sink"] as const),
    ],
    attributes: ({ heads, kvHeads, causal, scale, softcap, window }) => ({
      num_heads: int(heads),
      kv_num_heads: int(kvHeads),
      causal: int(causal),
      do_rotary: int(0),
      local_window_size: int(window),
      scale: float(scale),
      softcap: float(softcap),
    }),
  },
  MultiHeadAttention: {
    domain: "com.microsoft",
    takes: ["causal", "slopes", "bias"],
    sharesHeads: false,
    headSizes: 1,
    isInPlace: false,
    inputs: ["query", "key", "value", undefined, undefined, "attention_bias", "past_key", "past_value"],
    attributes: ({ heads, causal, scale }) => ({
      num_heads: int(heads),
      unidirectional: int(causal),
      scale: float(scale),
    }),
  },
  Attention: {
    domain: "",
    takes: ["causal", "softcap", "slopes", "bias"],
    sharesHeads: true,
    headSizes: 1,
    isInPlace: false,
    inputs: ["query", "key", "value", "attention_bias", "past_key", "past_value"],
    attributes: ({ heads, kvHeads, causal, scale, softcap }) => ({
      q_num_heads: int(heads),
      kv_num_heads: int(kvHeads),
      is_causal: int(causal),
      scale: float(scale),
      softcap: float(softcap),
    }),
  },
};
