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

/** Text that is not a kernel or schedule: the message begins with line and column (both from 1) and says what was expected. */
export class ParseError extends QloomError {
  override name = "ParseError";
  readonly line: number;
  readonly column: number;

  constructor(reason: string, at: { readonly line: number; readonly column: number }) {
    super(`line ${at.line}, column ${at.column}: ${reason}`);
    this.line = at.line;
    this.column = at.column;
  }
}

/** Data or an access that a kernel gives no meaning to: the message names kernel, buffer, index and loop values. */
export class InterpretError extends QloomError {
  override name = "InterpretError";
}

/** A workload, format name or tensor that can't be: the message names the field and the remedy. */
export class WorkloadError extends QloomError {
  override name = "WorkloadError";
}

/** Throws an `IrError` unless the condition holds. */
export function check(condition: boolean, message: () => string): asserts condition {
  if (!condition) throw new IrError(message());
}
