/** The schema of a GPU's report: what a file must hold to be one. Not here: what its parts mean (report.ts). */
import { z } from "zod";
import type { GpuReport } from "./report.ts";

const count = z.int().nonnegative();
const amount = z.number().nonnegative();
const arithmetic = z.enum(["f32", "f16", "i8"]);
const choices = z.record(z.string(), z.union([z.number(), z.string()]));

const figure = z.strictObject({ median: amount, low: amount, high: amount, samples: count });
const limit = z.strictObject({ rate: figure, variant: choices, tried: count });
const limits = z.strictObject({
  read: z.array(z.strictObject({ bytes: count, limit })),
  rates: z.partialRecord(arithmetic, limit),
});

const device = z.strictObject({
  label: z.string(),
  fingerprint: z.string(),
  architecture: z.string(),
  engine: z.string(),
  features: z.array(z.string()),
  limits: z.record(z.string(), z.number()),
  adapter: z.record(z.string(), z.string()),
  driver: z.string(),
  clock: z.strictObject({
    clock: z.enum(["timestamps", "wall"]),
    why: z.string(),
    quantumMs: amount,
    overheadMs: amount,
  }),
});

const sizes = { n: count, k: count, w: z.string(), compute: z.string() };
const matmul = { ...sizes, kernels: z.enum(["default", "tuned"]) };
const decode = z.strictObject({ ...matmul, copies: count, bytes: count, ms: figure, rate: figure, share: amount });
const row = z.strictObject({ m: count, ms: figure, step: amount.optional() });
const rows = z.strictObject({ ...matmul, copies: count, rows: z.array(row) });
const prefill = z.strictObject({ ...matmul, m: count, ms: figure, rate: figure, against: arithmetic, share: amount });

const timing = z.strictObject({ point: choices, ms: figure });
const shape = z.strictObject({
  ...sizes,
  name: z.string(),
  m: count,
  copies: count,
  template: z.string(),
  tried: count,
  reduced: count,
  default: timing,
  tuned: timing,
  optimum: timing,
  defaultOfTuned: amount,
  tunedOfOptimum: amount,
});

const target = z.strictObject({
  what: z.string(),
  wanted: z.number(),
  bound: z.enum(["least", "most"]),
  reached: amount.nullable(),
  met: z.boolean().nullable(),
});

/** Checks what is written, and what is read back. */
export const gpuReportSchema: z.ZodType<GpuReport> = z.strictObject({
  format: z.literal("qloom GPU report 1"),
  software: z.boolean(),
  quick: z.boolean(),
  complete: z.boolean(),
  started: z.iso.datetime(),
  seconds: amount,
  versions: z.record(z.string(), z.string()),
  system: z.strictObject({ platform: z.string(), release: z.string(), cpu: z.string(), memoryGiB: amount }),
  device: device.optional(),
  limits: limits.optional(),
  decode: z.array(decode),
  rows: z.array(rows),
  prefill: z.array(prefill),
  shapes: z.array(shape),
  targets: z.array(target),
  failures: z.array(z.strictObject({ what: z.string(), why: z.string() })),
});
