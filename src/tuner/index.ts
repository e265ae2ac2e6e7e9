/** The tuner: measures points of a template's space on this device and records them. */
export { denoCommandLine, type EngineName, enginesFor, hostsOf, probeDevice, type StartHost } from "./engines/index.ts";
export type { EngineOptions } from "./engines/options.ts";
export { pageHosts } from "./engines/page.ts";
export type { PageEngineOptions } from "./engines/page-link.ts";
export { TunerError } from "./errors.ts";
export type { Final } from "./finals.ts";
export { type TuneOptions, type TuneReport, tuneWorkloads, type WorkloadResult } from "./job.ts";
export type { TimeLimits } from "./measurer.ts";
export { buildCandidate } from "./measuring/build.ts";
export { makeProblem, type Problem, randomOperands } from "./measuring/problem.ts";
export { type Progress, progressLine } from "./progress.ts";
export type { GpuSelection, Hook, HookStage, SamplingOptions, TestHook } from "./protocol.ts";
export { type Standing, standingsOf, type Timing } from "./standing.ts";
export type { PartResult, TrialNews } from "./tune-part.ts";
