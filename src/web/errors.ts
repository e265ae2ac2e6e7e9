// What the server and the browser refuse or fail with.

import { QloomError } from "../../ir/index.ts";

/** A page that can't be served, or a browser that can't be had: the message says why, and what to do. */
export class WebError extends QloomError {
  override name = "WebError";
}
