/**
 * What `buildFolder` does: kernels ahead of time, as a folder that runs without qloom. The pipeline, read top to bottom.
 */
import { probeWasm } from "../../backends/index.ts";
import { type Device, QloomError } from "../../ir/index.ts";
import type { CompileOptions } from "../compile/index.ts";
import { version } from "../version.ts";
import { type BuildConfig, parseConfig } from "./config.ts";
import { BuildError } from "./errors.ts";
import { replaceable, replaceFolder } from "./folder.ts";
import { gatherJobs, type Job, type Skipped } from "./jobs.ts";
import { jsonText } from "./json-text.ts";
import { type Files, manifestFile, manifestText } from "./manifest.ts";
import { moduleText } from "./module-text.ts";
import { loadMorph } from "./morph.ts";
import { loaderOf } from "./names.ts";
import { runtimeText } from "./runtime-text.ts";
import { type BuiltKernel, buildVariants } from "./variants.ts";

export interface BuildOptions {
  /** The folder that paths in the config are relative to. @default the working directory */
  readonly base?: string;
  /** Where tuned records are, as for `compile`; false for template defaults only. */
  readonly db?: CompileOptions["db"];
  /** The device that kernels are for, whose records are asked: Wasm on this machine unless given; a GPU's (`openGpu`) for shaders, which run on others too. */
  readonly device?: Device;
  /** Told a line per kernel, and what is worth a person's attention. */
  readonly progress?: (line: string) => void;
  /** Stops the build; the folder is then as it was. */
  readonly signal?: AbortSignal;
}

/** What was built. */
export interface BuildResult {
  /** The folder as given. */
  readonly out: string;
  readonly kernels: readonly BuiltKernelSummary[];
  readonly skipped: readonly Skipped[];
}

export interface BuiltKernelSummary {
  readonly name: string;
  /** The function of the module that loads it. */
  readonly loader: string;
  readonly workload: Job["workload"];
  /** Tensors of GGUF files that it serves. */
  readonly tensors: number;
  readonly variants: readonly {
    readonly file: string;
    readonly bytes: number;
    readonly features: readonly string[];
    /** Template, and where its point comes from, of each part. */
    readonly parts: readonly { readonly template: string; readonly source: string }[];
  }[];
}

/** What kernels are for. */
type Target = Device & { readonly kind: "wasm" | "wgsl"; readonly threads: number };

/** `buildFolder` (on-demand.ts). */
export async function build(config: BuildConfig, out: string, options: BuildOptions): Promise<BuildResult> {
  const { base = process.cwd(), progress = () => {}, signal } = options;
  const checked = parseConfig(config, "config");
  await replaceable(out);
  const { jobs, skipped } = await gatherJobs(checked, base);
  const { threads = 1 } = checked;
  // Whatever a device grants: what is built runs on others.
  const given = options.device ?? (await probeWasm());
  const device: Target = { ...given, kind: given.kind === "wgsl" ? "wgsl" : "wasm", threads };
  if (device.kind === "wgsl" && threads > 1)
    throw new BuildError("config: threads: kernels on a GPU have none; leave it out, or build for Wasm");
  const kernels: BuiltKernel[] = [];
  for (const [i, job] of jobs.entries()) {
    signal?.throwIfAborted();
    progress(`${i + 1} of ${jobs.length}: ${job.name}`);
    kernels.push(await buildKernel(job, device, options.db, progress));
  }
  await replaceFolder(out, await filesOf(kernels, skipped, device), signal);
  return { out, kernels: kernels.map(summarize), skipped };
}

async function buildKernel(
  job: Job,
  device: Device,
  db: CompileOptions["db"],
  progress: (line: string) => void,
): Promise<BuiltKernel> {
  try {
    return await buildVariants(job, device, db, (note) => progress(`${job.name}: ${note}`));
  } catch (error) {
    if (error instanceof QloomError) throw new BuildError(`kernel ${job.name}: ${error.message}`, { cause: error });
    throw error;
  }
}

async function filesOf(
  kernels: readonly BuiltKernel[],
  skipped: readonly Skipped[],
  { kind, threads }: Target,
): Promise<Files> {
  const morph = await loadMorph();
  const [module, runtime] = [moduleText(morph, kernels, kind, threads), await runtimeText(morph, kind, threads > 1)];
  const files = new Map<string, string | Uint8Array>([
    ["index.ts", module.ts],
    ["index.js", module.js],
    ["index.d.ts", module.dts],
    ["runtime.js", runtime.js],
    ["runtime.d.ts", runtime.dts],
    ...(runtime.worker === undefined ? [] : [["worker.js", runtime.worker] as const]),
    // Whatever the project around it says, these are modules.
    ["package.json", `${jsonText({ private: true, type: "module", version, sideEffects: false })}\n`],
    ...kernels.flatMap(({ variants }) => variants.flatMap(({ contents }) => contents)),
  ]);
  return new Map([...files, [manifestFile, manifestText(kernels, skipped, files)]]);
}

function summarize({ job, variants }: BuiltKernel): BuiltKernelSummary {
  return {
    name: job.name,
    loader: loaderOf(job.name),
    workload: job.workload,
    tensors: job.tensors.reduce((sum, { names }) => sum + names.length, 0),
    variants: variants.map(({ file, contents, artifact, sources }) => ({
      file,
      bytes: contents.reduce((sum, [, content]) => sum + content.length, 0),
      features: artifact.features,
      parts: artifact.parts.map(({ template }, i) => ({ template, source: sources[i] ?? "" })),
    })),
  };
}
