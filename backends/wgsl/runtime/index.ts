/** Running WGSL: one runtime for Node (npm's `webgpu`), browsers and Deno. Loads in all of them: what only Node has is asked for at run time. */
export { type GpuLanguage, runtimeOn } from "./adopt.ts";
export { runAgainForGpu } from "./again.ts";
export { type EnvironmentOptions, type GpuEnvironment, gpuEnvironment, hasGpu } from "./environment.ts";
export { GpuError, type GpuFault } from "./errors.ts";
export { isolationHint } from "./isolation.ts";
export { type OpenOptions, openGpu } from "./open.ts";
export type { GpuLaunch, Prepared } from "./recorder.ts";
export { GpuRuntime } from "./runtime.ts";
export type { LaunchShader, ShaderBinding } from "./shader.ts";
export { findSwiftShader, type SwiftShader } from "./swiftshader.ts";
export { type AllocateOptions, type GpuSlice, GpuTensor, type SizeLimits, unitsPerSlice } from "./tensor.ts";
export type { GpuTimer, TimerFacts } from "./timer.ts";
