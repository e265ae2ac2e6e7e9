// A kernel's variants: the best that this device's records or the templates know, and beside it, where that needs features that not every device has, one that needs none. On
// Wasm a variant is a module, on several threads once for shared memory, and once more for memory that is not; on a GPU it is shaders, and the module that packs for them.

import type { Device } from "../../ir/index.ts";
import {
  type Artifact,
  artifactHash,
  buildArtifact,
  type Choice,
  type CompileOptions,
  kernelFeatures,
  resolve,
  resolveShaders,
} from "../compile/index.ts";
import { shaderFile } from "../runtime/index.ts";
import type { Job } from "./jobs.ts";

/** One variant of a kernel. */
export interface BuiltVariant {
  readonly file: string;
  /** The module that packs for shaders, where there is something to pack. */
  readonly packer?: string;
  /** What it is made of: the contents of these files. */
  readonly contents: readonly (readonly [file: string, content: string | Uint8Array])[];
  readonly artifact: Artifact;
  readonly hash: string;
  /** Where each part's template and point come from: `template default`, `exact record`, .. */
  readonly sources: readonly string[];
}

export interface BuiltKernel {
  readonly job: Job;
  /** Best first; the last needs no feature that a device may lack. */
  readonly variants: readonly BuiltVariant[];
}

/** Features without which there is another variant. */
const optional: readonly string[] = ["relaxed-simd", "f16", "subgroups", "packed-dot"];

/** Tells what is worth a person's attention. */
type Note = (line: string) => void;

/** Compiles a job for a device. Throws what the compiler throws. */
export async function buildVariants(
  job: Job,
  device: Device,
  db: CompileOptions["db"],
  note: Note,
): Promise<BuiltKernel> {
  const build = (name: string, target: Device): Promise<readonly BuiltVariant[]> =>
    (device.kind === "wgsl" ? buildShaders : buildModules)(job, name, target, db, note);
  const best = await build(job.name, device);
  if (!best.some(({ artifact }) => artifact.features.some((f) => optional.includes(f)))) return { job, variants: best };
  const plain = { ...device, features: device.features.filter((f) => !optional.includes(f)) };
  return { job, variants: [...best, ...(await build(`${job.name}.strict`, plain))] };
}

/** Builds what a job has under one name: one variant, or more where they differ in how they are run. */
type Build = (
  job: Job,
  name: string,
  device: Device,
  db: CompileOptions["db"],
  note: Note,
) => Promise<readonly BuiltVariant[]>;

const buildModules: Build = async (job, name, device, db, note) => {
  const { artifact, choices, notes } = await resolve(job.workload, device, db);
  for (const line of notes) note(line);
  const variant = (file: string, of: Artifact): BuiltVariant => variantOf(file, [[file, of.code]], of, choices);
  if (!artifact.features.includes("shared-memory")) return [variant(`${name}.wasm`, artifact)];
  // The same choices, so that packed tensors serve both.
  const alone = { ...device, kind: "wasm", features: kernelFeatures(device, { shared: false }) } as const;
  const plans = choices.map(({ plan }) => plan);
  return [
    variant(`${name}.threads.wasm`, artifact),
    variant(`${name}.wasm`, buildArtifact({ workload: job.workload, device: alone }, plans)),
  ];
};

const buildShaders: Build = async (job, name, device, db, note) => {
  const { artifact, choices, notes } = await resolveShaders(job.workload, device, db);
  for (const line of notes) note(line);
  const [file, packer] = [`${name}.wgsl`, `${name}.pack.wasm`];
  const shaders = [file, shaderFile(artifact.shaders)] as const;
  if (artifact.pack.length === 0) return [variantOf(file, [shaders], artifact, choices)];
  return [{ ...variantOf(file, [shaders, [packer, artifact.code]], artifact, choices), packer }];
};

const variantOf = (
  file: string,
  contents: BuiltVariant["contents"],
  artifact: Artifact,
  choices: readonly Choice[],
): BuiltVariant => ({ file, contents, artifact, hash: artifactHash(artifact), sources: choices.map(sourceOf) });

/** Where a part's plan comes from. */
const sourceOf = ({ lookup }: Choice): string => (lookup?.record ? `${lookup.rung} record` : "template default");
