// What a command is: a row of plain data from which parsing, help and `--json` follow, and the function that runs it.

import type { z } from "zod";

/** An option of a command: what node:util's parseArgs needs to parse it, and what help and checking need besides. */
export interface Option {
  readonly type: "boolean" | "string";
  readonly short?: string;
  readonly multiple?: true;
  /** Of a boolean: `--no-name` is its opposite; the schema gives the default. */
  readonly negatable?: true;
  /** One line for help. */
  readonly help: string;
  /** What help calls the value: `--budget <seconds>`. */
  readonly placeholder?: string;
  /**
   * Turns the text (or texts, where `multiple`) into a value, gives the default, refuses what can't be. An option is
   * required where its schema refuses `undefined`. Without a schema the value is the text, or `undefined`.
   */
  readonly schema?: z.ZodType;
}

export type Options = Readonly<Record<string, Option>>;

/** The values that a command gets for its options. */
export type OptionValues<O extends Options> = {
  readonly [Name in keyof O]: O[Name] extends { readonly schema: z.ZodType<infer Value> }
    ? Value
    : O[Name] extends { readonly type: "boolean" }
      ? boolean
      : O[Name] extends { readonly multiple: true }
        ? readonly string[]
        : string | undefined;
};

/** The arguments that are no options. */
export interface Operands {
  /** As help shows them: `[model.gguf]`. */
  readonly usage: string;
  readonly help: string;
  readonly min: number;
  readonly max: number;
}

export interface Input<O extends Options> {
  readonly options: OptionValues<O>;
  readonly operands: readonly string[];
}

/** What a running command may use of the terminal. Standard output is not among it: that carries the result only. */
export interface Context {
  /** Aborts when the user interrupts: keep what is done, then return it or throw the signal's reason. */
  readonly signal: AbortSignal;
  /** Shows a line of progress on standard error. */
  readonly progress: (line: string) => void;
  /** Shows a line on standard error and makes the exit code 1, for a result that is to be printed all the same. */
  readonly fail: (line: string) => void;
}

/** A command with options `O` that results in `R`; write one as `export const x: Command = defineCommand({ .. })`. */
export interface CommandOf<O extends Options, R> {
  /** One line for help, without a full stop: `Tune the matmuls of a model on this machine`. */
  readonly summary: string;
  readonly operands?: Operands;
  readonly options: O;
  /** Runs the same command line in another process where this one can't; gives its exit code, or undefined to go on here. */
  elsewhere?(input: Input<O>): Promise<number | undefined>;
  run(input: Input<O>, context: Context): Promise<R>;
  /** The result for people; `--json` prints it as it is. A command without `render` prints nothing and has no `--json`. */
  render?(result: R): string;
}

export type Command = CommandOf<Options, unknown>;

/** The table of commands, by name. */
export type Commands = Readonly<Record<string, Command>>;

/** Checks a command's row and lets `run` and `render` have the types that its options give. */
export function defineCommand<const O extends Options, R>(command: CommandOf<O, R>): Command {
  return command;
}
