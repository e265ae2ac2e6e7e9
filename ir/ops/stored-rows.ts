/** Keys and values as a cache's format stores them, in plain TypeScript: the oracle of append, and what tests and measurements of attention take for the cache. */
import { type Containers, cacheFormatOf, decodeReference, encode, type Field, fieldReader } from "../formats/index.ts";
import type { CacheShape } from "./cache.ts";

export interface StoredRows {
  readonly containers: Containers;
  /** What is read back, in the order of what was stored. */
  readonly decoded: Float32Array;
  /** An entry of a field, as `cacheBytes` asks for it: of a row (token, head), and with groups along tokens of a head's value. */
  readonly read: (field: Field, row: number, entry: number) => number;
}

/**
 * Stores tokens x kvHeads x headSize values in the format of a cache's name. Throws a `WorkloadError` where they can't have it, groups of tokens that are not whole among them.
 */
export function storedRows(
  name: string,
  values: Float32Array,
  { kvHeads, headSize }: Pick<CacheShape, "kvHeads" | "headSize">,
): StoredRows {
  const { format, tokens: group } = cacheFormatOf(name);
  const width = kvHeads * headSize;
  const tokens = values.length / width;
  const [rows, size] = group === 1 ? [tokens * kvHeads, headSize] : [width, tokens];
  const containers = encode(format, group === 1 ? values : turned(values, tokens, width), rows, size);
  const back = decodeReference(format, containers, rows, size);
  const readers = new Map(format.fields.map((field) => [field, fieldReader(format, field, containers, size)]));
  const read: StoredRows["read"] = (field, row, entry) => {
    const reader = readers.get(field) as ReturnType<typeof fieldReader>;
    if (group === 1) return reader(row, entry);
    const token = Math.floor(row / kvHeads);
    return reader((row % kvHeads) * headSize + entry, field.span === 1 ? token : Math.floor(token / group));
  };
  return { containers, decoded: group === 1 ? back : turned(back, width, tokens), read };
}

/** Rows as columns. */
const turned = (values: Float32Array, rows: number, columns: number): Float32Array<ArrayBuffer> =>
  Float32Array.from(values, (_, i) => values[(i % rows) * columns + Math.floor(i / rows)] as number);
