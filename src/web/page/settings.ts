/**
 * What the page is asked for, by the parameters of its address:
 *
 *   ?target=wasm&shapes=64x64,128x32&m=1&weights=int4_g32&compute=i8&seconds=10&trials=20&seed=1&db=name&start
 *
 * All of them may be left out: the matmuls of Llama-3.2-1B on whatever the device has, two minutes, when the visitor says so.
 * Not here: what the visitor chooses on the page.
 */
import { z } from "zod";
import { formatNames, type MatmulWorkload, parseWorkload, programOf, WorkloadError } from "../../../ir/index.ts";
import { llama1b, type NamedMatmul } from "../../models/index.ts";
import { WebError } from "../errors.ts";

/** Where kernels run. */
export const targetNames = ["webgpu", "wasm"] as const;
export type TargetName = (typeof targetNames)[number];

export interface Settings {
  /** The only one that is looked at; undefined: all of them. */
  readonly target: TargetName | undefined;
  readonly kernels: readonly NamedMatmul[];
  readonly seconds: number;
  /** Points to have on record, all kernels of a target together; by default only time limits them. */
  readonly trials: number | undefined;
  readonly seed: number;
  /** The database in this browser. */
  readonly database: string;
  /** Tuning begins at once. */
  readonly start: boolean;
}

const whole = (least: number): z.ZodType<number, string> =>
  z
    .string()
    .refine((text) => /^\d+$/.test(text) && Number(text) >= least, { error: `must be a whole number from ${least} up` })
    .transform(Number);

const shapes = z
  .string()
  .refine((text) => /^[1-9]\d*x[1-9]\d*(,[1-9]\d*x[1-9]\d*)*$/.test(text), {
    error: "must be rows x columns of weights, as in 64x64,128x32",
  })
  .transform((text) => text.split(",").map((shape) => shape.split("x").map(Number) as [number, number]));

const parameters = z.strictObject(
  {
    target: z.enum(targetNames, { error: `must be one of ${targetNames.join(", ")}` }).optional(),
    shapes: shapes.optional(),
    m: z.union([z.literal("any"), whole(1)], { error: "must be any, or a whole number from 1 up" }).default("any"),
    weights: z
      .string()
      .refine((name) => formatNames().includes(name), {
        error: "is no format of weights; take int4_g32, q4_K, f16, ..",
      })
      .default("int4_g32"),
    compute: z.enum(["i8", "f32"], { error: "must be i8 or f32" }).default("i8"),
    seconds: whole(1).default(120),
    trials: whole(1).optional(),
    seed: whole(0).default(1),
    db: z.string().min(1).default("qloom"),
    start: z.literal("", { error: "takes no value" }).optional(),
  },
  {
    error: ({ code, keys }) =>
      code === "unrecognized_keys" ? `${keys.join(", ")} is unknown; there are ${names().join(", ")}` : undefined,
  },
);

const names = (): readonly string[] => Object.keys(parameters.shape);

/** The settings that an address asks for (`?..`). Throws a `WebError` that names the parameter and what it may be. */
export function parseSettings(search: string): Settings {
  const given = new URLSearchParams(search);
  const read = parameters.safeParse(Object.fromEntries(given));
  if (!read.success) {
    const [{ path = [], message = "" } = {}] = read.error.issues;
    const name = path.join(".");
    throw new WebError(`the address’s parameter ${name === "" ? "" : `${name}=${given.get(name)} `}${message}`);
  }
  const { shapes, m, weights, compute, db, start, ...others } = read.data;
  const kernels = shapes?.map(([n, k]) => matmul(m, n, k, weights, compute)) ?? llama1b;
  return {
    target: others.target,
    kernels,
    seconds: others.seconds,
    trials: others.trials,
    seed: others.seed,
    database: db,
    start: start !== undefined,
  };
}

function matmul(m: number | "any", n: number, k: number, w: string, compute: "i8" | "f32"): NamedMatmul {
  const numerics = compute === "i8" ? ({ compute, xGroup: 32 } as const) : { compute };
  const workload: MatmulWorkload = { op: "matmul", m, n, k, w, bias: false, numerics };
  try {
    programOf(parseWorkload(workload));
  } catch (error) {
    if (!(error instanceof WorkloadError)) throw error;
    throw new WebError(`the address asks for a matmul that can’t be: ${error.message}`);
  }
  return { name: `${n}x${k}`, workload };
}
