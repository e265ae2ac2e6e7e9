// What `qloom bench` measures, as options: the shapes of matmuls and of attention. None has a default in its schema, so that one given to a subject that has no use for it
// is noticed.

import type { z } from "zod";
import type { Option } from "./command.ts";
import { integer, integers } from "./values.ts";
import { activations } from "./workload.ts";

type Text = Option & { readonly type: "string" };
type Checked<Value> = Text & { readonly schema: z.ZodType<Value | undefined> };

type MatmulOptions = Readonly<Record<"m" | "n" | "k", Checked<number>>> & {
  readonly weights: Text;
  readonly x: Checked<string>;
};

type AttentionOptions = Readonly<
  Record<"sequences" | "pages" | "queries" | "heads" | "kv-heads" | "head-size", Checked<number>>
> & {
  readonly tokens: Checked<readonly number[]>;
  readonly keys: Text;
  readonly values: Text;
};

const size = (placeholder: string, help: string): Checked<number> => ({
  ...{ type: "string", placeholder, help },
  schema: integer(1).optional(),
});

const matmul: MatmulOptions = {
  m: size("rows", "Rows of x (default: 1)"),
  n: size("rows", "Rows of the weights (default: 4096)"),
  k: size("columns", "Columns of both (default: 4096)"),
  weights: { type: "string", placeholder: "format", help: "Format of the weights (default: int4_g32)" },
  x: {
    type: "string",
    placeholder: "format",
    help: "What x is computed in: f32, f16, i8_g<group>, i8_row; _t8 after i8_.. allows 8-bit tables (default: i8_g32)",
    schema: activations.optional(),
  },
};

const attention: AttentionOptions = {
  tokens: {
    type: "string",
    placeholder: "numbers",
    help: "Tokens in the cache, with commas (default: 1024,4096)",
    schema: integers(1).optional(),
  },
  sequences: size("number", "Sequences, each with so many tokens (default: 1)"),
  pages: size("number", "Tokens of a page, a multiple of 64: measures paged caches too"),
  queries: size("number", "Queries, the last of the tokens (default: 1)"),
  heads: size("number", "Heads of queries (default: 32)"),
  "kv-heads": size("number", "Heads of keys and values (default: 8)"),
  "head-size": size("number", "Values of a head (default: 64)"),
  keys: {
    type: "string",
    placeholder: "formats",
    help: "Formats of caches, with commas, each measured (default: f32,i8_row,int4_row)",
  },
  values: { type: "string", placeholder: "formats", help: "Formats of their values (default: those of the keys)" },
};

export const shapeOptions: MatmulOptions & AttentionOptions = { ...matmul, ...attention };

export type ShapeOption = keyof MatmulOptions | keyof AttentionOptions;

export const matmulOptions: readonly ShapeOption[] = Object.keys(matmul) as ShapeOption[];
export const attentionOptions: readonly ShapeOption[] = Object.keys(attention) as ShapeOption[];

/** What is measured where an option isn't given; values have the formats of the keys. */
export const shapeDefaults: Readonly<
  Record<"m" | "n" | "k" | "sequences" | "queries" | "heads" | "kv-heads" | "head-size", number>
> &
  Readonly<Record<"weights" | "x" | "keys", string>> & { readonly tokens: readonly number[] } = {
  ...{ m: 1, n: 4096, k: 4096, weights: "int4_g32", x: "i8_g32" },
  ...{
    tokens: [1024, 4096],
    sequences: 1,
    queries: 1,
    heads: 32,
    "kv-heads": 8,
    "head-size": 64,
    keys: "f32,i8_row,int4_row",
  },
};
