// The manifest of a build: what was built, how each kernel was chosen, and the hashes of all files. It is also how a
// folder is known to be a build.

import { z } from "zod";
import { type Artifact, generatorHash, hashOf } from "../compile/index.ts";
import { version } from "../version.ts";
import type { Skipped } from "./jobs.ts";
import { jsonText } from "./json-text.ts";
import { loaderOf } from "./names.ts";
import type { BuiltKernel } from "./variants.ts";

export const manifestFile = "manifest.json";

/** Version of the folder's form. */
const buildVersion = 1;

/** The files of a folder by name. */
export type Files = ReadonlyMap<string, string | Uint8Array>;

/** The manifest's text: sorted keys, nothing of the time or the machine. */
export function manifestText(kernels: readonly BuiltKernel[], skipped: readonly Skipped[], files: Files): string {
  const manifest = {
    qloomBuild: buildVersion,
    qloom: version,
    generator: generatorHash(),
    files: Object.fromEntries([...files].map(([name, content]) => [name, hashOf(content)])),
    kernels: kernels.map(({ job, variants }) => ({
      name: job.name,
      loader: loaderOf(job.name),
      workload: job.workload,
      tensors: job.tensors,
      variants: variants.map(({ file, packer, artifact, hash, sources }) => ({
        file,
        packer,
        artifact: hash,
        layout: artifact.layout,
        features: artifact.features,
        parts: artifact.parts.map((part, i) => partOf(part, sources[i])),
        weights: artifact.weights,
        packed: artifact.packed,
        inputs: artifact.inputs,
        outputs: artifact.outputs,
      })),
    })),
    skipped,
  };
  return `${jsonText(manifest, { sorted: true })}\n`;
}

const partOf = ({ min, max, template, point }: Artifact["parts"][number], source: string | undefined) => ({
  rows: { min, max },
  template,
  point,
  source,
});

const ownManifest = z.object({ qloomBuild: z.int(), files: z.record(z.string(), z.string()) });

/** The files that a manifest lists, itself included; undefined where the text is no manifest of a build. */
export function filesListedIn(text: string): readonly string[] | undefined {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    return undefined;
  }
  const result = ownManifest.safeParse(data);
  return result.success ? [manifestFile, ...Object.keys(result.data.files)] : undefined;
}
