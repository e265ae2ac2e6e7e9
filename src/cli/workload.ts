// A workload on the command line: flags for a matmul, or any workload as JSON. Shared by the commands that take one.

import { z } from "zod";
import {
  canonicalJson,
  type EpilogueName,
  epilogueNames,
  type MatmulWorkload,
  numericsNamed,
  numericsNames,
  parseWorkload,
  type QuantizedResult,
  quantizedNamed,
  quantizedNames,
  type Rows,
  type Workload,
  workloadKey,
} from "../../ir/index.ts";
import { numericsOf } from "../bench/index.ts";
import type { Option, OptionValues } from "./command.ts";
import { UsageError } from "./errors.ts";
import { integer } from "./values.ts";

const rows: z.ZodType<Rows, string> = z
  .string()
  .refine((text) => text === "any" || /^\d+$/.test(text), { error: "must be a whole number from 0 up, or any" })
  .transform((text) => (text === "any" ? text : Number(text)));

/** What a matmul's activations are computed in, by name. */
export const activations: z.ZodType<string, string> = z
  .string()
  .refine((text) => numericsNamed(text) !== undefined, { error: `must be ${numericsNames}` });

const epilogue: z.ZodType<readonly EpilogueName[], string> = z
  .string()
  .transform((text) => text.split(","))
  .pipe(z.array(z.enum(epilogueNames, { error: `must be some of ${epilogueNames.join(", ")}` })));

const quantize: z.ZodType<QuantizedResult, string> = z.string().transform((text, context) => {
  const result = quantizedNamed(text);
  if (result !== undefined) return result;
  context.addIssue({ code: "custom", message: `must be ${quantizedNames}` });
  return z.NEVER;
});

type Text = Option & { readonly type: "string" };
type Flag = Option & { readonly type: "boolean" };
type Checked<Value> = Text & { readonly schema: z.ZodType<Value | undefined> };

/** The flags of a matmul. */
export type WorkloadOptions = {
  readonly m: Checked<Rows>;
  readonly n: Checked<number>;
  readonly k: Checked<number>;
  readonly weights: Text;
  readonly x: Checked<string>;
  readonly bias: Flag;
  readonly epilogue: Checked<readonly EpilogueName[]>;
  readonly quantize: Checked<QuantizedResult>;
};

/** None has a default here, so that flags beside JSON are noticed. */
export const workloadOptions: WorkloadOptions = {
  m: { type: "string", placeholder: "rows", help: "Rows of x, or any (default: any)", schema: rows.optional() },
  n: { type: "string", placeholder: "rows", help: "Rows of the weights", schema: integer(1).optional() },
  k: { type: "string", placeholder: "columns", help: "Columns of x and of the weights", schema: integer(1).optional() },
  weights: {
    type: "string",
    placeholder: "format",
    help: "Format of the weights: int4_g32, q4_K, f16, .. (default: int4_g32)",
  },
  x: {
    type: "string",
    placeholder: "format",
    help: "What x is computed in: f32, f16, i8_g<group>, i8_row (or i2 to i7); _t8: 8-bit tables; _q: codes (default: i8_g32)",
    schema: activations.optional(),
  },
  bias: { type: "boolean", help: "Add a bias to each row of y" },
  epilogue: {
    type: "string",
    placeholder: "steps",
    help: "Then, with commas: silu, gate (times an m x n), residual (plus an m x n)",
    schema: epilogue.optional(),
  },
  quantize: {
    type: "string",
    placeholder: "format",
    help: "Quantize y after that: i8_g<group>, i8_row (or i2 to i7); with _y it comes out as f32 too",
    schema: quantize.optional(),
  },
};

type WorkloadValues = OptionValues<WorkloadOptions>;

/** The name of the first workload flag that was given. */
const firstGiven = (options: WorkloadValues): string | undefined =>
  Object.keys(workloadOptions).find((name) => ![undefined, false].includes(options[name as "bias"]));

/** The matmul that flags describe, or the workload that JSON is; undefined where neither is given. */
export function optionalWorkload(
  command: string,
  options: WorkloadValues,
  json: string | undefined,
): Workload | undefined {
  return json === undefined && firstGiven(options) === undefined ? undefined : requiredWorkload(command, options, json);
}

/** The workload of a command line: its flags' or its JSON's. Throws `UsageError` or `WorkloadError`. */
export function requiredWorkload(command: string, options: WorkloadValues, json: string | undefined): Workload {
  if (json === undefined) return matmulOf(command, options);
  const flag = firstGiven(options);
  if (flag !== undefined) throw new UsageError(`--${flag} and a workload as JSON exclude each other`);
  return parseWorkload(parseJson(command, json));
}

/** Whether a workload is what flags or JSON ask for: with flags those matmuls that agree with each flag given, with nothing all. */
export function workloadFilter(
  command: string,
  options: WorkloadValues,
  json: string | undefined,
): (workload: Workload) => boolean {
  if (json !== undefined) {
    const wanted = workloadKey(requiredWorkload(command, options, json));
    return (workload) => workloadKey(workload) === wanted;
  }
  if (firstGiven(options) === undefined) return () => true;
  const { m, n, k, weights: w, x, bias, epilogue: steps, quantize: result } = options;
  const wanted = {
    m,
    n,
    k,
    w,
    bias: bias || undefined,
    epilogue: steps?.join(),
    quantize: result && canonicalJson(result),
    numerics: x && canonicalJson(numericsOf(x)),
  };
  return (workload) => {
    if (workload.op !== "matmul") return false;
    const found = {
      ...workload,
      epilogue: workload.epilogue?.join(),
      quantize: canonicalJson(workload.quantize),
      numerics: canonicalJson(workload.numerics),
    };
    return Object.entries(wanted).every(
      ([field, value]) => value === undefined || found[field as keyof typeof wanted] === value,
    );
  };
}

function matmulOf(command: string, options: WorkloadValues): MatmulWorkload {
  const { m = "any", n, k, weights = "int4_g32", x = "i8_g32", bias, epilogue, quantize } = options;
  const missing = n === undefined ? "n" : k === undefined ? "k" : undefined;
  if (n === undefined || k === undefined) throw new UsageError(`--${missing} is missing; see qloom ${command} --help`);
  const after = { ...(epilogue && { epilogue }), ...(quantize && { quantize }) };
  return { op: "matmul", m, n, k, w: weights, bias, ...after, numerics: numericsOf(x) };
}

function parseJson(command: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError(`"${text}" is not JSON; give a workload's flags or its JSON, see qloom ${command} --help`);
  }
}
