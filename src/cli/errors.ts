// What the command line makes of errors: a line for the user and an exit code.

import { QloomError } from "../../ir/index.ts";

/** A command line that can't be meant: exit code 2. The message says what would be right. */
export class UsageError extends QloomError {
  override name = "UsageError";
}

/** The reason of an abort that the user asked for; `exitCode` is the shell's for that signal. */
export class Interruption extends QloomError {
  override name = "Interruption";
  readonly exitCode: number;

  constructor(signal: string, exitCode: number) {
    super(`interrupted by ${signal}`);
    this.exitCode = exitCode;
  }
}

export interface Failure {
  /** For standard error: one line, unless it is a bug or `debug`. Ends with a newline. */
  readonly text: string;
  readonly exitCode: number;
}

/**
 * An error as the user sees it. What a user can cause is one line: our own errors, and the system's (no such file, disk
 * full). Anything else is a bug and comes with its stack, as everything does with `debug`.
 */
export function describeFailure(error: unknown, debug: boolean): Failure {
  const exitCode = error instanceof UsageError ? 2 : error instanceof Interruption ? error.exitCode : 1;
  const message = (error instanceof Error ? error.message : String(error)).replace(/\s*\n\s*/g, " ");
  const known = error instanceof QloomError || isSystemError(error);
  const line = known ? `qloom: ${message}` : `qloom: internal error: ${message}; please report it with what follows`;
  const stack = (debug || !known) && error instanceof Error ? `\n${error.stack}` : "";
  return { text: `${line}${stack}\n`, exitCode };
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && "syscall" in error && "code" in error;
}
