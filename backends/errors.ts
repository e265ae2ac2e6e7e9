/** The error of every backend's emission. */
import { QloomError } from "../ir/index.ts";

/** A kernel that a backend can't write: it is not in lowered form, or needs what the target has not. */
export class EmitError extends QloomError {
  override name = "EmitError";
}
