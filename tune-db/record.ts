/**
 * A record: one configuration, what came of running it, and a hash over both. Made by `sealRecord`, read back only by
 * `parseRecord`, which trusts nothing: records come from files, other machines and databases that anybody can edit.
 * Not here: what identifies a configuration (key.ts), where records lie (store.ts).
 */
import { z } from "zod";
import { canonicalJson, parseWorkload, type Workload, WorkloadError } from "../ir/index.ts";
import { contentHash, textHash } from "./hash.ts";
import { type Point, recordKey, type ScopeKey, type TuneKey } from "./key.ts";
import { summarize } from "./statistics.ts";

/** Version of the record's form. A reader refuses newer ones by line and reason. */
export const RECORD_VERSION = 1;

export const OUTCOMES = ["ok", "crash", "hang", "wrong", "trap", "rejected", "quarantined"] as const;

/**
 * - `ok`: right, and timed
 * - `crash`: the process running it ended
 * - `hang`: it ran past its time limit
 * - `wrong`: its result was outside the workload's bound
 * - `trap`: it failed to load or trapped
 * - `rejected`: the point does not apply or does not verify; nothing was run
 * - `quarantined`: it failed after having been stored, or a person withdrew it
 */
export type Outcome = (typeof OUTCOMES)[number];

/** One step of a schedule: plain JSON, of which only the name of the primitive is looked at here. */
export interface RecordedStep {
  readonly op: string;
}

/** What is about to be measured. */
export interface Configuration {
  readonly key: TuneKey;
  /** The device's name for people. */
  readonly label: string;
  readonly schedule: readonly RecordedStep[];
  /** Hash of the emitted artifact; null where nothing was emitted. */
  readonly artifact: string | null;
}

/** What came of it. Times in nanoseconds. */
export interface Measurement {
  readonly outcome: Outcome;
  /** Why not `ok`, in one line; null when it is. */
  readonly reason: string | null;
  /** Time of one run each, in the order in which they were taken. */
  readonly samples: readonly number[];
  /** The timer's smallest step, or null when nothing was timed. */
  readonly quantum: number | null;
  /** max |y - reference| / max |reference|, or null when nothing was compared. */
  readonly maxError: number | null;
  /** Packed copies of the weights that the runs took turns on: one that fits a cache stays there. Absent where nothing was timed. */
  readonly copies?: number | undefined;
}

export interface TuneRecord extends Configuration, Measurement {
  readonly qloomRecord: typeof RECORD_VERSION;
  readonly median: number | null;
  /** Interquartile range of the samples. */
  readonly spread: number | null;
  readonly count: number;
  /** UTC, ISO 8601 with milliseconds. */
  readonly createdAt: string;
  /** SHA-256 of the canonical JSON of all the other properties. */
  readonly hash: string;
}

const name = z.string().min(1).max(4096);
const nanoseconds = z.number().nonnegative();

const workload = z.unknown().transform((data, context): Workload => {
  try {
    return parseWorkload(data);
  } catch (error) {
    if (!(error instanceof WorkloadError)) throw error;
    context.addIssue({ code: "custom", message: error.message });
    return z.NEVER;
  }
});

/** Beyond `op`, a step is whatever JSON it is: `schedules/` checks it when it is applied again. */
const step: z.ZodType<RecordedStep> = z.object({ op: name }).catchall(z.json());

const scopeShape = {
  workload,
  layoutVersion: z.int().nonnegative(),
  device: z.strictObject({
    kind: name,
    architecture: name,
    fingerprint: name,
    engine: name,
    features: z
      .array(name)
      .refine((list) => list.every((feature, i) => i === 0 || list[i - 1]! < feature), "is not sorted"),
    threads: z.int().min(2).exactOptional(),
  }),
  generator: name,
};

export const scopeSchema: z.ZodType<ScopeKey> = z.strictObject(scopeShape);

const keySchema = z.strictObject({
  ...scopeShape,
  template: name,
  point: z.record(z.string(), z.json()) as z.ZodType<Point>,
});

const configurationShape = {
  key: keySchema,
  label: z.string().max(4096),
  schedule: z.array(step).max(10_000),
  artifact: name.nullable(),
};

/** What the journal holds of a configuration that was about to run. */
export const configurationSchema: z.ZodType<Configuration> = z.strictObject(configurationShape);

const contentSchema = z.strictObject({
  qloomRecord: z.literal(RECORD_VERSION),
  ...configurationShape,
  outcome: z.enum(OUTCOMES),
  reason: name.nullable(),
  samples: z.array(nanoseconds).max(100_000),
  median: nanoseconds.nullable(),
  spread: nanoseconds.nullable(),
  count: z.int().nonnegative(),
  quantum: nanoseconds.nullable(),
  maxError: z.number().nonnegative().nullable(),
  copies: z.int().positive().optional(),
  createdAt: z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, "is not a UTC time with milliseconds"),
  hash: z.string().regex(/^[0-9a-f]{64}$/, "is not a SHA-256 in hex"),
});

/** A record's form and its agreement with itself. That its hash fits is `parseRecord`'s to check. */
export const tuneRecordSchema: z.ZodType<TuneRecord> = contentSchema.superRefine((record, context) => {
  const fault = inconsistency(record);
  if (fault !== undefined) context.addIssue({ code: "custom", path: [fault.path], message: fault.message });
});

function inconsistency(record: TuneRecord): { path: keyof TuneRecord; message: string } | undefined {
  const { median, spread } = summarize(record.samples);
  if (record.count !== record.samples.length) return { path: "count", message: "is not the number of samples" };
  if (record.median !== median) return { path: "median", message: "is not the median of the samples" };
  if (record.spread !== spread) return { path: "spread", message: "is not the interquartile range of the samples" };
  if (record.outcome !== "ok") return record.reason === null ? { path: "reason", message: "is missing" } : undefined;
  if (record.reason !== null) return { path: "reason", message: "is given although the outcome is ok" };
  if (record.count === 0) return { path: "samples", message: "are missing although the outcome is ok" };
  if (record.artifact === null) return { path: "artifact", message: "is missing although the outcome is ok" };
  return undefined;
}

/** Puts configuration and measurement together, with statistics, time and hash. Throws `ZodError` on what `parseRecord` would refuse. */
export function sealRecord(configuration: Configuration, measurement: Measurement, now: Date = new Date()): TuneRecord {
  const { key, label, schedule, artifact } = configuration;
  const { outcome, samples, quantum, copies } = measurement;
  const reason = measurement.reason === null ? null : oneLine(measurement.reason);
  // A wrong result may be off by NaN or infinity, which JSON cannot hold: the outcome and its reason tell it.
  const maxError = Number.isFinite(measurement.maxError) ? measurement.maxError : null;
  const content = {
    qloomRecord: RECORD_VERSION,
    ...{ key, label, schedule, artifact, outcome, reason, samples, quantum, maxError },
    ...(copies !== undefined && { copies }),
    ...summarize(samples),
    count: samples.length,
    createdAt: now.toISOString(),
  } as const;
  return tuneRecordSchema.parse({ ...content, hash: contentHash(content) });
}

/** Reasons are often another program's output: kept to one line of bounded length. */
function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim().slice(0, 1000);
}

/** A record's text: one line of canonical JSON. */
export function recordText(record: TuneRecord): string {
  return canonicalJson(record);
}

export type Parsed = { readonly record: TuneRecord; readonly key: string } | { readonly refused: string };

/** Reads one record from its text; whatever is not a whole, unaltered record of this version is refused with a one-line reason. */
export function parseRecord(text: string): Parsed {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { refused: "not JSON" };
  }
  const version = typeof value === "object" && value !== null && "qloomRecord" in value ? value.qloomRecord : undefined;
  if (version === undefined) return { refused: 'not a qloom record: no "qloomRecord" version' };
  if (typeof version === "number" && version > RECORD_VERSION) {
    return { refused: `record version ${version} is newer than this qloom's ${RECORD_VERSION}; update qloom` };
  }
  try {
    const parsed = tuneRecordSchema.safeParse(value);
    if (!parsed.success) return { refused: describe(parsed.error) };
    if (!hashFits(text, parsed.data))
      return { refused: "its hash does not match its content: it was altered or damaged" };
    return { record: parsed.data, key: recordKey(parsed.data.key) };
  } catch (error) {
    // Depth beyond the stack, or a number beyond a double: valid JSON that no record holds.
    if (error instanceof RangeError || error instanceof TypeError) return { refused: `not a record: ${error.message}` };
    throw error;
  }
}

/** Canonical text, which is what stores hold, is hashed as it stands; any other is first brought into that form. */
function hashFits(text: string, { hash, ...content }: TuneRecord): boolean {
  return textHash(text.replace(`"hash":"${hash}",`, "")) === hash || contentHash(content) === hash;
}

/** The first of a schema's complaints, in one line. */
export function describe(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue === undefined) return "not a record";
  const place = issue.path.length === 0 ? "record" : issue.path.join(".");
  return `${place}: ${oneLine(issue.message)}`;
}
