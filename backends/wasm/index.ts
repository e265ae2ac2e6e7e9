/** The Wasm backend: lowered kernels to modules by our own encoder, and what runs them. */
export * from "./asm/index.ts";
export { EmitError } from "./emit/index.ts";
export { legalize } from "./legalize.ts";
export { type CompiledModule, compileModule, emitModule, type KernelFunction } from "./module.ts";
