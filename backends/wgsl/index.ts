/** The WGSL backend: lowered kernels to shaders, and what runs them. Loads in browsers. */
export { defaultLimits, type EmitLimits } from "./form.ts";
export * from "./runtime/index.ts";
export { compileShaders, launchable, type Shader } from "./shader.ts";
