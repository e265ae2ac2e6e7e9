// From a config to the kernels to build: each distinct workload once, under a name. Not here: compiling them.

import {
  formatNames,
  formatOf,
  type MatmulWorkload,
  type Numerics,
  nodeModule,
  programOf,
  QloomError,
  type Workload,
  workloadKey,
} from "../../ir/index.ts";
import { distinctMatmuls, type MatmulShape, openGguf } from "../gguf/index.ts";
import type { BuildConfig, GgufEntry } from "./config.ts";
import { BuildError } from "./errors.ts";
import { firstClash } from "./names.ts";

/** Tensors of a file that a kernel serves. */
export interface ServedTensors {
  /** The file as the config names it. */
  readonly gguf: string;
  readonly names: readonly string[];
}

/** A kernel to build. */
export interface Job {
  readonly name: string;
  readonly workload: Workload;
  readonly tensors: readonly ServedTensors[];
}

/** Matmuls of a file that are not built. */
export interface Skipped {
  readonly gguf: string;
  readonly matmul: string;
  readonly tensors: number;
  readonly reason: string;
}

export interface Jobs {
  readonly jobs: readonly Job[];
  readonly skipped: readonly Skipped[];
}

/** The kernels that a config stands for; `base` is the folder that its paths are relative to. Throws a `BuildError`. */
export async function gatherJobs({ kernels }: BuildConfig, base: string): Promise<Jobs> {
  const jobs: Job[] = [];
  const skipped: Skipped[] = [];
  for (const entry of kernels) {
    if (!("gguf" in entry)) {
      jobs.push(checked({ name: entry.name, workload: entry.workload, tensors: [] }));
      continue;
    }
    const found = await jobsOfGguf(entry, base);
    jobs.push(...found.jobs);
    skipped.push(...found.skipped);
  }
  const distinct = mergeEqual(jobs);
  if (distinct.length === 0)
    throw new BuildError(
      `nothing to build: ${skipped.length === 0 ? "no file has a matmul" : `all matmuls are skipped (${skipped[0]?.reason})`}`,
    );
  const clash = firstClash(distinct.map((job) => job.name));
  if (clash !== undefined)
    throw new BuildError(
      `kernels ${clash[0]} and ${clash[1]} would share a file or an identifier; rename one, or give a GGUF file's kernels a prefix`,
    );
  return { jobs: distinct, skipped };
}

/** Refuses what can't be computed here, where the message can say whose workload it is. */
function checked(job: Job): Job {
  try {
    programOf(job.workload);
    return job;
  } catch (error) {
    if (error instanceof QloomError) throw new BuildError(`kernel ${job.name}: ${error.message}`, { cause: error });
    throw error;
  }
}

async function jobsOfGguf(entry: GgufEntry, base: string): Promise<Jobs> {
  const { resolve } = nodeModule<typeof import("node:path")>("node:path", `reading ${entry.gguf}`);
  await using file = await openGguf(resolve(base, entry.gguf));
  const jobs: Job[] = [];
  const skipped: Skipped[] = [];
  for (const shape of distinctMatmuls(file)) {
    const { n, k, type, tensors } = shape;
    if (formatNames().includes(type)) jobs.push(checked(jobOf(shape, entry)));
    else
      skipped.push({
        gguf: entry.gguf,
        matmul: `n ${n}, k ${k}, ${type}`,
        tensors: tensors.length,
        reason: `no format covers ${type}`,
      });
  }
  return { jobs, skipped };
}

/** What weights are computed in unless told. */
const quantized: Numerics = { compute: "i8", xGroup: 32 };

function jobOf({ n, k, type, tensors }: MatmulShape, { gguf, m = "any", numerics, prefix }: GgufEntry): Job {
  const hasCodes = formatOf(type).codes !== undefined;
  const workload: MatmulWorkload = {
    op: "matmul",
    m,
    n,
    k,
    w: type,
    bias: false,
    numerics: hasCodes ? (numerics ?? quantized) : { compute: "f32" },
  };
  const name = [...(prefix === undefined ? [] : [prefix]), type, `n${n}`, `k${k}`].join("_");
  return { name, workload, tensors: [{ gguf, names: tensors }] };
}

/** One job per workload, the first one's name, all tensors. */
function mergeEqual(jobs: readonly Job[]): readonly Job[] {
  const byWorkload = new Map<string, Job>();
  for (const job of jobs) {
    const key = workloadKey(job.workload);
    const known = byWorkload.get(key);
    if (known !== undefined && known.tensors.length === 0 && job.tensors.length === 0)
      throw new BuildError(`kernels ${known.name} and ${job.name} have the same workload; name it once`);
    byWorkload.set(key, known === undefined ? job : { ...known, tensors: [...known.tensors, ...job.tensors] });
  }
  return [...byWorkload.values()];
}
