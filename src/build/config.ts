// The build's config: which kernels to build, as data. Reading it from a file is load-config.ts, what it stands for jobs.ts.

import { z } from "zod";
import { inWords, type Numerics, parseWorkload, type Rows, type Workload, WorkloadError } from "../../ir/index.ts";
import type { FormatName } from "../compile/index.ts";
import { mostThreads } from "../runtime/index.ts";
import { BuildError } from "./errors.ts";
import { namePattern, nameRule } from "./names.ts";

/** A kernel by its workload. */
export interface KernelEntry {
  /** Names the file and the loader: `attn-q` gives attn-q.wasm and loadAttnQ. */
  readonly name: string;
  readonly workload: Workload;
}

/** The distinct matmuls of a model. */
export interface GgufEntry {
  /** Path of the file, relative to the config's folder. */
  readonly gguf: string;
  /** Rows of activations. @default "any" */
  readonly m?: Rows;
  /** What weights with integer codes are computed in; others are always computed in f32. @default i8, per group of 32 */
  readonly numerics?: Numerics;
  /** Begins the kernels' names, which tell format and shape: `q4_0_n2048_k2048`. */
  readonly prefix?: string;
}

export type BuildEntry = KernelEntry | GgufEntry;

/** What to build. */
export interface BuildConfig {
  readonly kernels: readonly BuildEntry[];
  /**
   * Threads that share a run where memory can be shared, the caller's among them; elsewhere kernels run on one. Each module is then built twice, the second time for shared memory.
   * @default 1
   */
  readonly threads?: number;
}

/** Names written out in a config's entries that are no formats. */
type UnknownFormats<E> = E extends { readonly workload: { readonly w: infer F extends string } }
  ? string extends F
    ? never
    : Exclude<F, FormatName>
  : never;

/** Nothing besides, unless there are such names: then what no config is. */
type KnownFormats<C extends BuildConfig> = [UnknownFormats<C["kernels"][number]>] extends [never]
  ? unknown
  : `there is no format ${UnknownFormats<C["kernels"][number]>}`;

/** Gives a config its type: `export default defineBuild({ kernels: [{ gguf: "model.gguf" }] })`. */
export function defineBuild<const C extends BuildConfig>(config: C & KnownFormats<C>): C {
  return config;
}

const name = z.string().regex(namePattern, { error: `is not a name: ${nameRule}` });

const workload = z.unknown().transform((data, context): Workload => {
  try {
    return parseWorkload(data);
  } catch (error) {
    if (!(error instanceof WorkloadError)) throw error;
    context.addIssue({ code: "custom", message: error.message });
    return z.NEVER;
  }
});

const kernelEntry = z.strictObject({ name, workload });
const size = z.int().positive();
const ggufEntry = z.strictObject({
  gguf: z.string().min(1),
  m: z.union([z.int().nonnegative(), z.literal("any")]).optional(),
  numerics: z
    .discriminatedUnion("compute", [
      z.strictObject({ compute: z.literal("f32") }),
      z.strictObject({ compute: z.literal("f16") }),
      z.strictObject({
        compute: z.literal("i8"),
        xGroup: z.union([size, z.literal("row")]),
        xBits: z.int().min(2).max(7).optional(),
        tables: z.literal("i8").optional(),
      }),
    ])
    .optional(),
  prefix: name.optional(),
});

// Not a union: its message would say only that neither fits.
const entry = z.unknown().transform((data, context): BuildEntry => {
  const isGguf = typeof data === "object" && data !== null && "gguf" in data;
  const result = (isGguf ? ggufEntry : kernelEntry).safeParse(data, { error: inWords });
  if (result.success) return result.data as BuildEntry;
  for (const { path, message } of result.error.issues) context.addIssue({ code: "custom", path, message });
  return z.NEVER;
});

const config: z.ZodType<BuildConfig> = z.strictObject({
  kernels: z.array(entry).min(1, { error: "is empty: there is nothing to build" }),
  threads: z.int().min(1).max(mostThreads).exactOptional(),
});

/** Checks data as a config. Throws a `BuildError` that begins with `source` and names the place in it. */
export function parseConfig(data: unknown, source: string): BuildConfig {
  const result = config.safeParse(data, { error: inWords });
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const place = issue === undefined || issue.path.length === 0 ? "the config" : placeOf(issue.path);
  throw new BuildError(`${source}: ${place}: ${issue?.message ?? "is not a config"}`);
}

/** `kernels[0].workload`. */
function placeOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, step) => (typeof step === "number" ? `${text}[${step}]` : `${text}${text === "" ? "" : "."}${String(step)}`),
    "",
  );
}
