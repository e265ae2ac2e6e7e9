// The two errors of this folder: a module that cannot be (its builder is wrong) and bytes that cannot be read.
import { QloomError } from "../../../ir/index.ts";

/** A module that is not well formed or not well typed: a mistake of whoever built it. */
export class WasmModuleError extends QloomError {
  override readonly name = "WasmModuleError";
}

/** Bytes that are not a module as `encodeModule` writes it. */
export class WasmDecodeError extends QloomError {
  override readonly name = "WasmDecodeError";
  /** Where in the bytes. */
  readonly offset: number;

  constructor(offset: number, reason: string) {
    super(`byte 0x${offset.toString(16)}: ${reason}`);
    this.offset = offset;
  }
}

/**
 * Names a place in a function for an error message.
 *
 * @param instruction position in the order of the text, from 0; blocks count as one, `else` and `end` do not count
 */
export function place(functionName: string, instruction: number, op: string): string {
  return `function "${functionName}", instruction ${instruction} (${op})`;
}
