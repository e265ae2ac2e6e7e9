/** How a schedule fails to apply: an ordinary outcome, which only the tuner and the caller of `applySchedule` see. */
import { QloomError } from "../ir/index.ts";

/** A step that does not apply. `message` is one line: the step, the reason, the remedy; `where` names the kernel. */
export class ScheduleError extends QloomError {
  override name = "ScheduleError";
  readonly where: string | undefined;

  constructor(message: string, where?: string) {
    super(message);
    this.where = where;
  }
}

/** Throws a `ScheduleError` unless the condition holds. */
export function require(condition: boolean, message: () => string): asserts condition {
  if (!condition) throw new ScheduleError(message());
}
