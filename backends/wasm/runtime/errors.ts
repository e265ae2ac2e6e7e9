/** What can go wrong while a module is loaded or run by its user's doing. */
import { QloomError } from "../../../ir/index.ts";

/** The message names the buffer, symbol or limit, the reason and the remedy. */
export class WasmRuntimeError extends QloomError {
  override name = "WasmRuntimeError";
}
