// Runs a command line in this process, as the tests of commands see it.

import { runCli } from "../../../src/cli/cli.ts";
import { commands } from "../../../src/cli/commands/index.ts";

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `qloom ...args`. */
export async function qloom(...args: readonly string[]): Promise<Ran> {
  let out = "";
  let err = "";
  const code = await runCli(args, {
    commands,
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    debug: false,
    signal: new AbortController().signal,
  });
  return { code, out, err };
}
