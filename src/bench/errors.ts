// The bench's error class; not here: wrong calls of the statistics, which are bugs.

import { QloomError } from "../../ir/index.ts";

/** A bench that can't be run as asked, or whose results disagree: the message names who, why and the remedy. */
export class BenchError extends QloomError {
  override name = "BenchError";
}

/** A peer's package is not installed: none of its runs can be. */
export class PeerMissingError extends BenchError {}
