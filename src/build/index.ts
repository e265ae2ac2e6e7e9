// Ahead-of-time builds: kernels as a folder that runs without qloom.

export { type BuildOptions, type BuildResult, type BuiltKernelSummary, buildFolder } from "./build.ts";
export {
  type BuildConfig,
  type BuildEntry,
  defineBuild,
  type GgufEntry,
  type KernelEntry,
  parseConfig,
} from "./config.ts";
export { BuildError } from "./errors.ts";
export { requireReplaceable } from "./folder.ts";
export { gatherJobs, type Job, type Jobs, type Skipped } from "./jobs.ts";
export { type LoadedConfig, loadConfig } from "./load-config.ts";
export { loaderOf } from "./module-text.ts";
