/** What stops the tuning of a workload; what a candidate does wrong is an outcome and no error. */
import { QloomError } from "../../ir/index.ts";

/** The message names the workload or the process, the reason and the remedy. */
export class TunerError extends QloomError {
  override name = "TunerError";
}
