// A kernel's modules: the best that this machine's records or the templates know, and the plain SIMD one beside it where
// that needs a feature.

import type { Device } from "../../ir/index.ts";
import { artifactHash, type Choice, type CompileOptions, resolve, type WasmArtifact } from "../compile/index.ts";
import type { Job } from "./jobs.ts";

/** One module of a kernel. */
export interface BuiltVariant {
  readonly file: string;
  readonly artifact: WasmArtifact;
  readonly hash: string;
  /** Where each part's template and point come from: `template default`, `exact record`, .. */
  readonly sources: readonly string[];
}

export interface BuiltKernel {
  readonly job: Job;
  /** Best first; the last needs nothing beyond SIMD128. */
  readonly variants: readonly BuiltVariant[];
}

/** Compiles a job; `notes` are told what is worth a person's attention. Throws what the compiler throws. */
export async function buildVariants(
  job: Job,
  device: Device,
  db: CompileOptions["db"],
  note: (line: string) => void,
): Promise<BuiltKernel> {
  const build = async (file: string, target: Device): Promise<BuiltVariant> => {
    const { artifact, choices, notes } = await resolve(job.workload, target, db);
    for (const line of notes) note(line);
    return { file, artifact, hash: artifactHash(artifact), sources: choices.map(sourceOf) };
  };
  const best = await build(`${job.name}.wasm`, device);
  if (best.artifact.features.length === 0) return { job, variants: [best] };
  const plain = { ...device, features: device.features.filter((f) => f !== "relaxed-simd") };
  return { job, variants: [best, await build(`${job.name}.strict.wasm`, plain)] };
}

/** Where a part's plan comes from. */
const sourceOf = ({ lookup }: Choice): string => (lookup?.record ? `${lookup.rung} record` : "template default");
