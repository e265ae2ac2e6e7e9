/** The backends: how a lowered kernel is written and run. */
export * from "./wasm/index.ts";
export * from "./wgsl/runtime/index.ts";
