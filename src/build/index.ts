// Ahead-of-time builds: kernels as a folder that runs without qloom.

export type { BuildOptions, BuildResult, BuiltKernelSummary } from "./build.ts";
export {
  type BuildConfig,
  type BuildEntry,
  defineBuild,
  type GgufEntry,
  type KernelEntry,
  parseConfig,
} from "./config.ts";
export { BuildError } from "./errors.ts";
export { gatherJobs, type Job, type Jobs, type Skipped } from "./jobs.ts";
export type { LoadedConfig } from "./load-config.ts";
export { loaderOf } from "./names.ts";
export { buildFolder, loadConfig, requireReplaceable } from "./on-demand.ts";
