// From a command's arguments to its input: node:util parses, the options' schemas check.

import { parseArgs } from "node:util";
import type { Command, Input, Option, Options } from "./command.ts";
import { UsageError } from "./errors.ts";

const json: Option = { type: "boolean", help: "Print the result as JSON" };
const help: Option = { type: "boolean", short: "h", help: "Print this help" };

/** A command's own options and those that all commands share. */
export function optionsOf(command: Command): Options {
  return command.render === undefined ? { ...command.options, help } : { ...command.options, json, help };
}

export interface Parsed {
  readonly help: boolean;
  readonly json: boolean;
  /** Checks the values; separate, so that `--help` works with options missing. Throws a `UsageError`. */
  readonly input: () => Input<Options>;
}

/** Parses what follows the command's name. Throws a `UsageError` that names the argument and where to read more. */
export function parseCommandLine(name: string, command: Command, args: readonly string[]): Parsed {
  const usage = (reason: string): UsageError => new UsageError(`${reason}; see qloom ${name} --help`);
  const options = optionsOf(command);
  const { values, positionals } = parse(args, options, usage);
  return {
    help: values["help"] === true,
    json: values["json"] === true,
    input: () => {
      const checked = Object.entries(command.options).map(([option, row]) => [
        option,
        check(option, row, values[option], usage),
      ]);
      const { min, max } = command.operands ?? { min: 0, max: 0 };
      if (positionals.length > max) throw usage(`unexpected argument "${positionals[max]}"`);
      if (positionals.length < min) throw usage(`${command.operands?.usage} is missing`);
      return { options: Object.fromEntries(checked), operands: positionals };
    },
  };
}

function parse(args: readonly string[], options: Options, usage: (reason: string) => UsageError) {
  try {
    const config = Object.fromEntries(
      Object.entries(options).map(([name, { type, short, multiple = false }]) => [
        name,
        short === undefined ? { type, multiple } : { type, multiple, short },
      ]),
    );
    const allowNegative = Object.values(options).some(({ negatable }) => negatable);
    return parseArgs({ args: [...args], options: config, allowPositionals: true, strict: true, allowNegative });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    // parseArgs explains at length, over lines: its first sentence names the option and what is wrong with it.
    const [reason = error.message] = error.message.split(/\.\s|\n/);
    throw usage(reason.charAt(0).toLowerCase() + reason.slice(1));
  }
}

function check(name: string, option: Option, value: unknown, usage: (reason: string) => UsageError): unknown {
  if (option.schema === undefined) return value ?? absent(option);
  const result = option.schema.safeParse(value);
  if (result.success) return result.data;
  if (value === undefined) throw usage(`--${name} is missing`);
  const reason = result.error.issues[0]?.message ?? "is not a value that this option takes";
  throw usage(`--${name} ${reason}, not "${String(value)}"`);
}

function absent({ type, multiple }: Option): false | readonly string[] | undefined {
  if (multiple) return [];
  return type === "boolean" ? false : undefined;
}
