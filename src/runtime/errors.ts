/** What the API refuses: wrong sizes, formats, tensors of another layout. */
import { QloomError } from "../../ir/index.ts";

/** The message names the argument, what it is and what it should be. */
export class ApiError extends QloomError {
  override name = "ApiError";
}
