// The WebAssembly assembler: modules as plain data, written to bytes, read back, checked and printed.
// It knows nothing of kernels or of the tensor IR; the emitter of backends/wasm builds modules with it.

export * from "./build.ts";
export { checkModule } from "./check.ts";
export { decodeModule } from "./decode.ts";
export { encodeModule } from "./encode.ts";
export { WasmDecodeError, WasmModuleError } from "./errors.ts";
export {
  type Feature,
  type ImmediateKind,
  type Instruction,
  type InstructionName,
  instructionAt,
  instructions,
  type NameWithImmediates,
} from "./instructions.ts";
export type * from "./module.ts";
export { type AddressType, operandType, type ValueType } from "./types.ts";
export { printInstr, printWat } from "./wat.ts";
