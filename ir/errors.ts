/**
 * The project's error classes. Whatever a user can cause is one of these, with a one-line message that names the place,
 * the reason and the remedy; anything else that throws is a bug.
 */

/** Base of every error that a user can cause. `message` is one line. */
export class QloomError extends Error {
  override name = "QloomError";
}

/** An ill-formed IR node, kernel or program: the message names the invariant. */
export class IrError extends QloomError {
  override name = "IrError";
}

/** Text that is not a kernel or schedule: the message holds line and column. */
export class ParseError extends QloomError {
  override name = "ParseError";
}

/** A workload, format name or tensor that can't be: the message names the field and the remedy. */
export class WorkloadError extends QloomError {
  override name = "WorkloadError";
}

/** Throws an `IrError` unless the condition holds. */
export function check(condition: boolean, message: () => string): asserts condition {
  if (!condition) throw new IrError(message());
}
