// The metadata that qloom relies on, with what each key must hold. All other keys are carried and never interpreted.

import { z } from "zod";
import { GgufError, quote } from "./errors.ts";
import type { GgufValue } from "./value.ts";

const MOST_ALIGNMENT = 2 ** 20; // as ggml's own reader has it; real files have 32, rarely up to 4096
const DEFAULT_ALIGNMENT = 32;

const isPowerOfTwo = (value: number): boolean => (value & (value - 1)) === 0;
const count = z.object({ type: z.enum(["u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64"]), value: z.int().min(0) });

const KNOWN = {
  "general.alignment": {
    schema: z.object({ type: z.literal("u32"), value: z.int().min(1).max(MOST_ALIGNMENT).refine(isPowerOfTwo) }),
    rule: `a u32 that is a power of two up to ${MOST_ALIGNMENT}`,
  },
  "general.architecture": {
    schema: z.object({ type: z.literal("string"), value: z.string().min(1) }),
    rule: "a string that isn't empty",
  },
  "split.no": { schema: count, rule: "an integer from 0" },
  "split.count": { schema: count, rule: "an integer from 0" },
} as const;

type KnownKey = keyof typeof KNOWN;
type KnownValue<K extends KnownKey> = z.infer<(typeof KNOWN)[K]["schema"]>["value"];

/** Metadata, with the byte where each entry starts in the file where there is a file yet. */
export type MetadataAt = {
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly entryAt?: ReadonlyMap<string, number>;
};

function known<K extends KnownKey>(file: string, { metadata, entryAt }: MetadataAt, key: K): KnownValue<K> | undefined {
  const value = metadata.get(key);
  if (value === undefined) return undefined;
  const checked = KNOWN[key].schema.safeParse(value);
  if (checked.success) return checked.data.value as KnownValue<K>; // TypeScript doesn't relate the schema's output to K
  const offset = entryAt?.get(key);
  throw new GgufError({
    file,
    ...(offset === undefined ? {} : { offset }),
    reason: `metadata key "${key}" is ${show(value)}, not ${KNOWN[key].rule}`,
    remedy: "mend the key where the file was made",
  });
}

function show(value: GgufValue): string {
  if (value.type === "array") return `an array of ${value.value.length} ${value.items}`;
  return `${value.type === "string" ? quote(value.value) : value.value} (${value.type})`;
}

/** What a file says of itself. */
export type KnownMetadata = {
  /** Every tensor starts at a multiple of this many bytes: a power of two, 32 where the file says nothing. */
  readonly alignment: number;
  readonly architecture: string | undefined;
  /** Where the file is one of several that hold a model: which, counted from 0, of how many. */
  readonly shard: { readonly index: number; readonly count: number } | undefined;
};

/** Checks and picks the keys of {@link KnownMetadata}. Throws GgufError. */
export function knownMetadata(file: string, metadata: MetadataAt): KnownMetadata {
  const shards = known(file, metadata, "split.count") ?? 1;
  const index = known(file, metadata, "split.no") ?? 0;
  return {
    alignment: known(file, metadata, "general.alignment") ?? DEFAULT_ALIGNMENT,
    architecture: known(file, metadata, "general.architecture"),
    shard: shards > 1 ? { index, count: shards } : undefined,
  };
}
