// What a build refuses or fails with.

import { QloomError } from "../../ir/index.ts";

/** The message names the config, kernel or folder, the reason and the remedy, in one line; nothing was replaced. */
export class BuildError extends QloomError {
  override name = "BuildError";
}

/** An error's own words in one line. */
export function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\s*\n\s*/g, " ");
}

/** The code of a system error: `ENOSPC`. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
