// Which tensors of a model are the weights of matmuls, and the distinct shapes among them: what there is to tune and build.
// Knows llama.cpp's tensor names. Whether qloom has a format for a type is not here: every type of the table is listed.

import type { GgufContents } from "./file.ts";
import type { GgufTensor } from "./layout.ts";
import type { GgmlTypeName } from "./types.ts";
import { isGgmlType, isQuantized } from "./types.ts";

/** A distinct matmul y[M, n] = x[M, k] · W[n, k]ᵀ of a file, and the tensors that hold such a W. */
export type MatmulShape = {
  readonly n: number;
  readonly k: number;
  readonly type: GgmlTypeName;
  /** In the file's order. */
  readonly tensors: readonly string[];
  /** How many n × k matrices these tensors hold: one each, a 3-D tensor (experts, heads) shape[2], one after another. */
  readonly matrices: number;
};

/** A tensor that is no matmul's weight, and why. */
export type NotMatmul = { readonly name: string; readonly reason: string };

export type MatmulSurvey = {
  /** In the order in which the file has the first of each. */
  readonly matmuls: readonly MatmulShape[];
  readonly others: readonly NotMatmul[];
};

/** What is surveyed: a {@link GgufFile}, or a model that is only described. */
export type Model = Pick<GgufContents, "metadata" | "architecture" | "shard"> & {
  readonly tensors: readonly Pick<GgufTensor, "name" | "shape" | "type">[];
};

// By tensor name, first match; what matches none of these and has 2 or 3 dimensions is a matmul's weight.
const OTHER_WEIGHTS: readonly { readonly name: RegExp; readonly reason: string }[] = [
  { name: /(?<!\.weight)$/, reason: "no weight by its name (a bias, a scale, a state)" },
  { name: /norm/, reason: "the gain of a normalization" },
  { name: /(^|\.)(per_layer_token_embd|token_types|position_embd|embed_tokens|attn_rel_b)\./, reason: "a row gather" },
  {
    name: /conv1d|conv2d|conv_dw|conv_stem|shortconv\.conv|posnet\.\d+\.conv|convnext\.\d+\.dw|patch_embd/,
    reason: "a convolution",
  },
  {
    name: /time_mix_(first|decay\.|lerp|r_k|k_k|k_a|w0|a0|v0)|channel_mix_lerp/,
    reason: "multiplied element by element",
  },
];

const EMBEDDING = "token_embd.weight";

/** The distinct matmuls of a file, grouped by n, k and type. */
export function distinctMatmuls(model: Model): readonly MatmulShape[] {
  return surveyMatmuls(model).matmuls;
}

/**
 * Sorts the tensors of a file into the weights of matmuls and the others. A file is a decoder where it names its
 * architecture and that architecture's block count; in any other file every 2-D tensor of a quantized type counts.
 */
export function surveyMatmuls(model: Model): MatmulSurvey {
  const whyNot = isDecoder(model) ? decoderRule(model) : plainRule;
  const groups = new Map<string, { n: number; k: number; type: GgmlTypeName; tensors: string[]; matrices: number }>();
  const others: NotMatmul[] = [];
  for (const tensor of model.tensors) {
    const { name, type, shape } = tensor;
    const reason = whyNot(tensor);
    if (reason !== undefined || !isGgmlType(type)) {
      others.push({ name, reason: reason ?? `type ${type} is not known here` });
      continue;
    }
    const [k = 1, n = 1, matrices = 1] = shape;
    const key = `${n} ${k} ${type}`;
    const group = groups.get(key) ?? { n, k, type, tensors: [], matrices: 0 };
    group.tensors.push(name);
    group.matrices += matrices;
    groups.set(key, group);
  }
  return { matmuls: [...groups.values()], others };
}

type Rule = (tensor: Model["tensors"][number]) => string | undefined;

function isDecoder({ architecture, metadata }: Model): boolean {
  return architecture !== undefined && metadata.has(`${architecture}.block_count`);
}

const plainRule: Rule = ({ type, shape }) => {
  if (!isGgmlType(type)) return `type ${type} is not known here`;
  if (shape.length !== 2) return `${shape.length}-D, and in a file that is no decoder only 2-D tensors count`;
  return isQuantized(type) ? undefined : `${type}, and in a file that is no decoder only quantized tensors count`;
};

function decoderRule(model: Model): Rule {
  const embedding = embeddingReason(model);
  return ({ name, type, shape }) => {
    if (shape.length < 2) return `${shape.length}-D (a norm, a bias, a scale)`;
    if (!isGgmlType(type)) return `type ${type} is not known here`;
    if (/^i\d+$/.test(type)) return `${type}: integers, no weights`;
    if (name === EMBEDDING) return embedding;
    const rule = OTHER_WEIGHTS.find((row) => row.name.test(name));
    if (rule !== undefined) return rule.reason;
    return shape.length === 4 ? "4-D: a convolution" : undefined;
  };
}

// Tied embeddings: without a weight of its own the lm_head multiplies by the embedding table, which is then a matmul's weight.
function embeddingReason({ architecture, metadata, shard, tensors }: Model): string | undefined {
  const gather = "a row gather";
  if (tensors.some(({ name }) => name === "output.weight")) return gather;
  if (shard !== undefined) return `${gather} (whether it is the lm_head too is not seen in one shard)`;
  const pooling = metadata.get(`${architecture}.pooling_type`);
  const isEncoder = metadata.get(`${architecture}.attention.causal`)?.value === false;
  const pools = pooling !== undefined && pooling.value !== 0;
  return isEncoder || pools ? `${gather} (an embedding model has no lm_head)` : undefined;
}
