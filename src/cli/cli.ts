// Reads a command line from start to exit code. Not here: the process around it (process.ts), the commands (commands/).

import { version } from "../version.ts";
import { parseCommandLine } from "./arguments.ts";
import type { Command, Commands } from "./command.ts";
import { describeFailure, UsageError } from "./errors.ts";
import { helpOfAll, helpOfCommand } from "./help.ts";

/** What a command line needs of the world around it. */
export interface Terminal {
  readonly commands: Commands;
  /** Standard output: results only. */
  readonly out: (text: string) => void;
  /** Standard error: progress and errors. */
  readonly err: (text: string) => void;
  /** Errors show their stack. */
  readonly debug: boolean;
  /** Aborts with an `Interruption` when the user asks to stop. */
  readonly signal: AbortSignal;
}

/** Runs `qloom ...args`. The exit code: 0 done, 1 failed, 2 usage, 128 + the signal's number if interrupted. Never throws. */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    return await dispatch(args, terminal);
  } catch (error) {
    const { text, exitCode } = describeFailure(causeOf(error, terminal.signal), terminal.debug);
    terminal.err(text);
    return exitCode;
  }
}

/** What Node's own functions throw for an aborted signal says only that it was: the signal says why. */
function causeOf(error: unknown, { aborted, reason }: AbortSignal): unknown {
  return aborted && error instanceof Error && error.name === "AbortError" ? reason : error;
}

async function dispatch([first, ...rest]: readonly string[], terminal: Terminal): Promise<number> {
  const { commands, out, err } = terminal;
  if (first === undefined) {
    err(helpOfAll(commands));
    return 2;
  }
  if (first === "--help" || first === "-h") {
    out(helpOfAll(commands));
    return 0;
  }
  if (first === "--version") {
    out(`${version}\n`);
    return 0;
  }
  const command = Object.hasOwn(commands, first) ? commands[first] : undefined;
  if (command === undefined) {
    const kind = first.startsWith("-") ? "option" : "command";
    throw new UsageError(`unknown ${kind} "${first}"; see qloom --help for the commands`);
  }
  return runCommand(first, command, rest, terminal);
}

async function runCommand(
  name: string,
  command: Command,
  args: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const { out, err, signal } = terminal;
  const parsed = parseCommandLine(name, command, args);
  if (parsed.help) {
    out(helpOfCommand(name, command));
    return 0;
  }
  const input = parsed.input();
  const elsewhere = await command.elsewhere?.(input);
  if (elsewhere !== undefined) return elsewhere;
  let failed = false;
  const result = await command.run(input, {
    signal,
    progress: (line) => err(`${line}\n`),
    fail: (line) => {
      failed = true;
      err(`qloom: ${line}\n`);
    },
  });
  if (command.render !== undefined) {
    out(parsed.json ? `${JSON.stringify(result, undefined, 2)}\n` : withNewline(command.render(result)));
  }
  // A command that was interrupted and still had something to print is not done.
  signal.throwIfAborted();
  return failed ? 1 : 0;
}

function withNewline(text: string): string {
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}
