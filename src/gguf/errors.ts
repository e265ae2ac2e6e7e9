// What can go wrong with a GGUF file, as one line: the file, the byte, the reason, the remedy.
// Not here: the checks themselves (cursor.ts, header.ts, layout.ts, write.ts).

import { nodeModule, QloomError } from "../../ir/index.ts";

/** The parts of a {@link GgufError}; `offset` is a byte of the file, left out where no byte is to blame. */
export type GgufErrorParts = {
  readonly file: string;
  readonly offset?: number;
  readonly reason: string;
  readonly remedy: string;
  readonly cause?: unknown;
};

/** A GGUF file that can't be read or written as asked. `message` is one line: `file: byte 12: reason; remedy`. */
export class GgufError extends QloomError {
  override readonly name: string = "GgufError";
  readonly file: string;
  readonly offset: number | undefined;
  readonly reason: string;
  readonly remedy: string;

  constructor(parts: GgufErrorParts) {
    const place = parts.offset === undefined ? "" : `byte ${parts.offset}: `;
    super(`${parts.file}: ${place}${parts.reason}; ${parts.remedy}`, { cause: parts.cause });
    this.file = parts.file;
    this.offset = parts.offset;
    this.reason = parts.reason;
    this.remedy = parts.remedy;
  }
}

/** A name out of a file as it may be shown: quoted, control characters escaped, long ones cut, always one line. */
export function quote(name: string): string {
  return JSON.stringify(name.length > 64 ? `${name.slice(0, 63)}…` : name);
}

// By errno code; anything else gets the system's own words and the general remedy.
const REMEDIES: Readonly<Record<string, string>> = {
  ENOENT: "check the path",
  ENOTDIR: "check the path",
  EACCES: "check the permissions",
  EPERM: "check the permissions",
  EISDIR: "choose a path that is not a folder",
  EROFS: "choose a path on a disk that can be written",
  ENOSPC: "free some space or choose another disk; what was there before is untouched",
  EDQUOT: "free some space or choose another disk; what was there before is untouched",
  EMFILE: "close some files",
};

/** The {@link GgufError} for a failed system call; an error that isn't one passes through unchanged. */
export function systemError(file: string, action: string, error: unknown): unknown {
  if (!(error instanceof Error) || !("code" in error) || !("errno" in error)) return error;
  if (typeof error.code !== "string" || typeof error.errno !== "number") return error;
  const { getSystemErrorMessage } = nodeModule<typeof import("node:util")>("node:util", file);
  const words = getSystemErrorMessage(error.errno) ?? error.message;
  return new GgufError({
    file,
    reason: `cannot ${action}: ${words} (${error.code})`,
    remedy: REMEDIES[error.code] ?? "try again, or use another disk",
    cause: error,
  });
}
