// Help texts, generated from the table of commands.

import { optionsOf } from "./arguments.ts";
import type { Command, Commands, Option } from "./command.ts";

/** `qloom --help`. */
export function helpOfAll(commands: Commands): string {
  const rows = Object.entries(commands).map(([name, { summary }]) => [name, summary] as const);
  return `Usage: qloom <command> [options]

Generates, tunes and builds kernels for quantized language models.

Commands:
${columns(rows)}

Options:
${columns([
  ["--version", "Print the version"],
  ["--help, -h", "Print this help"],
])}

qloom <command> --help explains a command.
`;
}

/** `qloom <name> --help`. */
export function helpOfCommand(name: string, command: Command): string {
  const { operands, summary } = command;
  const usage = operands === undefined ? "" : ` ${operands.usage}`;
  const operandRows = operands === undefined ? "" : `\nArguments:\n${columns([[operands.usage, operands.help]])}\n`;
  return `Usage: qloom ${name}${usage} [options]

${summary}.
${operandRows}
Options:
${columns(Object.entries(optionsOf(command)).map(([option, row]) => [spelling(option, row), explanation(row)] as const))}
`;
}

function spelling(name: string, { type, short, negatable, placeholder = "value" }: Option): string {
  const value = type === "string" ? ` <${placeholder}>` : "";
  return `--${negatable ? "[no-]" : ""}${name}${short === undefined ? "" : `, -${short}`}${value}`;
}

/** The option's help with what its schema makes of its absence. */
function explanation({ help, schema, multiple }: Option): string {
  const notes = multiple ? ["may be repeated"] : [];
  if (schema !== undefined) {
    const absent = schema.safeParse(undefined);
    if (!absent.success) notes.unshift("required");
    else if (String(absent.data ?? "") !== "") notes.unshift(`default: ${String(absent.data)}`);
  }
  return notes.length === 0 ? help : `${help} (${notes.join(", ")})`;
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join("\n");
}
