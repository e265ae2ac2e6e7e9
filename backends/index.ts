/** The backends: how a lowered kernel is written and run. */
export * from "./wasm/index.ts";
