/** The backends: how a lowered kernel is written and run. */
export { EmitError } from "./errors.ts";
export * from "./wasm/index.ts";
export * from "./wgsl/index.ts";
