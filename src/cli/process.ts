// The command line as a process: its arguments, streams and signals. Not here: what the arguments mean (cli.ts).

import process from "node:process";
import { runCli } from "./cli.ts";
import type { Commands } from "./command.ts";
import { commands } from "./commands/index.ts";
import { Interruption } from "./errors.ts";

/** Runs this process's arguments by a table of commands, qloom's own unless given; the result is the exit code. */
export async function main(table: Commands = commands): Promise<number> {
  // A reader that has seen enough (`| head`) closes the pipe: the rest is for nobody.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
  return runCli(process.argv.slice(2), {
    commands: table,
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
    debug: process.env["QLOOM_DEBUG"] === "1",
    signal: interruptions(),
  });
}

/** Aborts at the first SIGINT or SIGTERM, so that a command can keep what it has; the second one ends the process. */
function interruptions(): AbortSignal {
  const controller = new AbortController();
  const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const;
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(exitCodes[name]);
      process.stderr.write("qloom: stopping; once more to quit at once\n");
      controller.abort(new Interruption(name, exitCodes[name]));
    });
  }
  return controller.signal;
}
