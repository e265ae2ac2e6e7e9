/**
 * What the main job works on: the matmuls of a GGUF file, or, with no file, those of a well-known 1B decoder and the tensors of the project's vectors file.
 */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { MatmulWorkload, Workload } from "../../ir/index.ts";
import type { BuildConfig, KernelEntry } from "../build/index.ts";

/** A model as the build sees it, and what to call it. */
export interface Model {
  readonly label: string;
  readonly config: BuildConfig;
}

/**
 * The matmuls of Llama-3.2-1B (hidden size 2048, 32 query and 8 key/value heads of 64, feed-forward 8192, vocabulary 128256), with weights as in a common
 * quantization of it: 4 bits, and 6 for the output matrix.
 */
const llama1b: readonly { readonly name: string; readonly n: number; readonly k: number; readonly w: string }[] = [
  { name: "attn_q_o", n: 2048, k: 2048, w: "q4_0" },
  { name: "attn_k_v", n: 512, k: 2048, w: "q4_0" },
  { name: "ffn_gate_up", n: 8192, k: 2048, w: "q4_0" },
  { name: "ffn_down", n: 2048, k: 8192, w: "q4_0" },
  { name: "lm_head", n: 128256, k: 2048, w: "q6_K" },
];

const entryOf = ({ name, n, k, w }: (typeof llama1b)[number]): KernelEntry => {
  const workload: MatmulWorkload = {
    op: "matmul",
    m: "any",
    n,
    k,
    w,
    bias: false,
    numerics: { compute: "i8", xGroup: 32 },
  };
  return { name, workload };
};

/** The model of a GGUF file; without one the shapes of Llama-3.2-1B and, where the project's own files are at hand, its vectors. */
export function modelOf(gguf: string | undefined): Model {
  if (gguf !== undefined) return { label: gguf, config: { kernels: [{ gguf }] } };
  const vectors = vectorsFile();
  const entries = llama1b.map(entryOf);
  return {
    label: `the matmuls of Llama-3.2-1B${vectors ? " and the tensors of the vectors file" : ""}`,
    config: { kernels: vectors ? [...entries, { gguf: vectors, prefix: "vectors" }] : entries },
  };
}

/** One workload alone. */
export function modelOfWorkload(workload: Workload): Model {
  const sizes = Object.entries(workload).filter(([axis, size]) => ["m", "n", "k"].includes(axis) && size !== "any");
  const format = "w" in workload ? [workload.w] : [];
  const name = [workload.op, ...format, ...sizes.map(([axis, size]) => `${axis}${size}`)].join("_");
  return { label: name, config: { kernels: [{ name, workload }] } };
}

/** Real tensors written by ggml: they are in the repository, not in the published package. */
function vectorsFile(): string | undefined {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const file = join(folder, "test", "vectors", "ggml-quants.gguf");
    if (existsSync(file)) return file;
    if (existsSync(join(folder, "package.json")) || folder === dirname(folder)) return undefined;
  }
}
