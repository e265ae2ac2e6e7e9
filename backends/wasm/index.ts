/**
 * The Wasm backend: lowered kernels to modules by our own encoder, and what runs them. Loads in browsers: what only Node has is asked
 * for at run time (`runtime/host.ts`).
 */
export { checkModule, decodeModule, encodeModule, printWat, type WasmModule } from "./asm/index.ts";
export { legalize } from "./legalize.ts";
export { type CompiledModule, compileModule, emitModule, type KernelFunction } from "./module.ts";
export { WasmRuntimeError } from "./runtime/errors.ts";
export { type Guarded, guardedInput, guardedOutput } from "./runtime/guard.ts";
export { type RuntimeOptions, WasmMemory } from "./runtime/memory.ts";
export { type ProbeOptions, probeWasm } from "./runtime/probe.ts";
export { dotModule } from "./runtime/probe-relaxed.ts";
export { relaxedDotAgrees } from "./runtime/relaxed-dot.ts";
export { type LoadedModule, WasmRuntime } from "./runtime/runtime.ts";
