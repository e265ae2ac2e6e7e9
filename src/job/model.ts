/**
 * What the main job works on: the matmuls of a GGUF file, or, with no file, those of a well-known 1B decoder and the tensors of the project's vectors file.
 */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Workload } from "../../ir/index.ts";
import type { BuildConfig } from "../build/index.ts";
import { llama1b } from "../models/index.ts";

/** A model as the build sees it, and what to call it. */
export interface Model {
  readonly label: string;
  readonly config: BuildConfig;
}

/** The model of a GGUF file; without one the shapes of Llama-3.2-1B and, where the project's own files are at hand, its vectors. */
export function modelOf(gguf: string | undefined): Model {
  if (gguf !== undefined) return { label: gguf, config: { kernels: [{ gguf }] } };
  const vectors = vectorsFile();
  return {
    label: `the matmuls of Llama-3.2-1B${vectors ? " and the tensors of the vectors file" : ""}`,
    config: { kernels: vectors ? [...llama1b, { gguf: vectors, prefix: "vectors" }] : llama1b },
  };
}

/** One workload alone. */
export function modelOfWorkload(workload: Workload): Model {
  const sizes = Object.entries(workload).filter(([, size]) => Number.isInteger(size));
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
