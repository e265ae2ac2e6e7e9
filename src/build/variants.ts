// A kernel's modules: the best that this machine's records or the templates know, and the plain SIMD one beside it where
// that needs relaxed SIMD; on several threads each for shared memory, and the same once more for memory that is not.

import type { Device } from "../../ir/index.ts";
import {
  artifactHash,
  buildArtifact,
  type Choice,
  type CompileOptions,
  kernelFeatures,
  resolve,
  type WasmArtifact,
} from "../compile/index.ts";
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
  const build = async (name: string, target: Device): Promise<readonly BuiltVariant[]> => {
    const { artifact, choices, notes } = await resolve(job.workload, target, db);
    for (const line of notes) note(line);
    const variant = (file: string, a: WasmArtifact): BuiltVariant => ({
      file,
      artifact: a,
      hash: artifactHash(a),
      sources: choices.map(sourceOf),
    });
    if (!artifact.features.includes("shared-memory")) return [variant(`${name}.wasm`, artifact)];
    // The same choices, so that packed tensors serve both.
    const alone = { ...target, kind: "wasm", features: kernelFeatures(target, { shared: false }) } as const;
    const plans = choices.map(({ plan }) => plan);
    return [
      variant(`${name}.threads.wasm`, artifact),
      variant(`${name}.wasm`, buildArtifact({ workload: job.workload, device: alone }, plans)),
    ];
  };
  const best = await build(job.name, device);
  if (!best.some(({ artifact }) => artifact.features.includes("relaxed-simd"))) return { job, variants: best };
  const plain = { ...device, features: device.features.filter((f) => f !== "relaxed-simd") };
  return { job, variants: [...best, ...(await build(`${job.name}.strict`, plain))] };
}

/** Where a part's plan comes from. */
const sourceOf = ({ lookup }: Choice): string => (lookup?.record ? `${lookup.rung} record` : "template default");
